"""Letting time pass at one account: from one thing that falls due to the next, doing each.

As when the sandbox's clock is moved, but what fails ends it: a story with a hole in it would be
told for true.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from portal import clock
from portal.billing import accounts, foresight, overages, usage
from portal.billing.rules import overage
from portal.billing.rules.counting import Metric
from portal.jobs import daily, limit_checks, schedule
from portal.jobs.schedule import Sweep
from portal.language import gettext as _
from portal.language import message
from portal.simulation.questions import Refused
from portal.simulation.stand_ins import MovedClock
from portal.transaction import transaction

DAILY_CHECK = "limit-checks"
# Changes no count and tells nobody.
UPKEEP = "upkeep"
TOO_MUCH = message("Too much happens until then: choose an earlier day.")


def let_pass(account_id: int, time: MovedClock, until: datetime, *, seconds: float) -> None:
    """Do what falls due at the account up to `until`, that instant included.

    Raises Refused where that takes longer than `seconds` of the wall: others wait for the lock.
    """
    sweeps, ends_by = _sweeps(account_id, time.at), clock.seconds() + seconds

    def do(sweep: Sweep, item: int) -> bool:
        if clock.seconds() > ends_by:
            raise Refused("until", _(TOO_MUCH))
        sweep.item(item)
        return True

    while True:
        schedule.run_due(sweeps, attempt=do)
        if time.at >= until:
            return
        time.at = min(schedule.next_at(sweeps) or until, until)


def _sweeps(account_id: int, begins_at: datetime) -> list[Sweep]:
    """The portal's own, the daily check being of the one account."""
    check = _DailyCheck(account_id, begins_at)
    own = Sweep(DAILY_CHECK, check.due, check.look, check.next_at, "the account's daily check")
    every = (own if sweep.name == DAILY_CHECK else sweep for sweep in schedule.SWEEPS)
    return [sweep for sweep in every if sweep.name != UPKEEP]


class _DailyCheck:
    """The daily check of one account, which leaves alone what is kept of the check of all.

    Time stops at its hour only while it would find something, so of an hour that went by without
    a stop there is nothing to catch up with; only at the beginning may a check be late.
    """

    def __init__(self, account_id: int, begins_at: datetime) -> None:
        self._account_id = account_id
        self._begins_at = begins_at
        self._done = set[datetime]()

    def due(self, session: Session, now: datetime) -> list[int]:
        hour = self._hour(now)
        is_late = now == self._begins_at and bool(limit_checks.due(session, now))
        is_due = hour not in self._done and (now == hour + foresight.REACHED_AFTER or is_late)
        return [self._account_id] if is_due else []

    def look(self, account_id: int) -> None:
        self._done.add(self._hour(clock.now()))
        for metric in Metric:
            with transaction() as session:
                account = accounts.lock(session, account_id)
                overages.open_if_over(session, account, metric, now=clock.now())

    def next_at(self, session: Session, now: datetime) -> datetime | None:
        """None where it would find nothing: what brings an account over its limit is due itself."""
        levels = usage.of(session, self._account_id)
        would_find = any(overages.would_open(session, row) for row in levels.values())
        hour = limit_checks.next_at(session, now - foresight.REACHED_AFTER)
        return hour + foresight.REACHED_AFTER if would_find else None

    def _hour(self, now: datetime) -> datetime:
        """Of the latest check that has come to the account."""
        return daily.latest_at(overage.CHECK_HOUR, now - foresight.REACHED_AFTER)
