"""The billing history: all that happened, filtered, in pages or as a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from portal import csv_file
from portal.billing.rules import describe
from portal.billing.rules.client_file import safe_cell
from portal.blueprints import downloads, periods
from portal.blueprints.paging import Paging
from portal.display.account_history import entries
from portal.display.account_history.entries import Asked, Entry
from portal.display.account_history.kinds import Kind
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.web import attempts, formatting
from portal.web.access import principal, requires
from portal.web.htmx import page_or_fragment, wants_fragment
from portal.web.permissions import Permission

bp = Blueprint("history", __name__)

PAGE_LENGTH = 50
COLUMNS = (
    message("Date"),
    message("Time"),
    message("About"),
    message("What"),
    message("Details"),
    message("Amount"),
    message("Currency"),
    message("Document"),
)
ADMIN_COLUMNS = (message("Who"), message("Seats"), message("Clients"))


@dataclass(frozen=True)
class Form:
    """What the address says, as it was written; `problems` are sentences by the field's name."""

    kind: str
    first: str
    last: str
    asked: Asked
    problems: dict[str, str]

    @property
    def filters(self) -> dict[str, str]:
        parts = {"kind": self.kind, "from": self.first, "to": self.last}
        return {name: value for name, value in parts.items() if value}

    def url(self, page: int) -> str:
        values: dict[str, Any] = dict(self.filters)
        return url_for("history.index", **values | ({"page": page} if page > 1 else {}))


@bp.get("/account/history")
@requires(Permission.SEE_INVOICES)
def index() -> ResponseReturnValue:
    """Newest first, a page at a time; billing contacts see what is about money."""
    return _page(_form())


@bp.get("/account/history.csv")
@attempts.bulk_files
@requires(Permission.SEE_INVOICES)
def export() -> ResponseReturnValue:
    """Everything the filter lets through."""
    form = _form()
    if form.problems:
        return _page(form)
    found = entries.every(db.session(), principal().account, form.asked)
    return downloads.csv("billing-history", _csv(found, with_people=_sees_people()))


def _page(form: Form) -> ResponseReturnValue:
    session, account = db.session(), principal().account
    total = 0 if form.problems else entries.count(session, account, form.asked)
    paging = Paging.asked(total, PAGE_LENGTH)
    found = (
        entries.page(session, account, form.asked, limit=PAGE_LENGTH, offset=paging.offset)
        if total
        else []
    )
    response = page_or_fragment(
        "history/index.html",
        "history_list",
        status=422 if form.problems else 200,
        form=form,
        kinds=_kinds(),
        entries=found,
        paging=paging,
        sees_people=_sees_people(),
    )
    if wants_fragment():
        # Without the fields that say nothing.
        response.headers["HX-Push-Url"] = form.url(paging.number)
    return response


def _form() -> Form:
    kind = request.args.get("kind", "")
    kinds = [known for known in _kinds() if known == kind]
    dates = periods.dates()
    asked = Asked(tuple(kinds) or _kinds(), dates.since_at, dates.before_at)
    return Form(kinds[0] if kinds else "", dates.first, dates.last, asked, dates.problems)


def _kinds() -> tuple[Kind, ...]:
    return tuple(Kind) if _sees_people() else (Kind.MONEY,)


def _sees_people() -> bool:
    """Whether counts, and who did what, are for this reader."""
    return principal().may(Permission.SEE_METERS)


def _csv(found: Iterable[Entry], *, with_people: bool) -> Iterator[str]:
    columns = COLUMNS + ADMIN_COLUMNS if with_people else COLUMNS
    rows = (_cells(entry) + (_admin_cells(entry) if with_people else ()) for entry in found)
    return csv_file.write([_(column) for column in columns], rows)


def _cells(entry: Entry) -> tuple[str, ...]:
    local = entry.at.astimezone(formatting.zone_of(None))
    return (
        local.date().isoformat(),
        local.time().isoformat("seconds"),
        entry.kind.label,
        safe_cell(entry.title),
        safe_cell(entry.detail),
        describe.plain(entry.amount) if entry.amount else "",
        entry.amount.currency if entry.amount else "",
        safe_cell(entry.document.number) if entry.document else "",
    )


def _admin_cells(entry: Entry) -> tuple[str, ...]:
    counts = ["" if count is None else str(count) for count in (entry.seats, entry.clients)]
    return (safe_cell(entry.who), *counts)
