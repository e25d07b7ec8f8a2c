"""The picture of a count and the table beside it."""

from datetime import date, timedelta

from portal.billing.rules.counting import Metric
from portal.billing.rules.usage_forecast import DayCount
from portal.display.usage_charts import draw, steps

FIRST = date(2026, 3, 1)
GB = 10**9


def days(*counts: tuple[int, int | None]) -> list[DayCount]:
    return [
        DayCount(FIRST + timedelta(days=day), used, limit)
        for day, (used, limit) in enumerate(counts)
    ]


def test_a_day_is_a_step_and_the_limit_a_line_of_its_own() -> None:
    """The top is 15 % above the larger of the two: 11 for a limit of 10."""
    chart = draw(Metric.SEATS, days((2, 10), (4, 10), (4, 10)))
    assert chart.width == 30
    assert chart.used == "M0 819H10V637H20H30"
    assert chart.ground == "M0 819H10V637H20H30V1000H0Z"
    assert chart.limit == "M0 91H10H20H30"


def test_the_limit_line_steps_with_the_plan_and_is_broken_where_there_is_none() -> None:
    chart = draw(Metric.SEATS, days((0, 5), (0, 10), (0, None), (0, 10)))
    assert chart.limit == "M0 546H10V91H20M30 91H40"


def test_without_any_limit_there_is_no_line() -> None:
    chart = draw(Metric.SEATS, days((3, None), (4, None)))
    assert chart.limit == ""
    assert [label.text for label in chart.labels] == ["In use: 4"]


def test_the_curve_is_named_where_it_does_not_run() -> None:
    """Below what rises towards the limit; above what is over it, or near the ground."""
    used, limit = draw(Metric.SEATS, days((5, 10), (6, 10), (8, 10), (9, 10))).labels
    assert (used.text, used.dy, used.y) == ("In use: 9", 17, "27.3%")
    assert (limit.text, limit.dy) == ("Limit: 10", -7)
    used, _ = draw(Metric.SEATS, days((9, 10), (12, 10))).labels
    assert (used.text, used.dy) == ("In use: 12", -7)
    used, _ = draw(Metric.SEATS, days((0, 10), (1, 10))).labels
    assert used.dy == -7


def test_lines_across_stand_at_round_counts() -> None:
    chart = draw(Metric.CLIENTS, days((287, 300)))
    assert [line.text for line in chart.lines] == ["0", "100", "200", "300"]
    chart = draw(Metric.STORAGE, days((3 * GB, 5 * GB)))
    assert [line.text for line in chart.lines] == ["0 bytes", "2 GB", "4 GB"]


def test_nothing_of_nothing_can_be_drawn() -> None:
    chart = draw(Metric.STORAGE, days((0, 0)))
    assert chart.used == "M0 1000H10"


def test_the_first_and_the_last_day_are_named() -> None:
    chart = draw(Metric.SEATS, days(*[(1, 5)] * 90))
    assert [mark.text for mark in chart.dates] == ["1 Mar", "30 Mar", "29 Apr", "29 May"]
    assert [mark.x for mark in chart.dates] == ["0", "32.7%", "66.1%", "100%"]
    assert [mark.text for mark in draw(Metric.SEATS, days((1, 5))).dates] == ["1 Mar"]


def test_whoever_does_not_see_it_reads_what_it_shows() -> None:
    chart = draw(Metric.CLIENTS, days((210, 300), (290, 300), (287, 600)))
    assert chart.title == "Clients from 1 Mar 2026 to 3 Mar 2026"
    assert chart.about == (
        "210 on 1 Mar 2026, 287 on 3 Mar 2026; between 210 and 290 in that time."
        " The limit: first 300, then 600."
    )


def test_the_table_has_the_days_on_which_something_changed() -> None:
    found = steps(Metric.CLIENTS, days((210, 300), (210, 300), (205, 300), (205, None)))
    assert [(step.day.day, step.used, step.change, step.limit) for step in found] == [
        (4, "205", "0", "unlimited"),
        (3, "205", "−5", "300"),
        (1, "210", "", "300"),
    ]
