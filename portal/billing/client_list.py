"""Reading the client list: what is asked for, how many there are, one page of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, select
from sqlalchemy.orm import Session

from portal.billing.rules.counting import is_counted
from portal.billing.rules.text import search_form
from portal.models import Client, ClientStatus

PAGE_SIZE = 50
UNDO_FOR = timedelta(days=30)
SEARCH_AT_MOST = 120
EXPORT_BATCH = 500


class Shown(StrEnum):
    """Which clients a list holds; `ALL` leaves out the deleted ones."""

    ALL = ""
    COUNTED = "yes"
    NOT_COUNTED = "no"
    DELETED = "deleted"


class Order(StrEnum):
    NAME = "name"
    STATUS = "status"
    CREATED = "created"
    CHANGED = "changed"


@dataclass(frozen=True)
class ClientFilter:
    """What a list of clients is narrowed down to; `status_id` None is every status."""

    text: str = ""
    status_id: int | None = None
    shown: Shown = Shown.ALL


@dataclass(frozen=True)
class Sorting:
    by: Order = Order.NAME
    descending: bool = False


@dataclass(frozen=True)
class Page:
    """One page of a list; `number` is within the pages there are."""

    rows: Sequence[Any]
    total: int
    number: int

    @property
    def pages(self) -> int:
        return max(ceil(self.total / PAGE_SIZE), 1)


LISTED = (
    Client.id,
    Client.public_id,
    Client.name,
    Client.email,
    Client.status_id,
    Client.created_at,
    Client.updated_at,
    Client.deleted_at,
)
EXPORTED = (*LISTED, Client.phone, Client.note)


def where(
    account_id: int, asked: ClientFilter, statuses: Sequence[ClientStatus]
) -> list[ColumnElement[bool]]:
    """The conditions that a client of the account fulfils to be in the list asked for."""
    deleted = asked.shown is Shown.DELETED
    conditions: list[ColumnElement[bool]] = [
        Client.account_id == account_id,
        Client.deleted_at.is_not(None) if deleted else Client.deleted_at.is_(None),
    ]
    status_ids = _status_ids(asked, statuses)
    if status_ids is not None:
        conditions.append(Client.status_id.in_(status_ids) if status_ids else false())
    words = search_form(asked.text[:SEARCH_AT_MOST]).split()
    conditions += [Client.search_text.contains(word, autoescape=True) for word in words]
    return conditions


def page(
    session: Session,
    account_id: int,
    asked: ClientFilter,
    sorting: Sorting,
    number: int,
    *,
    statuses: Sequence[ClientStatus],
    counts: dict[int, int],
) -> Page:
    """Page `number` (from 1) of the list; beyond the end it is the last one.

    `counts` is `count_by_status` of the account, which answers most totals without a query.
    """
    conditions = where(account_id, asked, statuses)
    total = _total(session, conditions, asked, statuses, counts)
    number = max(1, min(number, ceil(total / PAGE_SIZE)))
    statement = (
        _sorted(select(*LISTED).where(*conditions), sorting, statuses)
        .limit(PAGE_SIZE)
        .offset((number - 1) * PAGE_SIZE)
    )
    return Page(session.execute(statement).all(), total, number)


def count_by_status(session: Session, account_id: int) -> dict[int, int]:
    """How many clients, deleted ones left out, have each status."""
    statement = (
        select(Client.status_id, func.count())
        .where(Client.account_id == account_id, Client.deleted_at.is_(None))
        .group_by(Client.status_id)
    )
    return {row[0]: row[1] for row in session.execute(statement)}


def listed(session: Session, account_id: int, public_id: str) -> Any:
    """One client as a row of the list, None where the account has no such client."""
    statement = select(*LISTED).where(
        Client.account_id == account_id, Client.public_id == public_id
    )
    return session.execute(statement).one_or_none()


def export(
    session: Session, account_id: int, asked: ClientFilter, statuses: Sequence[ClientStatus]
) -> Iterator[Any]:
    """Every client of the list by name, read in batches so that any number fits in memory.

    Walks along the sort key, so rows that change meanwhile are neither missed nor doubled.
    """
    conditions = where(account_id, asked, statuses)
    columns = (*EXPORTED, Client.sort_key)
    after: list[ColumnElement[bool]] = []
    while True:
        statement = (
            select(*columns)
            .where(*conditions, *after)
            .order_by(Client.sort_key, Client.id)
            .limit(EXPORT_BATCH)
        )
        rows = session.execute(statement).all()
        yield from rows
        if len(rows) < EXPORT_BATCH:
            return
        key, last = rows[-1].sort_key, rows[-1].id
        after = [(Client.sort_key > key) | and_(Client.sort_key == key, Client.id > last)]


def undo_until(deleted_at: datetime) -> datetime:
    """Until when a deletion can be undone."""
    return deleted_at + UNDO_FOR


def _status_ids(asked: ClientFilter, statuses: Sequence[ClientStatus]) -> list[int] | None:
    """The statuses a client of the list can have; None where any will do."""
    if asked.status_id is None and asked.shown in (Shown.ALL, Shown.DELETED):
        return None
    return [
        status.id
        for status in statuses
        if asked.status_id in (None, status.id) and _is_shown(status, asked.shown)
    ]


def _is_shown(status: ClientStatus, shown: Shown) -> bool:
    if shown in (Shown.ALL, Shown.DELETED):
        return True
    return is_counted(status.built_in) == (shown is Shown.COUNTED)


def _total(
    session: Session,
    conditions: list[ColumnElement[bool]],
    asked: ClientFilter,
    statuses: Sequence[ClientStatus],
    counts: dict[int, int],
) -> int:
    if asked.text or asked.shown is Shown.DELETED:
        return session.execute(select(func.count(Client.id)).where(*conditions)).scalar_one()
    status_ids = _status_ids(asked, statuses)
    wanted = counts.keys() if status_ids is None else status_ids
    return sum(counts.get(status_id, 0) for status_id in wanted)


def _sorted(statement: Any, sorting: Sorting, statuses: Sequence[ClientStatus]) -> Any:
    if sorting.by is Order.NAME:
        keys: list[Any] = [Client.sort_key, Client.id]
        return statement.order_by(*(key.desc() for key in keys) if sorting.descending else keys)
    first = _sort_column(sorting.by, statuses)
    first = first.desc() if sorting.descending else first.asc()
    return statement.order_by(first, Client.sort_key, Client.id)


def _sort_column(order: Order, statuses: Sequence[ClientStatus]) -> Any:
    if order is Order.STATUS:
        ranks = {status.id: status.position for status in statuses}
        return case(ranks, value=Client.status_id, else_=len(ranks))
    return Client.created_at if order is Order.CREATED else Client.updated_at
