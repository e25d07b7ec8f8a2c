"""over.in-advance: on which day a limit would be reached, and in words how that was found.

Every history ends on 30 March 2026.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from portal.billing.rules.counting import Metric
from portal.billing.rules.usage_forecast import DayCount, foretell

TODAY = date(2026, 3, 30)
MB = 10**6
GB = 10**9


def by_weeks(first: int, *gains: int, limit: int | None = 300) -> list[DayCount]:
    """Four weeks, in each of which so many come on the second day."""
    counts = [first]
    for gain in gains:
        counts += [counts[-1], *[counts[-1] + gain] * 6]
    return history(counts, limit)


def history(counts: Sequence[int], limit: int | None = 300) -> list[DayCount]:
    first = TODAY - timedelta(days=len(counts) - 1)
    return [DayCount(first + timedelta(days=day), used, limit) for day, used in enumerate(counts)]


@pytest.mark.parametrize(
    ("days", "reached_on", "pace"),
    [
        pytest.param(
            by_weeks(270, 2, 3, 1, 4), date(2026, 5, 25), "(+2, +3, +1 and +4), 2.5 clients",
            id="20 left at 2.5 a week are 56 days: from 280 on 30 March to 300 on 25 May",
        ),
        pytest.param(
            by_weeks(278, 1, 1, 1, 1), date(2026, 8, 3), "(+1, +1, +1 and +1), 1 client",
            id="18 left at 1 a week",
        ),
        pytest.param(
            by_weeks(10, 210, 5, 4, 6), date(2026, 6, 21), "(+210, +5, +4 and +6), 5.5 clients",
            id="an import is no trend",
        ),
        pytest.param(
            by_weeks(100, -60, 7, 7, 7), date(2026, 11, 24), "(−60, +7, +7 and +7), 7 clients",
            id="nor is a clean-up",
        ),
        pytest.param(
            [*by_weeks(299, 0, 0, 0, 0)[:-1], DayCount(TODAY, 299, 300)], None, "what it was",
            id="nothing happens",
        ),
    ],
)  # fmt: skip
def test_the_median_week_goes_on(days: list[DayCount], reached_on: date | None, pace: str) -> None:
    forecast = foretell(Metric.CLIENTS, days)
    assert forecast.reached_on == reached_on
    assert pace in forecast.sentence


def test_the_sentence_can_be_checked_by_who_reads_it() -> None:
    assert foretell(Metric.CLIENTS, by_weeks(270, 2, 3, 1, 4)).sentence == (
        "If it goes on as in the last 4 weeks (+2, +3, +1 and +4), 2.5 clients more a week,"
        " you reach 300 on about 25 May 2026."
    )


def test_storage_is_told_in_its_units() -> None:
    gains = (100 * MB, 140 * MB, 120 * MB, 120 * MB)
    forecast = foretell(Metric.STORAGE, by_weeks(4 * GB, *gains, limit=5 * GB))
    assert forecast.sentence == (
        "If it goes on as in the last 4 weeks (+100 MB, +140 MB, +120 MB and +120 MB),"
        " 120 MB more a week, you reach 5 GB on about 30 Apr 2026."
    )


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        pytest.param(
            history([5]),
            "No forecast yet: it looks back on 4 weeks, and counting began today.",
            id="the first day",
        ),
        pytest.param(
            history([5, 6, 7]),
            "No forecast yet: it looks back on 4 weeks, and counting began 2 days ago.",
            id="two days",
        ),
        pytest.param(
            history(range(28)),
            "No forecast yet: it looks back on 4 weeks, and counting began 27 days ago.",
            id="a day less than four weeks",
        ),
        pytest.param(
            by_weeks(200, 0, 0, 0, 0), "No forecast: it is what it was 4 weeks ago.", id="still"
        ),
        pytest.param(
            by_weeks(200, 9, 0, 0, 0),
            "No forecast: the last 4 weeks (+9, 0, 0 and 0) show no steady growth.",
            id="one import",
        ),
        pytest.param(
            by_weeks(200, 5, -2, -3, 1),
            "No forecast: the last 4 weeks (+5, −2, −3 and +1) show no steady growth.",
            id="falling",
        ),
        pytest.param(
            by_weeks(100, 1, 1, 1, 1),
            "If it goes on as in the last 4 weeks (+1, +1, +1 and +1), 1 client more a week,"
            " the limit is more than a year away.",
            id="too far",
        ),
        pytest.param(by_weeks(298, 1, 1, 0, 0), "", id="reached"),
        pytest.param(by_weeks(299, 1, 1, 1, 1), "", id="over"),
        pytest.param(by_weeks(10, 5, 5, 5, 5, limit=None), "", id="unlimited"),
        pytest.param([], "", id="nothing known"),
    ],
)
def test_where_there_is_no_date_it_says_why(days: list[DayCount], sentence: str) -> None:
    forecast = foretell(Metric.CLIENTS, days)
    assert forecast.reached_on is None
    assert forecast.sentence == sentence


def test_a_year_ahead_is_the_farthest() -> None:
    """At 1 a week: 52 left take 364 days, 53 take 371."""
    near, far = (by_weeks(300 - 4 - left, 1, 1, 1, 1) for left in (52, 53))
    assert foretell(Metric.CLIENTS, near).reached_on == TODAY + timedelta(days=364)
    assert foretell(Metric.CLIENTS, far).reached_on is None


def test_the_limit_is_that_of_today() -> None:
    days = by_weeks(270, 2, 3, 1, 4)
    raised = [*days[:-1], DayCount(TODAY, 280, 290)]
    assert foretell(Metric.CLIENTS, raised).reached_on == TODAY + timedelta(days=28)


def test_only_the_last_four_weeks_are_looked_at() -> None:
    days = by_weeks(270, 2, 3, 1, 4)
    longer = [DayCount(days[0].day - timedelta(days=1), 0, 300), *days]
    assert foretell(Metric.CLIENTS, longer) == foretell(Metric.CLIENTS, days)
