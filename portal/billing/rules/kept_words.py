"""Words that rows keep in English, such as why a card was declined, in the language spoken now.

Whoever comes first writes them: a page, the worker, news from a gateway; and people of several
languages read them. Their messages are marked where they are written, and looked up when shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from portal import language
from portal.language import message

CARD = message("%(card)s ending %(digits)s")
NOT_BY_CARD = message("This amount can't be collected by card in %(currency)s.")
CREDITED = message("Called off: %(note)s credits what was owed.")
LONG_ENDED = message("The plan ended %(figure)s days ago or more, and Admins were told")

# What may stand where a message of the above has something put in.
_PARTS = {
    "card": ".+",
    "digits": r"[0-9?]{4}",
    "currency": "[A-Z]{3}",
    "note": r"\S+",
    "figure": r"[\d,]+",
}


def translated(kept: str) -> str:
    """A kept text as it is said now; what no message says, such as a bank's own words, as it is."""
    if language.spoken() == language.ENGLISH:
        return kept
    for form, pattern in _FORMS.items():
        found = pattern.fullmatch(kept)
        if found:
            return language.gettext(form, **_looked_up(found.groupdict()))
    return language.look_up(kept)


def _looked_up(parts: Mapping[str, str]) -> dict[str, str]:
    return {name: language.look_up(part) for name, part in parts.items()}


def _pattern(form: str) -> re.Pattern[str]:
    parts = {name: f"(?P<{name}>{part})" for name, part in _PARTS.items()}
    filled = re.sub(r"%\\\((\w+)\\\)s", lambda found: parts[found[1]], re.escape(form))
    return re.compile(filled)


_FORMS = {form: _pattern(form) for form in (CARD, NOT_BY_CARD, CREDITED, LONG_ENDED)}
