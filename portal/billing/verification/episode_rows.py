"""Over-limit episodes: nobody is upgraded unwarned, and nothing stays open without a reason."""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from portal.billing import episodes
from portal.billing.rules import overage
from portal.billing.subscriptions import IS_LIVE
from portal.billing.verification.wrong import Wrong, account_name, instant
from portal.models import (
    Account,
    Episode,
    EpisodeState,
    EpisodeWarning,
    Notice,
    NoticeState,
    PlanChange,
    PlanChangeReason,
    PlanChangeState,
    Subscription,
    Usage,
)


def one_episode(session: Session) -> Iterator[Wrong]:
    """A metric of an account has one open episode or none."""
    count = func.count(Episode.id)
    statement = (
        select(Account.name, Account.public_id, Episode.metric, count)
        .join(Account, Account.id == Episode.account_id)
        .where(episodes.IS_OPEN)
        .group_by(Account.id, Account.name, Account.public_id, Episode.metric)
        .having(count > 1)
    )
    for name, public_id, metric, found in session.execute(statement):
        subject = f"open episodes of {metric} of {account_name(name, public_id)}"
        yield Wrong(subject, str(found), "1")


def warned_before_upgrade(session: Session) -> Iterator[Wrong]:
    """Every automatic upgrade had its three warnings, accepted and far enough apart."""
    statement = (
        select(PlanChange)
        .where(
            PlanChange.reason == PlanChangeReason.AUTO_UPGRADE,
            PlanChange.state == PlanChangeState.APPLIED,
        )
        .order_by(PlanChange.id)
        .execution_options(yield_per=200)
    )
    for change in session.scalars(statement):
        found = _accepted(session, change.episode_id)
        missing = _too_early(found, change.requested_at)
        if missing:
            times = ", ".join(map(instant, found)) or "no warning accepted"
            at = instant(change.requested_at)
            yield Wrong(f"auto-upgrade {change.op_id}", f"{times}; upgraded {at}", missing)


def acceptances(session: Session) -> Iterator[Wrong]:
    """A warning counts from the last of its emails that a mail server took, and only then."""
    taken = func.max(Notice.settled_at).filter(Notice.state == NoticeState.ACCEPTED)
    waiting = func.count(Notice.id).filter(Notice.state == NoticeState.WAITING)
    statement = (
        select(EpisodeWarning.episode_id, EpisodeWarning.number, EpisodeWarning.accepted_at, taken)
        .outerjoin(Notice, Notice.warning_id == EpisodeWarning.id)
        .where(EpisodeWarning.accepted_at.is_not(None))
        .group_by(EpisodeWarning.id, EpisodeWarning.episode_id, EpisodeWarning.number)
        .having(or_(taken.is_(None), taken != EpisodeWarning.accepted_at, waiting > 0))
        .order_by(EpisodeWarning.id)
    )
    for episode_id, number, found, expected in session.execute(statement):
        subject = f"acceptance of warning {number} of episode {episode_id}"
        yield Wrong(subject, instant(found), instant(expected))


def upgraded_episodes(session: Session) -> Iterator[Wrong]:
    """An episode ended in an upgrade exactly when a plan change was made for it."""
    made = func.count(PlanChange.id)
    applied = and_(PlanChange.episode_id == Episode.id, PlanChange.state == PlanChangeState.APPLIED)
    upgraded = Episode.state == EpisodeState.UPGRADED
    statement = (
        select(Episode.id, Episode.state, made)
        .outerjoin(PlanChange, applied)
        .group_by(Episode.id, Episode.state)
        .having(or_(and_(upgraded, made != 1), and_(~upgraded, made != 0)))
        .order_by(Episode.id)
    )
    for episode_id, state, changes in session.execute(statement):
        yield Wrong(f"episode {episode_id}", f"{state}, {changes} upgrades", "upgraded by one")


def open_episodes(session: Session) -> Iterator[Wrong]:
    """An open episode is of an account that is over, on the plan it was warned on."""
    running = and_(Subscription.id == Episode.subscription_id, IS_LIVE)
    statement = (
        select(Episode, Account, Usage, Subscription.price_id)
        .join(Account, Account.id == Episode.account_id)
        .join(Usage, and_(Usage.account_id == Account.id, Usage.metric == Episode.metric))
        .outerjoin(Subscription, running)
        .where(episodes.IS_OPEN)
        .order_by(Episode.id)
    )
    for episode, account, usage, price_id in session.execute(statement):
        wrong = _why_over(usage, episode, price_id)
        if wrong:
            name = account_name(account.name, account.public_id)
            yield Wrong(f"open episode {episode.id} of {name}", wrong, "closed")


def _why_over(usage: Usage, episode: Episode, price_id: int | None) -> str | None:
    if price_id is None:
        return "the subscription has ended"
    if price_id != episode.price_id:
        return "the plan was changed"
    return None if usage.is_over else f"{usage.used} of {usage.limit_value} {usage.metric}"


def _accepted(session: Session, episode_id: int | None) -> list[datetime]:
    statement = (
        select(EpisodeWarning.accepted_at)
        .where(EpisodeWarning.episode_id == episode_id, EpisodeWarning.accepted_at.is_not(None))
        .order_by(EpisodeWarning.number)
    )
    return [at for at in session.scalars(statement) if at is not None]


def _too_early(accepted: list[datetime], upgraded_at: datetime) -> str | None:
    """What an upgrade at that instant lacks; None when it lacks nothing."""
    if len(accepted) != overage.WARNINGS:
        return f"{overage.WARNINGS} accepted warnings"
    if any(later - earlier < overage.WARNING_GAP for earlier, later in pairwise(accepted)):
        return "48 hours from warning to warning"
    if upgraded_at < max(accepted[0] + overage.GRACE, accepted[-1] + overage.FINAL_NOTICE):
        return "an upgrade 120 hours after the first and 24 hours after the last"
    return None
