"""The books: every amount is a transfer between two ledger accounts, and none is ever changed.

    receivable       what the customer owes on issued invoices
    revenue, tax     what was invoiced
    cash             what the gateways collected
    customer_credit  the account's credit balance

Balances are sums of transfers and are stored nowhere.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, case, func, literal, select
from sqlalchemy.orm import Session

from portal.billing.rules.money import Money
from portal.models import (
    Account,
    CreditNote,
    Invoice,
    LedgerAccount,
    LedgerTransfer,
    Payment,
    Refund,
)

RECEIVABLE, REVENUE, TAX, CASH, CREDIT = (
    LedgerAccount.RECEIVABLE,
    LedgerAccount.REVENUE,
    LedgerAccount.TAX,
    LedgerAccount.CASH,
    LedgerAccount.CUSTOMER_CREDIT,
)


def invoice_issued(session: Session, invoice: Invoice) -> None:
    """Book what an invoice charges, credits, keeps as balance and takes from the balance."""
    charges = [line for line in invoice.lines if line.amount_minor > 0]
    credits = [line for line in invoice.lines if line.amount_minor < 0]
    for what, debit, credit, amount in (
        ("charged", RECEIVABLE, REVENUE, sum(line.amount_minor for line in charges)),
        ("tax", RECEIVABLE, TAX, sum(line.tax_minor for line in charges)),
        ("credited", REVENUE, RECEIVABLE, -sum(line.amount_minor for line in credits)),
        ("tax_credited", TAX, RECEIVABLE, -sum(line.tax_minor for line in credits)),
        ("surplus", RECEIVABLE, CREDIT, invoice.surplus_minor),
        ("balance", CREDIT, RECEIVABLE, invoice.balance_applied_minor),
    ):
        if amount:
            session.add(
                LedgerTransfer(
                    account_id=invoice.account_id,
                    event=f"invoice:{invoice.id}:{what}",
                    debit=debit,
                    credit=credit,
                    amount_minor=amount,
                    currency=invoice.currency,
                    occurred_at=invoice.issued_at,
                    invoice_id=invoice.id,
                )
            )


def payment_received(session: Session, payment: Payment, *, at: datetime) -> None:
    """Book money that a gateway collected for the payment's invoice."""
    session.add(
        LedgerTransfer(
            account_id=payment.account_id,
            event=f"payment:{payment.id}",
            debit=CASH,
            credit=RECEIVABLE,
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            occurred_at=at,
            invoice_id=payment.invoice_id,
            payment_id=payment.id,
        )
    )


def credit_note_issued(session: Session, note: CreditNote) -> None:
    """Book what a note takes back, and what of it becomes credit balance.

    What goes back to a payment method is owed to the customer until it is known to have gone.
    """
    for what, debit, credit, amount in (
        ("credited", REVENUE, RECEIVABLE, note.subtotal_minor),
        ("tax", TAX, RECEIVABLE, note.tax_minor),
        ("balance", RECEIVABLE, CREDIT, note.to_balance_minor),
    ):
        if amount:
            # Taking a credit of another tax rate back can make one of the sums negative.
            session.add(
                LedgerTransfer(
                    account_id=note.account_id,
                    event=f"credit_note:{note.id}:{what}",
                    debit=debit if amount > 0 else credit,
                    credit=credit if amount > 0 else debit,
                    amount_minor=abs(amount),
                    currency=note.currency,
                    occurred_at=note.issued_at,
                    credit_note_id=note.id,
                )
            )


def refunded(session: Session, refund: Refund, *, at: datetime) -> None:
    """Book money that went back to where a payment came from."""
    session.add(_refund_transfer(refund, f"refund:{refund.id}", CASH, at))


def refund_to_balance(session: Session, refund: Refund, *, at: datetime) -> None:
    """Book that money which could not go back is credit balance instead."""
    session.add(_refund_transfer(refund, f"refund:{refund.id}:balance", CREDIT, at))


def credit_balance(session: Session, account: Account) -> Money:
    """What the account has in credit; never negative."""
    return -_balance(session, account, CREDIT)


def as_credit(found: int, account: Account) -> Money:
    """The credit balance, from what CREDIT_BALANCE found."""
    return -Money(int(found), account.currency)


def receivable(session: Session, account: Account) -> Money:
    """What the account owes on its issued invoices, less what is on its way back to it."""
    return _balance(session, account, RECEIVABLE)


def _refund_transfer(
    refund: Refund, event: str, credit: LedgerAccount, at: datetime
) -> LedgerTransfer:
    return LedgerTransfer(
        account_id=refund.account_id,
        event=event,
        debit=RECEIVABLE,
        credit=credit,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        occurred_at=at,
        refund_id=refund.id,
    )


def _balance(session: Session, account: Account, ledger_account: LedgerAccount) -> Money:
    """Debits less credits of one ledger account."""
    facts = {"account_id": account.id, "ledger_account": ledger_account}
    return Money(int(session.execute(BALANCE, facts).scalar_one()), account.currency)


def _balance_of(which: ColumnElement[Any]) -> Select[int]:
    signed = case(
        (LedgerTransfer.debit == which, LedgerTransfer.amount_minor),
        else_=-LedgerTransfer.amount_minor,
    )
    return select(func.coalesce(func.sum(signed), 0)).where(
        LedgerTransfer.account_id == bindparam("account_id"),
        (LedgerTransfer.debit == which) | (LedgerTransfer.credit == which),
    )


# Built once: every quote asks for it, beside other things.
BALANCE = _balance_of(bindparam("ledger_account"))
CREDIT_BALANCE = _balance_of(literal(CREDIT, LedgerTransfer.debit.type)).scalar_subquery()
