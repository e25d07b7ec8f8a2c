"""The steps of open over-limit episodes."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.billing import accounts, episode_steps
from portal.billing.bounds import OutOfBounds
from portal.extensions import db
from portal.jobs import parking
from portal.models import Episode, EpisodeState
from portal.transaction import transaction


def due(session: Session, now: datetime) -> list[int]:
    return episode_steps.due_steps(session, now=now)


def step(episode_id: int) -> None:
    """Do the next step; an upgrade beyond the bounds is not made, and the account is parked."""
    account_id = db.session.get_one(Episode, episode_id).account_id
    try:
        _step(episode_id, account_id)
    except OutOfBounds as breach:
        parking.park(account_id, breach.reason)


def _step(episode_id: int, account_id: int) -> None:
    with transaction() as session:
        account = accounts.lock(session, account_id)
        episode = session.get_one(Episode, episode_id, populate_existing=True)
        now = clock.now()
        if episode.is_going_on and episode.next_step_at <= now:
            episode_steps.step(session, account, episode, now=now)


def next_at(session: Session, now: datetime) -> datetime | None:
    statement = select(func.min(Episode.next_step_at)).where(
        Episode.state == EpisodeState.OPEN, Episode.held_at.is_(None), Episode.next_step_at > now
    )
    return session.execute(statement).scalar()
