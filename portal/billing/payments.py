"""Payments: one row per attempt to collect, from its creation to a definite outcome.

    created ─→ processing ─→ succeeded | declined
                   └→ unknown ─→ succeeded | declined     (by asking the gateway)

Succeeded and declined are final. What an outcome means for an invoice or a plan change is
decided in `settlements`.
"""

import secrets
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import outbox
from portal.billing.gateways import Answer, Outcome
from portal.billing.rules.errors import NoPaymentMethod
from portal.billing.rules.money import Money
from portal.models import (
    Account,
    Invoice,
    Payment,
    PaymentMethod,
    PaymentState,
    PlanChange,
    Work,
)

STATE_AFTER = {
    Outcome.SUCCEEDED: PaymentState.SUCCEEDED,
    Outcome.DECLINED: PaymentState.DECLINED,
    Outcome.UNKNOWN: PaymentState.UNKNOWN,
    Outcome.NEVER_HEARD: PaymentState.UNKNOWN,
    Outcome.AWAITED: PaymentState.PROCESSING,
}
FINAL = frozenset({PaymentState.SUCCEEDED, PaymentState.DECLINED})


def method_of(session: Session, account_id: int) -> PaymentMethod | None:
    """How the account pays now."""
    statement = select(PaymentMethod).where(
        PaymentMethod.account_id == account_id, PaymentMethod.replaced_at.is_(None)
    )
    return session.scalars(statement).one_or_none()


def set_method(
    session: Session,
    account: Account,
    *,
    gateway: str,
    reference: str,
    label: str,
    now: datetime,
) -> PaymentMethod:
    """Pay this way from now on; the one before stays on record. The account must be locked."""
    current = method_of(session, account.id)
    if current is not None:
        current.replaced_at = now
        session.flush()
    method = PaymentMethod(
        account_id=account.id, gateway=gateway, reference=reference, label=label, added_at=now
    )
    session.add(method)
    session.flush()
    return method


def start(
    session: Session,
    account: Account,
    amount: Money,
    *,
    invoice: Invoice | None = None,
    plan_change: PlanChange | None = None,
    now: datetime,
    due_at: datetime | None = None,
) -> Payment:
    """Write that `amount` is to be collected, at `due_at` or now; the outbox carries it out.

    Raises NoPaymentMethod. While a payment for the same invoice or plan change has no definite
    outcome, the database refuses another.
    """
    method = method_of(session, account.id)
    if method is None:
        raise NoPaymentMethod
    payment = Payment(
        account_id=account.id,
        invoice_id=invoice.id if invoice else None,
        plan_change_id=plan_change.id if plan_change else None,
        payment_method_id=method.id,
        amount_minor=amount.amount,
        currency=amount.currency,
        state=PaymentState.CREATED,
        idempotency_key=_new_key(),
        gateway=method.gateway,
        created_at=now,
    )
    session.add(payment)
    session.flush()
    outbox.put(session, Work.PAYMENT, payment.id, account_id=account.id, at=due_at or now)
    return payment


def use_current_method(session: Session, payment: Payment) -> None:
    """A payment that was never sent is collected by what the account pays with today."""
    method = method_of(session, payment.account_id)
    if method is not None:
        payment.payment_method_id = method.id
        payment.gateway = method.gateway
        session.flush()
        session.expire(payment, ["method"])


def note(payment: Payment, answer: Answer, *, now: datetime) -> bool:
    """Put down the gateway's answer; True when it is the payment's final one.

    A payment that has its outcome keeps it, whatever arrives later and how often.
    """
    if payment.state in FINAL:
        return False
    payment.state = STATE_AFTER[answer.outcome]
    payment.gateway_reference = answer.reference or payment.gateway_reference
    payment.failure = answer.message
    if payment.state in FINAL:
        payment.settled_at = now
    return payment.state in FINAL


def _new_key() -> str:
    """What the gateway knows the charge by: this payment's, however often it is sent."""
    return f"payment-{secrets.token_hex(16)}"
