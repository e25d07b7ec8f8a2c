"""Whether what is stored of an invoice or a credit note is what was issued, read from the bytes.

Each file is there and has the hash and the size that were recorded; the electronic invoice, in the
PDF and beside it, says the number, the currency and the sums of the row.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from portal import document_store
from portal.billing.invoice_lists import Paper
from portal.document_store import DocumentDamaged, DocumentMissing
from portal.file_store import StoreFailed
from portal.papers.e_invoice import values

PDF, XML, EMBEDDED = "PDF", "XML", "XML in the PDF"
# Business terms of EN 16931, as the findings call them.
WORDS = {"BT-1": "number", "BT-5": "currency"}
SUMS = {"BT-109": "subtotal", "BT-110": "tax", "BT-112": "total with tax"}


@dataclass(frozen=True)
class RecordedFile:
    """What its row says of a file; `name` is PDF or XML."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Recorded:
    """A paper whose PDF was made, detached from its rows. `terms` is what its electronic invoice
    must say, by the terms of EN 16931; empty where there is none."""

    number: str
    files: tuple[RecordedFile, ...]
    terms: Mapping[str, str]


@dataclass(frozen=True)
class Flaw:
    """A file that is wrong: what was found, and what it must be."""

    number: str
    file: str
    found: str
    expected: str


def recorded(paper: Paper) -> Recorded | None:
    """What was recorded of the files of a paper; None where its PDF is not made so far."""
    document = paper.document
    if document is None:
        return None
    files = [RecordedFile(PDF, document.sha256, document.size_bytes)]
    if document.ubl_sha256 is None:
        return Recorded(paper.number_text, tuple(files), {})
    files.append(RecordedFile(XML, document.ubl_sha256, document.ubl_size_bytes or 0))
    return Recorded(paper.number_text, tuple(files), _terms(paper))


def flaws(paper: Recorded) -> Iterator[Flaw]:
    """Everything that is wrong with its files; nothing where all is as it was issued."""
    for file in paper.files:
        content, problem = _read(file)
        if problem:
            yield Flaw(paper.number, file.name, problem, f"{file.size_bytes} bytes, {file.sha256}")
        elif paper.terms:
            yield from _misstatements(paper, file, content)


def _terms(paper: Paper) -> dict[str, str]:
    subtotal, tax = paper.money(paper.subtotal_minor), paper.money(paper.tax_minor)
    return {
        "BT-1": values.text(paper.number_text),
        "BT-5": paper.currency,
        "BT-109": values.price(subtotal),
        "BT-110": values.price(tax),
        "BT-112": values.price(subtotal + tax),
    }


def _read(file: RecordedFile) -> tuple[bytes, str]:
    """The stored bytes, or what is wrong with them."""
    try:
        content = document_store.read(file.sha256)
    except DocumentMissing:
        return b"", "no file"
    except DocumentDamaged:
        return b"", "a file with other bytes"
    except StoreFailed as reason:
        return b"", str(reason)
    return content, "" if len(content) == file.size_bytes else f"{len(content)} bytes"


def _misstatements(paper: Recorded, file: RecordedFile, content: bytes) -> Iterator[Flaw]:
    name = EMBEDDED if file.name == PDF else file.name
    try:
        said = _said(_embedded(content) if file.name == PDF else content)
    # The libraries have no narrower error, and whatever it is, the file can't be read.
    except Exception as error:
        yield Flaw(paper.number, name, f"can't be read: {error}", "an electronic invoice")
        return
    for term, word in (WORDS | SUMS).items():
        found, expected = said.get(term, ""), paper.terms[term]
        if not _same(term, found, expected):
            yield Flaw(paper.number, name, f"{word} {found or 'not said'}", f"{word} {expected}")


def _embedded(pdf: bytes) -> bytes:
    # Imported here, as in `e_invoice`: it takes half a second and 20 MB.
    from facturx import get_facturx_xml_from_pdf

    _name, content = get_facturx_xml_from_pdf(pdf, check_xsd=False)
    if not content:
        raise ValueError("the PDF has none inside")
    return bytes(content)


def _said(xml: bytes) -> dict[str, str]:
    from facturx import parse_ubl_cii_xml

    terms: dict[str, str] = parse_ubl_cii_xml(xml, check_xsd=False)
    return {term: str(terms[term]) for term in WORDS | SUMS if term in terms}


def _same(term: str, found: str, expected: str) -> bool:
    """Sums may be written with more or fewer zeros at their end."""
    if term in WORDS or not found:
        return found == expected
    return Decimal(found) == Decimal(expected)
