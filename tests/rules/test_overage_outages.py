"""Whatever stops, for however long: over.never-unwarned, on the times warnings were accepted."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from portal.billing.rules.overage import (
    LOOK_AGAIN,
    Decision,
    SendWarning,
    Upgrade,
    Wait,
    Warned,
    decide,
)
from tests.rules.episodes import HOUR, MINUTE, OPENED, at, facts

INSTANTS = st.integers(0, 20 * 24 * 60).map(lambda minutes: OPENED + minutes * MINUTE)


@given(
    accepted=st.lists(INSTANTS, min_size=3, max_size=3),
    told=st.lists(INSTANTS, min_size=3, max_size=3),
    now=st.integers(0, 40 * 24 * 60).map(lambda minutes: OPENED + minutes * MINUTE),
)
def test_e2_no_facts_whatever_lead_to_an_unwarned_upgrade(
    accepted: list[datetime], told: list[datetime], now: datetime
) -> None:
    warnings = tuple(
        Warned(number, deadline_at, accepted_at)
        for number, deadline_at, accepted_at in zip((1, 2, 3), told, accepted, strict=True)
    )
    if decide(facts(*warnings), now) == Upgrade():
        assert_e2(accepted, now)
        assert now >= max(told)


def assert_e2(accepted: list[datetime], upgraded_at: datetime) -> None:
    first, second, third = accepted
    assert second - first >= 48 * HOUR
    assert third - second >= 48 * HOUR
    assert upgraded_at - third >= 24 * HOUR
    assert upgraded_at - first >= 120 * HOUR


@dataclass
class World:
    """An episode worked on by a worker that stops and a mail server that is slow, or down."""

    pauses: list[timedelta]
    delays: list[timedelta]
    now: datetime = OPENED
    warnings: list[Warned] = field(default_factory=list)
    written: list[datetime] = field(default_factory=list)
    upgraded_at: datetime | None = None

    def run(self) -> None:
        """Ask and act until the upgrade: after a pause where one is left, else when told to."""
        for turn in range(1000):
            decision = decide(facts(*self._as_known()), self.now)
            if decision == Upgrade():
                self.upgraded_at = self.now
                return
            if isinstance(decision, SendWarning):
                self._write(decision)
            pause = self.pauses[turn] if turn < len(self.pauses) else None
            self.now = self._next(decision) if pause is None else self.now + pause
        raise AssertionError("the episode never came to its end")

    def _as_known(self) -> list[Warned]:
        return [
            warning
            if warning.accepted_at is not None and warning.accepted_at <= self.now
            else replace(warning, accepted_at=None)
            for warning in self.warnings
        ]

    def _write(self, decision: SendWarning) -> None:
        delay = self.delays[decision.number - 1]
        assert decision.number == len(self.warnings) + 1
        self.warnings.append(
            Warned(decision.number, decision.deadline_at, accepted_at=self.now + delay)
        )
        self.written.append(self.now)

    def _next(self, decision: Decision) -> datetime:
        return decision.until if isinstance(decision, Wait) else self.now

    @property
    def accepted(self) -> list[datetime]:
        return [warning.accepted_at for warning in self.warnings if warning.accepted_at]


OUTAGES = st.one_of(
    st.timedeltas(timedelta(), timedelta(minutes=10)), st.timedeltas(timedelta(), timedelta(days=9))
)


@given(pauses=st.lists(OUTAGES, max_size=30), delays=st.lists(OUTAGES, min_size=3, max_size=3))
def test_e2_e6_over_never_unwarned_through_any_outage(
    pauses: list[timedelta], delays: list[timedelta]
) -> None:
    world = World(pauses, delays)
    world.run()
    assert world.upgraded_at is not None
    assert_e2(world.accepted, world.upgraded_at)
    deadlines = [warning.deadline_at for warning in world.warnings]
    assert deadlines == sorted(deadlines)
    assert world.upgraded_at >= deadlines[-1]
    for written, deadline, notice in zip(world.written, deadlines, (120, 72, 24), strict=True):
        assert deadline - written >= notice * HOUR
        assert (deadline.minute, deadline.second, deadline.microsecond) == (0, 0, 0)
    # No mail within 24 h of the one before it, even when catching up.
    for earlier, later in zip(world.accepted, world.written[1:], strict=False):
        assert later - earlier >= 24 * HOUR


@given(delays=st.lists(st.timedeltas(timedelta(), timedelta(hours=40)), min_size=3, max_size=3))
def test_over_upgrade_comes_as_soon_as_it_may(delays: list[timedelta]) -> None:
    world = World(pauses=[], delays=delays)
    world.run()
    first, _, third = world.accepted
    soonest = max(world.warnings[-1].deadline_at, first + 120 * HOUR, third + 24 * HOUR)
    assert world.upgraded_at is not None
    assert soonest <= world.upgraded_at <= soonest + LOOK_AGAIN


def test_over_upgrade_on_time_when_nothing_goes_wrong() -> None:
    world = World(pauses=[], delays=[timedelta()] * 3)
    world.run()
    assert [written - OPENED for written in world.written] == [0 * HOUR, 48 * HOUR, 96 * HOUR]
    assert {warning.deadline_at for warning in world.warnings} == {at(5, 10)}
    assert world.upgraded_at == at(5, 10)
