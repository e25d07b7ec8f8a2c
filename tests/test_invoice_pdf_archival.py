"""What the PDF claims of itself, and the parts of each claim that can be checked here.

PDF/A-3a: identification, fonts, colours, no encryption, no script, the embedded file and its
entries, extension schemas. PDF/UA-1: everything is tagged or marked as no part of the document, the
tags are nested as they should be, headers say what they head. Factur-X: the XML is found by its own
library.
"""

import io
from itertools import pairwise
from typing import Any

import pikepdf
import pytest
from facturx import get_xml_from_pdf
from flask import Flask
from lxml import etree
from pikepdf import Dictionary, Name

from portal.papers import e_invoice, making
from tests.credit_note_examples import UPGRADE_BACK
from tests.invoice_examples import EVIDENCE, ISSUED_AT, UPGRADE, invoice, usd

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
PDFA, PDFUA = "http://www.aiim.org/pdfa/ns/id/", "http://www.aiim.org/pdfua/ns/id/"
FX = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
SCHEMA = "http://www.aiim.org/pdfa/ns/schema#"
DC = "http://purl.org/dc/elements/1.1/"
# What PDF/A-3 knows without being told.
PREDEFINED = {
    *(PDFA, DC, RDF, "http://ns.adobe.com/pdf/1.3/", "http://ns.adobe.com/xap/1.0/"),
    "http://www.w3.org/XML/1998/namespace",
}
EXTENSIONS = "http://www.aiim.org/pdfa/ns/"
# A tag and the tags that may stand around it.
NESTED = {
    "/TR": {"/THead", "/TBody", "/TFoot", "/Table"},
    "/TH": {"/TR"},
    "/TD": {"/TR"},
    "/THead": {"/Table"},
    "/TBody": {"/Table"},
    "/LI": {"/L"},
    "/LBody": {"/LI"},
}
LONG = invoice(lines=UPGRADE.lines * 30)
DOCUMENTS = {
    "invoice": UPGRADE,
    "with evidence": invoice(evidence=EVIDENCE),
    "credit note": UPGRADE_BACK,
    "several pages": LONG,
    "other scripts": invoice(what_for="株式会社 שלום مرحبا"),
}


@pytest.fixture(params=DOCUMENTS.values(), ids=DOCUMENTS)
def pdf(app: Flask, request: pytest.FixtureRequest) -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(making.render(request.param).pdf))


def test_it_says_that_it_is_pdf_a_3a_and_pdf_ua_1(pdf: pikepdf.Pdf) -> None:
    metadata = xmp(pdf)
    assert claimed(metadata, PDFA, "part") == "3"
    assert claimed(metadata, PDFA, "conformance") == "A"
    assert claimed(metadata, PDFUA, "part") == "1"
    assert len(metadata.findall(f".//{{{RDF}}}RDF")) == 1


def test_every_property_is_predefined_or_explained(pdf: pikepdf.Pdf) -> None:
    metadata = xmp(pdf)
    explained = {each.text for each in metadata.iter(f"{{{SCHEMA}}}namespaceURI")}
    used = {etree.QName(each).namespace for each in metadata.iter(f"{{{RDF}}}*")}
    for description in metadata.iter(f"{{{RDF}}}Description"):
        names = [*description.attrib, *(child.tag for child in description)]
        used |= {etree.QName(name).namespace for name in names}
    own = {each for each in used if each and not each.startswith(f"{EXTENSIONS}extension")}
    assert own - PREDEFINED <= explained


def test_what_it_says_of_itself_it_says_twice_alike(pdf: pikepdf.Pdf) -> None:
    (title,) = (
        li.text for each in xmp(pdf).iter(f"{{{DC}}}title") for li in each.iter(f"{{{RDF}}}li")
    )
    assert title == str(pdf.docinfo["/Title"])
    created = str(pdf.docinfo["/CreationDate"])
    digits = claimed(xmp(pdf), "http://ns.adobe.com/xap/1.0/", "CreateDate")
    assert created[2:16] == "".join(c for c in digits if c.isdigit())


def test_all_fonts_are_inside_and_say_what_their_letters_are(pdf: pikepdf.Pdf) -> None:
    fonts = [each for each in objects(pdf) if each.get("/Type") == Name.Font]
    whole = [each for each in fonts if each.get("/Subtype") == Name.Type0]
    assert whole
    assert all("/ToUnicode" in each for each in whole)
    for each in whole:
        (below,) = each["/DescendantFonts"]
        assert {"/FontFile2", "/FontFile3"} & set(below["/FontDescriptor"].keys())


def test_no_letter_is_missing(pdf: pikepdf.Pdf) -> None:
    """PDF/A forbids the box that stands for a letter no font has: glyph 0."""
    for page in pdf.pages:
        for operands, operator in pikepdf.parse_content_stream(page):
            if str(operator) == "TJ":
                texts = [bytes(each) for each in operands[0] if isinstance(each, pikepdf.String)]
                codes = [text[at : at + 2] for text in texts for at in range(0, len(text), 2)]
                assert b"\0\0" not in codes


def test_nothing_acts_hides_or_comes_from_elsewhere(pdf: pikepdf.Pdf) -> None:
    assert not pdf.is_encrypted
    found = objects(pdf)
    keys = {key for each in found for key in each}
    assert not keys & {"/JS", "/AA", "/OpenAction", "/Launch", "/GoToR", "/XFA", "/OCProperties"}
    assert not [each for each in found if each.get("/S") in (Name.JavaScript, Name.URI)]
    assert "/ID" in pdf.trailer
    (intent,) = pdf.Root.OutputIntents
    assert intent.S == Name.GTS_PDFA1
    assert intent.DestOutputProfile.N == 3


def test_the_electronic_invoice_is_inside_once(app: Flask) -> None:
    for issued in (UPGRADE, UPGRADE_BACK):
        content = making.render(issued).pdf
        pdf = pikepdf.open(io.BytesIO(content))
        (named,) = pdf.Root.AF
        assert named.AFRelationship == Name.Alternative
        assert (str(named.F), str(named.UF)) == ("factur-x.xml", "factur-x.xml")
        file = named.EF.F
        assert file.read_bytes() == e_invoice.factur_x(issued)
        assert file.Subtype == Name("/text/xml")
        assert str(file.Params.ModDate) == f"D:{issued.issued_at:%Y%m%d%H%M%S}Z"
        assert list(pdf.attachments) == ["factur-x.xml"]
        name, found = get_xml_from_pdf(content, check_xsd=True)
        assert (name, found) == ("factur-x.xml", e_invoice.factur_x(issued))


def test_the_metadata_say_what_the_electronic_invoice_is(app: Flask) -> None:
    metadata = xmp(pikepdf.open(io.BytesIO(making.render(UPGRADE).pdf)))
    told = {name: claimed(metadata, FX, name) for name in ("DocumentType", "DocumentFileName")}
    assert told == {"DocumentType": "INVOICE", "DocumentFileName": "factur-x.xml"}
    assert claimed(metadata, FX, "ConformanceLevel") == "EN 16931"
    assert claimed(metadata, FX, "Version") == "1.0"


def test_without_an_electronic_invoice_none_is_claimed(app: Flask) -> None:
    files = making.render(invoice(subtotal=usd(1)))
    assert (files.ubl, bool(files.lacking)) == (b"", True)
    pdf = pikepdf.open(io.BytesIO(files.pdf))
    assert "/AF" not in pdf.Root
    assert not list(pdf.attachments)
    assert FX.encode() not in pdf.Root.Metadata.read_bytes()
    assert claimed(xmp(pdf), PDFA, "part") == "3"


def test_everything_drawn_is_tagged_or_no_part_of_the_document(pdf: pikepdf.Pdf) -> None:
    read = {(page, mark) for page, mark, _tag in marks(pdf)}
    for number, page in enumerate(pdf.pages):
        for mark in marked(page):
            assert mark == "artifact" or (number, mark) in read
        assert page.obj.Tabs == Name.S
    assert pdf.Root.MarkInfo.Marked
    assert str(pdf.Root.Lang) == "en"
    assert pdf.Root.ViewerPreferences.DisplayDocTitle


def test_what_repeats_on_each_page_is_not_read(app: Flask) -> None:
    pdf = pikepdf.open(io.BytesIO(making.render(LONG).pdf))
    assert len(pdf.pages) > 3
    for page in pdf.pages:
        assert "artifact" in list(marked(page))[-2:]


def test_tags_are_nested_as_they_should_be(pdf: pikepdf.Pdf) -> None:
    for element, above in elements(pdf):
        tag = str(element.S)
        if tag in NESTED:
            assert str(above.S) in NESTED[tag], tag
        assert "/ID" not in element
        if tag == "/TH":
            assert element.A.Scope in (Name.Column, Name.Row)
        if tag == "/Figure":
            assert str(element.Alt)


def test_headings_begin_with_the_first_and_leave_none_out(pdf: pikepdf.Pdf) -> None:
    tags = [str(element.S) for element, _above in elements(pdf)]
    levels = [int(tag[2:]) for tag in tags if tag[:2] == "/H" and tag[2:].isdigit()]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert levels.count(1) == 1


def test_the_same_bytes_with_the_electronic_invoice_inside(app: Flask) -> None:
    assert making.render(UPGRADE) == making.render(UPGRADE)


def test_files_inside_are_dated_when_the_document_was_issued(app: Flask) -> None:
    pdf = pikepdf.open(io.BytesIO(making.render(UPGRADE).pdf))
    (named,) = pdf.Root.AF
    assert str(named.EF.F.Params.CreationDate) == f"D:{ISSUED_AT:%Y%m%d%H%M%S}Z"


def xmp(pdf: pikepdf.Pdf) -> Any:
    return etree.fromstring(pdf.Root.Metadata.read_bytes())


def claimed(metadata: Any, namespace: str, name: str) -> str:
    """A property, written as an attribute or as an element."""
    for description in metadata.iter(f"{{{RDF}}}Description"):
        value = description.get(f"{{{namespace}}}{name}")
        child = description.find(f"{{{namespace}}}{name}")
        if value is not None or child is not None:
            return str(value if value is not None else child.text)
    raise LookupError(name)


def objects(pdf: pikepdf.Pdf) -> list[Any]:
    return [each for each in pdf.objects if isinstance(each, Dictionary | pikepdf.Stream)]


def marked(page: pikepdf.Page) -> list[object]:
    """Of each text drawn on a page the number of its mark, or "artifact"."""
    around: list[object] = []
    found = []
    for operands, operator in pikepdf.parse_content_stream(page):
        match str(operator):
            case "BMC" | "BDC" if operands[0] == Name.Artifact:
                around.append("artifact")
            case "BDC":
                around.append(int(operands[1].MCID))
            case "EMC":
                around.pop()
            case "TJ" | "Tj" | "f*" | "f" | "S" | "Do":
                found.append(around[-1] if around else None)
    return found


def marks(pdf: pikepdf.Pdf) -> list[tuple[int, int, str]]:
    """Every mark that one comes to from the root of the structure: its page, number and tag."""
    pages = {page.obj.objgen: number for number, page in enumerate(pdf.pages)}
    return [
        (pages[element.Pg.objgen], int(kid), str(element.S))
        for element, _above in elements(pdf)
        for kid in element.K
        if isinstance(kid, int)
    ]


def elements(pdf: pikepdf.Pdf) -> list[tuple[Any, Any]]:
    """Each element of the structure with the one around it, in the order of reading."""
    found = []
    waiting = [(kid, pdf.Root.StructTreeRoot) for kid in reversed(list(pdf.Root.StructTreeRoot.K))]
    while waiting:
        element, above = waiting.pop()
        if not isinstance(element, Dictionary):
            continue
        found.append((element, above))
        waiting += [(kid, element) for kid in reversed(list(element.K))]
    return found
