"""What a document is called and what it is: from the name a browser sends, and from its bytes."""

from __future__ import annotations

import codecs
import unicodedata

from portal.billing.rules.text import ACCENTS_PER_LETTER, normal
from portal.language import gettext as _
from portal.language import message

NAME_LENGTH = 200
# So many of its first bytes say what a file is.
HEAD_BYTES = 4096
UNKNOWN = "application/octet-stream"

_UNNAMED = "document"
_LONGEST_ENDING = 16
_NEVER_SHOWN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_NOT_IN_NAMES = frozenset('<>:"|?*')
_SIGNATURES = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_ZIP = b"PK\x03\x04"
_OFFICE = "application/vnd.openxmlformats-officedocument"
_IN_ZIP = (
    (b"word/", f"{_OFFICE}.wordprocessingml.document"),
    (b"xl/", f"{_OFFICE}.spreadsheetml.sheet"),
    (b"ppt/", f"{_OFFICE}.presentationml.presentation"),
)
_KINDS = {
    "application/pdf": "PDF",
    "image/png": message("PNG image"),
    "image/jpeg": message("JPEG image"),
    "image/gif": message("GIF image"),
    "image/webp": message("WebP image"),
    "text/plain": message("Text"),
    "application/zip": message("ZIP archive"),
    _IN_ZIP[0][1]: message("Word document"),
    _IN_ZIP[1][1]: message("Excel workbook"),
    _IN_ZIP[2][1]: message("PowerPoint presentation"),
}


def safe_name(written: str) -> str:
    """A file's name as it is kept and shown: without folders, nothing invisible, its ending last.

    At most 200 characters; what is too long loses its middle, never its ending.
    """
    last = normal("NFC", written).replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = " ".join("".join(_shown(last)).split()).strip(". ")
    if not name:
        return _UNNAMED
    if len(name) <= NAME_LENGTH:
        return name
    ending = _ending(name)
    return name[: NAME_LENGTH - len(ending)].rstrip(". ") + ending


def media_type(head: bytes) -> str:
    """What a file is, by its first HEAD_BYTES; UNKNOWN where that is none of the few known."""
    for signature, found in _SIGNATURES:
        if head.startswith(signature):
            return found
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith(_ZIP):
        return next((found for mark, found in _IN_ZIP if mark in head), "application/zip")
    return "text/plain" if _is_text(head) else UNKNOWN


def kind(media_type: str, name: str) -> str:
    """In words, for a list: "PDF", "Word document", "DWG file"."""
    ending = _ending(name).removeprefix(".")
    if media_type in _KINDS:
        return _(_KINDS[media_type])
    return _("%(ending)s file", ending=ending.upper()) if ending else _("File")


def _shown(name: str) -> list[str]:
    """The characters that stay; a letter keeps as many accents as text elsewhere."""
    kept: list[str] = []
    marks = 0
    for character in name:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if character.isspace():
            kept.append(" ")
        elif character in _NOT_IN_NAMES:
            kept.append("_")
        elif marks <= ACCENTS_PER_LETTER and unicodedata.category(character) not in _NEVER_SHOWN:
            kept.append(character)
    return kept


def _ending(name: str) -> str:
    """ ".pdf"; "" where there is none, or what stands there is too long for one."""
    stem, point, ending = name.rpartition(".")
    return f".{ending}" if stem and point and 0 < len(ending) <= _LONGEST_ENDING else ""


def _is_text(head: bytes) -> bool:
    if not head:
        return False
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return all(c in "\t\n\r\f" or unicodedata.category(c) != "Cc" for c in text)
