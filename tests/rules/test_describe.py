"""Figures in plain English."""

import pytest

from portal.billing.rules import describe
from portal.billing.rules.errors import AmountNotUnderstood
from portal.billing.rules.money import Money
from portal.billing.rules.period import Interval


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (5000, "USD", "$50.00"),
        (-2500, "USD", "−$25.00"),
        (0, "USD", "$0.00"),
        (5, "USD", "$0.05"),
        (123450, "EUR", "€1,234.50"),
        (5000, "JPY", "¥5,000"),
        (99, "GBP", "£0.99"),
        (1234, "KWD", "KWD 1.234"),
        (-120000000, "CHF", "−CHF 1,200,000.00"),
    ],
)
def test_money(amount: int, currency: str, text: str) -> None:
    assert describe.money(Money(amount, currency)) == text
    assert describe.money_in(text, currency) == Money(amount, currency)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (123450, "EUR", "1234.50"),
        (-2500, "USD", "-25.00"),
        (-5, "USD", "-0.05"),
        (0, "USD", "0.00"),
        (5000, "JPY", "5000"),
        (1234, "KWD", "1.234"),
    ],
)
def test_an_amount_for_a_file_is_a_plain_number(amount: int, currency: str, text: str) -> None:
    assert describe.plain(Money(amount, currency)) == text


@pytest.mark.parametrize("text", ["", "€50.00", "$fifty", "$1.234", "5000 USD"])
def test_what_is_no_amount_of_the_currency_is_not_read_as_one(text: str) -> None:
    with pytest.raises(AmountNotUnderstood):
        describe.money_in(text, "USD")


@pytest.mark.parametrize(("count", "text"), [(0, "0 days"), (1, "1 day"), (1200, "1,200 days")])
def test_days(count: int, text: str) -> None:
    assert describe.days(count) == text


def test_other_plurals() -> None:
    assert describe.counted(2, "%(num)s company", "%(num)s companies") == "2 companies"
    assert describe.counted(1, "%(num)s company", "%(num)s companies") == "1 company"


def test_a_number_below_zero_has_a_real_minus_sign() -> None:
    assert describe.number(-1200) == "−1,200"


def test_charge_dates_says_every_30_days_and_never_monthly() -> None:
    assert describe.every(Interval.MONTHLY) == "every 30 days"
    assert describe.every(Interval.YEARLY) == "every 365 days"


@pytest.mark.parametrize(
    ("size", "text", "rounded_up"),
    [
        (0, "0 bytes", "0 bytes"),
        (1, "1 byte", "1 byte"),
        (512, "512 bytes", "512 bytes"),
        (1000, "1 kB", "1 kB"),
        (1500, "1.5 kB", "1.5 kB"),
        (1_500_000, "1.5 MB", "1.5 MB"),
        (5 * 10**9, "5 GB", "5 GB"),
        (4_999_999_999, "4.9 GB", "5 GB"),
        (1_250_000_000, "1.2 GB", "1.3 GB"),
        (999_999_999, "999.9 MB", "1 GB"),
        (1_000_000_001, "1 GB", "1.1 GB"),
        (4_800 * 10**9, "4.8 TB", "4.8 TB"),
        (1_234_500 * 10**9, "1,234.5 TB", "1,234.5 TB"),
    ],
)
def test_storage_never_reads_as_more_than_it_is(size: int, text: str, rounded_up: str) -> None:
    assert describe.storage(size) == text
    assert describe.storage(size, round_up=True) == rounded_up


@pytest.mark.parametrize(
    ("basis_points", "text"),
    [(0, "0 %"), (1900, "19 %"), (770, "7.7 %"), (825, "8.25 %"), (605, "6.05 %"), (5, "0.05 %")],
)
def test_percent(basis_points: int, text: str) -> None:
    assert describe.percent(basis_points) == text


@pytest.mark.parametrize(
    ("things", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_listing(things: list[str], text: str) -> None:
    assert describe.listing(things) == text
