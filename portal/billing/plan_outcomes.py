"""What becomes of a plan change: carried out, or failed and nothing changed."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import events, notices
from portal.audit import Actor, record
from portal.billing import drafts, episodes, invoices, subscriptions, usage
from portal.billing.rules import describe
from portal.billing.rules.period import Cycle
from portal.models import (
    Account,
    Episode,
    Invoice,
    InvoiceReason,
    Payment,
    PlanChange,
    PlanChangeReason,
    PlanChangeState,
    Price,
    Subscription,
    SubscriptionStatus,
)
from portal.transaction import after_commit

INVOICE_REASONS = {
    PlanChangeReason.INITIAL: InvoiceReason.INITIAL,
    PlanChangeReason.MANUAL: InvoiceReason.PLAN_CHANGE,
    PlanChangeReason.AUTO_UPGRADE: InvoiceReason.AUTO_UPGRADE,
}


def complete(
    session: Session,
    account: Account,
    change: PlanChange,
    *,
    payment: Payment | None,
    now: datetime,
    actor: Actor,
) -> Invoice:
    """Carry a pending change out: invoice, plan, cycle, limits. The account must be locked.

    The terms are those that were confirmed, whatever happened since: `effective_at` begins the
    cycle, and the kept draft is what is invoiced.
    """
    cycle = Cycle.starting(change.effective_at, change.to_price.interval)
    subscription = subscriptions.live(session, account.id) or _first(session, change, cycle)
    invoice = _issue(session, account, subscription, change, cycle, now=now, actor=actor)
    if payment is not None:
        invoices.settle(session, invoice, payment, now=now)
    begin_cycle(session, subscription, change.to_price, cycle)
    withdraw_scheduled(session, account, now=now)
    change.state = PlanChangeState.APPLIED
    change.settled_at = now
    change.subscription_id = subscription.id
    change.invoice_id = invoice.id
    _record_change(session, account, change, invoice, actor=actor)
    episodes.plan_changed(session, account, by_episode_id=change.episode_id, now=now, actor=actor)
    if change.reason is PlanChangeReason.AUTO_UPGRADE:
        episode = session.get_one(Episode, change.episode_id)
        notices.auto_upgraded(session, episode, invoice, now=now)
    after_commit(session, lambda: events.publish(account.id, "usage"))
    return invoice


def fail(
    session: Session,
    account: Account,
    change: PlanChange,
    failure: str,
    *,
    now: datetime,
    actor: Actor,
) -> None:
    """The change can't be made, and the plan stays as it is. The account must be locked."""
    change.state = PlanChangeState.FAILED
    change.failure = failure
    change.settled_at = now
    record(
        session,
        account,
        "plan.change_failed",
        at=now,
        actor=actor,
        plan=change.to_price.plan_name,
        reason=failure,
    )


def begin_cycle(session: Session, subscription: Subscription, price: Price, cycle: Cycle) -> None:
    """The subscription is on `price` for `cycle` from now on, with that plan's limits."""
    subscription.price = price
    subscription.cycle_start_at = cycle.start_at
    subscription.cycle_end_at = cycle.end_at
    usage.set_limits(session, subscription.account_id, price.tier.limits)


def withdraw_scheduled(session: Session, account: Account, *, now: datetime) -> PlanChange | None:
    """Take back the downgrade that waits, if there is one; returns it."""
    statement = select(PlanChange).where(
        PlanChange.account_id == account.id, PlanChange.state == PlanChangeState.SCHEDULED
    )
    change = session.scalars(statement).one_or_none()
    if change is not None:
        change.state = PlanChangeState.WITHDRAWN
        change.settled_at = now
        session.flush()
    return change


def _first(session: Session, change: PlanChange, cycle: Cycle) -> Subscription:
    subscription = Subscription(
        account_id=change.account_id,
        status=SubscriptionStatus.ACTIVE,
        price=change.to_price,
        cycle_start_at=cycle.start_at,
        cycle_end_at=cycle.end_at,
        started_at=cycle.start_at,
    )
    session.add(subscription)
    session.flush()
    return subscription


def _issue(
    session: Session,
    account: Account,
    subscription: Subscription,
    change: PlanChange,
    cycle: Cycle,
    *,
    now: datetime,
    actor: Actor,
) -> Invoice:
    evidence = None
    if change.episode_id is not None:
        evidence = episodes.evidence(session, session.get_one(Episode, change.episode_id))
    occasion = invoices.Occasion(INVOICE_REASONS[change.reason], cycle, evidence)
    draft = drafts.load(change.invoice_draft)
    return invoices.issue(session, account, subscription, draft, occasion, now=now, actor=actor)


def _record_change(
    session: Session, account: Account, change: PlanChange, invoice: Invoice, *, actor: Actor
) -> None:
    record(
        session,
        account,
        "plan.changed",
        at=invoice.issued_at,
        actor=actor,
        reason=change.reason,
        before=change.from_price.plan_name if change.from_price else None,
        after=change.to_price.plan_name,
        interval=change.to_price.interval,
        invoice=invoice.number_text,
        paid=describe.money(invoice.due),
    )
