"""Figures in plain English: the product's own words for amounts, days, counts and bytes."""

from __future__ import annotations

from collections.abc import Sequence

from portal.billing.rules.money import Money, minor_digits
from portal.billing.rules.period import Interval

MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_BYTE_UNITS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def money(value: Money) -> str:
    """As in "$50.00", "€1,234.50", "¥5,000", "−$25.00", "CHF 12.00"."""
    digits = minor_digits(value.currency)
    whole, minor = divmod(abs(value.amount), 10**digits)
    figure = f"{whole:,}" + (f".{minor:0{digits}}" if digits else "")
    symbol = _SYMBOLS.get(value.currency, f"{value.currency} ")
    return f"{MINUS if value.is_negative else ''}{symbol}{figure}"


def plain(value: Money) -> str:
    """As in "1234.50", "-25.00", "5000": for files, beside a column with the currency."""
    digits = minor_digits(value.currency)
    whole, minor = divmod(abs(value.amount), 10**digits)
    return f"{'-' if value.is_negative else ''}{whole}" + (f".{minor:0{digits}}" if digits else "")


def money_in(text: str, currency: str) -> Money:
    """The amount that `money` wrote as `text`. Raises AmountNotUnderstood."""
    symbol = _SYMBOLS.get(currency, f"{currency} ")
    amount = Money.parse(text.removeprefix(MINUS).removeprefix(symbol).replace(",", ""), currency)
    return -amount if text.startswith(MINUS) else amount


def number(count: int) -> str:
    return f"{count:,}".replace("-", MINUS)


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """As in "1 seat", "1,200 clients"."""
    return f"{number(count)} {singular if count == 1 else plural or singular + 's'}"


def days(count: int) -> str:
    return counted(count, "day")


def every(interval: Interval) -> str:
    """As in "every 30 days": the day of the month moves, so it is never called a month."""
    return f"every {days(interval.days)}"


def percent(basis_points: int) -> str:
    """As in "19 %", "7.7 %", "8.25 %", from hundredths of a percent."""
    whole, hundredths = divmod(basis_points, 100)
    fraction = f"{hundredths:02}".rstrip("0")
    return f"{whole}.{fraction} %" if fraction else f"{whole} %"


def storage(size: int, *, round_up: bool = False) -> str:
    """Bytes as "5 GB", "1.2 GB", "512 bytes"; one digit after the point, or none.

    Never more than there is; with `round_up` never less.
    """
    for unit, name in _BYTE_UNITS:
        tenths = -(-10 * size // unit) if round_up else 10 * size // unit
        if tenths >= 10:
            whole, tenth = divmod(tenths, 10)
            return f"{number(whole)}{f'.{tenth}' if tenth else ''} {name}"
    return counted(size, "byte")


def listing(things: Sequence[str]) -> str:
    """As in "a", "a and b", "a, b and c"."""
    *others, last = things
    return f"{', '.join(others)} and {last}" if others else last
