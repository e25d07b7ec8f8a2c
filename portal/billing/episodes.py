"""Over-limit episodes as rows: the open one, its closing, and the evidence it leaves.

When an episode opens is decided in `overages`, what it does next in `episode_steps`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import events
from portal.audit import SYSTEM, Actor, record
from portal.billing import episode_mail, payments
from portal.billing.rules import overage
from portal.billing.rules.counting import Limits, Metric
from portal.billing.rules.errors import ToldOften
from portal.billing.rules.overage import CloseReason
from portal.language import gettext as _
from portal.language import message
from portal.mail import episode_notices
from portal.mail.episode_notices import Because
from portal.models import (
    Account,
    Episode,
    EpisodeState,
    Notice,
    PlanChange,
    PlanChangeState,
    Usage,
)
from portal.models.types import spelt_out
from portal.transaction import after_commit

OPEN = (EpisodeState.OPEN, EpisodeState.PARKED)
IS_OPEN = spelt_out(Episode.state, *OPEN)
BACK_WITHIN = message("The account was back within its limit.")
STATES = {
    CloseReason.WITHIN_LIMIT: EpisodeState.RESOLVED,
    CloseReason.UPGRADED: EpisodeState.UPGRADED,
}
RULE = message(
    "More of the plan was in use than it allows. After three warnings over at least five days"
    " the account moved to the next larger plan."
)


def open_of(session: Session, account_id: int, metric: Metric | None = None) -> list[Episode]:
    """The account's open episodes, or the open one of a metric."""
    statement = select(Episode).where(Episode.account_id == account_id, IS_OPEN)
    if metric is not None:
        statement = statement.where(Episode.metric == metric)
    return list(session.scalars(statement.order_by(Episode.id)))


def refuse_dearer(session: Session, account: Account, limits: Limits | None = None) -> None:
    """Raise ToldOften where an announced upgrade was told again as often as customers may have it.

    Whoever made it dearer each time would put it off for ever. What brings the metric back within
    its limit, as these `limits` may, is no such thing.
    """
    for episode in open_of(session, account.id):
        limit = limits[episode.metric] if limits else _usage(session, episode).limit_value
        is_over = limit is not None and _usage(session, episode).used > limit
        is_told_often = episode.is_going_on and episode.times_retold >= overage.MOST_RETOLD
        if is_told_often and is_over:
            raise ToldOften(overage.MOST_RETOLD)


def close(
    session: Session,
    account: Account,
    episode: Episode,
    reason: CloseReason,
    *,
    now: datetime,
    actor: Actor,
) -> None:
    """End an episode, without a word to anybody but open pages. What waits to be sent of it never
    is."""
    row = _usage(session, episode)
    episode.state = STATES.get(reason, EpisodeState.SUPERSEDED)
    episode.closed_at = now
    episode.close_reason, episode.parked_reason = reason.value, None
    record(
        session,
        account,
        "episode.closed",
        at=now,
        actor=actor,
        metric=episode.metric,
        outcome=episode.state,
        reason=reason.value,
        used=row.used,
        limit=row.limit_value,
    )
    after_commit(session, lambda: events.publish(account.id, "usage"))


def resolve(
    session: Session, account: Account, episode: Episode, *, now: datetime, actor: Actor
) -> None:
    """Back within the limit: the episode ends, and whoever was warned hears that all is well.

    An upgrade that waits for its payment is called off first; the episode ends when the gateway
    has said whether that was in time.
    """
    if _is_called_off(session, episode, BACK_WITHIN, now=now):
        return
    close(session, account, episode, CloseReason.WITHIN_LIMIT, now=now, actor=actor)
    if episode_mail.was_told(session, episode):
        episode_notices.all_clear(session, episode, _usage(session, episode), now=now)


def leave_over(
    session: Session,
    account: Account,
    episode: Episode,
    because: Because,
    *,
    now: datetime,
    actor: Actor,
) -> None:
    """Over the limit still, but the upgrade that was announced doesn't come. Whoever was warned
    hears it."""
    is_anew = because is Because.OFFER_CHANGED
    reason = CloseReason.OFFER_CHANGED if is_anew else CloseReason.NO_AUTO_UPGRADE
    close(session, account, episode, reason, now=now, actor=actor)
    if episode.is_announced and episode_mail.was_told(session, episode):
        episode_notices.called_off(session, episode, because, now=now)


def plan_changed(
    session: Session,
    account: Account,
    *,
    by_episode_id: int | None,
    now: datetime,
    actor: Actor,
) -> None:
    """Another plan began: the episode that caused it was answered, any other is superseded.

    One upgrade may answer two metrics; one that it doesn't answer begins anew on the new plan.
    """
    for episode in open_of(session, account.id):
        reason = CloseReason.PLAN_CHANGED
        if episode.id == by_episode_id:
            reason = CloseReason.UPGRADED
        elif by_episode_id is not None and not _usage(session, episode).is_over:
            reason = CloseReason.ANSWERED_BY_ANOTHER
        close(session, account, episode, reason, now=now, actor=actor)


def limits_raised(session: Session, account: Account, *, now: datetime, actor: Actor) -> None:
    """More of something is allowed: an episode whose metric is within its limit again ends."""
    for episode in open_of(session, account.id):
        if not _usage(session, episode).is_over:
            resolve(session, account, episode, now=now, actor=actor)


def cancelled(session: Session, account: Account, *, now: datetime) -> None:
    """The plan ends with its cycle: nothing is upgraded by itself any more."""
    for episode in open_of(session, account.id):
        close(session, account, episode, CloseReason.PLAN_CANCELLED, now=now, actor=SYSTEM)


def subscription_ended(session: Session, account: Account, *, now: datetime) -> None:
    """Nothing is left to be upgraded: open episodes end without a word."""
    for episode in open_of(session, account.id):
        close(session, account, episode, CloseReason.SUBSCRIPTION_ENDED, now=now, actor=SYSTEM)


def upgrade_under_way(session: Session, episode: Episode) -> PlanChange | None:
    """The episode's upgrade that waits for the outcome of its payment, if one does."""
    statement = select(PlanChange).where(
        PlanChange.account_id == episode.account_id,
        PlanChange.episode_id == episode.id,
        PlanChange.state == PlanChangeState.PENDING,
    )
    return session.scalars(statement).one_or_none()


def evidence(session: Session, episode: Episode) -> dict[str, Any]:
    """What proves that an auto-upgrade was announced: the counts, each warning's dates, and each
    email by which another date or amount was told."""
    deadline_at = episode.deadline_at or episode.opened_at
    return {
        "rule": _(RULE),
        "metric": episode.metric.value,
        "used": episode.warnings[-1].used,
        "limit": episode.warnings[-1].limit_value,
        "opened_at": episode.opened_at.isoformat(),
        "deadline_at": deadline_at.isoformat(),
        "warnings": [
            {
                "number": warning.number,
                "used": warning.used,
                "limit": warning.limit_value,
                "accepted_at": warning.accepted_at.isoformat() if warning.accepted_at else None,
                "recipients": _recipients(session, warning.id),
            }
            for warning in episode.warnings
        ],
        "retold": [_retold(copies) for copies in episode_mail.moves_taken(session, episode)],
    }


def _is_called_off(session: Session, episode: Episode, why: str, *, now: datetime) -> bool:
    """Call off the upgrade that waits for its payment; False where none does."""
    change = upgrade_under_way(session, episode)
    payment = payments.of_change(session, change) if change else None
    if payment is None:
        return False
    payment.call_off_at, payment.failure = now, why
    payments.hasten(session, payment, now=now)
    return True


def _retold(copies: Sequence[Notice]) -> dict[str, Any]:
    """An email as people got it: its subject names the date, and the amount where that rose."""
    return {
        "subject": copies[0].subject,
        "accepted_at": max(copy.settled_at for copy in copies if copy.settled_at).isoformat(),
        "recipients": sorted(copy.recipient for copy in copies),
    }


def _usage(session: Session, episode: Episode) -> Usage:
    return session.get_one(Usage, (episode.account_id, episode.metric))


def _recipients(session: Session, warning_id: int) -> list[str]:
    statement = select(Notice.recipient).where(Notice.warning_id == warning_id)
    return sorted(session.scalars(statement))
