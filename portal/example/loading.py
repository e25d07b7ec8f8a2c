"""Making the example: the clock is put back months, the story happens, and it is today again.

Nothing is inserted as a result: sign-ups, renewals, warnings, invoices and their files all come
from the portal's own operations and from the work that falls due while time passes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock, clock_moves, passwords
from portal.billing import catalog
from portal.billing.rules import catalog as catalog_rules
from portal.example.story import Calendar, events
from portal.extensions import db
from portal.jobs import travel
from portal.models import Account, ClockState
from portal.transaction import transaction
from portal.web.formatting import date

CATALOG = Path(__file__).parent.parent.parent / "catalog" / "example.toml"
PASSWORD = "an open door for a look around"  # noqa: S105 - it is there to be known

Tell = Callable[[str], object]


class NotEmpty(Exception):
    """There are accounts already; the example begins with none."""


def is_empty(session: Session) -> bool:
    return session.scalars(select(Account.id).limit(1)).first() is None


def was_broken_off(session: Session) -> bool:
    """Whether an earlier load ended half-way: nothing else leaves the clock behind the wall."""
    offset_us = session.scalars(select(ClockState.offset_us)).first()
    return offset_us is not None and offset_us < 0


def load(tell: Tell) -> None:
    """Make the example, telling what happens. Raises NotEmpty."""
    if not is_empty(db.session()):
        raise NotEmpty
    password_hash = passwords.hash_of(PASSWORD)
    today = clock.wall_now()
    with _alone():
        with transaction():
            clock.begin_at(Calendar(today).begins_at)
        _apply_catalog(tell)
        for event in events(today, password_hash):
            _let_time_pass_until(event.at)
            event.act()
            if event.told:
                tell(f"{date(event.at):>11}  {event.told}.")
        _come_to_today(tell)


def finish(tell: Tell) -> None:
    """Bring the clock of a load that was broken off to today; what it made stays as it is."""
    with _alone():
        _come_to_today(tell)


@contextmanager
def _alone() -> Iterator[None]:
    """Wake no workers: what falls due in the story is done here, at its own instant."""
    redis = current_app.extensions["portal.redis"]
    current_app.extensions["portal.redis"] = None
    try:
        yield
    finally:
        current_app.extensions["portal.redis"] = redis


def _apply_catalog(tell: Tell) -> None:
    text = CATALOG.read_text(encoding="utf-8")
    with transaction() as session:
        catalog.apply(session, catalog_rules.parse(text), text, now=clock.now())
    tell(f"{date(clock.now()):>11}  The vendor's catalog is applied.")


def _let_time_pass_until(instant: datetime) -> None:
    while instant > clock.now():
        # A journey that was broken off is ended first.
        clock_moves.set_out(instant)
        travel.go_on()


def _come_to_today(tell: Tell) -> None:
    _let_time_pass_until(clock.wall_now())
    with transaction():
        clock.rest()
    tell(f"{date(clock.now()):>11}  The clock is at today.")
