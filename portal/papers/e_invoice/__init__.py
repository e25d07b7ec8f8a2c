"""An issued invoice or credit note as software reads it, by EN 16931: the same bytes every time.

Its figures are those of the document, none is worked out anew; its words are in the language spoken
when it is written. Where the standard has no valid
file for a document, there is none: the PDF is the invoice, the file goes with it.
"""

from typing import Literal

from portal.papers.credit_note_display import IssuedCreditNote
from portal.papers.e_invoice.refusals import NoEInvoice
from portal.papers.e_invoice.terms import business_terms
from portal.papers.invoice_display import IssuedInvoice

__all__ = ["NoEInvoice", "factur_x", "ubl"]

Issued = IssuedInvoice | IssuedCreditNote


def factur_x(issued: Issued) -> bytes:
    """The file that is embedded in the PDF: Factur-X / ZUGFeRD, profile EN 16931, written as CII.

    Raises NoEInvoice, whose text is for the vendor.
    """
    return _written(issued, "factur-x", check_xsd=True)


def ubl(issued: Issued) -> bytes:
    """The same as UBL 2.1, to be downloaded beside the PDF. Raises NoEInvoice."""
    # Its schema takes half as long to read as a page to set, and is the other's in other words.
    return _written(issued, "ubl-2.1", check_xsd=False)


def _written(issued: Issued, syntax: Literal["factur-x", "ubl-2.1"], *, check_xsd: bool) -> bytes:
    # Imported here: it takes half a second and 20 MB, and web processes never write one.
    from facturx import generate_xml

    terms = business_terms(issued)
    try:
        # Rules beyond the schema it checks only with the help of a server; tests check them all.
        content: bytes = generate_xml(
            terms, flavor=syntax, level="en16931", check_xsd=check_xsd, check_schematron=False
        )
    # The library has no narrower error, and no document waits for its file.
    except Exception as error:
        raise NoEInvoice(f"The file would not be valid: {error}") from error
    return content
