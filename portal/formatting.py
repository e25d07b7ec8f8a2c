"""Money, dates and counts as people read them; also registered as template filters."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date as Date
from datetime import datetime, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, get_currency_symbol
from flask import Flask, g, has_app_context

from portal.billing.rules.money import Money, minor_digits

LOCALE = "en"
MINUS = "\u2212"
DATE_PATTERN = "d MMM y"
DATE_TIME_PATTERN = "d MMM y, HH:mm"
UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def register(app: Flask) -> None:
    """Make every function of this module a template filter of the same name."""
    for name, function in FILTERS.items():
        app.add_template_filter(function, name)


def money(amount: Money) -> str:
    """$1,234.50, CHF 80.00; a credit carries a real minus sign: −$25.00."""
    digits = minor_digits(amount.currency)
    value = Decimal(amount.amount).scaleb(-digits)
    gap = "\u00a0" if get_currency_symbol(amount.currency, LOCALE).isalpha() else ""
    pattern = f"¤{gap}#,##0" + ("." + "0" * digits if digits else "")
    text = format_currency(value, amount.currency, pattern, LOCALE, currency_digits=False)
    return text.replace("-", MINUS)


def date(value: Date, zone: str | None = None) -> str:
    """27 Nov 2026. An instant is first brought to the zone of the account."""
    return format_date(local_day(value, zone), DATE_PATTERN, locale=LOCALE)


def date_time(value: datetime, zone: str | None = None) -> str:
    """27 Nov 2026, 14:00 CET, in the zone of the account."""
    local = value.astimezone(zone_of(zone))
    return f"{format_datetime(local, DATE_TIME_PATTERN, locale=LOCALE)} {zone_name(local)}"


def relative_days(value: Date, now: datetime, zone: str | None = None) -> str:
    """Today, tomorrow, in 3 days, 2 days ago: whole calendar days of the account's zone."""
    days = (local_day(value, zone) - local_day(now, zone)).days
    near = {0: "today", 1: "tomorrow", -1: "yesterday"}
    if days in near:
        return near[days]
    return f"in {count(days)} days" if days > 0 else f"{count(-days)} days ago"


def count(number: int) -> str:
    """1,234."""
    return format_decimal(number, locale=LOCALE).replace("-", MINUS)


def bytes_(size: int) -> str:
    """5 GB, 1.5 MB, 812 B: thousands of bytes, at most one decimal, never rounded up."""
    power = min((len(str(size)) - 1) // 3, len(UNITS) - 1)
    tenths = size * 10 // 1000**power
    number = format_decimal(Decimal(tenths) / 10, locale=LOCALE)
    return f"{number} {UNITS[power]}"


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
    return f"UTC{name.replace('-', MINUS)}" if name[0] in "+-" else name


FILTERS: dict[str, Callable[..., str]] = {
    "money": money,
    "date": date,
    "date_time": date_time,
    "relative_days": relative_days,
    "count": count,
    "bytes": bytes_,
}
