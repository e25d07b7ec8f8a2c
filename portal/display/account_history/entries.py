"""All of the billing history, newest first: a page of it, or everything for a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, select
from sqlalchemy.orm import Session

from portal.billing.rules import describe
from portal.billing.rules.money import Money
from portal.display.account_history.kinds import Details, Kind, spoken
from portal.display.account_history.words import ACTIONS
from portal.language import gettext as _
from portal.language import message
from portal.models import Account, AuditEntry

ROWS_AT_ONCE = 500
CROSSED = "usage.crossed"
# Who does things without being one of the account's people.
OTHERS = {"system": message("The portal"), "operator": message("The vendor")}


@dataclass(frozen=True)
class Asked:
    """Which entries: of some kinds, from an instant on, and before another."""

    kinds: tuple[Kind, ...] = tuple(Kind)
    since: datetime | None = None
    before: datetime | None = None


@dataclass(frozen=True)
class Document:
    """The invoice or credit note that an entry is about, by its number."""

    number: str
    is_credit_note: bool = False


@dataclass(frozen=True)
class Entry:
    """One thing that happened. Seats and clients are those there were when it was done, None
    where nobody kept them; what was given back is an amount below zero."""

    at: datetime
    kind: Kind
    title: str
    detail: str
    tone: str
    who: str
    seats: int | None
    clients: int | None
    amount: Money | None
    document: Document | None
    # What kind of actor did it: "user", "operator" or "system".
    by: str = "system"
    # What an over-limit episode or a count is about; "" of anything else.
    metric: str = ""
    # A count that went beyond its limit, or came back.
    is_crossing: bool = False


def count(session: Session, account: Account, asked: Asked) -> int:
    statement = select(func.count()).select_from(AuditEntry).where(_are(account, asked))
    return session.execute(statement).scalar_one()


def page(
    session: Session, account: Account, asked: Asked, *, limit: int, offset: int
) -> list[Entry]:
    """The newest first."""
    rows = session.execute(_rows(account, asked).limit(limit).offset(offset))
    return [_entry(row, account.currency) for row in rows]


def every(session: Session, account: Account, asked: Asked) -> Iterator[Entry]:
    """Each of them, read as they are used."""
    currency = account.currency
    rows = session.execute(_rows(account, asked).execution_options(yield_per=ROWS_AT_ONCE))
    return (_entry(row, currency) for row in rows)


def _rows(account: Account, asked: Asked) -> Any:
    return (
        select(AuditEntry.at, AuditEntry.action, AuditEntry.actor, AuditEntry.details)
        .where(_are(account, asked))
        # By id, which runs like the position: so no database reads through all of a busy account.
        .order_by(AuditEntry.id.desc())
    )


def _are(account: Account, asked: Asked) -> ColumnElement[bool]:
    conditions = [
        AuditEntry.account_id == account.id,
        AuditEntry.action.in_([key for key, told in ACTIONS.items() if told.kind in asked.kinds]),
    ]
    if asked.since is not None:
        conditions.append(AuditEntry.at >= asked.since)
    if asked.before is not None:
        conditions.append(AuditEntry.at < asked.before)
    return and_(*conditions)


def _entry(row: Row[Any], currency: str) -> Entry:
    told, details, kind = ACTIONS[row.action], row.details, row.actor["kind"]
    title, detail, tone = told.words(spoken(details, currency))
    counts = details.get("counts", {})
    written = details.get(told.amount)
    amount = describe.money_in(written, currency) * told.sign if written else None
    return Entry(
        at=row.at,
        kind=told.kind,
        title=title,
        detail=detail,
        tone=tone,
        who=_(OTHERS[kind]) if kind in OTHERS else row.actor["name"],
        by=kind,
        seats=counts.get("seats"),
        clients=counts.get("clients"),
        amount=amount,
        document=_document(row.action, details),
        metric=details.get("metric", ""),
        is_crossing=row.action == CROSSED,
    )


def _document(action: str, details: Details) -> Document | None:
    if action == "credit_note.issued":
        return Document(details["number"], is_credit_note=True)
    if "credit_note" in details:
        return Document(details["credit_note"], is_credit_note=True)
    number = details["number"] if action == "invoice.issued" else details.get("invoice")
    return Document(number) if number else None
