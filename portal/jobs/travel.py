"""Moving the sandbox clock: from one thing that falls due to the next, doing each in its turn.

The clock stops at every instant at which something is due, does it, and goes on, so that weeks
pass in seconds but in the order in which they would have passed.
"""

import time
from datetime import datetime

from sqlalchemy import func, select

from portal import clock
from portal.clock_moves import NAME as NAME
from portal.clock_moves import set_out as set_out
from portal.extensions import db
from portal.jobs import schedule
from portal.models import OutboxItem, OutboxState, Work
from portal.transaction import transaction

OF_THIS_INSTANT = (
    *(Work.NOTICE, Work.PAYMENT, Work.REFUND),
    *(Work.INVOICE_PDF, Work.CREDIT_NOTE_PDF),
)
# Others may be doing what is due; the clock waits this long for them before it moves on.
PATIENCE_SECONDS = 20.0
LOOK_SECONDS = 0.05


def is_moving() -> bool:
    return clock.state().target_at is not None


def go_on(_subject_id: int = 1) -> None:
    """Move the clock to where it was sent, doing what falls due on the way and there."""
    while True:
        schedule.run_due()
        if _wait_for_others():
            continue
        target_at = clock.state().target_at
        db.session.rollback()
        if target_at is None or clock.now() >= target_at:
            return _arrive()
        stop_at = min(schedule.next_at() or target_at, target_at)
        db.session.rollback()
        _move(stop_at)


def _move(to: datetime) -> None:
    with transaction():
        if to > clock.now():
            clock.set_to(to)


def _arrive() -> None:
    """The clock is there, and what was due there is done: pages that wait may show it."""
    with transaction():
        state = clock.state()
        if state.target_at is not None and clock.now() >= state.target_at:
            state.target_at = None
    clock.forget()


def _wait_for_others() -> bool:
    """Emails, what they bring, payments and refunds in other hands belong to this instant, not to
    a later one. Whether something was done meanwhile: then more may be due."""
    if not _unfinished():
        return False
    until = time.monotonic() + PATIENCE_SECONDS
    while _unfinished() and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
    return not _unfinished()


def _unfinished() -> int:
    statement = select(func.count(OutboxItem.id)).where(
        OutboxItem.state == OutboxState.WAITING,
        OutboxItem.next_at <= clock.now(),
        OutboxItem.work.in_(OF_THIS_INSTANT),
        OutboxItem.lease_until > clock.wall_now(),
    )
    count = db.session.execute(statement).scalar_one()
    db.session.rollback()
    return count
