"""What an over-limit episode is decided by: the counts, the plan, and what its emails told."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.billing import invoices, price_list, projections, seat_consents, subscriptions, usage
from portal.billing.rules import delivery, overage
from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.overage import Delivery
from portal.billing.rules.plan_change import Quote
from portal.billing.rules.policies import Policy
from portal.billing.rules.roles import Role
from portal.mail import episode_notices
from portal.models import (
    Account,
    Episode,
    Membership,
    Notice,
    NoticeState,
    PlanChange,
    PlanChangeReason,
    PlanChangeState,
    Price,
    Subscription,
    Vendor,
)


def read(
    session: Session, account: Account, episode: Episode, now: datetime
) -> overage.EpisodeFacts:
    """What `rules.overage` decides an open episode's next step by; the account must be locked."""
    row = usage.of(session, account.id)[episode.metric]
    subscription = subscriptions.live(session, account.id)
    offer_changed, amount_rose = _changes(session, account, episode, subscription)
    return overage.EpisodeFacts(
        warnings=warned(episode),
        used=row.used,
        limit=row.limit_value,
        policy=policy(session, episode.metric),
        hard_cap=is_capped(session, account.id, episode.metric),
        plan_changed=subscription is not None and subscription.price_id != episode.price_id,
        ended=subscription is None or subscription.cancelled_at is not None,
        has_next_tier=_has_next_tier(session, subscription),
        offer_changed=offer_changed,
        amount_rose=amount_rose,
        times_retold=episode.times_retold,
        reachable=_has_active_admin(session, account.id),
        past_due=invoices.open_invoice(session, account.id) is not None,
        renewal_due=_renewal_is_due(episode, subscription),
        held=episode.held_at is not None,
        extended_to=episode.extended_to,
        move_told=move_told(session, episode, now),
    )


def warned(episode: Episode) -> tuple[overage.Warned, ...]:
    """The warnings of an episode, as the rules see them."""
    return tuple(
        overage.Warned(
            warning.number,
            warning.deadline_at,
            warning.accepted_at,
            refused=warning.refused_at is not None,
        )
        for warning in episode.warnings
    )


def announced_terms(session: Session, account: Account, episode: Episode) -> Quote:
    """The upgrade as the last email told it: at its deadline, to its plan.

    Raises RuleBroken when the deadline lies in a cycle that is over.
    """
    deadline_at, told = episode.deadline_at, episode.warnings[-1]
    subscription = session.get_one(Subscription, episode.subscription_id)
    if deadline_at is None or deadline_at < subscription.cycle_start_at:
        raise RuleBroken("The deadline that was told lies before the running cycle.")
    price = session.get_one(Price, told.target_price_id)
    return projections.quote_at(session, account, subscription, price, deadline_at)


def failed_tries(session: Session, episode: Episode) -> list[datetime]:
    """When the account's automatic upgrades were asked for that could not be paid, in order.

    Since it was within the limit last, or moved to another plan: a new episode of an account that
    stayed over goes on where the former one stopped.
    """
    since = _over_since(session, episode)
    statement = (
        select(PlanChange.requested_at)
        .where(
            PlanChange.account_id == episode.account_id,
            PlanChange.reason == PlanChangeReason.AUTO_UPGRADE,
            PlanChange.state == PlanChangeState.FAILED,
            PlanChange.requested_at >= since,
        )
        .order_by(PlanChange.requested_at)
    )
    return list(session.scalars(statement))


def policy(session: Session, metric: Metric) -> Policy:
    """What follows when a metric goes over its limit, by the vendor's catalog."""
    return Vendor.of(session).policy(metric)


def is_capped(session: Session, account_id: int, metric: Metric) -> bool:
    """Whether the account has chosen never to go beyond its limit of the metric."""
    return metric is Metric.SEATS and seat_consents.is_capped(session, account_id)


def _has_next_tier(session: Session, subscription: Subscription | None) -> bool:
    return (
        subscription is not None
        and price_list.upgrade_by_itself(session, subscription.price) is not None
    )


def _over_since(session: Session, episode: Episode) -> datetime:
    kept = usage.of(session, episode.account_id)[episode.metric].over_since
    over_since = min(kept or episode.opened_at, episode.opened_at)
    statement = select(func.max(PlanChange.settled_at)).where(
        PlanChange.account_id == episode.account_id,
        PlanChange.reason != PlanChangeReason.ADD_ONS,
        PlanChange.state == PlanChangeState.APPLIED,
    )
    moved_at: datetime | None = session.execute(statement).scalar_one()
    return max(over_since, moved_at or over_since)


def _changes(
    session: Session, account: Account, episode: Episode, subscription: Subscription | None
) -> tuple[bool, bool]:
    """How the upgrade differs from what the last email told: in its plan, price version or cycle;
    or, of the same, in a larger amount."""
    if subscription is None or len(episode.warnings) < overage.WARNINGS:
        return False, False
    target = price_list.upgrade_by_itself(session, subscription.price)
    if target is None or target.id != episode.warnings[-1].target_price_id:
        return True, False
    try:
        terms = announced_terms(session, account, episode)
    except RuleBroken:
        return True, False
    told = episode.due_minor
    return told is None, told is not None and terms.due_now.amount > told


def _renewal_is_due(episode: Episode, subscription: Subscription | None) -> bool:
    """Whether the running cycle is to be renewed before the upgrade, at its deadline, is made."""
    deadline_at = episode.deadline_at
    if subscription is None or deadline_at is None:
        return False
    return subscription.cycle_end_at <= deadline_at


def _has_active_admin(session: Session, account_id: int) -> bool:
    statement = select(Membership.id).where(
        Membership.account_id == account_id,
        Membership.role == Role.ADMIN,
        Membership.deactivated_at.is_(None),
    )
    return session.scalars(statement.limit(1)).first() is not None


def move_told(session: Session, episode: Episode, now: datetime) -> Delivery:
    """What became of the latest email about a moved deadline, over all Admins."""
    if episode.extended_to is None:
        return Delivery.ACCEPTED
    moves = (Notice.episode_id == episode.id, Notice.name == episode_notices.MOVED)
    latest = select(func.max(Notice.created_at)).where(*moves).scalar_subquery()
    rows = session.execute(
        select(Notice.state, Notice.settled_at).where(*moves, Notice.created_at == latest)
    ).all()
    states = {row.state for row in rows}
    taken = [row.settled_at for row in rows if row.state is NoticeState.ACCEPTED]
    is_waited_for = NoticeState.WAITING in states
    if is_waited_for and delivery.told_at(taken, is_waited_for=True, now=now) is None:
        return Delivery.UNDER_WAY
    return Delivery.REFUSED if states == {NoticeState.REFUSED} else Delivery.ACCEPTED
