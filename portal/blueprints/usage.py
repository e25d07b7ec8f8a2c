"""The usage page: how each count went, and when it would reach its limit."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue

from portal import attempts, clock, live, usage_charts
from portal.access import Permission, principal, requires
from portal.billing import subscriptions, usage
from portal.billing.rules.counting import Metric
from portal.billing.rules.usage_forecast import DayCount
from portal.extensions import db
from portal.live import Meter
from portal.usage_charts import Chart, Step

bp = Blueprint("usage", __name__)

DAYS = 90
COLUMNS = ("Day (UTC)", "Metric", "In use", "Limit")


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
    account_id = principal().account.id
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
    response = Response(_csv(_history(principal().account.id)), mimetype="text/csv")
    day = clock.now().date().isoformat()
    response.headers["Content-Disposition"] = f'attachment; filename="usage-{day}.csv"'
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _history(account_id: int) -> dict[Metric, list[DayCount]]:
    today = clock.now().date()
    since = today - timedelta(days=DAYS - 1)
    return usage.history(db.session(), account_id, since=since, until=today)


def _view(metric: Metric, days: list[DayCount], meter: Meter) -> MetricView:
    chart, steps = usage_charts.draw(metric, days), usage_charts.steps(metric, days)
    return MetricView(usage_charts.NAMES[metric], meter, chart, steps)


def _csv(history: dict[Metric, list[DayCount]]) -> str:
    """Lines of the file, a mark of UTF-8 first, as in the other files there are."""
    buffer = io.StringIO()
    buffer.write("\ufeff")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for metric, days in history.items():
        writer.writerows(_cells(metric, days))
    return buffer.getvalue()


def _cells(metric: Metric, days: Iterable[DayCount]) -> Iterable[tuple[str, ...]]:
    for day in days:
        limit = "" if day.limit is None else str(day.limit)
        yield day.day.isoformat(), metric.value, str(day.used), limit
