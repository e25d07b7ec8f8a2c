"""The credit balance, movement by movement, as the ledger has it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, Select, case, func, or_, select
from sqlalchemy.orm import Session

from portal.billing.rules.money import Money
from portal.models import (
    Account,
    CreditNote,
    Invoice,
    LedgerAccount,
    LedgerTransfer,
    Refund,
)

CREDIT = LedgerAccount.CUSTOMER_CREDIT


class Cause(StrEnum):
    # More was credited on an invoice than it charged.
    KEPT = "kept"
    # An invoice took it before anything was to be paid.
    USED = "used"
    CREDITED = "credited"
    # A refund that could not be sent.
    CAME_BACK = "came_back"


@dataclass(frozen=True)
class Movement:
    """`amount` is below zero where the balance was used; `after` is the balance it left.

    `invoice` and `credit_note` are the numbers of the documents it came from, "" without one.
    """

    at: datetime
    cause: Cause
    amount: Money
    after: Money
    invoice: str
    credit_note: str


def count(session: Session, account: Account) -> int:
    """How often the balance has moved."""
    statement = select(func.count()).select_from(_signed(account).subquery())
    return session.execute(statement).scalar_one()


def movements(session: Session, account: Account, *, limit: int, offset: int) -> list[Movement]:
    """The newest first."""
    signed = _signed(account).subquery()
    note_id = func.coalesce(signed.c.credit_note_id, Refund.credit_note_id)
    statement = (
        select(
            signed.c.occurred_at,
            signed.c.amount,
            signed.c.after,
            signed.c.credit_note_id,
            signed.c.refund_id,
            Invoice.number_text.label("invoice"),
            CreditNote.number_text.label("credit_note"),
        )
        .outerjoin(Invoice, Invoice.id == signed.c.invoice_id)
        .outerjoin(Refund, Refund.id == signed.c.refund_id)
        .outerjoin(CreditNote, CreditNote.id == note_id)
        .order_by(signed.c.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [_movement(row, account.currency) for row in session.execute(statement)]


def _signed(account: Account) -> Select[Any]:
    """The account's transfers from and to its balance, each with what it left."""
    amount = case(
        (LedgerTransfer.credit == CREDIT, LedgerTransfer.amount_minor),
        else_=-LedgerTransfer.amount_minor,
    )
    return select(
        LedgerTransfer.id,
        LedgerTransfer.occurred_at,
        LedgerTransfer.invoice_id,
        LedgerTransfer.credit_note_id,
        LedgerTransfer.refund_id,
        amount.label("amount"),
        func.sum(amount).over(order_by=LedgerTransfer.id).label("after"),
    ).where(
        LedgerTransfer.account_id == account.id,
        or_(LedgerTransfer.credit == CREDIT, LedgerTransfer.debit == CREDIT),
    )


def _movement(row: Row[Any], currency: str) -> Movement:
    return Movement(
        at=row.occurred_at,
        cause=_cause(row),
        amount=Money(int(row.amount), currency),
        after=Money(int(row.after), currency),
        invoice=row.invoice or "",
        credit_note=row.credit_note or "",
    )


def _cause(row: Row[Any]) -> Cause:
    if row.amount < 0:
        return Cause.USED
    if row.refund_id is not None:
        return Cause.CAME_BACK
    return Cause.KEPT if row.credit_note_id is None else Cause.CREDITED
