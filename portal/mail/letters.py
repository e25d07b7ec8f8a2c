"""An email put into words: its subject, its text and its HTML, from one folder of templates.

Needs the app and nothing else: no request, no signed-in person, nothing of the page that
happens to be asked for.
"""

import re
import textwrap
from dataclasses import dataclass
from typing import Any

from flask import current_app
from jinja2 import Environment

from portal import language
from portal.printable import printable

EXTENSION = "portal.mail.letters"
SUBJECT_LENGTH = 200
WIDTH = 76
HTML_WIDTH = 160
# A paragraph of nothing but this is where an email says what it brings, once that is known.
PLACE = "…"
LANGUAGE = re.compile(r'<html lang="([a-z]{2})"')
# Days stay on one line, and hours: 27 Nov 2026, 31. März 2026, 6 de mar. de 2026, 10:00 CET.
DAY_OR_HOUR = re.compile(
    r"\b\d{1,2}(?:\.|er)? (?:de )?[^\W\d_]{3,9}\.? (?:de )?\d{4}\b|\b\d\d:\d\d [A-Z]{3,4}\b"
)
HELD = "\ue000"
LIST_ITEM = re.compile(r"\s*(?:-|\d\.)\s+|\s*")


@dataclass(frozen=True)
class Letter:
    subject: str
    text: str
    html: str


def write(name: str, facts: dict[str, Any]) -> Letter:
    """Render `notices/<name>/`: the HTML escapes what people entered, the text says it as it is."""
    return Letter(
        subject=printable(_render(f"{name}/subject.txt", facts), SUBJECT_LENGTH),
        text=wrapped(_render(f"{name}/body.txt", facts)),
        html=folded(_render(f"{name}/body.html", facts)),
    )


def put_in_place(text: str, html: str, part: str, facts: dict[str, Any]) -> tuple[str, str]:
    """Text and HTML of a letter with what `notices/<part>` says where they keep a place for it, in
    the language that the letter is written in."""
    written_in = LANGUAGE.search(html)
    with language.speaking(written_in[1] if written_in else language.ENGLISH):
        said = wrapped(_render(f"{part}.txt", facts))
        said_in_html = folded(_render(f"{part}.html", facts))
    return (
        text.replace(f"\n\n{PLACE}\n\n", f"\n\n{said}\n", 1),
        html.replace(f"<p>{PLACE}</p>\n", said_in_html, 1),
    )


def wrapped(text: str) -> str:
    """Lines of at most 76 characters and no more than one empty line; addresses stay whole."""
    lines = [_wrapped_line(line) for line in text.strip("\n").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def folded(html: str) -> str:
    """HTML in lines that every mail server takes: they may cut one of 1,000 bytes."""
    return "\n".join(_filled(line, HTML_WIDTH) for line in html.strip().split("\n")) + "\n"


def _wrapped_line(line: str) -> str:
    if line == "-- ":  # what mail programs know a signature by
        return line
    if len(line) <= WIDTH or len(line.split()) == 1:
        return line.rstrip()
    lead = LIST_ITEM.match(line)
    indent = " " * (lead.end() if lead else 0)
    held = DAY_OR_HOUR.sub(lambda found: found[0].replace(" ", HELD), line.rstrip())
    return _filled(held, WIDTH, indent).replace(HELD, " ")


def _filled(line: str, width: int, indent: str = "") -> str:
    return textwrap.fill(
        line,
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _render(path: str, facts: dict[str, Any]) -> str:
    """`say("<path>")` in a template is a text part both versions share; `place` the paragraph that
    `put_in_place` replaces.

    An included .txt would not be escaped in HTML; what `say` returns is.
    """

    def say(part: str) -> str:
        return _render(part, facts)

    return _environment().get_template(f"notices/{path}").render(facts, say=say, place=PLACE)


def _environment() -> Environment:
    """The app's, except that line ends stay where a template has them: in text they show."""
    extensions = current_app.extensions
    if EXTENSION not in extensions:
        extensions[EXTENSION] = current_app.jinja_env.overlay(
            trim_blocks=False, lstrip_blocks=False
        )
    environment: Environment = extensions[EXTENSION]
    return environment
