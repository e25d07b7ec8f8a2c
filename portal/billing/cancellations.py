"""Ending a subscription: asked for, withdrawn, and carried out when the paid cycle is over."""

from datetime import datetime

from sqlalchemy.orm import Session

from portal import events
from portal.audit import SYSTEM, Actor, record
from portal.billing import episodes, plan_changes, plan_outcomes, situations, subscriptions, usage
from portal.billing.rules.errors import ChangeUnderWay, CycleEnded, NoPlan, OverWhileCancelled
from portal.mail import notices
from portal.models import Account, EndReason, Subscription, SubscriptionStatus
from portal.transaction import after_commit


def cancel(session: Session, account: Account, *, now: datetime, actor: Actor) -> Subscription:
    """Let the subscription end with its cycle; the account must be locked.

    A scheduled downgrade is withdrawn and an open over-limit episode closed: nothing more is
    charged by itself. Asked again it changes nothing. Raises NoPlan where there is none,
    ChangeUnderWay while a change waits for its payment, CycleEnded when the renewal is due.
    """
    subscription = _running(session, account)
    if subscription.cancelled_at is not None:
        return subscription
    if situations.pending(session, account.id) is not None:
        raise ChangeUnderWay
    if subscription.cycle_end_at <= now:
        raise CycleEnded
    subscription.cancelled_at = now
    plan_outcomes.withdraw_scheduled(session, account, now=now)
    episodes.cancelled(session, account, now=now)
    _record(session, account, "subscription.cancelled", subscription, now=now, actor=actor)
    notices.cancelled(session, account, subscription, now=now)
    _tell_pages(session, account)
    return subscription


def withdraw(session: Session, account: Account, *, now: datetime, actor: Actor) -> bool:
    """Let the subscription renew after all; False where nothing was cancelled.

    Raises NoPlan when it has ended already, OverWhileCancelled while more is in use than leads to
    an upgrade by itself: cancelling had ended those warnings. The account must be locked.
    """
    subscription = _running(session, account)
    if subscription.cancelled_at is None:
        return False
    if subscription.cycle_end_at <= now:
        raise NoPlan
    _refuse_misfit(session, account, subscription)
    subscription.cancelled_at = None
    action = "subscription.cancellation_withdrawn"
    _record(session, account, action, subscription, now=now, actor=actor)
    _tell_pages(session, account)
    return True


def end(
    session: Session,
    account: Account,
    subscription: Subscription,
    reason: EndReason,
    *,
    now: datetime,
    actor: Actor = SYSTEM,
) -> None:
    """The subscription is over; the account can be read, but not worked in, from now on.

    A cancelled one ended with its cycle, however late this is noticed.
    """
    was_cancelled = reason is EndReason.CANCELLED
    subscription.status = SubscriptionStatus.ENDED
    subscription.ended_at = subscription.cycle_end_at if was_cancelled else now
    subscription.end_reason = reason
    plan_outcomes.withdraw_scheduled(session, account, now=now)
    episodes.subscription_ended(session, account, now=now)
    record(
        session,
        account,
        "subscription.ended",
        at=now,
        actor=actor,
        reason=reason,
        plan=subscription.price.plan_name,
        on=subscription.ended_at.isoformat(),
    )
    if was_cancelled:
        notices.subscription_ended(session, account, subscription, now=now)
    _tell_pages(session, account)


def _refuse_misfit(session: Session, account: Account, subscription: Subscription) -> None:
    used, limits = usage.counts(session, account.id), subscriptions.limits(subscription)
    fitting = plan_changes.fit_of_upgraded(session, used, limits)
    if not fitting.fits:
        raise OverWhileCancelled(fitting.to_remove)


def _running(session: Session, account: Account) -> Subscription:
    subscription = subscriptions.live(session, account.id)
    if subscription is None:
        raise NoPlan
    return subscription


def _record(
    session: Session,
    account: Account,
    action: str,
    subscription: Subscription,
    *,
    now: datetime,
    actor: Actor,
) -> None:
    record(
        session,
        account,
        action,
        at=now,
        actor=actor,
        plan=subscription.price.plan_name,
        on=subscription.cycle_end_at.isoformat(),
    )


def _tell_pages(session: Session, account: Account) -> None:
    after_commit(session, lambda: events.publish(account.id, "usage"))
