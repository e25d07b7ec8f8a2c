"""What a payment's outcome means: for a plan change, and for an invoice."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import outbox
from portal.audit import SYSTEM, Actor, record
from portal.billing import (
    cancellations,
    episode_steps,
    invoices,
    payment_methods,
    payments,
    plan_outcomes,
    subscriptions,
)
from portal.billing.gateways import Answer
from portal.billing.payments import Stage
from portal.billing.rules import describe, dunning
from portal.billing.rules.period import DAY
from portal.language import message
from portal.mail import payment_notices
from portal.mail.payment_notices import Failure
from portal.models import (
    Account,
    EndReason,
    Episode,
    Invoice,
    InvoiceStatus,
    OutboxItem,
    OutboxState,
    Payment,
    PaymentState,
    PlanChange,
    PlanChangeReason,
    Subscription,
    SubscriptionStatus,
    Work,
)

DECLINED = message("The payment was declined.")
NOT_ARRIVED = message("The transfer has not arrived.")
CALLED_OFF = message("It was called off.")
WAITS_FOR_CUSTOMER = frozenset({Stage.AUTHENTICATION, Stage.TRANSFER})


def apply(
    session: Session,
    account: Account,
    payment: Payment,
    answer: Answer,
    *,
    item: OutboxItem | None = None,
    now: datetime,
) -> None:
    """Put down the gateway's answer and do what follows from it; the account must be locked.

    `item` is the work of carrying the payment, where it is at hand.
    """
    if not payments.note(payment, answer, now=now):
        return
    item = item or outbox.find(session, Work.PAYMENT, payment.id)
    if item.state is not OutboxState.DONE:
        outbox.settle(item, at=now)
    # Of a plan change there is none yet: it is issued when its payment has succeeded.
    invoice = session.get_one(Invoice, payment.invoice_id) if payment.invoice_id else None
    record(
        session,
        account,
        f"payment.{payment.state}",
        at=now,
        actor=SYSTEM,
        amount=describe.kept_money(payment.money),
        reference=payment.gateway_reference,
        invoice=invoice.number_text if invoice else None,
    )
    if invoice is None:
        # What was put down above is written together with what follows.
        with session.no_autoflush:
            change = session.get_one(PlanChange, payment.plan_change_id)
        _settle_change(session, account, change, payment, now=now)
    else:
        _settle_invoice(session, account, invoice, payment, now=now)


def call_off(
    session: Session, account: Account, change: PlanChange, *, now: datetime, actor: Actor
) -> bool:
    """Give up a plan change whose payment waits for the customer; the account must be locked.

    False, and nothing done, when it waits for something else or no more. The payment is then to be
    carried: its gateway says whether this was in time.
    """
    payment = payments.of_change(session, change)
    if payment is None or not can_be_called_off(change, payment):
        return False
    payment.call_off_at, payment.failure = now, CALLED_OFF
    payments.hasten(session, payment, now=now)
    plan = plan_outcomes.what(session, change)
    record(session, account, "plan.change_called_off", at=now, actor=actor, plan=plan)
    return True


def can_be_called_off(change: PlanChange, payment: Payment) -> bool:
    """Whether it waits for the customer, who wanted it: not what the portal announced."""
    if change.reason is PlanChangeReason.AUTO_UPGRADE:
        return False
    return payments.stage(payment) in WAITS_FOR_CUSTOMER


def next_look(
    session: Session, account: Account, payment: Payment, due_at: datetime, *, now: datetime
) -> datetime | None:
    """When a payment that waits for somebody is gone on with; None where only word of it is
    awaited. `due_at` is by when a bank transfer is to arrive. The account must be locked."""
    stage = payments.stage(payment)
    if stage is Stage.TRANSFER and payment.invoice_id is not None:
        return _chase_transfer(session, account, payment, due_at, now=now)
    if stage is Stage.UNDER_WAY:
        return now + DAY
    if payment.call_off_at is None and stage is Stage.AUTHENTICATION:
        payment.call_off_at = now + dunning.AUTHENTICATION_TIME
    elif payment.call_off_at is None:
        # A plan change is priced by the unused days of a cycle, and waits no longer than that.
        subscription = subscriptions.live(session, account.id)
        payment.call_off_at = min(due_at, subscription.cycle_end_at) if subscription else due_at
    return payment.call_off_at


def end_past_due(session: Session, subscription: Subscription) -> None:
    """The plan is past due no more when nothing is owed for it; the account must be locked."""
    if subscription.status is SubscriptionStatus.PAST_DUE and not _owes(session, subscription):
        subscription.status = SubscriptionStatus.ACTIVE


def _chase_transfer(
    session: Session, account: Account, payment: Payment, due_at: datetime, *, now: datetime
) -> datetime | None:
    """Remind of an invoice's transfer that has not arrived by `due_at`; returns when to look again.

    Each reminder takes the place of an attempt to collect, the last one too: None after it. The
    transfer can be recorded all the same. The account must be locked.
    """
    invoice = session.get_one(Invoice, payment.invoice_id)
    subscription = session.get_one(Subscription, invoice.subscription_id)
    if subscription.status is SubscriptionStatus.ENDED:
        return None
    own_at = due_at + dunning.RETRY_AFTER[payment.retry - 1] if payment.retry else due_at
    if now < own_at:
        return own_at
    next_at = dunning.retry_at(payment.retry + 1, due_at, now)
    failure = _failure(invoice, payment, NOT_ARRIVED, next_at)
    payment_notices.transfer_missing(session, account, failure, payment, now=now)
    if next_at is None:
        _end(session, account, subscription, now=now)
    else:
        subscription.status = SubscriptionStatus.PAST_DUE
        payment.retry += 1
    return next_at


def _settle_change(
    session: Session, account: Account, change: PlanChange, payment: Payment, *, now: datetime
) -> None:
    if payment.state is PaymentState.SUCCEEDED:
        plan_outcomes.complete(session, account, change, payment=payment, now=now, actor=SYSTEM)
        payment_methods.keep(session, account, payment, now=now)
        return
    reason = payment.failure or DECLINED
    plan_outcomes.fail(session, account, change, reason, now=now, actor=SYSTEM)
    if change.reason is PlanChangeReason.AUTO_UPGRADE:
        _try_upgrade_again(session, account, change, payment, reason, now=now)


def _try_upgrade_again(
    session: Session,
    account: Account,
    change: PlanChange,
    payment: Payment,
    reason: str,
    *,
    now: datetime,
) -> None:
    """The Admins hear that an upgrade could not be paid, unless it isn't to be made any more."""
    episode = session.get_one(Episode, change.episode_id)
    if not episode_steps.goes_on_after_failure(session, account, episode, reason, now=now):
        return
    failure = Failure(
        payment.money,
        reason,
        upgrade_to=change.to_price.plan_name,
        episode=episode,
        next_try_at=episode.next_step_at if episode.is_going_on else None,
    )
    payment_notices.failed(session, account, failure, now=now)


def _settle_invoice(
    session: Session, account: Account, invoice: Invoice, payment: Payment, *, now: datetime
) -> None:
    subscription = session.get_one(Subscription, invoice.subscription_id)
    invoices.answered(session, invoice, now=now)
    if payment.state is PaymentState.SUCCEEDED:
        invoices.settle(session, invoice, payment, now=now)
        end_past_due(session, subscription)
    elif invoice.status is InvoiceStatus.OPEN and subscription.status in subscriptions.LIVE:
        _try_again(session, account, subscription, invoice, payment, now=now)


def _try_again(
    session: Session,
    account: Account,
    subscription: Subscription,
    invoice: Invoice,
    payment: Payment,
    *,
    now: datetime,
) -> None:
    """A declined attempt is followed by the next automatic one, the last by the plan's end.

    One made by hand, seen by whoever made it, leaves the automatic one to its own day. Where that
    has gone by meanwhile it takes its place: who leaves the bank waiting never puts off the end.
    """
    first_tried_at = payments.first_tried_at(session, invoice)
    by_hand = payment.on_session and dunning.is_ahead(payment.retry, first_tried_at, now)
    retry = payment.retry if by_hand else payment.retry + 1
    next_at = dunning.retry_at(retry, first_tried_at, now)
    if not by_hand:
        failure = _failure(invoice, payment, payment.failure or DECLINED, next_at)
        payment_notices.failed(session, account, failure, now=now)
    if next_at is None:
        _end(session, account, subscription, now=now)
        return
    subscription.status = SubscriptionStatus.PAST_DUE
    payments.start(
        session,
        account,
        invoice.outstanding,
        invoice=invoice,
        now=now,
        due_at=next_at,
        retry=retry,
    )


def _failure(invoice: Invoice, payment: Payment, reason: str, next_at: datetime | None) -> Failure:
    return Failure(
        amount=payment.money,
        reason=reason,
        invoice=invoice,
        next_try_at=next_at,
        plan_ended=next_at is None,
    )


def _end(session: Session, account: Account, subscription: Subscription, *, now: datetime) -> None:
    cancellations.end(session, account, subscription, EndReason.UNPAID, now=now, actor=SYSTEM)


def _owes(session: Session, subscription: Subscription) -> bool:
    """Whether an invoice of the subscription is unpaid."""
    statement = select(Invoice.id).where(
        Invoice.account_id == subscription.account_id,
        Invoice.subscription_id == subscription.id,
        Invoice.status == InvoiceStatus.OPEN,
    )
    return session.scalars(statement.limit(1)).first() is not None
