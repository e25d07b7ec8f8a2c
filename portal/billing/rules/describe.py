"""Figures in plain words, in the language spoken now: amounts, days, counts and bytes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date as Date
from decimal import Decimal

from babel.dates import format_date, format_skeleton
from babel.numbers import (
    NumberFormatError,
    format_currency,
    format_decimal,
    get_currency_symbol,
    get_decimal_symbol,
    parse_decimal,
)

from portal import language
from portal.billing.rules.errors import AmountNotUnderstood
from portal.billing.rules.money import Money, minor_digits
from portal.billing.rules.period import Interval

MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
DATE_SKELETON = "yMMMd"
# Months are named: of 3/05 nobody could tell which it is.
DATE_PATTERNS = {"en": "d MMM y", "pt": "d 'de' MMM 'de' y"}
# 1er mars, then 2 mars.
FIRST_DAY_PATTERNS = {"fr": "d'er' MMM y"}

_IN_FIGURES = frozenset("0123456789.,'’")
_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
_BYTE_UNITS = (
    (10**12, language.message("TB")),
    (10**9, language.message("GB")),
    (10**6, language.message("MB")),
    (10**3, language.message("kB")),
)


def money(value: Money) -> str:
    """As in "$50.00", "€1,234.50", "¥5,000", "−$25.00"; in German "1.234,50 €"."""
    if language.spoken() == language.ENGLISH:
        return kept_money(value)
    digits = minor_digits(value.currency)
    figure = Decimal(value.amount).scaleb(-digits)
    written = format_currency(figure, value.currency, locale=language.locale())
    return written.replace("-", MINUS)


def kept_money(value: Money) -> str:
    """An amount as it is kept in the trail, whatever language is spoken; `money_in` reads it."""
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
    """The amount that `kept_money` wrote as `text`. Raises AmountNotUnderstood."""
    symbol = _SYMBOLS.get(currency, f"{currency} ")
    amount = Money.parse(text.removeprefix(MINUS).removeprefix(symbol).replace(",", ""), currency)
    return -amount if text.startswith(MINUS) else amount


def money_typed(text: str, currency: str) -> Money:
    """The amount somebody typed as the language spoken now writes it, without its sign there, or
    else as English does. Raises AmountNotUnderstood."""
    if language.spoken() != language.ENGLISH:
        bare = _bare(text, currency)
        try:
            if set(bare) <= _IN_FIGURES:
                figure = parse_decimal(bare, language.locale(), strict=True)
                return Money.parse(str(figure), currency)
        except (NumberFormatError, AmountNotUnderstood):
            pass
    return money_in(text, currency)


def date(day: Date) -> str:
    """27 Nov 2026, in the language spoken now."""
    of_first = FIRST_DAY_PATTERNS.get(language.spoken()) if day.day == 1 else None
    pattern = of_first or DATE_PATTERNS.get(language.spoken())
    if pattern:
        return format_date(day, pattern, locale=language.locale())
    return format_skeleton(DATE_SKELETON, day, locale=language.locale())


def number(count: int) -> str:
    """As in "1,200"; in German "1.200"."""
    return _grouped(count).replace("-", MINUS)


def and_a_half(count: int) -> str:
    """As in "2.5", of 2."""
    return f"{number(count)}{_point()}5"


def counted(count: int, one: str, many: str) -> str:
    """As in "1 seat", "1,200 clients": both forms are messages with %(num)s."""
    return language.ngettext(one, many, count, num=number(count))


def days(count: int) -> str:
    """As in "1 day", "30 days"."""
    return counted(count, "%(num)s day", "%(num)s days")


def every(interval: Interval) -> str:
    """As in "every 30 days": the day of the month moves, so it is never called a month."""
    return counted(interval.days, "every %(num)s day", "every %(num)s days")


def percent(basis_points: int) -> str:
    """As in "19 %", "7.7 %", "8.25 %", from hundredths of a percent."""
    whole, hundredths = divmod(basis_points, 100)
    fraction = f"{hundredths:02}".rstrip("0")
    rate = f"{whole}{_point()}{fraction}" if fraction else str(whole)
    if language.spoken() == language.ENGLISH:
        return f"{rate} %"
    pattern: str = language.locale().percent_formats[None].pattern
    return pattern.replace("#,##0", rate)


def storage(size: int, *, round_up: bool = False) -> str:
    """Bytes as "5 GB", "1.2 GB", "512 bytes"; one digit after the point, or none.

    Never more than there is; with `round_up` never less.
    """
    for unit, name in _BYTE_UNITS:
        tenths = -(-10 * size // unit) if round_up else 10 * size // unit
        if tenths >= 10:
            whole, tenth = divmod(tenths, 10)
            figure = f"{number(whole)}{_point()}{tenth}" if tenth else number(whole)
            return f"{figure} {language.gettext(name)}"
    return counted(size, "%(num)s byte", "%(num)s bytes")


def listing(things: Sequence[str]) -> str:
    """As in "a", "a and b", "a, b and c"."""
    *others, last = things
    if not others:
        return last
    return language.gettext("%(others)s and %(last)s", others=", ".join(others), last=last)


def _bare(text: str, currency: str) -> str:
    """An amount without its sign, its currency and spaces."""
    symbols = (get_currency_symbol(currency, language.locale()), _SYMBOLS.get(currency, currency))
    for part in (MINUS, "-", currency, *symbols):
        text = text.replace(part, "")
    return "".join(text.split())


def _grouped(count: int) -> str:
    if language.spoken() == language.ENGLISH:
        return f"{count:,}"
    return format_decimal(count, locale=language.locale())


def _point() -> str:
    if language.spoken() == language.ENGLISH:
        return "."
    return get_decimal_symbol(language.locale())
