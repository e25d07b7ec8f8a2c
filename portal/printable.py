"""Text that anybody may have typed, made fit to be set on a page."""

import re
import unicodedata
from collections.abc import Iterator

from portal.billing.rules.text import normal

MARKS_PER_LETTER = 4
# Control characters, half characters, and those that turn the direction of the text around them.
NOT_SEEN = {"Cc", "Cs"}
SPACE = re.compile(r"\s+")
NO_BREAK = frozenset("\u00a0\u202f")
SOFT_HYPHEN = "\u00ad"
TURNS_TEXT = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def printable(text: str, most: int) -> str:
    """One line of text that can be set: at most `most` characters, only ones that are seen.

    A space at which no line may break, as within an amount, stays one.
    Each letter keeps at most four marks; towers of them take the typesetter minutes.
    """
    line = SPACE.sub(_one_space, text[: 8 * most]).strip()
    seen = "".join(character for character in line if _is_seen(character))
    kept = "".join(_with_few_marks(normal("NFC", seen)))
    return kept if len(kept) <= most else kept[: most - 1].rstrip() + "…"


def _one_space(found: re.Match[str]) -> str:
    return found[0] if found[0] in NO_BREAK else " "


def _with_few_marks(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character).startswith("M") else 0
        if marks <= MARKS_PER_LETTER:
            yield character


def _is_seen(character: str) -> bool:
    if character == SOFT_HYPHEN:
        return False
    return character not in TURNS_TEXT and unicodedata.category(character) not in NOT_SEEN
