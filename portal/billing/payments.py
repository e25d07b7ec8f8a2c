"""Payments: one row per attempt to collect, from its creation to a definite outcome.

    created ─→ processing ─→ succeeded | declined
                   └→ unknown ─→ succeeded | declined     (by asking the gateway)

Succeeded and declined are final. What an outcome means for an invoice or a plan change is
decided in `settlements`.
"""

import secrets
from datetime import datetime
from enum import StrEnum

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from portal import outbox
from portal.billing.gateways import MANUAL, Answer, Outcome
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
    Outcome.NEEDS_ACTION: PaymentState.PROCESSING,
}
FINAL = frozenset({PaymentState.SUCCEEDED, PaymentState.DECLINED})
FAILURE_LENGTH = 200
# Built once: every form that pays shows it.
METHOD = select(PaymentMethod).where(
    PaymentMethod.account_id == bindparam("account_id"), PaymentMethod.replaced_at.is_(None)
)
# An invoice's attempt that has no outcome yet. A bank transfer is waited for, not collected.
IS_BEING_COLLECTED = (
    Payment.invoice_id.is_not(None) & Payment.state.not_in(FINAL) & (Payment.gateway != MANUAL)
)


class Stage(StrEnum):
    """How far a payment is, as a person would tell it."""

    SCHEDULED = "scheduled"
    UNDER_WAY = "under_way"
    # Waits for the customer, who authenticates at `action_url`.
    AUTHENTICATION = "authentication"
    # Waits for a bank transfer.
    TRANSFER = "transfer"
    # The gateway has not answered and is asked again.
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"


def stage(payment: Payment) -> Stage:
    """How far it is."""
    match payment.state:
        case PaymentState.CREATED:
            return Stage.SCHEDULED
        case PaymentState.PROCESSING if payment.action_url:
            return Stage.AUTHENTICATION
        case PaymentState.PROCESSING if payment.gateway == MANUAL and payment.gateway_reference:
            return Stage.TRANSFER
        case PaymentState.PROCESSING:
            return Stage.UNDER_WAY
        case _:
            return Stage(payment.state)


def method_of(session: Session, account_id: int) -> PaymentMethod | None:
    """How the account pays now."""
    return session.scalars(METHOD, {"account_id": account_id}).one_or_none()


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


def in_flight(session: Session, invoice: Invoice) -> Payment | None:
    """The attempt to collect an invoice that has no outcome yet; there is at most one."""
    statement = select(Payment).where(
        Payment.account_id == invoice.account_id,
        Payment.invoice_id == invoice.id,
        Payment.state.not_in(FINAL),
    )
    return session.scalars(statement).one_or_none()


def is_collected_from(session: Session, account_id: int) -> bool:
    """Whether an invoice of the account is being collected, or is to be tried again."""
    statement = select(Payment.id).where(Payment.account_id == account_id, IS_BEING_COLLECTED)
    return session.scalars(statement.limit(1)).first() is not None


def of_change(session: Session, change: PlanChange) -> Payment | None:
    """The payment that a plan change waits or waited for; None where it cost nothing."""
    statement = select(Payment).where(Payment.plan_change_id == change.id)
    return session.scalars(statement).one_or_none()


def first_tried_at(session: Session, invoice: Invoice) -> datetime:
    """When the invoice was first to be collected."""
    statement = select(func.min(Payment.created_at)).where(Payment.invoice_id == invoice.id)
    return session.execute(statement).scalar_one()


def start(
    session: Session,
    account: Account,
    amount: Money,
    *,
    invoice: Invoice | None = None,
    plan_change: PlanChange | None = None,
    method: PaymentMethod | None = None,
    now: datetime,
    due_at: datetime | None = None,
    retry: int = 0,
    on_session: bool = False,
) -> Payment:
    """Write that `amount` is to be collected, at `due_at` or now; the outbox carries it out.

    `method` is how the account pays, where that is known already. With `on_session` the customer
    is there and can authenticate. Raises NoPaymentMethod. While a payment for the same invoice or
    plan change has no definite outcome, the database refuses another.
    """
    method = method or method_of(session, account.id)
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
        retry=retry,
        on_session=on_session,
        created_at=now,
    )
    session.add(payment)
    session.flush()
    outbox.put(session, Work.PAYMENT, payment.id, account_id=account.id, at=due_at or now)
    return payment


def bring_up_to_date(session: Session, payment: Payment) -> None:
    """An invoice's that was never sent collects what is owed today, by today's way to pay."""
    if payment.invoice_id is None:
        return
    method = method_of(session, payment.account_id)
    if method is not None:
        payment.payment_method_id, payment.gateway = method.id, method.gateway
    payment.amount_minor = session.get_one(Invoice, payment.invoice_id).outstanding.amount
    session.flush()
    session.expire(payment, ["method"])


def hasten(session: Session, payment: Payment, *, now: datetime) -> None:
    """Carry a payment on at once, whatever it waits for; the account must be locked."""
    outbox.hasten(outbox.find(session, Work.PAYMENT, payment.id), at=now)


def note(payment: Payment, answer: Answer, *, now: datetime) -> bool:
    """Put down the gateway's answer; True when it is the payment's final one.

    A payment that has its outcome keeps it, whatever arrives later and how often.
    """
    if payment.state in FINAL:
        return False
    payment.state = STATE_AFTER[answer.outcome]
    payment.gateway_reference = answer.reference or payment.gateway_reference
    payment.failure = answer.message[:FAILURE_LENGTH] if answer.message else None
    payment.action_url = answer.action_url
    if payment.state in FINAL:
        payment.settled_at = now
    return payment.state in FINAL


def _new_key() -> str:
    """What the gateway knows the charge by: this payment's, however often it is sent."""
    return f"payment-{secrets.token_hex(16)}"
