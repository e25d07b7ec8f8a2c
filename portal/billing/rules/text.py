"""Text that people type or send in files: one spelling, nothing invisible, no more than fits."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal

from portal.billing.rules import describe
from portal.billing.rules.errors import RuleBroken
from portal.language import gettext as _

# One letter may carry a few accents; hundreds of them are an attack on whatever draws the text.
ACCENTS_PER_LETTER = 4

# As many as Unicode's stream-safe text format has; no writing comes near it.
_MARKS_IN_A_ROW = 30
_FIRST_MARK = "\u0300"

# Join letters in scripts and emoji that need it, and change nothing's direction.
_JOINERS = "\u200c\u200d"
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_LINE_ENDS = re.compile(r"\r\n?")
_EMAIL = re.compile(r"[^@\s\"(),:;<>\[\]\\]{1,64}@(?:[\w-]{1,63}\.)+[\w-]{2,63}")
_PHONE = re.compile(r"[0-9+()./#*,; x-]+(?:ext[. ]*[0-9]+)?", re.IGNORECASE)
_DIGITS_AT_LEAST = 3

# Letters that have no decomposition, yet sort and are searched for as these.
_PLAIN_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "ħ": "h"}
)


class TextRefused(RuleBroken):
    """A text that can't be kept as it is; `str()` says what to change."""


def normal(form: Literal["NFC", "NFKD"], text: str) -> str:
    """`text` in a normal form of Unicode, in time that grows with its length only.

    Normalizing sorts every run of marks, which takes the square of its length: a page full of
    them keeps a process busy for minutes. Marks beyond the 30th in a row are left out.
    """
    if len(text) > _MARKS_IN_A_ROW and not text.isascii():
        text = "".join(_without_long_runs(text))
    return unicodedata.normalize(form, text)


def line(typed: str, *, most: int) -> str:
    """One line of at most `most` characters: NFC, runs of spaces made one, ends trimmed.

    Raises TextRefused for control characters, direction overrides and the like.
    """
    plain = " ".join(normal("NFC", typed).split())
    return _checked(plain, most)


def paragraph(typed: str, *, most: int) -> str:
    """Like `line`, but line breaks stay, as \\n."""
    plain = normal("NFC", _LINE_ENDS.sub("\n", typed)).replace("\t", " ").strip()
    return _checked(plain, most, allowed="\n")


def email(typed: str, *, most: int = 254) -> str:
    """An address one could write to, or "". Raises TextRefused."""
    address = line(typed, most=most)
    if address and (not _EMAIL.fullmatch(address) or ".." in address):
        raise TextRefused(_("This is no email address. Write it as name@example.com."))
    return address


def phone(typed: str, *, most: int = 40) -> str:
    """A phone number as people write them, or "". Raises TextRefused."""
    number = line(typed, most=most)
    digits = sum(character in "0123456789" for character in number)
    if number and (not _PHONE.fullmatch(number) or digits < _DIGITS_AT_LEAST):
        raise TextRefused(_("Write a phone number with digits, spaces and + ( ) - . / only."))
    return number


def search_form(text: str) -> str:
    """What searching and sorting look at: no case, no accents, single spaces."""
    if text.isascii():
        return " ".join(text.lower().split())
    decomposed = normal("NFKD", text.casefold().translate(_PLAIN_LETTERS))
    bare = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
    return " ".join(bare.casefold().split())


def _without_long_runs(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        marks = marks + 1 if _is_mark(character) else 0
        if marks <= _MARKS_IN_A_ROW:
            yield character


def _is_mark(character: str) -> bool:
    """Whether it belongs to the letter before it, also once it is taken apart."""
    if character < _FIRST_MARK:
        return False
    return unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) > 0


def _checked(plain: str, most: int, allowed: str = "") -> str:
    if len(plain) > most:
        length = describe.number(len(plain))
        raise TextRefused(
            _("Use at most %(most)s characters; this has %(length)s.", most=most, length=length)
        )
    if plain.isascii() and plain.isprintable():
        return plain
    _refuse_unseen(plain, allowed + _JOINERS)
    _refuse_piles(plain)
    return plain


def _refuse_unseen(plain: str, allowed: str) -> None:
    for character in plain:
        if character not in allowed and unicodedata.category(character) in _UNSEEN:
            raise TextRefused(
                _(
                    "There is an invisible character in this (%(code)s). Type it again instead of"
                    " pasting it.",
                    code=f"U+{ord(character):04X}",
                )
            )


def _refuse_piles(plain: str) -> None:
    height = 0
    for character in plain:
        height = height + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if height > ACCENTS_PER_LETTER:
            raise TextRefused(
                _("Use at most %(most)s accents on one letter.", most=ACCENTS_PER_LETTER)
            )
