"""Rows of the list as people see them. What a page of rows says is looked up once, and is plain
text: what comes from `_` in a template costs several times as much to print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal import clock
from portal.billing import client_list, documents, statuses
from portal.billing.rules import describe
from portal.billing.rules.counting import count_reason
from portal.extensions import db
from portal.language import gettext as _
from portal.language import ngettext
from portal.models import ClientStatus
from portal.web import formatting
from portal.web.access import principal

BUILT_IN_TONES = {
    "client": "green",
    "lead": "blue",
    "prospect": "violet",
    "inactive": "slate",
    "suspended": "amber",
}
NAME = "{}"


@dataclass(frozen=True, slots=True)
class StatusLook:
    """How a status appears in a row, worked out once for all rows."""

    public_id: str
    name: str
    tone: str
    reason: str
    reason_deleted: str
    is_suspended: bool


@dataclass(frozen=True, slots=True)
class ListedClient:
    """A row as the template prints it; `state` is active, suspended, deleted or gone.

    `documents` says how many are kept with the client, "" for none, and `documents_of` whose they
    are too. `choose`, `act` and `delete` are what its controls are called; `act` is the one that
    its state allows beside deleting.
    """

    id: str
    name: str
    email: str
    status: StatusLook
    reason: str
    documents: str
    documents_of: str
    added: str
    changed: str
    state: str
    choose: str
    act: str
    delete: str


def as_listed(rows: Sequence[Any], looks: Mapping[int, StatusLook]) -> list[ListedClient]:
    account_id = principal().account_id
    kept = documents.how_many(db.session(), account_id, [row.id for row in rows])
    written = _Written(clock.now())
    return [written.row(row, looks[row.status_id], kept.get(row.id, 0)) for row in rows]


def words() -> dict[str, str]:
    """What is the same in every row: what its cells and buttons are called."""
    return {
        "status": _("Status"),
        "count": _("Count"),
        "added": _("Added"),
        "changed": _("Changed"),
        "undo": _("Undo"),
        "bring_back": _("Bring back"),
        "suspend": _("Suspend"),
        "delete": _("Delete"),
    }


def looks_of(known: Sequence[ClientStatus]) -> dict[int, StatusLook]:
    """How each status looks, by its id."""
    return {status.id: _look(status) for status in known}


def _look(status: ClientStatus) -> StatusLook:
    key = status.built_in
    return StatusLook(
        status.public_id,
        status.label,
        BUILT_IN_TONES[key] if key else statuses.colour_of(status),
        count_reason(status.name, built_in_key=key, deleted=False),
        count_reason(status.name, built_in_key=key, deleted=True),
        key == statuses.SUSPENDED,
    )


class _Written:
    """Looking up and writing costs more than the rest of a row, and most rows share theirs."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._days: dict[Any, str] = {}
        self._choose = _("Choose %(client)s", client=NAME)
        self._delete = _("Delete %(client)s", client=NAME)
        self._acts = {
            "active": _("Suspend %(client)s", client=NAME),
            "suspended": _("Bring back %(client)s", client=NAME),
            "deleted": _("Undo deleting %(client)s", client=NAME),
            "gone": "",
        }

    def row(self, row: Any, look: StatusLook, kept: int) -> ListedClient:
        state = _state(row.deleted_at, look, self._now)
        return ListedClient(
            row.public_id,
            row.name,
            row.email,
            look,
            look.reason if row.deleted_at is None else look.reason_deleted,
            _documents(kept),
            _documents_of(kept, row.name),
            self._day(row.created_at),
            self._day(row.updated_at),
            state,
            self._choose.replace(NAME, row.name),
            self._acts[state].replace(NAME, row.name),
            self._delete.replace(NAME, row.name),
        )

    def _day(self, instant: datetime) -> str:
        day = formatting.local_day(instant)
        if day not in self._days:
            self._days[day] = formatting.date(day)
        return self._days[day]


def _documents(kept: int) -> str:
    return describe.counted(kept, "%(num)s document", "%(num)s documents") if kept else ""


def _documents_of(kept: int, name: str) -> str:
    if not kept:
        return ""
    return ngettext(
        "%(num)s document of %(client)s",
        "%(num)s documents of %(client)s",
        kept,
        num=describe.number(kept),
        client=name,
    )


def _state(deleted_at: datetime | None, look: StatusLook, now: datetime) -> str:
    if deleted_at is None:
        return "suspended" if look.is_suspended else "active"
    return "deleted" if client_list.undo_until(deleted_at) > now else "gone"
