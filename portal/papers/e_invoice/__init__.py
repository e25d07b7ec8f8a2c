"""An issued invoice or credit note as software reads it, by EN 16931: the same bytes every time.

Its figures are those of the document, none is worked out anew. Where the standard has no valid
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
    return _written(issued, "factur-x")


def ubl(issued: Issued) -> bytes:
    """The same as UBL 2.1, to be downloaded beside the PDF. Raises NoEInvoice."""
    return _written(issued, "ubl-2.1")


def _written(issued: Issued, syntax: Literal["factur-x", "ubl-2.1"]) -> bytes:
    # Imported here: it takes a second, and web processes never write one.
    from facturx import generate_xml

    # The library checks by Schematron only where a server of its own runs; tests do it here.
    content: bytes = generate_xml(
        business_terms(issued),
        flavor=syntax,
        level="en16931",
        check_xsd=True,
        check_schematron=False,
    )
    return content
