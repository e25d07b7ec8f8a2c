"""Dates as people read them, and the filters of templates: amounts and counts are `describe`'s."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date as Date
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from flask import Flask, g, has_app_context

from portal import language
from portal.billing.rules import counting, describe, kept_words
from portal.billing.rules.money import Money
from portal.language import gettext as _

NO_BREAK = "\N{NO-BREAK SPACE}"
TIME_PATTERN = "HH:mm"
# −$25.00, −CHF 80.00, −1 234,50 €
BELOW_ZERO = re.compile(
    rf"({describe.MINUS}[^\s\d]*\s?\d(?:[\d.,\u00a0\u202f]*\d)?(?:\u00a0(?:[A-Z]*\$[A-Z]*|[€£¥]|[A-Z]{{3}}))?)"
)


def register(app: Flask) -> None:
    """Make what is in FILTERS available to templates under its name."""
    for name, function in FILTERS.items():
        app.add_template_filter(function, name)


def money(amount: Money) -> str:
    """$1,234.50, CHF 80.00, −$25.00: as everywhere in the product, and never broken in two."""
    return describe.money(amount).replace(" ", NO_BREAK)


def at_negatives(sentence: str) -> list[str]:
    """A sentence in pieces, of which every second is an amount below zero: −$25.00."""
    return BELOW_ZERO.split(sentence)


def date(value: Date, zone: str | None = None) -> str:
    """27 Nov 2026, in the language spoken now; an instant first brought to the account's zone."""
    return describe.date(local_day(value, zone))


def date_time(value: datetime, zone: str | None = None) -> str:
    """27 Nov 2026, 14:00 CET, in the zone of the account."""
    return f"{date(value, zone)}, {time(value, zone)}"


def time(value: datetime, zone: str | None = None) -> str:
    """14:00 CET, in the zone of the account."""
    local = value.astimezone(zone_of(zone))
    return f"{format_datetime(local, TIME_PATTERN, locale=language.locale())} {zone_name(local)}"


def relative_days(value: Date, now: datetime, zone: str | None = None) -> str:
    """Today, tomorrow, in 3 days, 2 days ago: whole calendar days of the account's zone."""
    days = (local_day(value, zone) - local_day(now, zone)).days
    near = {0: _("today"), 1: _("tomorrow"), -1: _("yesterday")}
    if days in near:
        return near[days]
    if days > 0:
        return describe.counted(days, "in %(num)s day", "in %(num)s days")
    return describe.counted(-days, "%(num)s day ago", "%(num)s days ago")


def local_day(value: Date, zone: str | None = None) -> Date:
    """The calendar day of a date or instant in a zone (default: the account's)."""
    return value.astimezone(zone_of(zone)).date() if isinstance(value, datetime) else value


def zone_of(name: str | None) -> tzinfo:
    """The named zone, else the one the request set as g.time_zone, else UTC."""
    chosen = name or (g.get("time_zone") if has_app_context() else None)
    return ZoneInfo(chosen or "UTC")


def zone_name(local: datetime) -> str:
    """CET, EST; zones that have no abbreviation are named by their offset: UTC−03."""
    name = local.tzname() or "UTC"
    return f"UTC{name.replace('-', describe.MINUS)}" if name[0] in "+-" else name


def _in_use(used: int, metric: str, limit: int | None) -> str:
    return counting.in_use(counting.Metric(metric), used, limit)


FILTERS: dict[str, Callable[..., str | list[str]]] = {
    "money": money,
    "at_negatives": at_negatives,
    "date": date,
    "date_time": date_time,
    "time": time,
    "relative_days": relative_days,
    "count": describe.number,
    "bytes": describe.storage,
    "in_use": _in_use,
    "level": counting.level,
    "translated": kept_words.translated,
}
