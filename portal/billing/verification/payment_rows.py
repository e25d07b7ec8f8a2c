"""Payments: final when they say so, never lost, and what the gateway's own books say."""

from collections.abc import Iterator

from sqlalchemy import and_, exists, func, not_, or_, select
from sqlalchemy.orm import Session

from portal.billing import payments
from portal.billing.gateways import MANUAL
from portal.billing.subscriptions import IS_LIVE
from portal.billing.verification.outbox_rows import subjects
from portal.billing.verification.wrong import Wrong, amount
from portal.models import (
    Invoice,
    InvoiceStatus,
    OutboxState,
    Payment,
    PaymentState,
    SandboxCharge,
    SandboxState,
    Subscription,
    Work,
)

IN_FLIGHT = Payment.state.not_in(payments.FINAL)
SUCCEEDED = Payment.state == PaymentState.SUCCEEDED


def payment_outcomes(session: Session) -> Iterator[Wrong]:
    """A final payment says when; one that isn't does not; money that came in has its invoice."""
    statement = (
        select(Payment.idempotency_key, Payment.state, Payment.settled_at, Payment.invoice_id)
        .where(
            or_(
                Payment.settled_at.is_not(None) == IN_FLIGHT,
                and_(SUCCEEDED, Payment.invoice_id.is_(None)),
            )
        )
        .order_by(Payment.id)
    )
    for key, state, settled_at, invoice_id in session.execute(statement):
        found = f"{state}, {'settled' if settled_at else 'not settled'}, invoice {invoice_id}"
        yield Wrong(key, found, "a date exactly when final, an invoice when it succeeded")


def payments_carried(session: Session) -> Iterator[Wrong]:
    """A payment under way has work waiting for it, unless a bank transfer is awaited, or nobody
    knows what became of it and the vendor was told."""
    left_to_vendor = and_(
        Payment.state == PaymentState.UNKNOWN,
        Payment.id.in_(subjects(Work.PAYMENT, OutboxState.DEAD)),
    )
    carried = or_(Payment.id.in_(subjects(Work.PAYMENT)), left_to_vendor)
    awaited = and_(Payment.gateway == MANUAL, Payment.state == PaymentState.PROCESSING)
    statement = (
        select(Payment.idempotency_key, Payment.state)
        .where(IN_FLIGHT, ~awaited, ~carried)
        .order_by(Payment.id)
    )
    for key, state in session.execute(statement):
        yield Wrong(key, f"{state}, and no work is due on it", "work that carries it on")


def invoices_collected(session: Session) -> Iterator[Wrong]:
    """While the subscription runs, an unpaid invoice has a payment under way."""
    under_way = exists().where(
        Payment.account_id == Invoice.account_id, Payment.invoice_id == Invoice.id, IN_FLIGHT
    )
    statement = (
        select(Invoice.number_text)
        .join(Subscription, Subscription.id == Invoice.subscription_id)
        .where(Invoice.status == InvoiceStatus.OPEN, IS_LIVE, ~under_way)
        .order_by(Invoice.id)
    )
    for number in session.scalars(statement):
        yield Wrong(f"invoice {number}", "open, and nothing collects it", "a payment under way")


def attempts(session: Session) -> Iterator[Wrong]:
    """Attempts to collect an invoice are counted in the order they are made; by itself none is
    left out. A transfer counts its reminders, and who pays by hand may be beyond them all."""
    before = func.lag(Payment.retry).over(partition_by=Payment.invoice_id, order_by=Payment.id)
    rows = (
        select(
            Payment.id,
            Payment.idempotency_key,
            Payment.retry,
            before.label("before"),
            or_(Payment.on_session, Payment.gateway == MANUAL).label("counts_otherwise"),
        )
        .where(Payment.invoice_id.is_not(None), Payment.plan_change_id.is_(None))
        .subquery()
    )
    next_one = func.coalesce(rows.c.before + 1, 0)
    statement = (
        select(rows.c.idempotency_key, rows.c.retry, rows.c.before)
        .where(
            or_(
                rows.c.retry < rows.c.before,
                and_(not_(rows.c.counts_otherwise), rows.c.retry > next_one),
            )
        )
        .order_by(rows.c.id)
    )
    for key, retry, previous in session.execute(statement):
        after = "the first" if previous is None else f"after {previous}"
        yield Wrong(key, f"attempt {retry}, {after}", "each attempt after the one before it")


def sandbox_charges(session: Session) -> Iterator[Wrong]:
    """What the sandbox gateway took is what its payments say."""
    statement = (
        select(Payment, SandboxCharge)
        .join(SandboxCharge, SandboxCharge.idempotency_key == Payment.idempotency_key)
        .where(
            ~IN_FLIGHT,
            or_(
                (SandboxCharge.state == SandboxState.PAID) != SUCCEEDED,
                SandboxCharge.amount_minor != Payment.amount_minor,
            ),
        )
        .order_by(Payment.id)
    )
    for payment, charge in session.execute(statement):
        yield Wrong(
            payment.idempotency_key,
            f"{payment.state}, {amount(payment.amount_minor, payment.currency)}",
            f"{charge.state}, {amount(charge.amount_minor, charge.currency)}",
        )
