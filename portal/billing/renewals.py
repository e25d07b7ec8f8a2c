"""Charging the next cycle when one ends: exactly one cycle at a time, however late.

The next cycle starts where the last one ended, also when the worker comes days later; a worker
that was away for several cycles charges each of them.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import notices
from portal.audit import SYSTEM, record
from portal.billing import (
    episodes,
    invoices,
    ledger,
    overages,
    payments,
    plan_changes,
    plan_outcomes,
    subscriptions,
    usage,
)
from portal.billing.rules import invoicing
from portal.billing.rules.counting import Fit, fit
from portal.billing.rules.period import Cycle
from portal.models import (
    Account,
    InvoiceReason,
    PlanChange,
    PlanChangeState,
    Subscription,
)


def due(session: Session, *, now: datetime, limit: int = 500) -> list[int]:
    """Ids of accounts whose cycle has ended, the one that ended first at the front."""
    statement = (
        select(Subscription.account_id)
        .where(Subscription.status.in_(subscriptions.LIVE), Subscription.cycle_end_at <= now)
        .order_by(Subscription.cycle_end_at, Subscription.id)
        .limit(limit)
    )
    return list(session.scalars(statement))


def renew(session: Session, account: Account, *, now: datetime) -> bool:
    """Charge the cycle that begins where the running one ended; the account must be locked.

    False, and nothing done, when it isn't due after all, or must wait: for a plan change whose
    payment is unknown, or for an auto-upgrade that was due before the cycle's end.
    """
    subscription = subscriptions.live(session, account.id)
    if subscription is None or subscription.cycle_end_at > now:
        return False
    if plan_changes.pending(session, account.id) is not None:
        return False
    if overages.upgrade_comes_first(session, account, subscription, now=now):
        return False
    downgrade = _downgrade(session, account, subscription, now=now)
    price = downgrade.to_price if downgrade else subscription.price
    cycle = Cycle.starting(subscription.cycle_end_at, price.interval)
    draft = invoicing.renewal(
        subscriptions.terms(session, price), cycle, ledger.credit_balance(session, account)
    )
    occasion = invoices.Occasion(InvoiceReason.RENEWAL, cycle)
    invoice = invoices.issue(session, account, subscription, draft, occasion, now=now, actor=SYSTEM)
    plan_outcomes.begin_cycle(session, subscription, price, cycle)
    if downgrade is not None:
        downgrade.invoice_id = invoice.id
    if not draft.due.is_zero:
        payments.start(session, account, draft.due, invoice=invoice, now=now)
    return True


def _downgrade(
    session: Session, account: Account, subscription: Subscription, *, now: datetime
) -> PlanChange | None:
    """The downgrade that waited for the cycle's end and begins now, if it still fits."""
    change = plan_changes.scheduled(session, account.id)
    if change is None:
        return None
    fitting = fit(usage.counts(session, account.id), change.to_price.tier.limits)
    change.settled_at = now
    if not fitting.fits:
        _keep_plan(session, account, change, fitting, now=now)
        return None
    change.state = PlanChangeState.APPLIED
    record(
        session,
        account,
        "plan.changed",
        at=now,
        actor=SYSTEM,
        reason="downgrade",
        before=subscription.price.plan_name,
        after=change.to_price.plan_name,
        interval=change.to_price.interval,
    )
    episodes.plan_changed(session, account, by_episode_id=None, now=now, actor=SYSTEM)
    return change


def _keep_plan(
    session: Session, account: Account, change: PlanChange, fitting: Fit, *, now: datetime
) -> None:
    """The downgrade no longer fits: the plan renews as it was, and the Admins hear why."""
    reason = f"{change.to_price.plan_name} no longer fits: {fitting.to_remove} too many."
    plan_outcomes.fail(session, account, change, reason, now=now, actor=SYSTEM)
    notices.downgrade_not_made(session, account, change, reason=reason, now=now)
