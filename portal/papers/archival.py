"""What makes a PDF fit to be archived, read aloud, and read by accounting software.

WeasyPrint sets PDF/A-3a and tags; this adds what it leaves out. PDF/A-3: what the XMP metadata says
of itself, one entry for the embedded file. PDF/UA-1: that it is claimed, column and row headers as
such, and what repeats at the foot of each page kept out of what is read. Factur-X: the electronic
invoice, and that it is there.
"""

from typing import Any

import pydyf
from weasyprint import Attachment, Document

from portal.papers.page import Page

VARIANT = "pdf/a-3a"
XML_NAME = "factur-x.xml"

CLAIMS = """
<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<pdfuaid:part>1</pdfuaid:part>
</rdf:Description>"""
INVOICE_INSIDE = """
<rdf:Description rdf:about="" xmlns:fx="urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#">
<fx:DocumentType>INVOICE</fx:DocumentType>
<fx:DocumentFileName>factur-x.xml</fx:DocumentFileName>
<fx:Version>1.0</fx:Version>
<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>
</rdf:Description>"""
# PDF/A wants every property explained that it does not know itself.
EXPLAINED = """
<rdf:Description rdf:about=""
 xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"
 xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag>{schemas}</rdf:Bag></pdfaExtension:schemas>
</rdf:Description>"""
SCHEMA = """
<rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>{what}</pdfaSchema:schema>
<pdfaSchema:namespaceURI>{namespace}</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>{prefix}</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property>
</rdf:li>"""
PROPERTY = """
<rdf:li rdf:parseType="Resource">
<pdfaProperty:name>{name}</pdfaProperty:name>
<pdfaProperty:valueType>{kind}</pdfaProperty:valueType>
<pdfaProperty:category>{category}</pdfaProperty:category>
<pdfaProperty:description>{meaning}</pdfaProperty:description>
</rdf:li>"""
ACCESSIBILITY = (("part", "Integer", "internal", "Part of ISO 14289 that this file conforms to"),)
FACTUR_X = (
    ("DocumentFileName", "Text", "external", "Name of the embedded XML invoice file"),
    ("DocumentType", "Text", "external", "INVOICE"),
    ("Version", "Text", "external", "The version of the Factur-X specification"),
    ("ConformanceLevel", "Text", "external", "The profile of the embedded XML invoice"),
)


def write(document: Document, page: Page) -> bytes:
    """The bytes of a document that was laid out as VARIANT."""
    rdf = document.metadata.generate_rdf_metadata
    more = _metadata(with_invoice=bool(page.xml)).encode()
    document.metadata.generate_rdf_metadata = lambda *arguments: rdf(*arguments).replace(
        b"</rdf:RDF>", more + b"</rdf:RDF>"
    )
    document.metadata.attachments = [_invoice(page)] if page.xml else []
    content: bytes = document.write_pdf(
        pdf_variant=VARIANT, pdf_identifier=page.identifier.encode(), finisher=_finish
    )
    return content


def _metadata(*, with_invoice: bool) -> str:
    schemas = _schema("PDF/UA", "http://www.aiim.org/pdfua/ns/id/", "pdfuaid", ACCESSIBILITY)
    if with_invoice:
        schemas += _schema(
            "Factur-X PDFA Extension Schema",
            "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#",
            "fx",
            FACTUR_X,
        )
    told = CLAIMS + (INVOICE_INSIDE if with_invoice else "")
    return told + EXPLAINED.format(schemas=schemas)


def _schema(what: str, namespace: str, prefix: str, properties: tuple[tuple[str, ...], ...]) -> str:
    explained = "".join(
        PROPERTY.format(name=name, kind=kind, category=category, meaning=meaning)
        for name, kind, category, meaning in properties
    )
    return SCHEMA.format(what=what, namespace=namespace, prefix=prefix, properties=explained)


def _invoice(page: Page) -> Attachment:
    return Attachment(
        string=page.xml,
        name=XML_NAME,
        description=page.xml_is,
        created=page.issued_at,
        modified=page.issued_at,
        relationship="Alternative",
    )


def _finish(_document: Document, pdf: pydyf.PDF) -> None:
    _name_files_once(pdf)
    elements = {each.reference: each for each in _of_type(pdf, "/StructElem")}
    root = _of_type(pdf, "/StructTreeRoot")[0]
    read = _below(root, elements)
    _keep_margins_unread(pdf, root, read)
    for element in read.values():
        _tell_what_a_header_heads(elements, element)


def _of_type(pdf: pydyf.PDF, kind: str) -> list[Any]:
    return [
        each
        for each in pdf.objects
        if isinstance(each, pydyf.Dictionary) and each.get("Type") == kind
    ]


def _name_files_once(pdf: pydyf.PDF) -> None:
    """The list of files that belong to the document has each of them once, as XML."""
    if "AF" in pdf.catalog:
        once = list(dict.fromkeys(pdf.catalog["AF"]))
        pdf.catalog["AF"].clear()
        pdf.catalog["AF"].extend(once)
    for each in pdf.objects:
        if isinstance(each, pydyf.Stream) and each.extra.get("Type") == "/EmbeddedFile":
            each.extra["Subtype"] = "/text#2fxml"


def _below(root: Any, elements: dict[bytes, Any]) -> dict[bytes, Any]:
    """The elements that one comes to from the root: what is read."""
    found, waiting = {}, list(root["K"])
    while waiting:
        reference = waiting.pop()
        if reference in elements:
            found[reference] = elements[reference]
            waiting.extend(elements[reference]["K"])
    return found


def _keep_margins_unread(pdf: pydyf.PDF, root: Any, read: dict[bytes, Any]) -> None:
    """What stands in the margins of each page is marked as no part of the document.

    WeasyPrint tags it and leaves its tags out of the tree, so that it is neither one nor the other.
    """
    marks = _at(pdf, root["ParentTree"])["Nums"]
    for page, parents in zip(_of_type(pdf, "/Page"), marks[1::2], strict=False):
        drawn = _at(pdf, page["Contents"]).stream
        for position, piece in enumerate(drawn):
            if not isinstance(piece, pydyf.Dictionary) or "MCID" not in piece:
                continue
            number = piece["MCID"]
            if parents[number] not in read:
                parents[number] = "null"
                drawn[position - 1] = "/Artifact"
                drawn[position] = pydyf.Dictionary({"Type": "/Pagination"})


def _at(pdf: pydyf.PDF, reference: bytes) -> Any:
    return pdf.objects[int(reference.split()[0])]


def _tell_what_a_header_heads(elements: dict[bytes, Any], element: Any) -> None:
    """Headers by what they head instead of by ids, which are the same on each page of a table."""
    if element["S"] == "/TH":
        element.pop("ID", None)
        row = elements[element["P"]]
        is_in_head = elements[row["P"]]["S"] == "/THead"
        element["A"]["Scope"] = "/Column" if is_in_head else "/Row"
    elif element["S"] == "/TD":
        element["A"].pop("Headers", None)
