"""A statement of account: what was owed, each step since, and what is owed at the end.

Read from the ledger. An account owes what is on its invoices less its credit balance, and what
moves between these two changes nothing; so the balance of all time is what `flask verify` calls
owed (`invoice.balance`): invoiced − credited − paid + paid back.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from portal.billing.rules.money import Money
from portal.models import (
    Account,
    CreditNote,
    Invoice,
    LedgerAccount,
    LedgerTransfer,
    Payment,
    PaymentMethod,
    Refund,
)

OWED = (LedgerAccount.RECEIVABLE, LedgerAccount.CUSTOMER_CREDIT)


class Event(StrEnum):
    INVOICE = "invoice"
    PAYMENT = "payment"
    CREDIT_NOTE = "credit_note"
    REFUND = "refund"


@dataclass(frozen=True)
class Entry:
    """`amount` is above zero where it adds to what is owed; `after` is what is owed then.

    `number` is the paper's own, or that of the paper a payment or a refund is for. `method` is
    what a payment came from or a refund went to. `kept` is what an invoice gives back beyond what
    it charges: credit balance, by which its total is above `amount`.
    """

    at: datetime
    event: Event
    number: str
    method: str
    amount: Money
    after: Money
    kept: Money


@dataclass(frozen=True)
class Statement:
    """Of the time from `since_at` on and before `before_at`.

    opening + invoiced − credited − paid + refunded = closing. Below zero is owed to the account.
    `credit` is its credit balance at the end, which closing has taken off already.
    """

    since_at: datetime
    before_at: datetime
    opening: Money
    entries: tuple[Entry, ...]
    closing: Money
    credit: Money

    def sum_of(self, event: Event) -> Money:
        """All of one kind: invoiced and refunded above zero, credited and paid below."""
        amounts = (entry.amount for entry in self.entries if entry.event is event)
        return sum(amounts, start=Money.zero(self.opening.currency))

    @property
    def kept(self) -> Money:
        """What invoices kept as credit balance, taken off what was invoiced."""
        return sum((entry.kept for entry in self.entries), start=Money.zero(self.opening.currency))


def of(session: Session, account: Account, *, since_at: datetime, before_at: datetime) -> Statement:
    """What the ledger says of a time."""
    opening = _owed(session, account, LedgerTransfer.occurred_at < since_at)
    during = and_(LedgerTransfer.occurred_at >= since_at, LedgerTransfer.occurred_at < before_at)
    entries = tuple(_entries(session, account, during, opening))
    credit = _balance(session, account, OWED[1:], LedgerTransfer.occurred_at < before_at)
    closing = entries[-1].after if entries else opening
    return Statement(since_at, before_at, opening, entries, closing, -credit)


def _owed(session: Session, account: Account, when: ColumnElement[bool]) -> Money:
    return _balance(session, account, OWED, when)


def _balance(
    session: Session,
    account: Account,
    ledger_accounts: tuple[LedgerAccount, ...],
    when: ColumnElement[bool],
) -> Money:
    """Debits less credits of these ledger accounts together."""
    total = func.coalesce(func.sum(_signed(ledger_accounts)), 0)
    statement = select(total).where(LedgerTransfer.account_id == account.id, when)
    return Money(int(session.execute(statement).scalar_one()), account.currency)


def _signed(ledger_accounts: tuple[LedgerAccount, ...]) -> ColumnElement[int]:
    """A transfer as these accounts together see it: zero where it stays among them."""
    amount = LedgerTransfer.amount_minor
    debited = case((LedgerTransfer.debit.in_(ledger_accounts), amount), else_=0)
    credited = case((LedgerTransfer.credit.in_(ledger_accounts), amount), else_=0)
    return debited - credited


def _entries(
    session: Session, account: Account, during: ColumnElement[bool], opening: Money
) -> Iterator[Entry]:
    """An invoice is booked by several transfers, and is one entry."""
    booked: dict[str, list[Any]] = {}
    for row in session.execute(_transfers(account, during)):
        booked.setdefault(":".join(row.event.split(":")[:2]), []).append(row)
    after = opening
    for name, rows in booked.items():
        amount = Money(sum(int(row.amount) for row in rows), account.currency)
        after += amount
        yield _entry(rows[0], Event(name.partition(":")[0]), amount, after)


def _entry(row: Any, event: Event, amount: Money, after: Money) -> Entry:
    return Entry(
        at=row.occurred_at,
        event=event,
        number=row.credit_note or row.invoice or "",
        method=row.label or "",
        amount=amount,
        after=after,
        kept=Money(row.surplus or 0 if event is Event.INVOICE else 0, amount.currency),
    )


def _transfers(account: Account, during: ColumnElement[bool]) -> Any:
    """What changes the amount owed, in the order in which it happened."""
    changes = or_(LedgerTransfer.debit.not_in(OWED), LedgerTransfer.credit.not_in(OWED))
    note_id = func.coalesce(LedgerTransfer.credit_note_id, Refund.credit_note_id)
    payment_id = func.coalesce(LedgerTransfer.payment_id, Refund.payment_id)
    return (
        select(
            LedgerTransfer.event,
            LedgerTransfer.occurred_at,
            _signed(OWED).label("amount"),
            Invoice.number_text.label("invoice"),
            CreditNote.number_text.label("credit_note"),
            PaymentMethod.label,
            Invoice.surplus_minor.label("surplus"),
        )
        .outerjoin(Refund, Refund.id == LedgerTransfer.refund_id)
        .outerjoin(Payment, Payment.id == payment_id)
        .outerjoin(PaymentMethod, PaymentMethod.id == Payment.payment_method_id)
        .outerjoin(Invoice, Invoice.id == LedgerTransfer.invoice_id)
        .outerjoin(CreditNote, CreditNote.id == note_id)
        .where(LedgerTransfer.account_id == account.id, changes, during)
        .order_by(LedgerTransfer.occurred_at, LedgerTransfer.id)
    )
