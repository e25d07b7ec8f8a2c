"""What is done once a day: due when its hour has passed and no row says it was done.

After days away it is done once, for the last hour that passed: it looks at how things are, so
there is nothing to catch up.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from portal import clock
from portal.models import DailyRun
from portal.transaction import transaction

DAY = timedelta(days=1)


def due(session: Session, task: str, hour: int, now: datetime) -> list[int]:
    """The instant of the day's run, in seconds since 1970, if it is still to be done."""
    latest = latest_at(hour, now)
    done = session.get(DailyRun, (task, latest))
    return [] if done else [int(latest.timestamp())]


def done(task: str, due_at: datetime) -> None:
    """Put down that the run of `due_at` was made; twice is once."""
    with transaction() as session:
        session.merge(DailyRun(task=task, due_at=due_at, done_at=clock.now()))


def at(seconds: int) -> datetime:
    """The instant of a run, from its id."""
    return datetime.fromtimestamp(seconds, UTC)


def latest_at(hour: int, now: datetime) -> datetime:
    """The last time the hour struck."""
    today = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today <= now else today - DAY
