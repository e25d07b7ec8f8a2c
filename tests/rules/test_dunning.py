"""pay.fails and pay.unknown: when an unpaid invoice is tried again, when a silent gateway asked."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.billing.rules import dunning

FIRST = datetime(2026, 3, 31, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("retry", "tried", "next_at"),
    [
        (1, "2026-03-31 09:00", "2026-04-03 09:00"),
        (2, "2026-04-03 09:00", "2026-04-05 09:00"),
        (3, "2026-04-05 09:00", "2026-04-07 09:00"),
        (1, "2026-03-31 09:05", "2026-04-03 09:00"),  # known to have failed five minutes later
        (2, "2026-04-04 23:00", "2026-04-05 09:00"),  # late, but before the day of the next
        (2, "2026-04-05 09:00", "2026-04-06 09:00"),  # its own instant is over: a day from now
        (3, "2026-04-20 12:00", "2026-04-21 12:00"),
        (4, "2026-04-07 09:00", None),
    ],
)
def test_pay_fails_is_tried_3_5_and_7_days_after_the_first(
    retry: int, tried: str, next_at: str | None
) -> None:
    assert dunning.retry_at(retry, FIRST, _at(tried)) == (_at(next_at) if next_at else None)


def test_pay_unknown_is_asked_after_5_minutes_an_hour_then_daily_five_times() -> None:
    now, asked = FIRST, []
    while (next_at := dunning.ask_at(len(asked), now)) is not None:
        asked.append(next_at - now)
        now = next_at
    day = timedelta(days=1)
    assert asked == [timedelta(minutes=5), timedelta(hours=1), day, day, day, day, day]


def _at(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=UTC)
