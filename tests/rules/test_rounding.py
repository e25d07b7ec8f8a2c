"""Where an amount is rounded, and where it isn't: cases in which any other place shows."""

from datetime import timedelta

import pytest

from portal.billing.rules.invoicing import for_cycle
from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle, Interval
from portal.billing.rules.proration import unused_time
from portal.billing.rules.tax import Tax
from portal.billing.rules.terms import Basket, Item
from tests.rules.plans import NOTHING, START, add_on, quote, running, standard, usd

CYCLE = Cycle.starting(START, Interval.MONTHLY)
VAT = Tax("VAT", 1900)


def test_invoice_tax_of_two_lines_is_the_sum_of_their_taxes() -> None:
    """19 % of $0.50 is 9.5 cents, on each of two lines: 10 + 10, not the 19 of $1.00."""
    basket = Basket(standard(5, amount=50), (Item(add_on("seat", 50), 1),))
    draft = for_cycle(basket, CYCLE, NOTHING, VAT)
    assert [line.tax_amount for line in draft.lines] == [usd(10), usd(10)]
    assert (draft.tax, draft.total) == (usd(20), usd(120))


def test_invoice_tax_of_a_credit_is_rounded_on_its_own_line() -> None:
    """10 % of $0.94 and of −$0.15 (9 of 30 days × $0.50): 9 − 2 cents, not the 7.9 of $0.79."""
    levy = Tax("Levy", 1000)
    current = running(standard(5, amount=50), tax=levy)
    draft = quote(
        current, standard(10, amount=94), now=START + timedelta(days=21), balance=NOTHING, tax=levy
    ).draft
    assert [line.tax_amount for line in draft.lines] == [usd(9), usd(-2)]
    assert draft.tax == usd(7)


@pytest.mark.parametrize(
    ("amount", "numerator", "denominator", "rounded"),
    [(1, 1, 2, 1), (-1, 1, 2, -1), (3, 1, 2, 2), (50, 19, 100, 10), (5, 1, 3, 2), (4, 1, 3, 1)],
)
def test_a_half_goes_away_from_zero(
    amount: int, numerator: int, denominator: int, rounded: int
) -> None:
    assert Money(amount, "USD").share(numerator, denominator) == Money(rounded, "USD")


def test_charge_unused_days_of_a_price_that_no_day_divides() -> None:
    """$1.00 × 17 ÷ 30 = 56.67 cents; by the day it would be 17 × 3 = 51."""
    assert unused_time(usd(100), CYCLE, START + timedelta(days=13)).credit == usd(57)
