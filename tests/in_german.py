"""Reading a page in German: what is said on it, and what of that is English still."""

import re
from html.parser import HTMLParser

from portal import language

ASKED = {"Accept-Language": "de-DE,de;q=0.9,en;q=0.5"}
# What assistive technology and scripts say, or a browser shows in a field.
SAID = frozenset({"alt", "aria-label", "placeholder", "title", "data-label"})
SAID_BY_SCRIPTS = re.compile(r"data-(sending|keeping|too-\w+|.*-text)")
# Words no German sentence has; a page has one in nearly every English sentence.
ENGLISH = re.compile(
    r"\b(the|and|of|is|are|were|your|you|with|this|that|these|not|nothing|from|when|which|who|has"
    r"|have|been|be|by|it|its|they|them|there|what|would|every|each|than|then|only)\b"
)

NAMES = frozenset({"Isle of Man"})


def english_in(html: str) -> set[str]:
    """What a page says in English: messages that were not looked up, and sentences that are no
    message."""
    said = _said(html) - NAMES
    missed = {text for text in said if _is_english_message(text)}
    sentences = {text for text in said if ENGLISH.search(text.lower())}
    return missed | sentences


def _said(html: str) -> set[str]:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return {" ".join(text.split()) for text in reader.said} - {""}


def _is_english_message(text: str) -> bool:
    with language.speaking("de"):
        return language.look_up(text) != text


class _Reader(HTMLParser):
    """Collects text by text what is said."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def handle_starttag(self, _tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.said += [value or "" for name, value in attributes if _is_said(name)]

    def handle_data(self, data: str) -> None:
        self.said.append(data)


def _is_said(name: str) -> bool:
    return name in SAID or SAID_BY_SCRIPTS.fullmatch(name) is not None
