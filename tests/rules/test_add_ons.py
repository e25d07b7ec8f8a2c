"""charge.add-ons: bought for the days left, given back by the day, renewed with the plan."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import CycleEnded
from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle, Interval
from portal.billing.rules.plan_change import Circumstances, Direction, Quote, add_ons_quote
from portal.billing.rules.tax import NO_TAX, Tax
from portal.billing.rules.terms import Basket, Charged, Item, Running
from tests.rules.plans import NOTHING, SECOND, START, add_on, after, quote, running, standard, usd

SEAT = add_on("seat", 1000)


def bought(quantity: int, now: datetime, current: Running | None = None, **given: object) -> Quote:
    current = current or running(standard(10))
    items = (Item(SEAT, quantity),)
    after_it = Basket(current.basket.plan, items)
    given = {"balance": NOTHING, **given}
    return add_ons_quote(current, items, after_it, after_it, Circumstances(now, **given))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("quantity", "now", "due", "explanation"),
    [
        pytest.param(
            1, START, 1000, "Full price for 30 days: $10.00", id="the first second: 30 of 30 days"
        ),
        pytest.param(
            2, START, 2000, "2 × $10.00 for 30 days = $20.00", id="two, in the first second"
        ),
        pytest.param(
            1, after(13), 567, "$10.00 × 17 of 30 days = $5.67", id="17 days left, today included"
        ),
        pytest.param(
            3,
            after(13),
            1700,
            "3 × $10.00 × 17 of 30 days = $17.00",
            id="three at once are rounded once: $17.00, not 3 × $5.67",
        ),
        pytest.param(
            1, after(14) - SECOND, 567, "$10.00 × 17 of 30 days = $5.67", id="a day not over counts"
        ),
        pytest.param(
            1, after(30) - SECOND, 33, "$10.00 × 1 of 30 days = $0.33", id="the last second: 1 day"
        ),
    ],
)
def test_charge_add_ons_cost_the_days_left(
    quantity: int, now: datetime, due: int, explanation: str
) -> None:
    offer = bought(quantity, now)
    (line,) = offer.lines
    assert (offer.direction, offer.due_now) == (Direction.ADD_ONS, usd(due))
    assert line.explanation == explanation
    # The cycle goes on, and ends with the plan and the add-on in full.
    assert offer.new_cycle == Cycle.starting(START, Interval.MONTHLY)
    assert (offer.next_charge, offer.next_charge_at) == (usd(10000 + quantity * 1000), after(30))


def test_charge_add_ons_of_a_yearly_plan() -> None:
    """$96.00 a year, 200 of 365 days left: $52.60."""
    yearly = running(standard(10, Interval.YEARLY))
    items = (Item(replace(SEAT, price=usd(9600)), 1),)
    basket = Basket(yearly.basket.plan, items)
    offer = add_ons_quote(yearly, items, basket, basket, Circumstances(after(165), NOTHING))
    assert offer.due_now == usd(5260)


def test_charge_add_ons_with_tax_and_balance() -> None:
    offer = bought(1, after(15), balance=usd(200), tax=Tax("VAT", 1900))
    assert offer.draft.subtotal == usd(500)
    assert offer.draft.tax == usd(95)
    assert (offer.draft.balance_applied, offer.due_now) == (usd(200), usd(395))
    assert offer.next_charge == usd(11000 + 2090)


def test_charge_add_ons_wait_for_a_renewal_that_is_due() -> None:
    with pytest.raises(CycleEnded):
        bought(1, after(30))


def test_charge_paid_not_list_each_line_is_given_back_by_its_own_days() -> None:
    """$100.00 for 30 days and a seat bought for 17 days at $5.67, upgraded with 10 days left."""
    basket = Basket(standard(10), (Item(SEAT, 1),))
    cycle = Cycle.starting(START, Interval.MONTHLY)
    current = Running(
        basket,
        basket,
        cycle,
        (
            Charged(1, "Standard, 10 users", usd(10000), NO_TAX, cycle),
            Charged(2, "1 seat", usd(567), NO_TAX, Cycle(after(13), after(30))),
        ),
    )
    offer = quote(current, standard(20), now=after(20), balance=NOTHING)
    assert [
        (line.explanation, line.amount.amount, line.source_line_id) for line in offer.lines
    ] == [
        ("Full price for 30 days: $180.00", 18000, None),
        ("10 of 30 days × $100.00 = −$33.33", -3333, 1),
        ("10 of 17 days × $5.67 = −$3.34", -334, 2),
    ]
    assert offer.due_now == usd(18000 - 3333 - 334)


def test_charge_upgrade_carries_add_ons_that_go_along() -> None:
    current = running(standard(10), add_ons=(Item(SEAT, 2),))
    offer = quote(current, Basket(standard(20), (Item(SEAT, 1),)), now=after(15), balance=NOTHING)
    assert offer.due_now == usd(18000 + 1000 - 5000 - 1000)
    assert offer.next_charge == usd(19000)


def test_a_downgrade_with_add_ons_says_the_whole_next_charge() -> None:
    current = running(standard(10), add_ons=(Item(SEAT, 2),))
    offer = quote(current, Basket(standard(5), (Item(SEAT, 2),)), now=after(3), balance=NOTHING)
    assert (offer.direction, offer.next_charge) == (Direction.DOWNGRADE, usd(7000))


def test_limits_are_those_of_the_plan_and_the_add_ons_together() -> None:
    items = (Item(SEAT, 2), Item(add_on("clients-100", 1200, holds=100), 3))
    limits = Basket(standard(10), items).limits
    assert limits == {Metric.SEATS: 12, Metric.CLIENTS: 900, Metric.STORAGE: None}


def test_charge_add_ons_in_yen() -> None:
    """¥1,100 × 11 of 30 days: ¥403.33, so ¥403."""
    plan = replace(standard(10), price=Money(9800, "JPY"), comparable=Money(9800, "JPY"))
    items = (Item(replace(SEAT, price=Money(1100, "JPY")), 1),)
    basket = Basket(plan, items)
    current = Running(Basket(plan), Basket(plan), Cycle.starting(START, Interval.MONTHLY), ())
    given = Circumstances(START + timedelta(days=19), Money.zero("JPY"))
    offer = add_ons_quote(current, items, basket, basket, given)
    assert offer.due_now == Money(403, "JPY")
