"""The text in a file that somebody sends, in the encodings that spreadsheets write."""

from __future__ import annotations

from portal.billing.rules import describe
from portal.billing.rules.errors import RuleBroken
from portal.language import gettext as _

LARGEST_BYTES = 1_500_000

_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig", "UTF-8"),
    (b"\xff\xfe", "utf-16", "UTF-16"),
    (b"\xfe\xff", "utf-16", "UTF-16"),
)


class FileRefused(RuleBroken):
    """The whole file can't be read; `str()` says what to do instead."""


def decode(data: bytes) -> tuple[str, str]:
    """The text in `data` and the name of its encoding. Raises FileRefused."""
    if len(data) > LARGEST_BYTES:
        raise FileRefused(
            _(
                "This file has %(size)s; %(most)s is the most. Split it and bring in one part after"
                " the other.",
                size=describe.storage(len(data), round_up=True),
                most=describe.storage(LARGEST_BYTES),
            )
        )
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise FileRefused(
            _(
                "This is a workbook, not a CSV file. In your spreadsheet choose “Save as” or"
                " “Download” and the type CSV."
            )
        )
    text, name = _decoded(data)
    if "\x00" in text:
        raise FileRefused("This is not a text file. Export your clients as CSV and send that.")
    return text, name


def _decoded(data: bytes) -> tuple[str, str]:
    for mark, encoding, name in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _strictly(data, encoding, name)
    if guess := _utf_16_without_mark(data):
        return _strictly(data, guess, "UTF-16")
    try:
        return data.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError:
        return _strictly(data, "cp1252", "Windows-1252")


def _strictly(data: bytes, encoding: str, name: str) -> tuple[str, str]:
    try:
        return data.decode(encoding), name
    except UnicodeDecodeError as error:
        raise FileRefused(
            _(
                "The letters in this file can't be read as %(encoding)s. Save it as CSV UTF-8.",
                encoding=name,
            )
        ) from error


def _utf_16_without_mark(data: bytes) -> str | None:
    """Text in UTF-16 has a zero in every other byte where its letters are Latin."""
    sample = data[:400]
    if len(sample) < 4 or b"\x00" not in sample:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 4
    if odd > half > even:
        return "utf-16-le"
    return "utf-16-be" if even > half > odd else None
