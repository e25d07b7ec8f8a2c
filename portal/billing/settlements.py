"""What a payment's outcome means: for a plan change, and for an invoice."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import notices
from portal.audit import SYSTEM, record
from portal.billing import episodes, invoices, payments, plan_outcomes, subscriptions
from portal.billing.gateways import Answer
from portal.billing.rules import describe
from portal.models import (
    Account,
    Invoice,
    Payment,
    PaymentState,
    PlanChange,
    PlanChangeReason,
    Subscription,
    SubscriptionStatus,
)

# A renewal that was declined is tried again this long after its invoice was issued.
RETRY_AFTER = (timedelta(days=3), timedelta(days=5), timedelta(days=7))
DECLINED = "The payment was declined."


def apply(
    session: Session, account: Account, payment: Payment, answer: Answer, *, now: datetime
) -> None:
    """Put down the gateway's answer and do what follows from it; the account must be locked."""
    if not payments.note(payment, answer, now=now):
        return
    record(
        session,
        account,
        f"payment.{payment.state}",
        at=now,
        actor=SYSTEM,
        amount=describe.money(payment.money),
        reference=payment.gateway_reference,
    )
    if payment.plan_change_id is not None:
        change = session.get_one(PlanChange, payment.plan_change_id)
        _settle_change(session, account, change, payment, now=now)
    else:
        invoice = session.get_one(Invoice, payment.invoice_id)
        _settle_invoice(session, account, invoice, payment, now=now)


def _settle_change(
    session: Session, account: Account, change: PlanChange, payment: Payment, *, now: datetime
) -> None:
    if payment.state is PaymentState.SUCCEEDED:
        plan_outcomes.complete(session, account, change, payment=payment, now=now, actor=SYSTEM)
        return
    failure = payment.failure or DECLINED
    plan_outcomes.fail(session, account, change, failure, now=now, actor=SYSTEM)
    if change.reason is PlanChangeReason.AUTO_UPGRADE:
        what = f"the upgrade to {change.to_price.plan_name}"
        notices.payment_failed(
            session, account, what=what, amount=payment.money, reason=failure, now=now
        )


def _settle_invoice(
    session: Session, account: Account, invoice: Invoice, payment: Payment, *, now: datetime
) -> None:
    subscription = subscriptions.live(session, account.id)
    if payment.state is PaymentState.SUCCEEDED:
        invoices.settle(session, invoice, payment, now=now)
        if subscription and invoices.open_invoice(session, account.id) is None:
            subscription.status = SubscriptionStatus.ACTIVE
        return
    if subscription is None:
        return
    subscription.status = SubscriptionStatus.PAST_DUE
    next_try_at = _next_try_at(session, invoice, now)
    notices.payment_failed(
        session,
        account,
        what=f"invoice {invoice.number_text}",
        amount=payment.money,
        reason=payment.failure or DECLINED,
        now=now,
        next_try_at=next_try_at,
        plan_ended=next_try_at is None,
    )
    if next_try_at is not None:
        payments.start(session, account, invoice.due, invoice=invoice, now=now, due_at=next_try_at)
    else:
        _end(session, account, subscription, invoice, now=now)


def _next_try_at(session: Session, invoice: Invoice, now: datetime) -> datetime | None:
    """When a declined invoice is tried again; None after the last attempt."""
    declined = _declined(session, invoice)
    if declined > len(RETRY_AFTER):
        return None
    return max(now, invoice.issued_at + RETRY_AFTER[declined - 1])


def _end(
    session: Session,
    account: Account,
    subscription: Subscription,
    invoice: Invoice,
    *,
    now: datetime,
) -> None:
    subscription.status = SubscriptionStatus.ENDED
    subscription.ended_at = now
    episodes.subscription_ended(session, account, now=now)
    reason = f"invoice {invoice.number_text} stayed unpaid"
    record(session, account, "subscription.ended", at=now, actor=SYSTEM, reason=reason)


def _declined(session: Session, invoice: Invoice) -> int:
    statement = select(func.count(Payment.id)).where(
        Payment.invoice_id == invoice.id, Payment.state == PaymentState.DECLINED
    )
    return session.execute(statement).scalar_one()
