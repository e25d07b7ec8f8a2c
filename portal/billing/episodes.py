"""Over-limit episodes as rows: the open one, its closing, and the evidence it leaves.

When an episode opens, warns and upgrades is decided in `overages`.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import episode_notices
from portal.audit import SYSTEM, Actor, record
from portal.billing.rules.counting import Metric
from portal.billing.rules.overage import CloseReason
from portal.models import Account, Episode, EpisodeState, Notice, Usage

OPEN = (EpisodeState.OPEN, EpisodeState.PARKED)
RULE = (
    "More of the plan was in use than it allows. After three warnings over at least five days"
    " it moved to the next tier."
)


def open_of(session: Session, account_id: int, metric: Metric | None = None) -> list[Episode]:
    """The account's open episodes, or the open one of a metric."""
    statement = select(Episode).where(Episode.account_id == account_id, Episode.state.in_(OPEN))
    if metric is not None:
        statement = statement.where(Episode.metric == metric)
    return list(session.scalars(statement.order_by(Episode.id)))


def close(
    session: Session,
    account: Account,
    episode: Episode,
    state: EpisodeState,
    reason: str,
    *,
    now: datetime,
    actor: Actor,
) -> None:
    """End an episode. Only one that ended within the limit after a warning is worth a mail."""
    episode.state = state
    episode.closed_at = now
    episode.close_reason = reason
    record(
        session,
        account,
        "episode.closed",
        at=now,
        actor=actor,
        metric=episode.metric,
        outcome=state,
        reason=reason,
    )


def resolve(
    session: Session,
    account: Account,
    episode: Episode,
    *,
    used: int,
    now: datetime,
    actor: Actor,
) -> None:
    """Back within the limit: the episode ends, and whoever was warned hears that all is well."""
    reason = f"{used} of {episode.limit_at_opening} {episode.metric}: within the limit again"
    close(session, account, episode, EpisodeState.RESOLVED, reason, now=now, actor=actor)
    if episode.warnings:
        episode_notices.all_clear(session, episode, used=used, now=now)


def plan_changed(
    session: Session,
    account: Account,
    *,
    by_episode_id: int | None,
    now: datetime,
    actor: Actor,
) -> None:
    """Another plan began: the episode that caused it was answered, any other is superseded."""
    for episode in open_of(session, account.id):
        if episode.id == by_episode_id:
            state, reason = EpisodeState.UPGRADED, "upgraded to the next tier"
        else:
            state, reason = EpisodeState.SUPERSEDED, "the plan was changed"
        close(session, account, episode, state, reason, now=now, actor=actor)


def limits_raised(session: Session, account: Account, *, now: datetime, actor: Actor) -> None:
    """More of something is allowed: an episode whose metric is within its limit again ends."""
    for episode in open_of(session, account.id):
        row = session.get_one(Usage, (account.id, episode.metric))
        if not row.is_over:
            resolve(session, account, episode, used=row.used, now=now, actor=actor)


def cancelled(session: Session, account: Account, *, now: datetime) -> None:
    """The plan ends with its cycle: nothing is upgraded by itself any more."""
    for episode in open_of(session, account.id):
        state = EpisodeState.SUPERSEDED
        close(session, account, episode, state, "the plan was cancelled", now=now, actor=SYSTEM)


def subscription_ended(session: Session, account: Account, *, now: datetime) -> None:
    """Nothing is left to be upgraded: open episodes end without a word."""
    for episode in open_of(session, account.id):
        state, reason = EpisodeState.SUPERSEDED, CloseReason.SUBSCRIPTION_ENDED
        close(session, account, episode, state, reason.value, now=now, actor=SYSTEM)


def evidence(session: Session, episode: Episode) -> dict[str, Any]:
    """What proves that an auto-upgrade was announced: the counts, and each warning's dates."""
    return {
        "rule": RULE,
        "metric": episode.metric.value,
        "used": episode.warnings[-1].used,
        "limit": episode.warnings[-1].limit_value,
        "opened_at": episode.opened_at.isoformat(),
        "deadline_at": episode.warnings[-1].deadline_at.isoformat(),
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
    }


def _recipients(session: Session, warning_id: int) -> list[str]:
    statement = select(Notice.recipient).where(Notice.warning_id == warning_id)
    return sorted(session.scalars(statement))
