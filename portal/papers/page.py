"""What is handed to the process that sets a page: text and settings, nothing that reaches out."""

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime

# Where paper is of the American sizes: the territories of "US-Letter" in the Unicode CLDR.
LETTER_COUNTRIES = frozenset(
    ("BZ", "CA", "CL", "CO", "CR", "GT", "MX", "NI", "PA", "PH", "PR", "SV", "US", "VE")
)
# All documents look alike.
SHEET = "invoice_v1.css"
AUTO, A4, LETTER = "auto", "A4", "Letter"
RIGHT_TO_LEFT = frozenset(("R", "AL"))


@dataclass(frozen=True)
class Page:
    """A document as HTML, and how to set it.

    `sheet` is a file of templates/pdf, `paper` "A4" or "Letter". `identifier` becomes the file's
    own id; its dates are the HTML's `dcterms` metadata, its language is that of the HTML. `xml` is
    the electronic invoice to embed, as of `issued_at`; none is embedded where it is empty. `xml_is`
    says what that is to whoever finds it in the file.
    """

    html: str
    sheet: str
    paper: str
    identifier: str
    xml: bytes = b""
    xml_is: str = ""
    issued_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)


def paper_of(country: str) -> str:
    """The paper that is in the printers of a country, by its ISO code; A4 where none is known."""
    return LETTER if country in LETTER_COUNTRIES else A4


def direction(text: str) -> str:
    """ "rtl" for text whose first letter belongs to a script that runs from right to left."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind == "L" or kind in RIGHT_TO_LEFT:
            return "ltr" if kind == "L" else "rtl"
    return "ltr"
