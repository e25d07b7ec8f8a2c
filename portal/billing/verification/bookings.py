"""Each event that moves money against what the ledger holds of it."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from portal.billing.verification.books import signed
from portal.billing.verification.wrong import Wrong, amount
from portal.models import (
    CreditNote,
    Invoice,
    LedgerAccount,
    LedgerTransfer,
    Payment,
    PaymentState,
    Refund,
)

Expected = Mapping[LedgerAccount, ColumnElement[int] | InstrumentedAttribute[int]]

RECEIVABLE, REVENUE, TAX, CASH, CREDIT = (
    LedgerAccount.RECEIVABLE,
    LedgerAccount.REVENUE,
    LedgerAccount.TAX,
    LedgerAccount.CASH,
    LedgerAccount.CUSTOMER_CREDIT,
)


def bookings_of_invoices(session: Session) -> Iterator[Wrong]:
    """Of an invoice: what it charges is revenue and tax, its surplus is credit, the rest owed."""
    expected: Expected = {
        RECEIVABLE: Invoice.due_minor,
        REVENUE: -Invoice.subtotal_minor,
        TAX: -Invoice.tax_minor,
        CASH: literal(0),
        CREDIT: Invoice.balance_applied_minor - Invoice.surplus_minor,
    }
    rows = LedgerTransfer.payment_id.is_(None)
    found = _differing(session, Invoice, LedgerTransfer.invoice_id, rows, expected)
    for invoice, booked, planned in found:
        yield Wrong(f"ledger transfers of invoice {invoice.number_text}", booked, planned)


def bookings_of_payments(session: Session) -> Iterator[Wrong]:
    """Money that came in is booked once, and nothing else is."""
    succeeded = Payment.state == PaymentState.SUCCEEDED
    collected = case((succeeded, Payment.amount_minor), else_=0)
    expected: Expected = {
        RECEIVABLE: -collected,
        REVENUE: literal(0),
        TAX: literal(0),
        CASH: collected,
        CREDIT: literal(0),
    }
    rows = literal(True)
    found = _differing(session, Payment, LedgerTransfer.payment_id, rows, expected)
    for payment, booked, planned in found:
        yield Wrong(f"ledger transfers of {payment.idempotency_key}", booked, planned)


def bookings_of_credit_notes(session: Session) -> Iterator[Wrong]:
    """A credit note takes back revenue and tax; a part of it can become credit balance."""
    expected: Expected = {
        RECEIVABLE: CreditNote.to_balance_minor - CreditNote.total_minor,
        REVENUE: CreditNote.subtotal_minor,
        TAX: CreditNote.tax_minor,
        CASH: literal(0),
        CREDIT: -CreditNote.to_balance_minor,
    }
    rows = LedgerTransfer.refund_id.is_(None)
    found = _differing(session, CreditNote, LedgerTransfer.credit_note_id, rows, expected)
    for note, booked, planned in found:
        yield Wrong(f"ledger transfers of credit note {note.number_text}", booked, planned)


def bookings_of_refunds(session: Session) -> Iterator[Wrong]:
    """What became of a refund is booked once: as sent back, or as credit balance."""
    back = case((Refund.state == PaymentState.SUCCEEDED, Refund.amount_minor), else_=0)
    kept = case((Refund.state == PaymentState.DECLINED, Refund.amount_minor), else_=0)
    expected: Expected = {
        RECEIVABLE: back + kept,
        REVENUE: literal(0),
        TAX: literal(0),
        CASH: -back,
        CREDIT: -kept,
    }
    found = _differing(session, Refund, LedgerTransfer.refund_id, literal(True), expected)
    for refund, booked, planned in found:
        yield Wrong(f"ledger transfers of {refund.idempotency_key}", booked, planned)


def bookings_of_nothing(session: Session) -> Iterator[Wrong]:
    """Every transfer names what it books."""
    of = (
        LedgerTransfer.invoice_id,
        LedgerTransfer.payment_id,
        LedgerTransfer.credit_note_id,
        LedgerTransfer.refund_id,
    )
    statement = (
        select(LedgerTransfer)
        .where(and_(*(column.is_(None) for column in of)))
        .order_by(LedgerTransfer.id)
    )
    for transfer in session.scalars(statement):
        found = f"{transfer.event}: {amount(transfer.amount_minor, transfer.currency)}"
        yield Wrong(f"ledger transfer {transfer.id}", found, "what it books")


def _differing(
    session: Session,
    table: Any,
    key: InstrumentedAttribute[int | None],
    rows: ColumnElement[bool],
    expected: Expected,
) -> Iterator[tuple[Any, str, str]]:
    """Rows of `table` of which the ledger, by `key`, holds something else than `expected`."""
    sums = [func.sum(signed(account)).label(account) for account in expected]
    booked = select(key.label("key"), *sums).where(key.is_not(None), rows).group_by(key).subquery()
    found = [func.coalesce(booked.c[account], 0) for account in expected]
    planned = [each.label(f"planned_{account}") for account, each in expected.items()]
    statement = (
        select(table, *found, *planned)
        .outerjoin(booked, booked.c.key == table.id)
        .where(or_(*(left != right for left, right in zip(found, expected.values(), strict=True))))
        .order_by(table.id)
    )
    for row, *sides in session.execute(statement):
        halves = sides[: len(found)], sides[len(found) :]
        yield row, *(_told(half, expected, row.currency) for half in halves)


def _told(sums: list[int], accounts: Expected, currency: str) -> str:
    """As in "receivable $5.00, revenue −$5.00"."""
    moved = [
        f"{account} {amount(minor, currency)}"
        for account, minor in zip(accounts, sums, strict=True)
        if minor
    ]
    return ", ".join(moved) or "nothing"
