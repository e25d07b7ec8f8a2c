"""Charging the next cycle when one ends: exactly one cycle at a time, however late.

The next cycle starts where the last one ended, also when the worker comes days later; a worker
that was away for several cycles charges each of them.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from portal import language
from portal.audit import SYSTEM, record
from portal.billing import (
    bounds,
    cancellations,
    episode_steps,
    episodes,
    intentions,
    invoices,
    ledger,
    next_cycle,
    payments,
    plan_outcomes,
    situations,
    subscriptions,
    taxes,
)
from portal.billing.gateways import MANUAL
from portal.billing.next_cycle import NextCycle
from portal.billing.rules import invoicing, misfits
from portal.billing.rules.period import Cycle
from portal.mail import notices
from portal.models import (
    Account,
    EndReason,
    Invoice,
    InvoiceReason,
    Payment,
    PlanChange,
    PlanChangeState,
    Price,
    Subscription,
)

SWEEP = "renewals"


def due(session: Session, *, now: datetime, limit: int = 500) -> list[int]:
    """Ids of accounts whose cycle has ended, the one that ended first at the front.

    Accounts that are parked wait, and all of them while automatic charging stands still. So do
    those of which a payment is being collected: one cycle is charged after the other.
    """
    if bounds.running_stop(session) is not None:
        return []
    statement = (
        select(Subscription.account_id)
        .join(Account, Account.id == Subscription.account_id)
        .where(
            subscriptions.IS_LIVE,
            Subscription.cycle_end_at <= now,
            Account.parked_at.is_(None),
            ~_has_pending_change(),
            or_(Subscription.cancelled_at.is_not(None), ~_is_collected_from()),
        )
        .order_by(Subscription.cycle_end_at, Subscription.id)
        .limit(limit)
    )
    return list(session.scalars(statement))


def renew(session: Session, account: Account, *, now: datetime) -> Invoice | None:
    """Charge the cycle that begins where the running one ended; the account must be locked.

    Returns its invoice. None when a cancelled subscription ended with its cycle instead, when it
    isn't due after all, or must wait: for a plan change whose payment is unknown, for an
    auto-upgrade that was due before the cycle's end, or for the payment of the cycle before.
    OutOfBounds when a person has to look first.
    """
    subscription = subscriptions.live(session, account.id)
    if subscription is None or subscription.cycle_end_at > now or account.parked_at is not None:
        return None
    waiting = situations.waiting(session, account.id)
    if PlanChangeState.PENDING in waiting:
        return None
    if episode_steps.upgrade_comes_first(session, account, subscription, now=now):
        return None
    scheduled = waiting.get(PlanChangeState.SCHEDULED)
    coming = next_cycle.following(session, subscription, scheduled)
    if coming is None:
        cancellations.end(
            session, account, subscription, EndReason.CANCELLED, now=now, actor=SYSTEM
        )
        return None
    if payments.is_collected_from(session, account.id):
        return None
    return _charge(session, account, subscription, coming, now=now)


def _has_pending_change() -> ColumnElement[bool]:
    return (
        select(PlanChange.id)
        .where(
            PlanChange.account_id == Subscription.account_id,
            PlanChange.state == PlanChangeState.PENDING,
        )
        .exists()
    )


def _is_collected_from() -> ColumnElement[bool]:
    return (
        select(Payment.id)
        .where(Payment.account_id == Subscription.account_id, payments.IS_BEING_COLLECTED)
        .exists()
    )


def _charge(
    session: Session,
    account: Account,
    subscription: Subscription,
    coming: NextCycle,
    *,
    now: datetime,
) -> Invoice:
    cycle = Cycle.starting(subscription.cycle_end_at, coming.price.interval)
    balance, tax = ledger.credit_balance(session, account), taxes.applying(session, account)
    with language.speaking(account.language):
        draft = invoicing.for_cycle(coming.basket, cycle, balance, tax)
    # All that needs no invoice comes before it: from its number on, other renewals wait.
    _tell_what_stays(session, account, coming, now=now)
    method = payments.method_of(session, account.id)
    former, add_ons = subscription.price, intentions.wanted(coming.basket.add_ons)
    plan_outcomes.begin_cycle(session, subscription, coming.price, add_ons, cycle, now=now)
    occasion = invoices.Occasion(InvoiceReason.RENEWAL, cycle)
    invoice = invoices.issue(
        session,
        account,
        subscription,
        draft,
        occasion,
        # A bank transfer takes days, and is made by what the invoice says.
        is_charged_next=not draft.due.is_zero and method is not None and method.gateway != MANUAL,
        now=now,
        actor=SYSTEM,
    )
    if coming.downgrade is not None:
        _downgrade(session, account, former, coming.downgrade, invoice, now=now)
    if not draft.due.is_zero:
        payments.start(session, account, draft.due, invoice=invoice, method=method, now=now)
    invoices.announce(session, invoice, now=now)
    return invoice


def _downgrade(
    session: Session,
    account: Account,
    former: Price,
    change: PlanChange,
    invoice: Invoice,
    *,
    now: datetime,
) -> None:
    """The downgrade that waited for the cycle's end begins."""
    change.state = PlanChangeState.APPLIED
    change.settled_at = now
    change.invoice_id = invoice.id
    record(
        session,
        account,
        "plan.changed",
        at=now,
        actor=SYSTEM,
        reason="downgrade",
        before=former.plan_name,
        after=change.to_price.plan_name,
        interval=change.to_price.interval,
        invoice=invoice.number_text,
    )
    episodes.plan_changed(session, account, by_episode_id=None, now=now, actor=SYSTEM)


def _tell_what_stays(
    session: Session, account: Account, coming: NextCycle, *, now: datetime
) -> None:
    """What was to go no longer fits: it renews as it was, and the Admins hear why."""
    change = coming.unfit_downgrade
    if change is not None and coming.misfit is not None:
        reason = misfits.of_plan(change.to_price.plan_name, coming.misfit)
        plan_outcomes.fail(session, account, change, reason, now=now, actor=SYSTEM)
        notices.downgrade_not_made(session, account, change, coming.misfit, now=now)
    if coming.missing is None:
        return
    what, reason = misfits.named(coming.kept), misfits.of_add_ons(coming.kept, coming.missing)
    record(session, account, "add_ons.not_removed", at=now, actor=SYSTEM, what=what, reason=reason)
    notices.add_ons_not_removed(session, account, coming.kept, coming.missing, now=now)
