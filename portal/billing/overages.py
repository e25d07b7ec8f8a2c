"""Counts that change, and what going over a limit starts: a refusal, an episode, or its end.

The count is kept in the transaction that changes the rows behind it. Whether more may be taken
than the limit is decided in that transaction too, so that no two can take the last seat.
"""

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal import events
from portal.audit import SYSTEM, Actor, record
from portal.billing import (
    climbs,
    episode_facts,
    episode_steps,
    episodes,
    seat_consents,
    subscriptions,
    usage,
)
from portal.billing.rules import episode_words, overage
from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import (
    FullWhileCancelled,
    FullWhileParked,
    FullWhileStopped,
    RuleBroken,
    SeatsFull,
)
from portal.billing.rules.policies import Policy
from portal.models import Account, Episode, EpisodeState, Subscription, Usage
from portal.transaction import after_commit

# Put together once: looking is a millisecond, and putting it together would be another.
OVER_WITHOUT_EPISODE = (
    select(Usage.account_id)
    .where(
        Usage.metric == bindparam("metric"),
        Usage.limit_value.is_not(None),
        Usage.used > Usage.limit_value,
        ~select(Episode.id)
        .where(
            Episode.account_id == Usage.account_id,
            Episode.metric == Usage.metric,
            episodes.IS_OPEN,
        )
        .exists(),
    )
    .order_by(Usage.account_id)
)


def count_changed(
    session: Session,
    account: Account,
    metric: Metric,
    change: int,
    *,
    now: datetime,
    actor: Actor,
) -> Usage:
    """Keep the count with what the transaction did to the rows; the account must be locked.

    Back within the limit ends an open episode here and now. Open pages hear of it after the
    commit. Raises SeatsFull, FullWhileCancelled or FullWhileParked where it would grow beyond a
    limit that holds.
    """
    row = usage.add(session, account.id, metric, change, now=now)
    if change > 0 and row.is_over:
        refused = refusal(session, account, metric)
        if refused is not None:
            raise refused
    if not row.is_over:
        for episode in episodes.open_of(session, account.id, metric):
            episodes.resolve(session, account, episode, now=now, actor=actor)
    climbs.count_changed(session, account, row, change, now=now)
    after_commit(session, lambda: events.publish(account.id, "usage"))
    return row


def refusal(session: Session, account: Account, metric: Metric) -> RuleBroken | None:
    """Why more of a metric than its limit can't be taken; None where that has consequences only.

    The account has chosen to stay within its seats, or its plan was cancelled: that isn't upgraded
    by itself, so what would lead there has to stay within it. Or what was to follow from being over
    was left to the vendor, or all that the account is charged: until then nothing is paid for more.
    """
    subscription = subscriptions.live(session, account.id)
    if subscription is None:
        return None
    if metric is Metric.SEATS and seat_consents.is_capped(session, account.id):
        return SeatsFull(usage.of(session, account.id)[metric].limit_value or 0)
    if episode_facts.policy(session, metric) is not Policy.AUTO_UPGRADE:
        return None
    if subscription.cancelled_at is not None:
        return FullWhileCancelled(metric.value)
    if account.parked_at is not None:
        return FullWhileStopped(metric.value)
    for episode in episodes.open_of(session, account.id, metric):
        if episode.parked_reason in overage.FULL_WHILE_PARKED:
            why = episode_words.parked_because(episode.parked_reason)
            return FullWhileParked(metric.value, why)
    return None


def would_open(session: Session, row: Usage) -> bool:
    """Whether a daily check that finds the account as it is opens an episode of the metric."""
    # First what asks the database least.
    if not _opens(session, row.account_id, row.metric, row.used, row.limit_value):
        return False
    if episodes.open_of(session, row.account_id, row.metric):
        return False
    subscription = subscriptions.live(session, row.account_id)
    return subscription is not None and subscription.cancelled_at is None


def would_open_at(
    session: Session,
    subscription: Subscription | None,
    metric: Metric,
    used: int,
    limit: int | None,
) -> bool:
    """The same of a count and a limit as they may come to be; none is open yet."""
    if subscription is None or subscription.cancelled_at is not None:
        return False
    return _opens(session, subscription.account_id, metric, used, limit)


def _opens(session: Session, account_id: int, metric: Metric, used: int, limit: int | None) -> bool:
    policy = episode_facts.policy(session, metric)
    hard_cap = episode_facts.is_capped(session, account_id, metric)
    return overage.opens(used, limit, policy, hard_cap)


def found_over(session: Session, metric: Metric) -> list[int]:
    """Accounts over the limit of a metric that have no open episode for it."""
    return list(session.scalars(OVER_WITHOUT_EPISODE, {"metric": metric}))


def open_if_over(session: Session, account: Account, metric: Metric, *, now: datetime) -> bool:
    """What the daily check does with an account it found; the account must be locked.

    Checks again that it is over, opens the episode and writes its first warning.
    """
    row = usage.of(session, account.id)[metric]
    subscription = subscriptions.live(session, account.id)
    if subscription is None or not would_open(session, row):
        return False
    episode = _open(session, account, subscription, row, now=now)
    episode_steps.step(session, account, episode, now=now)
    return True


def _open(
    session: Session, account: Account, subscription: Subscription, row: Usage, *, now: datetime
) -> Episode:
    episode = Episode(
        account_id=account.id,
        subscription_id=subscription.id,
        metric=row.metric,
        state=EpisodeState.OPEN,
        price_id=subscription.price_id,
        used_at_opening=row.used,
        limit_at_opening=row.limit_value,
        opened_at=now,
        next_step_at=now,
        warnings=[],
    )
    session.add(episode)
    session.flush()
    facts = {"metric": row.metric, "used": row.used, "limit": row.limit_value}
    record(session, account, "episode.opened", at=now, actor=SYSTEM, **facts)
    return episode
