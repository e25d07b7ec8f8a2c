"""Amounts: whole minor units, one rounding, never two currencies together."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.billing.rules.errors import AmountNotUnderstood, CurrencyMismatch
from portal.billing.rules.money import Money, minor_digits, sample

AMOUNTS = st.integers(-(10**12), 10**12)


@pytest.mark.parametrize("amount", [1.0, 50.5, True, False, "5", None], ids=repr)
def test_amounts_are_whole_numbers_and_nothing_else(amount: object) -> None:
    with pytest.raises(TypeError, match="whole numbers"):
        Money(amount, "USD")  # type: ignore[arg-type]


@pytest.mark.parametrize("currency", ["", "usd", "US", "DOLLAR", "XXX"])
def test_an_unknown_currency_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="not a currency code"):
        Money(1, currency)


def test_adding_subtracting_negating_and_multiplying() -> None:
    assert Money(5000, "USD") + Money(2500, "USD") == Money(7500, "USD")
    assert Money(5000, "USD") - Money(7500, "USD") == Money(-2500, "USD")
    assert -Money(5000, "USD") == Money(-5000, "USD")
    assert abs(Money(-5000, "USD")) == abs(Money(5000, "USD")) == Money(5000, "USD")
    assert Money(1200, "USD") * 3 == Money(3600, "USD")
    assert sum([Money(1, "USD"), Money(2, "USD")], Money.zero("USD")) == Money(3, "USD")


def test_amounts_are_ordered_within_a_currency() -> None:
    small, large = Money(-1, "EUR"), Money(2, "EUR")
    assert small < large
    assert small <= large
    assert large > small
    assert large >= large
    assert not small > large
    assert min(large, small) == small


def test_what_an_amount_is() -> None:
    assert Money.zero("JPY") == Money(0, "JPY")
    assert Money.zero("JPY").is_zero
    assert not Money(1, "JPY").is_zero
    assert Money(-1, "JPY").is_negative
    assert not Money(0, "JPY").is_negative


@pytest.mark.parametrize(
    "mix",
    [
        pytest.param(lambda a, b: a + b, id="add"),
        pytest.param(lambda a, b: a - b, id="subtract"),
        pytest.param(lambda a, b: a < b, id="less"),
        pytest.param(lambda a, b: a <= b, id="at most"),
        pytest.param(lambda a, b: a > b, id="more"),
        pytest.param(lambda a, b: a >= b, id="at least"),
    ],
)
def test_currencies_are_never_mixed(mix) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(CurrencyMismatch, match="USD and EUR can't be mixed"):
        mix(Money(1, "USD"), Money(1, "EUR"))


def test_the_same_number_in_two_currencies_is_not_the_same_amount() -> None:
    assert Money(1, "USD") != Money(1, "EUR")


@pytest.mark.parametrize("other", [1, 0, 1.5, None], ids=repr)
def test_money_goes_with_money_only(other: object) -> None:
    with pytest.raises(TypeError, match="money goes with money"):
        Money(1, "USD") + other  # type: ignore[operator]


@pytest.mark.parametrize("quantity", [1.5, True], ids=repr)
def test_money_is_multiplied_by_whole_numbers_only(quantity: object) -> None:
    with pytest.raises(TypeError, match="whole numbers"):
        Money(1, "USD") * quantity  # type: ignore[operator]


@pytest.mark.parametrize(
    ("amount", "numerator", "denominator", "expected"),
    [
        pytest.param(17900, 17, 30, 10143, id="charge.unused-days: multiplied first, then rounded"),
        pytest.param(10000, 11, 30, 3667, id="36.666… goes up"),
        pytest.param(1, 1, 2, 1, id="half goes away from zero"),
        pytest.param(-1, 1, 2, -1, id="half goes away from zero, below it too"),
        pytest.param(3, 1, 2, 2, id="1.5 is 2, as bankers' rounding would have it"),
        pytest.param(5, 1, 2, 3, id="2.5 is 3, as bankers' rounding would not"),
        pytest.param(1, 1, 3, 0, id="a third of a cent is nothing"),
        pytest.param(-2, 1, 3, -1, id="two thirds below zero are one"),
        pytest.param(5, -1, 2, -3, id="a negative share"),
        pytest.param(5000, 0, 30, 0, id="no day left"),
        pytest.param(5000, 30, 30, 5000, id="all days left"),
    ],
)
def test_share(amount: int, numerator: int, denominator: int, expected: int) -> None:
    assert Money(amount, "USD").share(numerator, denominator) == Money(expected, "USD")


@given(AMOUNTS, st.integers(-400, 400), st.integers(1, 400))
def test_a_share_is_the_nearest_whole_number(amount: int, numerator: int, denominator: int) -> None:
    exact = Fraction(amount * numerator, denominator)
    share = Money(amount, "USD").share(numerator, denominator).amount
    assert abs(share - exact) <= Fraction(1, 2)
    if abs(share - exact) == Fraction(1, 2):
        assert abs(share) > abs(exact)


@pytest.mark.parametrize("denominator", [0, -30])
def test_a_share_of_no_whole_is_refused(denominator: int) -> None:
    with pytest.raises(ValueError, match="denominator"):
        Money(1, "USD").share(1, denominator)


@pytest.mark.parametrize("numbers", [(0.5, 1), (1, 2.0), (True, 2)], ids=repr)
def test_a_share_is_of_whole_numbers(numbers: tuple[int, int]) -> None:
    with pytest.raises(TypeError, match="whole numbers"):
        Money(1, "USD").share(*numbers)


@pytest.mark.parametrize(
    ("currency", "digits"), [("USD", 2), ("EUR", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3)]
)
def test_minor_digits(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits


@pytest.mark.parametrize(
    ("written", "currency", "amount"),
    [
        ("50.00", "USD", 5000),
        ("50", "USD", 5000),
        ("50.5", "USD", 5050),
        ("0", "USD", 0),
        ("0.01", "USD", 1),
        ("1.10000", "USD", 110),
        ("5000", "JPY", 5000),
        ("5000.0", "JPY", 5000),
        ("1.234", "KWD", 1234),
        ("1", "KWD", 1000),
    ],
)
def test_reading_written_amounts(written: str, currency: str, amount: int) -> None:
    assert Money.parse(written, currency) == Money(amount, currency)


@pytest.mark.parametrize(
    ("written", "currency", "says"),
    [
        ("50.005", "USD", "not exact in USD, which has 2 digits"),
        ("0.5", "JPY", "not exact in JPY, which has 0 digits"),
        ("1.2345", "KWD", "write it like “50.000”"),
        ("1,000.00", "USD", "not an amount: write it like “50.00”"),
        ("-5", "USD", "not an amount"),
        ("5.", "USD", "not an amount"),
        (".5", "USD", "not an amount"),
        ("", "USD", "not an amount"),
        ("50.00\n", "USD", "not an amount"),
        ("٥٠", "USD", "not an amount"),
        ("1e3", "USD", "not an amount"),
        ("1" * 13, "USD", "not an amount"),
    ],
)
def test_amounts_that_are_not_understood(written: str, currency: str, says: str) -> None:
    with pytest.raises(AmountNotUnderstood, match=says):
        Money.parse(written, currency)


@pytest.mark.parametrize(("currency", "text"), [("USD", "50.00"), ("JPY", "50"), ("KWD", "50.000")])
def test_the_sample_amount_is_one(currency: str, text: str) -> None:
    assert sample(currency) == text
    assert Money.parse(text, currency).amount == 50 * 10 ** minor_digits(currency)
