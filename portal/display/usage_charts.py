"""How a count went, as a picture that a template draws and as the table beside it.

The curve lies in a box of its own measure, 10 wide for each day and 1,000 high, which the page
stretches to its place; what is written stands at shares of it, so that text is never stretched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from itertools import pairwise

from babel.dates import format_skeleton

from portal import language
from portal.billing.rules import describe
from portal.billing.rules.counting import Metric, name_of
from portal.billing.rules.usage_forecast import DayCount
from portal.language import gettext as _
from portal.web import formatting

DAY_WIDTH, HEIGHT = 10, 1000
LINES_AT_MOST = 4
# Nearer than this to the ground, nothing fits below the curve.
LOW = HEIGHT * 4 // 5
DATES = 4
# On a phone the last word of the curve takes about a third of its width.
ENDS = 3
ABOVE, BELOW = -7, 17


@dataclass(frozen=True)
class Mark:
    """A word in the picture, `x` and `y` in percent of it, moved by `dy` of the page's pixels;
    `anchor` says which end of it stands there."""

    text: str
    x: str
    y: str
    dy: int = ABOVE
    anchor: str = "start"


@dataclass(frozen=True)
class Step:
    """A day on which count or limit changed, in words; `change` is "" on the first."""

    day: date
    used: str
    change: str
    limit: str


@dataclass(frozen=True)
class Chart:
    """The picture of one metric; `limit` is "" where there was none all the time."""

    id: str
    title: str
    about: str
    width: int
    used: str
    ground: str
    limit: str
    lines: tuple[Mark, ...]
    dates: tuple[Mark, ...]
    labels: tuple[Mark, ...]


def draw(metric: Metric, days: Sequence[DayCount]) -> Chart:
    """The picture of at least one day, the earliest first."""
    scale = _Scale(metric, days)
    width = DAY_WIDTH * len(days)
    used = _path([scale.y(day.used) for day in days])
    return Chart(
        id=metric.value,
        title=_(
            "%(metric)s from %(first)s to %(last)s",
            metric=name_of(metric),
            first=_date(days[0]),
            last=_date(days[-1]),
        ),
        about=_about(metric, days),
        width=width,
        used=used,
        ground=f"{used}V{HEIGHT}H0Z",
        limit=_path([None if day.limit is None else scale.y(day.limit) for day in days]),
        lines=tuple(Mark(scale.text(value), "0", _share(scale.y(value))) for value in scale.lines),
        dates=tuple(_dates(days)),
        labels=tuple(_labels(days, scale)),
    )


def steps(metric: Metric, days: Sequence[DayCount]) -> list[Step]:
    """The days on which something changed, the latest first, and the first of all."""
    text = _in_words(metric)
    told = [
        Step(day.day, text(day.used), _signed(day.used - before.used, text), _limit(day, text))
        for before, day in pairwise(days)
        if (day.used, day.limit) != (before.used, before.limit)
    ]
    first = [Step(day.day, text(day.used), "", _limit(day, text)) for day in days[:1]]
    return [*reversed(told), *first]


class _Scale:
    """Where a count lies, the largest count or limit well below the upper edge."""

    def __init__(self, metric: Metric, days: Sequence[DayCount]) -> None:
        peak = max(max(day.used, day.limit or 0) for day in days)
        self.top = max(peak * 115 // 100, peak + 1)
        self.text = _in_words(metric)
        apart = next(step for step in _round_steps() if step * LINES_AT_MOST >= self.top)
        self.lines = range(0, self.top, apart)

    def y(self, count: int) -> int:
        return HEIGHT - count * HEIGHT // self.top


def _round_steps() -> Iterator[int]:
    """1, 2, 5, 10, 20, 50, 100 and so on."""
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def _path(heights: Sequence[int | None]) -> str:
    """A line of one step a day, broken where there is no height."""
    parts, before = [], None
    for number, height in enumerate(heights):
        if height is not None:
            if before is None:
                parts.append(f"M{number * DAY_WIDTH} {height}")
            elif height != before:
                parts.append(f"V{height}")
            parts.append(f"H{(number + 1) * DAY_WIDTH}")
        before = height
    return "".join(parts)


def _dates(days: Sequence[DayCount]) -> Iterator[Mark]:
    """Some days along the ground, the first and the last among them."""
    last = len(days) - 1
    for number in sorted({last * part // (DATES - 1) for part in range(DATES)}):
        anchor = "start" if number == 0 else "end" if number == last else "middle"
        x = _share(HEIGHT * (2 * number + 1) // (2 * len(days)))
        x = {"start": "0", "end": "100%"}.get(anchor, x)
        yield Mark(_short(days[number].day), x, "100%", BELOW, anchor)


def _labels(days: Sequence[DayCount], scale: _Scale) -> Iterator[Mark]:
    """What the two lines are, each on the side of its line where the other isn't."""
    latest, middle = days[-1], days[len(days) // 2]
    end = [scale.y(day.used) for day in days[-(len(days) // ENDS + 1) :]]
    is_under = latest.limit is not None and latest.used <= latest.limit and max(end) < LOW
    used = _("In use: %(figure)s", figure=scale.text(latest.used))
    if is_under:
        yield Mark(used, "100%", _share(max(end)), BELOW, "end")
    else:
        yield Mark(used, "100%", _share(min(end)), ABOVE, "end")
    if middle.limit is not None:
        limit = _("Limit: %(figure)s", figure=scale.text(middle.limit))
        yield Mark(limit, "50%", _share(scale.y(middle.limit)), ABOVE, "middle")


def _about(metric: Metric, days: Sequence[DayCount]) -> str:
    """What the picture shows, for whoever doesn't see it."""
    text, counts = _in_words(metric), [day.used for day in days]
    limits = list(dict.fromkeys(_limit(day, text) for day in days))
    went = _(
        "%(then)s on %(first)s, %(now)s on %(last)s; between %(least)s and %(most)s in that time.",
        then=text(counts[0]),
        first=_date(days[0]),
        now=text(counts[-1]),
        last=_date(days[-1]),
        least=text(min(counts)),
        most=text(max(counts)),
    )
    stood = _("The limit: %(limit)s all the time.", limit=limits[0])
    if len(limits) > 1:
        stood = _("The limit: first %(limits)s.", limits=reduce(_then, limits))
    return f"{went} {stood}"


def _then(before: str, after: str) -> str:
    return _("%(before)s, then %(after)s", before=before, after=after)


def _limit(day: DayCount, text: Callable[[int], str]) -> str:
    return _("unlimited") if day.limit is None else text(day.limit)


def _signed(change: int, text: Callable[[int], str]) -> str:
    if change == 0:
        return "0"
    return f"{'+' if change > 0 else describe.MINUS}{text(abs(change))}"


def _in_words(metric: Metric) -> Callable[[int], str]:
    return describe.storage if metric is Metric.STORAGE else describe.number


def _date(day: DayCount) -> str:
    return formatting.date(day.day)


def _short(day: date) -> str:
    """As in "22 Nov"."""
    if language.spoken() == language.ENGLISH:
        return f"{day.day} {day:%b}"
    return format_skeleton("MMMd", day, locale=language.locale())


def _share(part: int) -> str:
    """Thousandths as percent: "12.5%"."""
    return f"{part // 10}.{part % 10}%"
