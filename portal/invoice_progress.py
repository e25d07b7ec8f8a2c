"""What has happened to an invoice since it was issued: payments, and what is charged next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from portal import outbox
from portal.billing import plan_changes
from portal.billing.rules.money import Money
from portal.invoice_display import Attempt, attempt, payments_of, succeeded
from portal.models import (
    Invoice,
    InvoiceStatus,
    Payment,
    PaymentState,
    Subscription,
    SubscriptionStatus,
    Work,
)

TRIED = {PaymentState.PROCESSING, PaymentState.UNKNOWN, PaymentState.DECLINED}


@dataclass(frozen=True)
class NextCharge:
    """What the subscription is charged next, before credit balance, and when."""

    plan: str
    price: Money
    at: datetime
    every_days: int


@dataclass(frozen=True)
class Progress:
    """Where an invoice stands now; `attempts` are oldest first.

    `next_try_at` is when an unpaid one is charged again; `next_charge` what its subscription
    charges next, None where a later invoice has done so already or nothing more is charged.
    """

    is_past_due: bool
    paid: Attempt | None
    attempts: tuple[Attempt, ...]
    next_try_at: datetime | None
    next_charge: NextCharge | None
    has_ended: bool


def progress(session: Session, invoice: Invoice) -> Progress:
    """Payments and what comes next, as of now."""
    payments = session.scalars(payments_of(invoice)).all()
    subscription = session.get_one(Subscription, invoice.subscription_id)
    return Progress(
        is_past_due=is_past_due(session, invoice),
        paid=succeeded(payments),
        attempts=tuple(attempt(p) for p in payments if p.state in TRIED),
        next_try_at=_next_try_at(session, payments),
        next_charge=_next_charge(session, subscription, invoice),
        has_ended=subscription.ended_at is not None,
    )


def is_past_due(session: Session, invoice: Invoice) -> bool:
    """Whether its payment has failed and not succeeded since."""
    if invoice.status is not InvoiceStatus.OPEN:
        return False
    subscription = session.get_one(Subscription, invoice.subscription_id)
    return subscription.status is not SubscriptionStatus.ACTIVE


def _next_try_at(session: Session, payments: Sequence[Payment]) -> datetime | None:
    waiting = [p for p in payments if p.state is PaymentState.CREATED]
    return outbox.find(session, Work.PAYMENT, waiting[-1].id).next_at if waiting else None


def _next_charge(
    session: Session, subscription: Subscription, invoice: Invoice
) -> NextCharge | None:
    is_latest = subscription.cycle_end_at == invoice.period_end_at
    if subscription.ended_at is not None or not is_latest:
        return None
    price = plan_changes.next_price(session, subscription)
    return NextCharge(price.plan_name, price.money, subscription.cycle_end_at, price.interval.days)
