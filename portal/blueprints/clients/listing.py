"""The list itself: what is asked for in the address, and what answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import abort, request, session, url_for
from flask.typing import ResponseReturnValue

from portal.billing import client_list, statuses
from portal.billing.client_list import ClientFilter, Order, Shown, Sorting
from portal.blueprints.clients import bp, rows
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.live import clients_meter_context
from portal.models import ClientStatus
from portal.web.access import principal, requires
from portal.web.htmx import page_or_fragment, wants_fragment
from portal.web.permissions import Permission

PAGE = "clients/index.html"
ROWS = "clients/_rows.html"
DONE = "clients_done"
SHOWN_CHOICES = (
    (Shown.ALL.value, message("All")),
    (Shown.COUNTED.value, message("Counted")),
    (Shown.NOT_COUNTED.value, message("Not counted")),
    (Shown.DELETED.value, message("Deleted")),
)
LONGEST_PAGE_NUMBER = 9


@dataclass(frozen=True)
class Asked:
    """What an address or a form says about the list; unknown values mean the default."""

    text: str
    status: str
    shown: Shown
    sorting: Sorting
    page: int

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Asked:
        sort, page = values.get("sort", ""), values.get("page", "")
        key = sort.removeprefix("-")
        order = Order(key) if key in tuple(Order) else Order.NAME
        shown = values.get("counted", "")
        return cls(
            text=" ".join(values.get("q", "").split())[: client_list.SEARCH_AT_MOST],
            status=values.get("status", ""),
            shown=Shown(shown) if shown in tuple(Shown) else Shown.ALL,
            sorting=Sorting(order, descending=sort.startswith("-")),
            page=_page_number(page),
        )

    @property
    def sort(self) -> str:
        return ("-" if self.sorting.descending else "") + self.sorting.by.value

    @property
    def filters(self) -> dict[str, str]:
        """The part of the address that narrows the list down."""
        parts = {"q": self.text, "status": self.status, "counted": self.shown.value}
        return {name: value for name, value in parts.items() if value}

    @property
    def address(self) -> dict[str, str]:
        """The whole address but the page."""
        return {**self.filters, **({"sort": self.sort} if self.sort != "name" else {})}

    @property
    def url(self) -> str:
        values: dict[str, Any] = dict(self.address)
        if self.page > 1:
            values["page"] = self.page
        return url_for("clients.index", **values)

    def narrowed(self, known: Sequence[ClientStatus]) -> ClientFilter:
        """The filter in the account's own terms; a status it doesn't have is a 404."""
        chosen = next((status for status in known if status.public_id == self.status), None)
        if self.status and chosen is None:
            abort(404)
        return ClientFilter(self.text, chosen.id if chosen else None, self.shown)


def _page_number(written: str) -> int:
    """The page asked for, the first where that is no number; no list has more than nine digits."""
    is_number = written.isascii() and written.isdigit()
    return int(written[:LONGEST_PAGE_NUMBER]) if is_number else 1


@bp.get("/clients")
@requires(Permission.WORK_WITH_CLIENTS)
def index() -> ResponseReturnValue:
    asked = Asked.of(request.args)
    done = session.pop(DONE, None) if DONE in session else None
    response = page_or_fragment(
        PAGE, "client_list", oob=["clients_sort"], done=done, **list_context(asked)
    )
    if wants_fragment():
        # Without the fields that say nothing.
        response.headers["HX-Push-Url"] = asked.url
    return response


@bp.get("/clients/<public_id>/row")
@requires(Permission.WORK_WITH_CLIENTS)
def row(public_id: str) -> ResponseReturnValue:
    return row_response(public_id)


def row_response(public_id: str, oob: Sequence[str] = ()) -> ResponseReturnValue:
    """The one row as it is now; 404 where the account has no such client."""
    account_id = principal().account_id
    found = client_list.listed(db.session(), account_id, public_id)
    if found is None:
        abort(404)
    looks = rows.looks_of(statuses.of(db.session(), account_id))
    return page_or_fragment(
        ROWS,
        ROWS,
        oob=oob,
        rows=rows.as_listed([found], looks),
        words=rows.words(),
        **clients_meter_context(account_id),
    )


def list_context(asked: Asked) -> dict[str, Any]:
    """Everything the list's page and its fragments print."""
    account_id = principal().account_id
    known = statuses.of(db.session(), account_id)
    looks = rows.looks_of(known)
    counts = client_list.count_by_status(db.session(), account_id)
    found = client_list.page(
        db.session(),
        account_id,
        asked.narrowed(known),
        asked.sorting,
        asked.page,
        statuses=known,
        counts=counts,
    )
    return {
        "asked": asked,
        "found": found,
        "rows": rows.as_listed(found.rows, looks),
        "words": rows.words(),
        "looks": looks.values(),
        "has_clients": bool(counts),
        "shown_choices": [(value, _(words)) for value, words in SHOWN_CHOICES],
        **clients_meter_context(account_id),
    }
