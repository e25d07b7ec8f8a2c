"""The ledger against the invoices and payments it books."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal, or_, select, union_all
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import SQLCoreOperations

from portal.billing.verification.wrong import Wrong, account_name, amount
from portal.models import (
    Account,
    Invoice,
    InvoiceLine,
    LedgerAccount,
    LedgerTransfer,
    Payment,
    PaymentState,
)


def receivables(session: Session) -> Iterator[Wrong]:
    """Of each account: invoiced − taken from the balance − paid = what the ledger says is owed."""
    invoiced = _sum(Invoice.total_minor - Invoice.balance_applied_minor, Invoice)
    paid = _sum(
        Payment.amount_minor,
        Payment,
        Payment.state == PaymentState.SUCCEEDED,
        Payment.invoice_id.is_not(None),
    )
    booked = _booked(LedgerAccount.RECEIVABLE)
    yield from _differing(session, "receivable", booked, invoiced - paid)


def credit_balances(session: Session) -> Iterator[Wrong]:
    """Of each account: credit kept − credit used = what the ledger says is in credit."""
    kept = _sum(Invoice.surplus_minor - Invoice.balance_applied_minor, Invoice)
    booked = -_booked(LedgerAccount.CUSTOMER_CREDIT)
    yield from _differing(session, "credit balance", booked, kept)


def credit_not_negative(session: Session) -> Iterator[Wrong]:
    """No account has used more credit than it had."""
    balance = -_booked(LedgerAccount.CUSTOMER_CREDIT)
    statement = select(Account, balance).where(balance < 0).order_by(Account.id)
    for account, minor in session.execute(statement):
        subject = f"credit balance of {account_name(account.name, account.public_id)}"
        yield Wrong(subject, amount(minor, account.currency), "zero or more")


def bookings_of_invoices(session: Session) -> Iterator[Wrong]:
    """What was booked for an invoice, payments apart, is what is due on it."""
    booked = (
        select(func.coalesce(func.sum(_signed(LedgerAccount.RECEIVABLE)), 0))
        .where(
            # The account, too: it is what the rows are indexed by.
            LedgerTransfer.account_id == Invoice.account_id,
            LedgerTransfer.invoice_id == Invoice.id,
            LedgerTransfer.payment_id.is_(None),
        )
        .scalar_subquery()
    )
    statement = (
        select(Invoice.number_text, Invoice.currency, booked, Invoice.due_minor)
        .where(booked != Invoice.due_minor)
        .order_by(Invoice.id)
    )
    for number, currency, found, due in session.execute(statement):
        subject = f"ledger transfers of invoice {number}"
        yield Wrong(subject, amount(found, currency), amount(due, currency))


def bookings_of_payments(session: Session) -> Iterator[Wrong]:
    """Money that came in is booked once, and nothing else is."""
    booked = (
        select(func.coalesce(func.sum(_signed(LedgerAccount.CASH)), 0))
        .where(
            LedgerTransfer.account_id == Payment.account_id,
            LedgerTransfer.payment_id == Payment.id,
        )
        .scalar_subquery()
    )
    collected = case(
        (Payment.state == PaymentState.SUCCEEDED, Payment.amount_minor), else_=literal(0)
    )
    statement = (
        select(Payment.idempotency_key, Payment.currency, booked, collected)
        .where(booked != collected)
        .order_by(Payment.id)
    )
    for key, currency, found, expected in session.execute(statement):
        subject = f"ledger transfers of {key}"
        yield Wrong(subject, amount(found, currency), amount(expected, currency))


def currencies(session: Session) -> Iterator[Wrong]:
    """Everything of an account is in its one currency."""
    tables: tuple[tuple[str, Any], ...] = (
        ("invoice", Invoice),
        ("invoice line", InvoiceLine),
        ("payment", Payment),
        ("ledger transfer", LedgerTransfer),
    )
    statement = union_all(
        *(
            select(literal(kind), table.id, table.currency, Account.currency)
            .join(Account, Account.id == table.account_id)
            .where(table.currency != Account.currency)
            for kind, table in tables
        )
    )
    for kind, row_id, found, expected in session.execute(statement):
        yield Wrong(f"currency of {kind} {row_id}", found, expected)


def _differing(
    session: Session, what: str, found: ColumnElement[int], expected: ColumnElement[int]
) -> Iterator[Wrong]:
    statement = select(Account, found, expected).where(found != expected).order_by(Account.id)
    for account, ledger, rows in session.execute(statement):
        subject = f"{what} of {account_name(account.name, account.public_id)}"
        yield Wrong(subject, amount(ledger, account.currency), amount(rows, account.currency))


def _sum(
    value: SQLCoreOperations[int], table: Any, *rows: ColumnElement[bool]
) -> ColumnElement[int]:
    """The sum over an account's rows, as a part of a question about accounts."""
    whole = select(func.coalesce(func.sum(value), 0)).where(table.account_id == Account.id, *rows)
    return whole.scalar_subquery()


def _booked(ledger_account: LedgerAccount) -> ColumnElement[int]:
    """Debits less credits of a ledger account."""
    touched = or_(LedgerTransfer.debit == ledger_account, LedgerTransfer.credit == ledger_account)
    return _sum(_signed(ledger_account), LedgerTransfer, touched)


def _signed(ledger_account: LedgerAccount) -> ColumnElement[int]:
    return case(
        (LedgerTransfer.debit == ledger_account, LedgerTransfer.amount_minor),
        (LedgerTransfer.credit == ledger_account, -LedgerTransfer.amount_minor),
        else_=0,
    )
