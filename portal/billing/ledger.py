"""The books: every amount is a transfer between two ledger accounts, and none is ever changed.

    receivable       what the customer owes on issued invoices
    revenue, tax     what was invoiced
    cash             what the gateways collected
    customer_credit  the account's credit balance

Balances are sums of transfers and are stored nowhere.
"""

from datetime import datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from portal.billing.rules.money import Money
from portal.models import Account, Invoice, LedgerAccount, LedgerTransfer, Payment

RECEIVABLE, REVENUE, TAX, CASH, CREDIT = (
    LedgerAccount.RECEIVABLE,
    LedgerAccount.REVENUE,
    LedgerAccount.TAX,
    LedgerAccount.CASH,
    LedgerAccount.CUSTOMER_CREDIT,
)


def invoice_issued(session: Session, invoice: Invoice) -> None:
    """Book what an invoice charges, credits, keeps as balance and takes from the balance."""
    charged = sum(line.amount_minor for line in invoice.lines if line.amount_minor > 0)
    credited = -sum(line.amount_minor for line in invoice.lines if line.amount_minor < 0)
    for what, debit, credit, amount in (
        ("charged", RECEIVABLE, REVENUE, charged),
        ("tax", RECEIVABLE, TAX, invoice.tax_minor),
        ("credited", REVENUE, RECEIVABLE, credited),
        ("kept", REVENUE, CREDIT, invoice.surplus_minor),
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


def credit_balance(session: Session, account: Account) -> Money:
    """What the account has in credit; never negative."""
    return -_balance(session, account, CREDIT)


def receivable(session: Session, account: Account) -> Money:
    """What the account owes on its issued invoices."""
    return _balance(session, account, RECEIVABLE)


def _balance(session: Session, account: Account, ledger_account: LedgerAccount) -> Money:
    """Debits less credits of one ledger account."""
    signed = case(
        (LedgerTransfer.debit == ledger_account, LedgerTransfer.amount_minor),
        else_=-LedgerTransfer.amount_minor,
    )
    statement = select(func.coalesce(func.sum(signed), 0)).where(
        LedgerTransfer.account_id == account.id,
        (LedgerTransfer.debit == ledger_account) | (LedgerTransfer.credit == ledger_account),
    )
    return Money(int(session.execute(statement).scalar_one()), account.currency)
