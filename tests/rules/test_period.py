"""Cycles of 30 and 365 days, to the second, whatever the calendar does."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from portal.billing.rules.period import DAY, Cycle, Interval

SECOND = timedelta(seconds=1)
START = datetime(2026, 10, 28, 14, 30, 15, tzinfo=UTC)
CYCLE = Cycle.starting(START, Interval.MONTHLY)


@pytest.mark.parametrize(
    ("interval", "start_at", "end_at"),
    [
        pytest.param(
            Interval.MONTHLY,
            datetime(2026, 10, 28, 14, 30, 15, tzinfo=UTC),
            datetime(2026, 11, 27, 14, 30, 15, tzinfo=UTC),
            id="charge.renewal: 30 days, over the end of summer time elsewhere",
        ),
        pytest.param(
            Interval.MONTHLY,
            datetime(2026, 12, 15, 23, 59, 59, tzinfo=UTC),
            datetime(2027, 1, 14, 23, 59, 59, tzinfo=UTC),
            id="charge.renewal: over the end of a year",
        ),
        pytest.param(
            Interval.MONTHLY,
            datetime(2028, 2, 1, tzinfo=UTC),
            datetime(2028, 3, 2, tzinfo=UTC),
            id="charge.dates: February of a leap year",
        ),
        pytest.param(
            Interval.MONTHLY,
            datetime(2027, 2, 1, tzinfo=UTC),
            datetime(2027, 3, 3, tzinfo=UTC),
            id="charge.dates: February of any other year",
        ),
        pytest.param(
            Interval.YEARLY,
            datetime(2026, 3, 1, tzinfo=UTC),
            datetime(2027, 3, 1, tzinfo=UTC),
            id="charge.renewal: 365 days",
        ),
        pytest.param(
            Interval.YEARLY,
            datetime(2028, 2, 29, 12, tzinfo=UTC),
            datetime(2029, 2, 28, 12, tzinfo=UTC),
            id="charge.renewal: a year begun on a leap day",
        ),
        pytest.param(
            Interval.YEARLY,
            datetime(2028, 1, 1, tzinfo=UTC),
            datetime(2028, 12, 31, tzinfo=UTC),
            id="charge.renewal: 365 days of a leap year's 366",
        ),
    ],
)
def test_a_cycle_lasts_its_days(interval: Interval, start_at: datetime, end_at: datetime) -> None:
    cycle = Cycle.starting(start_at, interval)
    assert (cycle.start_at, cycle.end_at) == (start_at, end_at)
    assert cycle.days == interval.days
    assert cycle.end_at - cycle.start_at == timedelta(days=interval.days)


def test_charge_renewal_cycles_never_drift() -> None:
    cycle = CYCLE
    for _ in range(100):
        following = cycle.next()
        assert following.start_at == cycle.end_at
        cycle = following
    assert cycle.start_at == START + timedelta(days=3000)
    assert cycle.days == 30


@pytest.mark.parametrize(
    ("now", "gone"),
    [
        pytest.param(START - 10 * SECOND, 0, id="before it began"),
        pytest.param(START, 0, id="its first second"),
        pytest.param(START + timedelta(days=1) - SECOND, 0, id="a day not over is not used"),
        pytest.param(START + timedelta(days=1), 1, id="a day over"),
        pytest.param(START + timedelta(days=15) - SECOND, 14, id="a second short of 15 days"),
        pytest.param(START + timedelta(days=15), 15, id="15 days in"),
        pytest.param(CYCLE.end_at - SECOND, 29, id="its last second"),
        pytest.param(CYCLE.end_at, 30, id="its end"),
        pytest.param(CYCLE.end_at + timedelta(days=90), 30, id="long after"),
        pytest.param(
            datetime(2026, 10, 29, 15, 30, 14, tzinfo=ZoneInfo("Europe/Berlin")),
            0,
            id="a second short of a day, told in another zone",
        ),
        pytest.param(
            datetime(2026, 10, 29, 15, 30, 15, tzinfo=ZoneInfo("Europe/Berlin")),
            1,
            id="a day, told in another zone",
        ),
    ],
)
def test_charge_unused_days_are_counted_from_whole_days_gone(now: datetime, gone: int) -> None:
    assert CYCLE.days_gone(now) == gone
    assert CYCLE.unused_days(now) == 30 - gone


@pytest.mark.parametrize(
    ("hour", "gone"),
    [
        pytest.param(13, 24, id="not over: the clocks went back, the day has 25 hours"),
        pytest.param(14, 25, id="over after 24 real hours"),
    ],
)
def test_charge_unused_days_ignore_the_change_of_summer_time(hour: int, gone: int) -> None:
    # New York left summer time on 1 November 2026: 14:30 on the day is 19:30 UTC, not 18:30.
    start_at = datetime(2026, 10, 10, 19, 30, tzinfo=UTC)
    now = datetime(2026, 11, 4, hour, 30, tzinfo=ZoneInfo("America/New_York"))
    assert Cycle.starting(start_at, Interval.MONTHLY).days_gone(now) == gone


@pytest.mark.parametrize(
    ("now", "inside"),
    [
        (START - SECOND, False),
        (START, True),
        (CYCLE.end_at - SECOND, True),
        (CYCLE.end_at, False),
    ],
)
def test_a_cycle_holds_its_start_and_not_its_end(now: datetime, inside: bool) -> None:
    assert CYCLE.contains(now) is inside


def test_the_unused_part_is_made_of_the_unused_days() -> None:
    half = CYCLE.unused(START + timedelta(days=15, hours=5))
    assert half == Cycle(START + timedelta(days=15), CYCLE.end_at)
    assert CYCLE.unused(START) == CYCLE
    assert CYCLE.unused(CYCLE.end_at - SECOND) == Cycle(CYCLE.end_at - DAY, CYCLE.end_at)
    assert CYCLE.unused(CYCLE.end_at) is None


def test_when_the_running_day_is_over() -> None:
    assert CYCLE.day_ends_at(START) == START + timedelta(days=1)
    assert CYCLE.day_ends_at(START + timedelta(days=1) - SECOND) == START + timedelta(days=1)
    assert CYCLE.day_ends_at(CYCLE.end_at - SECOND) == CYCLE.end_at
    assert CYCLE.day_ends_at(CYCLE.end_at) == CYCLE.end_at


@pytest.mark.parametrize(
    ("start_at", "end_at", "says"),
    [
        pytest.param(START.replace(tzinfo=None), CYCLE.end_at, "in UTC", id="naive start"),
        pytest.param(START, CYCLE.end_at.replace(tzinfo=None), "in UTC", id="naive end"),
        pytest.param(
            START.astimezone(timezone(timedelta(hours=1))), CYCLE.end_at, "in UTC", id="elsewhere"
        ),
        pytest.param(START, START, "whole days", id="nothing"),
        pytest.param(CYCLE.end_at, START, "whole days", id="backwards"),
        pytest.param(START, CYCLE.end_at + SECOND, "whole days", id="a second too much"),
    ],
)
def test_what_is_no_cycle(start_at: datetime, end_at: datetime, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Cycle(start_at, end_at)


def test_intervals_are_written_as_people_choose_them() -> None:
    assert [(interval.value, interval.days) for interval in Interval] == [
        ("monthly", 30),
        ("yearly", 365),
    ]
