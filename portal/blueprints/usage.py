"""The usage page: how each count went, and when it would reach its limit."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from portal import clock, csv_file, live
from portal.billing import subscriptions, usage
from portal.billing.rules import counting
from portal.billing.rules.counting import Metric
from portal.billing.rules.usage_forecast import DayCount
from portal.blueprints import downloads
from portal.display import usage_charts
from portal.display.usage_charts import Chart, Step
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.live import Meter
from portal.web import attempts
from portal.web.access import principal, requires
from portal.web.permissions import Permission

bp = Blueprint("usage", __name__)

DAYS = 90
COLUMNS = (message("Day (UTC)"), message("Metric"), message("In use"), message("Limit"))


@dataclass(frozen=True)
class MetricView:
    """One metric as the page shows it."""

    name: str
    meter: Meter
    chart: Chart
    steps: list[Step]


@bp.get("/account/usage")
@requires(Permission.SEE_METERS)
def show() -> ResponseReturnValue:
    """A picture and a table of the last 90 days for each metric."""
    account_id = principal().account_id
    history = _history(account_id)
    meters = {meter.metric: meter for meter in live.meters_context(account_id)["meters"]}
    return render_template(
        "usage/show.html",
        views=[_view(metric, days, meters[metric]) for metric, days in history.items() if days],
        days=DAYS,
        has_plan=subscriptions.live(db.session(), account_id) is not None,
    )


@bp.get("/account/usage.csv")
@attempts.bulk_files
@requires(Permission.SEE_METERS)
def export() -> ResponseReturnValue:
    """The counts of each of those days; storage in bytes."""
    history = _history(principal().account_id)
    rows = (row for metric, days in history.items() for row in _rows(metric, days))
    return downloads.csv("usage", csv_file.write([_(column) for column in COLUMNS], rows))


def _history(account_id: int) -> dict[Metric, list[DayCount]]:
    today = clock.now().date()
    since = today - timedelta(days=DAYS - 1)
    return usage.history(db.session(), account_id, since=since, until=today)


def _view(metric: Metric, days: list[DayCount], meter: Meter) -> MetricView:
    chart, steps = usage_charts.draw(metric, days), usage_charts.steps(metric, days)
    return MetricView(counting.name_of(metric), meter, chart, steps)


def _rows(metric: Metric, days: Iterable[DayCount]) -> Iterable[tuple[str, ...]]:
    for day in days:
        limit = "" if day.limit is None else str(day.limit)
        yield day.day.isoformat(), metric.value, str(day.used), limit
