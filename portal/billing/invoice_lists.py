"""Reading what was issued: invoices and credit notes in one list, narrowed down, with its sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    case,
    false,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session, selectinload

from portal.billing import series
from portal.billing.rules import describe
from portal.billing.rules.errors import AmountNotUnderstood
from portal.billing.rules.money import Money
from portal.models import (
    Account,
    CreditNote,
    CreditNoteLine,
    Invoice,
    InvoiceLine,
    InvoiceStatus,
    PaymentState,
    Refund,
    Subscription,
    SubscriptionStatus,
)

Paper = Invoice | CreditNote
SEARCH_AT_MOST = 120
FIRST_YEAR, LAST_YEAR = 1970, 9998
INVOICES, CREDIT_NOTES = 0, 1
MODELS: tuple[tuple[int, type[Any]], ...] = ((INVOICES, Invoice), (CREDIT_NOTES, CreditNote))


class State(StrEnum):
    """What a list may be narrowed down to; what is past due is open as well."""

    OPEN = "open"
    PAST_DUE = "past_due"
    PAID = "paid"
    CREDITED = "credited"
    VOID = "void"
    REPLACED = "replaced"
    CREDIT_NOTES = "credit_notes"


STATUSES = {
    State.OPEN: InvoiceStatus.OPEN,
    State.PAST_DUE: InvoiceStatus.OPEN,
    State.PAID: InvoiceStatus.PAID,
    State.CREDITED: InvoiceStatus.CREDITED,
    State.VOID: InvoiceStatus.VOID,
    State.REPLACED: InvoiceStatus.REPLACED,
}


@dataclass(frozen=True)
class Asked:
    """Which papers: of a year in the account's time zone, in a state, with all of these words.

    `text` is looked for in numbers, lines, reasons and PO numbers; an amount is found exactly.
    """

    year: int | None = None
    state: State | None = None
    text: str = ""


@dataclass(frozen=True)
class Totals:
    """Sums over the papers of a list.

    invoiced = paid + `from_balance` (credit balance used) + owed + what credit notes took off
    before it was paid; `credited` is the sum of the credit notes in the list, and `paid_back` what
    was sent back of it.
    """

    invoices: int
    credit_notes: int
    invoiced: Money
    paid: Money
    from_balance: Money
    owed: Money
    credited: Money
    paid_back: Money

    @property
    def papers(self) -> int:
        return self.invoices + self.credit_notes


def totals(session: Session, account: Account, asked: Asked) -> Totals:
    """How many papers there are, and what they come to."""
    invoices = _sums_of_invoices(session, account, asked)
    sent_back = case((Refund.state == PaymentState.SUCCEEDED, Refund.amount_minor), else_=0)
    notes = session.execute(
        select(func.count(), _sum(CreditNote.total_minor), _sum(sent_back))
        .outerjoin(Refund, Refund.credit_note_id == CreditNote.id)
        .where(_notes(account, asked))
    ).one()
    amounts = [Money(int(minor), account.currency) for minor in (*invoices[1:], *notes[1:])]
    return Totals(invoices[0], notes[0], *amounts)


def page(
    session: Session, account: Account, asked: Asked, *, limit: int, offset: int
) -> list[Paper]:
    """The newest first."""
    statement = _keys(account, asked).limit(limit).offset(offset)
    return _load(session, session.execute(statement).all())


def numbers(session: Session, account: Account, asked: Asked) -> list[str]:
    """The numbers of all of them, oldest first."""
    return [row.number_text for row in reversed(session.execute(_keys(account, asked)).all())]


def of_numbers(session: Session, account_id: int, wanted: Sequence[str]) -> list[Paper]:
    """The account's papers with these numbers, in that order; others' are left out."""
    found: dict[str, Paper] = {}
    for _, model in MODELS:
        statement = (
            select(model)
            .options(selectinload(model.lines), selectinload(model.document))
            .where(model.account_id == account_id, model.number_text.in_(wanted))
        )
        found |= {row.number_text: row for row in session.scalars(statement)}
    return [found[number] for number in dict.fromkeys(wanted) if number in found]


def is_credit_note(number: str) -> bool:
    """Whether a paper's number is one of the credit notes' series."""
    return number.startswith(f"{series.CREDIT_NOTES}-")


def years(session: Session, account: Account) -> list[int]:
    """From the year of the latest paper back to that of the first; none before there is one."""
    bounds = [
        instant
        for _, model in MODELS
        for instant in session.execute(
            select(func.min(model.issued_at), func.max(model.issued_at)).where(
                model.account_id == account.id
            )
        ).one()
        if instant is not None
    ]
    if not bounds:
        return []
    first, last = (local_year(account, instant) for instant in (min(bounds), max(bounds)))
    return list(range(last, first - 1, -1))


def local_year(account: Account, instant: datetime) -> int:
    """The year of an instant, where the account is."""
    return instant.astimezone(ZoneInfo(account.time_zone)).year


def _sums_of_invoices(session: Session, account: Account, asked: Asked) -> Sequence[int]:
    outstanding = Invoice.due_minor - Invoice.credited_minor
    statement = select(
        func.count(),
        _sum(Invoice.total_minor),
        _sum(case((Invoice.status == InvoiceStatus.PAID, outstanding), else_=0)),
        _sum(Invoice.balance_applied_minor),
        _sum(case((Invoice.status == InvoiceStatus.OPEN, outstanding), else_=0)),
    )
    return session.execute(statement.where(_invoices(account, asked))).one()


def _sum(value: ColumnElement[int] | Any) -> ColumnElement[int]:
    return func.coalesce(func.sum(value), 0)


def _keys(account: Account, asked: Asked) -> Select[Any]:
    """Of each paper its kind, id and number; the newest first."""
    conditions = (_invoices(account, asked), _notes(account, asked))
    both: CompoundSelect[Any] = union_all(
        *(
            select(literal(kind).label("kind"), model.id, model.number_text, model.issued_at).where(
                condition
            )
            for (kind, model), condition in zip(MODELS, conditions, strict=True)
        )
    )
    papers = both.subquery()
    newest = (papers.c.issued_at.desc(), papers.c.kind.desc(), papers.c.id.desc())
    return select(papers.c.kind, papers.c.id, papers.c.number_text).order_by(*newest)


def _load(session: Session, keys: Sequence[Any]) -> list[Paper]:
    """The rows behind keys, in their order."""
    found: dict[tuple[int, int], Paper] = {}
    for kind, model in MODELS:
        statement = (
            select(model)
            .options(selectinload(model.lines), selectinload(model.document))
            .where(model.id.in_([key.id for key in keys if key.kind == kind]))
        )
        found |= {(kind, row.id): row for row in session.scalars(statement)}
    return [found[key.kind, key.id] for key in keys]


def _invoices(account: Account, asked: Asked) -> ColumnElement[bool]:
    return and_(
        Invoice.account_id == account.id,
        _in_year(Invoice.issued_at, account, asked.year),
        _in_state(asked.state),
        _says(_words_of_invoice(), (Invoice.total_minor, Invoice.due_minor), account, asked.text),
    )


def _notes(account: Account, asked: Asked) -> ColumnElement[bool]:
    if asked.state not in (None, State.CREDIT_NOTES):
        return false()
    return and_(
        CreditNote.account_id == account.id,
        _in_year(CreditNote.issued_at, account, asked.year),
        _says(_words_of_note(), (CreditNote.total_minor,), account, asked.text),
    )


def _in_year(column: Any, account: Account, year: int | None) -> ColumnElement[bool]:
    if year is None:
        return true()
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return false()
    zone = ZoneInfo(account.time_zone)
    begins, ends = (datetime(each, 1, 1, tzinfo=zone).astimezone(UTC) for each in (year, year + 1))
    return and_(column >= begins, column < ends)


def _in_state(state: State | None) -> ColumnElement[bool]:
    if state is None:
        return true()
    if state is State.CREDIT_NOTES:
        return false()
    behind = select(Subscription.id).where(
        Subscription.id == Invoice.subscription_id,
        Subscription.status != SubscriptionStatus.ACTIVE,
    )
    conditions = [Invoice.status == STATUSES[state]]
    return and_(*conditions, *([behind.exists()] if state is State.PAST_DUE else []))


def _says(
    places: Sequence[Any], amounts: Sequence[Any], account: Account, text: str
) -> ColumnElement[bool]:
    """Every word is in one of the places; or the text is an amount, and one of these."""
    words = text[:SEARCH_AT_MOST].split()
    if not words:
        return true()
    said = and_(*(or_(*(place(word) for place in places)) for word in words))
    minor = _minor_in(text, account.currency)
    return said if minor is None else or_(said, *(amount == minor for amount in amounts))


def _minor_in(text: str, currency: str) -> int | None:
    try:
        return abs(describe.money_typed(text.strip(), currency).amount)
    except AmountNotUnderstood:
        return None


def _words_of_invoice() -> Sequence[Any]:
    of_invoice = InvoiceLine.invoice_id == Invoice.id
    note_of_it = CreditNote.invoice_id == Invoice.id
    return (
        lambda word: _has(Invoice.number_text, word),
        lambda word: _has(Invoice.customer["po_number"].as_string(), word),
        lambda word: select(1).where(of_invoice, _has(InvoiceLine.description, word)).exists(),
        lambda word: select(1).where(note_of_it, _has(CreditNote.number_text, word)).exists(),
    )


def _words_of_note() -> Sequence[Any]:
    of_note = CreditNoteLine.credit_note_id == CreditNote.id
    corrected = Invoice.id == CreditNote.invoice_id
    return (
        lambda word: _has(CreditNote.number_text, word),
        lambda word: _has(CreditNote.reason, word),
        lambda word: _has(CreditNote.customer["po_number"].as_string(), word),
        lambda word: select(1).where(of_note, _has(CreditNoteLine.description, word)).exists(),
        lambda word: select(1).where(corrected, _has(Invoice.number_text, word)).exists(),
    )


def _has(column: Any, word: str) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column.icontains(word, autoescape=True)
    return found
