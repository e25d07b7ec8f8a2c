"""On which day a limit would be reached, if the last four weeks go on.

    a week's growth = the median of what each of the last four weeks added
    days until then = what is left × 7 ÷ a week's growth, rounded up

Whole weeks, because people work in weeks; their median, because one import is no trend. The
sentence names the four figures, so that whoever reads it can check it against the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from math import ceil

from portal.billing.rules import describe
from portal.billing.rules.counting import Metric, amount_of
from portal.language import gettext as _
from portal.language import message, ngettext

WEEKS = 4
WEEK = 7
LOOKS_BACK = timedelta(days=WEEKS * WEEK)
FARTHEST_DAYS = 365
FAR_AWAY = message(
    "If it goes on as in the last %(weeks)s weeks (%(told)s), %(pace)s more a week, the limit is"
    " more than a year away."
)
REACHED = message(
    "If it goes on as in the last %(weeks)s weeks (%(told)s), %(pace)s more a week, you reach"
    " %(size)s on about %(date)s."
)


@dataclass(frozen=True)
class DayCount:
    """Count and limit of a metric as a day (UTC) ended; storage in bytes, None is unlimited."""

    day: date
    used: int
    limit: int | None


@dataclass(frozen=True)
class UsageForecast:
    """When the limit would be reached, None where nothing foretells it, and in words how that
    was found. `sentence` is "" where there is nothing to foretell: no limit, or none left."""

    reached_on: date | None
    sentence: str


def foretell(metric: Metric, days: Sequence[DayCount]) -> UsageForecast:
    """From the counts of each day up to today, the earliest first, without a gap."""
    if not days or days[-1].limit is None or days[-1].used >= days[-1].limit:
        return UsageForecast(None, "")
    today, limit = days[-1], days[-1].limit
    known = len(days) - 1
    if known < LOOKS_BACK.days:
        return UsageForecast(None, _too_early(known))
    gains = _gains(days)
    weekly = _median(gains)
    if weekly <= 0:
        return UsageForecast(None, _no_growth(metric, gains))
    left = ceil(Fraction((limit - today.used) * WEEK) / weekly)
    told, pace = _told(metric, gains), _pace(metric, weekly)
    if left > FARTHEST_DAYS:
        return UsageForecast(None, _(FAR_AWAY, weeks=WEEKS, told=told, pace=pace))
    reached_on = today.day + timedelta(days=left)
    size, date = _size(metric, limit), describe.date(reached_on)
    sentence = _(REACHED, weeks=WEEKS, told=told, pace=pace, size=size, date=date)
    return UsageForecast(reached_on, sentence)


def _too_early(known: int) -> str:
    if not known:
        return _(
            "No forecast yet: it looks back on %(weeks)s weeks, and counting began today.",
            weeks=WEEKS,
        )
    return ngettext(
        "No forecast yet: it looks back on %(weeks)s weeks, and counting began %(num)s day ago.",
        "No forecast yet: it looks back on %(weeks)s weeks, and counting began %(num)s days ago.",
        known,
        weeks=WEEKS,
    )


def _gains(days: Sequence[DayCount]) -> list[int]:
    """What each of the last weeks added, the earliest first."""
    ends = [days[-1 - WEEK * weeks].used for weeks in range(WEEKS, -1, -1)]
    return [after - before for before, after in pairwise(ends)]


def _median(gains: Sequence[int]) -> Fraction:
    """Of an even number: halfway between the two in the middle."""
    ordered, middle = sorted(gains), len(gains) // 2
    return Fraction(ordered[middle - 1] + ordered[middle], 2)


def _no_growth(metric: Metric, gains: Sequence[int]) -> str:
    if not any(gains):
        return _("No forecast: it is what it was %(weeks)s weeks ago.", weeks=WEEKS)
    return _(
        "No forecast: the last %(weeks)s weeks (%(told)s) show no steady growth.",
        weeks=WEEKS,
        told=_told(metric, gains),
    )


def _told(metric: Metric, gains: Sequence[int]) -> str:
    return describe.listing([_signed(metric, gain) for gain in gains])


def _signed(metric: Metric, gain: int) -> str:
    if gain == 0:
        return "0"
    return f"{'+' if gain > 0 else describe.MINUS}{_size(metric, abs(gain))}"


def _pace(metric: Metric, weekly: Fraction) -> str:
    """As in "2.5 clients", "1 client", "120 MB": what is counted is counted in halves at most."""
    if metric is Metric.STORAGE:
        return describe.storage(int(weekly))
    if weekly.denominator == 1:
        return amount_of(metric, int(weekly))
    figure = describe.and_a_half(int(weekly))
    if metric is Metric.SEATS:
        return _("%(figure)s seats", figure=figure)
    return _("%(figure)s clients", figure=figure)


def _size(metric: Metric, count: int) -> str:
    return describe.storage(count) if metric is Metric.STORAGE else describe.number(count)
