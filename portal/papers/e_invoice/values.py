"""How single values are written: amounts, rates, dates, text."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from portal.billing.rules.money import Money, minor_digits
from portal.papers.e_invoice.refusals import NoEInvoice

MOST_DECIMALS = 2
UNLISTED_CURRENCIES = {"STN"}
# Not seen, so that they may be in text that can be printed, yet no XML may hold them.
NOT_IN_XML = {0xFFFE: None, 0xFFFF: None}


def amount(money: Money) -> str:
    """As in "-25.00". Raises NoEInvoice for one with more than two decimals."""
    written = price(money)
    whole, point, decimals = written.partition(".")
    if any(digit != "0" for digit in decimals[MOST_DECIMALS:]):
        raise NoEInvoice(
            f"An amount of {written} {money.currency} has three decimals, and EN 16931 allows two."
        )
    return whole + point + decimals[:MOST_DECIMALS]


def price(money: Money) -> str:
    """As in "25.00", with all decimals of the currency."""
    digits = minor_digits(money.currency)
    sign = "-" if money.is_negative else ""
    whole, fraction = divmod(abs(money.amount), 10**digits)
    return f"{sign}{whole}.{fraction:0{digits}}" if digits else f"{sign}{whole}"


def percent(basis_points: int) -> str:
    """As in "19", "8.1"."""
    whole, hundredths = divmod(basis_points, 100)
    return f"{whole}.{hundredths:02}".rstrip("0").rstrip(".")


def currency(money: Money) -> str:
    """Its code. Raises NoEInvoice for one that the rules of UBL don't list."""
    if money.currency in UNLISTED_CURRENCIES:
        raise NoEInvoice(f"EN 16931 doesn't list the currency {money.currency}.")
    return money.currency


def day(instant: datetime, zone: str) -> date:
    """The day that the document shows for an instant."""
    return instant.astimezone(ZoneInfo(zone)).date()


def text(value: str) -> str:
    """Text without what no XML may hold."""
    return value.translate(NOT_IN_XML)


def needed(value: str, what: str) -> str:
    """Text that a valid file can't be without. Raises NoEInvoice."""
    kept = text(value)
    if not kept.strip():
        raise NoEInvoice(f"EN 16931 needs {what}, and the document has none.")
    return kept
