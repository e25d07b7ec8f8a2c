"""The ledger of every account against the invoices, credit notes, payments and refunds it books."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal, or_, select, union_all
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import SQLCoreOperations

from portal.billing import payments
from portal.billing.verification.wrong import Wrong, account_name, amount
from portal.models import (
    Account,
    AddOnPrice,
    CreditNote,
    CreditNoteLine,
    Invoice,
    InvoiceLine,
    InvoiceStatus,
    LedgerAccount,
    LedgerTransfer,
    Payment,
    PaymentState,
    PlanChange,
    Price,
    Refund,
    Subscription,
    SubscriptionAddOn,
)

RECEIVABLE, CREDIT = LedgerAccount.RECEIVABLE, LedgerAccount.CUSTOMER_CREDIT


def receivables(session: Session) -> Iterator[Wrong]:
    """Of each account: invoiced − credited − used balance − paid + paid back = what the ledger
    says is owed."""
    invoiced = _sum(Invoice.total_minor - Invoice.balance_applied_minor, Invoice)
    credited = _sum(CreditNote.total_minor - CreditNote.to_balance_minor, CreditNote)
    expected = invoiced - credited - _paid() + _given_back(payments.FINAL)
    yield from _differing(session, "receivable", _booked(RECEIVABLE), expected)


def credit_balances(session: Session) -> Iterator[Wrong]:
    """Of each account: credit kept − credit used = what the ledger says is in credit."""
    yield from _differing(session, "credit balance", -_booked(CREDIT), _kept())


def invoices_balance(session: Session) -> Iterator[Wrong]:
    """Of each account: invoiced − credited = paid + owed.

    Paid is what came in and was not sent back; owed is what is open on invoices, less what is owed
    to the customer: the credit balance, and refunds on their way.
    """
    invoiced = _sum(Invoice.subtotal_minor + Invoice.tax_minor, Invoice)
    credited = _sum(CreditNote.total_minor, CreditNote)
    paid = _paid() - _given_back({PaymentState.SUCCEEDED})
    is_open = Invoice.status == InvoiceStatus.OPEN
    outstanding = _sum(Invoice.due_minor - Invoice.credited_minor, Invoice, is_open)
    on_its_way = _sum(Refund.amount_minor, Refund, Refund.state.not_in(payments.FINAL))
    owed = outstanding - _kept() - on_its_way
    what = "invoiced less credited"
    yield from _differing(session, what, invoiced - credited, paid + owed)


def credit_not_negative(session: Session) -> Iterator[Wrong]:
    """No account has ever used more credit than it had."""
    touched = or_(LedgerTransfer.debit == CREDIT, LedgerTransfer.credit == CREDIT)
    so_far = func.sum(-signed(CREDIT)).over(
        partition_by=LedgerTransfer.account_id, order_by=LedgerTransfer.id
    )
    running = select(LedgerTransfer.account_id, so_far.label("minor")).where(touched).subquery()
    least = func.min(running.c.minor)
    statement = (
        select(Account, least)
        .join(running, running.c.account_id == Account.id)
        .group_by(Account.id)
        .having(least < 0)
        .order_by(Account.id)
    )
    for account, minor in session.execute(statement):
        subject = f"credit balance of {account_name(account.name, account.public_id)}"
        yield Wrong(subject, amount(minor, account.currency), "zero or more, at any time")


def currencies(session: Session) -> Iterator[Wrong]:
    """Everything of an account is in its one currency."""
    tables: tuple[tuple[str, Any], ...] = (
        ("invoice", Invoice),
        ("invoice line", InvoiceLine),
        ("credit note", CreditNote),
        ("credit note line", CreditNoteLine),
        ("payment", Payment),
        ("refund", Refund),
        ("plan change", PlanChange),
        ("ledger transfer", LedgerTransfer),
    )
    statement = union_all(
        *(
            select(literal(kind), table.id, table.currency, Account.currency)
            .join(Account, Account.id == table.account_id)
            .where(table.currency != Account.currency)
            for kind, table in tables
        ),
        *(
            select(literal(kind), table.id, price.currency, Account.currency)
            .join(Account, Account.id == table.account_id)
            .join(price, price.id == key)
            .where(price.currency != Account.currency)
            for kind, table, price, key in _priced()
        ),
    )
    for kind, row_id, found, expected in session.execute(statement):
        yield Wrong(f"currency of {kind} {row_id}", found, expected)


def signed(ledger_account: LedgerAccount) -> ColumnElement[int]:
    """A transfer as a ledger account sees it: above zero where it is debited."""
    return case(
        (LedgerTransfer.debit == ledger_account, LedgerTransfer.amount_minor),
        (LedgerTransfer.credit == ledger_account, -LedgerTransfer.amount_minor),
        else_=0,
    )


def _paid() -> ColumnElement[int]:
    came_in = Payment.state == PaymentState.SUCCEEDED
    return _sum(Payment.amount_minor, Payment, came_in, Payment.invoice_id.is_not(None))


def _given_back(states: frozenset[PaymentState] | set[PaymentState]) -> ColumnElement[int]:
    return _sum(Refund.amount_minor, Refund, Refund.state.in_(states))


def _kept() -> ColumnElement[int]:
    """The credit balance: surplus, credit notes, refunds that could not go back; less its use."""
    surplus = _sum(Invoice.surplus_minor - Invoice.balance_applied_minor, Invoice)
    credited = _sum(CreditNote.to_balance_minor, CreditNote)
    return surplus + credited + _given_back({PaymentState.DECLINED})


def _priced() -> tuple[tuple[str, Any, Any, Any], ...]:
    return (
        ("subscription", Subscription, Price, Subscription.price_id),
        ("add-on", SubscriptionAddOn, AddOnPrice, SubscriptionAddOn.add_on_price_id),
    )


def _differing(
    session: Session, what: str, found: ColumnElement[int], expected: ColumnElement[int]
) -> Iterator[Wrong]:
    statement = select(Account, found, expected).where(found != expected).order_by(Account.id)
    for account, left, right in session.execute(statement):
        subject = f"{what} of {account_name(account.name, account.public_id)}"
        yield Wrong(subject, amount(left, account.currency), amount(right, account.currency))


def _sum(
    value: SQLCoreOperations[int], table: Any, *rows: ColumnElement[bool]
) -> ColumnElement[int]:
    """The sum over an account's rows, as a part of a question about accounts."""
    whole = select(func.coalesce(func.sum(value), 0)).where(table.account_id == Account.id, *rows)
    return whole.scalar_subquery()


def _booked(ledger_account: LedgerAccount) -> ColumnElement[int]:
    """Debits less credits of a ledger account."""
    touched = or_(LedgerTransfer.debit == ledger_account, LedgerTransfer.credit == ledger_account)
    return _sum(signed(ledger_account), LedgerTransfer, touched)
