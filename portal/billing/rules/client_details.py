"""What is kept of a client, checked the same way from a form and from a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from portal.billing.rules import text
from portal.billing.rules.errors import RuleBroken
from portal.language import gettext as _
from portal.language import message

NAME_LENGTH = 120
EMAIL_LENGTH = 254
PHONE_LENGTH = 40
NOTE_LENGTH = 500
SORT_KEY_LENGTH = 160
SEARCH_LENGTH = 500


class DetailsRefused(RuleBroken):
    """What was entered can't be kept; `problems` has a sentence for each field that is wrong."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(_named(name, why) for name, why in problems.items()))
        self.problems = dict(problems)


@dataclass(frozen=True, slots=True)
class ClientDetails:
    """A client's own facts, already checked; only the name is always there."""

    name: str
    email: str = ""
    phone: str = ""
    note: str = ""

    @property
    def sort_key(self) -> str:
        return text.search_form(self.name)[:SORT_KEY_LENGTH]

    @property
    def search_text(self) -> str:
        """Name and email, apart by a line end so that no search spans both."""
        return f"{text.search_form(self.name)}\n{text.search_form(self.email)}"[:SEARCH_LENGTH]


def check(entered: Mapping[str, str]) -> ClientDetails:
    """The details in `entered` (name, email, phone, note). Raises DetailsRefused."""
    kept: dict[str, str] = {}
    problems: dict[str, str] = {}
    for field, read in _READ.items():
        try:
            kept[field] = read(entered.get(field, ""))
        except text.TextRefused as refusal:
            problems[field] = str(refusal)
    if not kept.get("name") and "name" not in problems:
        problems["name"] = _("Enter a name.")
    if problems:
        raise DetailsRefused(problems)
    return ClientDetails(**kept)


def same_client(name: str, email: str) -> str:
    """The form in which two clients are the same one: name and email, folded."""
    return f"{text.search_form(name)}\n{text.search_form(email)}"


def _named(field: str, problem: str) -> str:
    return _("%(field)s: %(problem)s", field=_(_LABELS[field]), problem=problem)


_LABELS = {
    "name": message("Name"),
    "email": message("Email"),
    "phone": message("Phone"),
    "note": message("Note"),
}
_READ: dict[str, Callable[[str], str]] = {
    "name": lambda typed: text.line(typed, most=NAME_LENGTH),
    "email": lambda typed: text.email(typed, most=EMAIL_LENGTH),
    "phone": lambda typed: text.phone(typed, most=PHONE_LENGTH),
    "note": lambda typed: text.paragraph(typed, most=NOTE_LENGTH),
}
