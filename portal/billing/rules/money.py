"""Amounts of money: a whole number of the currency's smallest unit, and the currency."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

from portal.billing.rules.errors import AmountNotUnderstood, CurrencyMismatch
from portal.language import gettext as _

_MAJOR_UNITS = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,6}))?", re.ASCII)

# ISO 4217, active codes, by the number of digits after the point.
_CODES_BY_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD "
        "CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD "
        "GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL "
        "MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN "
        "PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP "
        "SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
}
_DIGITS = {code: digits for digits, codes in _CODES_BY_DIGITS.items() for code in codes.split()}


@total_ordering
@dataclass(frozen=True)
class Money:
    """`amount` counts the smallest unit of `currency` (cents, yen, fils); it may be negative.

    Amounts of two currencies are never equal, and adding, subtracting or ordering them raises
    CurrencyMismatch. An amount that is no int raises TypeError, an unknown currency ValueError.
    """

    amount: int
    currency: str

    def __post_init__(self) -> None:
        _whole(self.amount)
        minor_digits(self.currency)

    @classmethod
    def zero(cls, currency: str) -> Money:
        return cls(0, currency)

    @classmethod
    def parse(cls, major_units: str, currency: str) -> Money:
        """Read "50.00" or "50"; AmountNotUnderstood unless it is exact in the currency."""
        match = _MAJOR_UNITS.fullmatch(major_units)
        if match is None:
            raise AmountNotUnderstood(
                _(
                    "“%(typed)s” is not an amount: write it like “%(sample)s”.",
                    typed=major_units,
                    sample=sample(currency),
                )
            )
        digits = minor_digits(currency)
        whole, fraction = match[1], (match[2] or "").rstrip("0")
        if len(fraction) > digits:
            raise AmountNotUnderstood(
                _(
                    "“%(typed)s” is not exact in %(currency)s, which has %(num)s digits after the"
                    " point: write it like “%(sample)s”.",
                    typed=major_units,
                    currency=currency,
                    num=digits,
                    sample=sample(currency),
                )
            )
        return cls(int(whole + fraction.ljust(digits, "0")), currency)

    def share(self, numerator: int, denominator: int) -> Money:
        """amount × numerator ÷ denominator: multiplied first, half away from zero, once."""
        if _whole(denominator) <= 0:
            raise ValueError("a share needs a denominator above zero")
        product = self.amount * _whole(numerator)
        size = (2 * abs(product) + denominator) // (2 * denominator)
        return Money(size if product >= 0 else -size, self.currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other).amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other).amount, self.currency)

    def __mul__(self, quantity: int) -> Money:
        return Money(self.amount * _whole(quantity), self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def __abs__(self) -> Money:
        return Money(abs(self.amount), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other).amount

    @property
    def is_zero(self) -> bool:
        return self.amount == 0

    @property
    def is_negative(self) -> bool:
        return self.amount < 0

    def _same(self, other: Money) -> Money:
        if not isinstance(other, Money):
            raise TypeError(f"money goes with money, not with {type(other).__name__}")
        if other.currency != self.currency:
            raise CurrencyMismatch(self.currency, other.currency)
        return other


def minor_digits(currency: str) -> int:
    """Digits after the point: USD 2, JPY 0, KWD 3. ValueError for an unknown code."""
    try:
        return _DIGITS[currency]
    except KeyError:
        raise ValueError(f"{currency!r} is not a currency code such as USD or EUR") from None


def sample(currency: str) -> str:
    """An amount as it is written in this currency, for who wrote it otherwise: "50.00"."""
    digits = minor_digits(currency)
    return "50" if digits == 0 else "50." + "0" * digits


def _whole(number: int) -> int:
    # bool is an int to Python; an amount of True is a mistake.
    if type(number) is not int:
        raise TypeError(f"money is counted in whole numbers, not in {type(number).__name__}")
    return number
