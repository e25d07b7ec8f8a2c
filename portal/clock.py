"""The one reader of time.

`now()` is the portal's clock: in sandbox mode it can be ahead of the wall by the offset kept in
the database, so that all processes agree. `wall_now()` is for what must not follow it: the
lifetime of sign-ins, links and leases.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from flask import current_app, g
from sqlalchemy import select

from portal.engine import OPEN
from portal.extensions import db
from portal.models.accounts import Account
from portal.models.records import ClockState

EXTENSION = "portal.clock"
# A clock of one application context's own, before the app's.
OWN = "own_clock"
# What there is to know of the sandbox clock.
OF_SANDBOX = (ClockState.offset_us, ClockState.target_at)
BACKWARD_TOLERANCE = timedelta(minutes=5)


class Clock(Protocol):
    def now(self) -> datetime:
        """This instant, aware, in UTC."""


class SystemClock:
    """Real time. The only clock of production mode."""

    def now(self) -> datetime:
        return wall_now()


class SandboxClock:
    """Real time plus the offset row; read once per request or job."""

    def now(self) -> datetime:
        if "clock_offset" not in g:
            _read()
        offset: timedelta = g.clock_offset
        return wall_now() + offset


class ClockWentBack(RuntimeError):
    """Time is behind where it has been: the scheduler hands nothing out."""


def now() -> datetime:
    """The portal's instant of the running app; in a simulation, the simulation's."""
    clock: Clock = g.get(OWN) or current_app.extensions[EXTENSION]
    return clock.now()


def go_by(clock: Clock) -> None:
    """Let `now()` be another clock's, for the rest of this application context and nowhere else."""
    setattr(g, OWN, clock)


def wall_now() -> datetime:
    """The wall's instant, whatever the sandbox clock says."""
    return datetime.now(UTC)


def seconds() -> float:
    """Of a clock that nobody sets, for how long something takes; its zero means nothing."""
    return time.monotonic()


def target() -> datetime | None:
    """Where the sandbox clock is being moved to, as this request found it; None when it rests."""
    if "clock_target" not in g:
        _read()
    target_at: datetime | None = g.clock_target
    return target_at


def read_along(offset_us: int | None, target_at: datetime | None) -> None:
    """Keep what a query for other things read of the sandbox clock too (OF_SANDBOX), for whoever
    asks while nothing is written; None and None where it was never moved."""
    g.clock_read_along = offset_us, target_at


def state() -> ClockState:
    """The clock's row, made when first asked for. Call inside a transaction to change it."""
    row = db.session.get(ClockState, 1)
    if row is None:
        row = ClockState(id=1)
        db.session.add(row)
    return row


def set_to(instant: datetime) -> None:
    """Move the sandbox clock to `instant`; inside a transaction.

    Raises ValueError when that is in the past: what has happened can't unhappen.
    """
    if instant < now():
        raise ValueError("the sandbox clock only moves forward")
    state().offset_us = (instant - wall_now()) // timedelta(microseconds=1)
    forget()


def begin_at(instant: datetime) -> None:
    """Put the sandbox clock back to where a story begins; inside a transaction.

    Raises ValueError once there is an account: what has happened can't unhappen.
    """
    if db.session.execute(select(Account.id).limit(1)).first() is not None:
        raise ValueError("the sandbox clock goes back only while there is no account")
    row = state()
    row.offset_us, row.target_at = (instant - wall_now()) // timedelta(microseconds=1), None
    forget()


def rest() -> None:
    """Let the sandbox clock be the wall again; inside a transaction.

    Raises ValueError when it is ahead: it only moves forward.
    """
    if now() > wall_now():
        raise ValueError("the sandbox clock is ahead of the wall and stays there")
    row = state()
    row.offset_us, row.target_at = 0, None
    forget()


def forget() -> None:
    """Read the sandbox clock anew: what this request or job read of it no longer holds."""
    g.pop("clock_offset", None)
    g.pop("clock_target", None)
    g.pop("clock_read_along", None)


def note_passing() -> datetime:
    """Remember how far time has been, inside a transaction; returns now.

    Raises ClockWentBack when now is more than five minutes behind that mark, as after a
    wrong clock on one machine or a restored snapshot.
    """
    current, row = now(), state()
    if row.latest_at and current < row.latest_at - BACKWARD_TOLERANCE:
        raise ClockWentBack(f"it is {current}, but it has been {row.latest_at}")
    if row.latest_at is None or current > row.latest_at:
        row.latest_at = current
    return current


def _read() -> None:
    """Offset and target together: every page needs both.

    A command reads them itself, after its lock: the clock may have moved while it waited.
    """
    row = None if db.session().info.get(OPEN) else g.get("clock_read_along")
    row = row or db.session.execute(select(*OF_SANDBOX)).first() or (None, None)
    offset_us, g.clock_target = row
    g.clock_offset = timedelta(microseconds=offset_us or 0)
