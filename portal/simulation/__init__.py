"""What would happen to one account up to an instant, found by doing it and taking it all back.

The real work is done by the real code: the sweeps of `portal.jobs`, the operations of
`portal.billing`, the emails. `unreal` is where that leaves no trace, `stand_ins` answer for the
world outside, `passing` lets the time go by, `questions` are what is tried out at the beginning,
and `story` is what is read from the rows before they are gone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Lock

from portal import clock
from portal.audit import Actor
from portal.billing.gateways.sandbox import TestCard
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.simulation import passing, questions, story, unreal
from portal.simulation.questions import Question as Question
from portal.simulation.questions import Refused as Refused
from portal.simulation.stand_ins import MovedClock, StandInGateway
from portal.simulation.story import Story as Story

LONGEST = timedelta(days=400)
IN_THE_PAST = message("This is over already: choose an instant to come.")
# Each keeps a lock that others may wait for: one at a time, and nobody waits for long.
PATIENCE_SECONDS = 2.0
_alone = Lock()


class Busy(Exception):
    """This process is in the middle of another simulation."""


def foretell(
    account_id: int,
    question: Question,
    until: datetime,
    *,
    card: TestCard | None = None,
    seconds: float,
    actor: Actor,
) -> Story:
    """All that would happen at the account from now up to `until`, if `question` came true now.

    `card` is how its payments go, whatever it pays by; without one a test card does what it does,
    and everything else pays. Nothing is sent, charged, published or kept. Raises Refused, also
    where time passes for longer than `seconds`, or Busy.
    Not to be called inside a transaction; others who change the account wait as long as it takes.
    """
    begins_at = clock.now()
    _check(until, begins_at)
    gateway = StandInGateway(card)
    with _one_at_a_time(), unreal.world(account_id, MovedClock(begins_at), gateway) as time:
        before = story.begin(db.session(), account_id)
        questions.come_true(account_id, question, actor=actor)
        passing.let_pass(account_id, time, until, seconds=seconds)
        return story.read(db.session(), account_id, before, begins_at=begins_at, ends_at=until)


def _check(until: datetime, now: datetime) -> None:
    if until <= now:
        raise Refused("until", _(IN_THE_PAST))
    if until > now + LONGEST:
        raise Refused("until", _("Look at most %(days)s days ahead.", days=LONGEST.days))


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    if not _alone.acquire(timeout=PATIENCE_SECONDS):
        raise Busy
    try:
        yield
    finally:
        _alone.release()
