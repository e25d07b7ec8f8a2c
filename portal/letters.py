"""An email put into words: its subject, its text and its HTML, from one folder of templates.

Needs the app and nothing else: no request, no signed-in person, nothing of the page that
happens to be asked for.
"""

import re
import textwrap
from dataclasses import dataclass
from typing import Any

from flask import current_app

SUBJECT_LENGTH = 200
WIDTH = 76
LIST_ITEM = re.compile(r"\s*(?:-|\d\.)\s+|\s*")


@dataclass(frozen=True)
class Letter:
    subject: str
    text: str
    html: str


def write(name: str, facts: dict[str, Any]) -> Letter:
    """Render `notices/<name>/`: the HTML escapes what people entered, the text says it as it is."""
    return Letter(
        subject=textwrap.shorten(
            one_line(_render(name, "subject.txt", facts)), SUBJECT_LENGTH, placeholder="…"
        ),
        text=wrapped(_render(name, "body.txt", facts)),
        html=_render(name, "body.html", facts),
    )


def one_line(text: str) -> str:
    """Without line breaks and what can't be seen, which could pass for other text or headers."""
    seen = (character if character.isprintable() else " " for character in text)
    return " ".join("".join(seen).split())


def wrapped(text: str) -> str:
    """Lines of at most 76 characters and no more than one empty line; addresses stay whole."""
    lines = [_wrapped_line(line) for line in text.strip("\n").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def _wrapped_line(line: str) -> str:
    if len(line) <= WIDTH:
        return line if line == "-- " else line.rstrip()
    lead = LIST_ITEM.match(line)
    indent = " " * (lead.end() if lead else 0)
    return textwrap.fill(
        line.rstrip(), WIDTH, subsequent_indent=indent, break_long_words=False,
        break_on_hyphens=False,
    )


def _render(name: str, part: str, facts: dict[str, Any]) -> str:
    return current_app.jinja_env.get_template(f"notices/{name}/{part}").render(facts)
