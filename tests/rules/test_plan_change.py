"""Which way a change of plan goes, what is due now, and what comes next."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import CurrencyMismatch, CycleEnded, SamePlan
from portal.billing.rules.lines import LineKind
from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle, Interval
from portal.billing.rules.plan_change import Direction, cheapest_fitting, direction
from portal.billing.rules.terms import PlanTerms, Running
from tests.rules.plans import (
    DAY,
    NOTHING,
    PRO_5,
    SECOND,
    START,
    after,
    quote,
    running,
    standard,
    usd,
)


def test_charge_upgrade_the_example() -> None:
    """$50/month, 15 days in, to $100/month: $75.00 today, $100.00 after 30 days."""
    now = after(15)
    offer = quote(running(standard(5)), standard(10), now=now, balance=NOTHING)
    plan, unused = offer.lines
    assert (plan.description, plan.amount) == ("Standard, 10 users", usd(10000))
    assert plan.explanation == "Full price for 30 days: $100.00"
    assert (unused.description, unused.amount) == ("Unused time on Standard, 5 users", usd(-2500))
    assert unused.explanation == "15 of 30 days × $50.00 = −$25.00"
    assert offer.draft.subtotal == offer.draft.total == offer.due_now == usd(7500)
    assert offer.new_cycle == Cycle(now, now + 30 * DAY)
    assert (offer.next_charge, offer.next_charge_at) == (usd(10000), now + 30 * DAY)
    assert offer.draft.surplus == offer.draft.balance_applied == offer.balance_after == NOTHING
    assert offer.direction is Direction.UPGRADE


@pytest.mark.parametrize(
    ("current", "target", "now", "due"),
    [
        pytest.param(
            running(standard(10)),
            standard(20),
            after(19),
            14333,
            id="over.before-the-act: 11 of 30 days left of $100.00, to $180.00",
        ),
        pytest.param(
            running(standard(20, amount=17900)),
            standard(40),
            after(13),
            32000 - 10143,
            id="charge.unused-days: $179.00 with 17 of 30 days unused gives $101.43",
        ),
        pytest.param(
            running(standard(5), charged=usd(4000)),
            standard(10),
            after(15),
            10000 - 2000,
            id="charge.paid-not-list: the credit is of the $40.00 paid, not the $50.00 listed",
        ),
        pytest.param(
            running(standard(5)),
            standard(10),
            START,
            5000,
            id="charge.upgrade: in the first second all days are unused",
        ),
        pytest.param(
            running(standard(5)),
            standard(10),
            after(30) - SECOND,
            10000 - 167,
            id="charge.unused-days: in the last second one day is unused",
        ),
        pytest.param(
            running(standard(5)),
            standard(10),
            after(15) - SECOND,
            10000 - 2667,
            id="charge.unused-days: a day that is not over is not used",
        ),
        pytest.param(
            running(standard(5)),
            standard(5, Interval.YEARLY),
            after(15),
            48000 - 2500,
            id="charge.direction: the same plan yearly is an upgrade, charged at once",
        ),
        pytest.param(
            running(standard(5, Interval.YEARLY)),
            standard(80),
            after(165),
            56000 - 26301,
            id="charge.upgrade: yearly to monthly, 200 of 365 days unused",
        ),
        pytest.param(None, standard(5), START, 5000, id="charge.initial: in full"),
    ],
)
def test_charge_upgrade(
    current: Running | None, target: PlanTerms, now: datetime, due: int
) -> None:
    offer = quote(current, target, now=now, balance=NOTHING)
    assert offer.due_now == offer.draft.total == usd(due)
    assert offer.new_cycle.start_at == now


def test_charge_upgrade_in_yen() -> None:
    five, ten = (
        replace(standard(users), price=Money(yen, "JPY"), comparable=Money(yen, "JPY"))
        for users, yen in ((5, 5000), (10, 9800))
    )
    offer = quote(running(five), ten, now=after(19), balance=Money.zero("JPY"))
    assert offer.due_now == Money(9800 - 1833, "JPY")
    assert offer.lines[1].explanation == "11 of 30 days × ¥5,000 = −¥1,833"


def test_charge_initial_has_one_line_and_starts_the_cycle() -> None:
    offer = quote(None, standard(5, Interval.YEARLY), now=START, balance=NOTHING)
    assert offer.direction is Direction.INITIAL
    (line,) = offer.lines
    assert (line.kind, line.amount, line.period) == (LineKind.PLAN, usd(48000), offer.new_cycle)
    assert offer.new_cycle == Cycle(START, START + 365 * DAY)
    assert (offer.next_charge, offer.next_charge_at) == (usd(48000), START + 365 * DAY)


def test_lines_say_the_time_they_are_about() -> None:
    now = after(15, hours=5)
    plan, unused = quote(running(standard(5)), standard(10), now=now, balance=NOTHING).lines
    assert plan.period == Cycle(now, now + 30 * DAY)
    assert unused.period == Cycle(after(15), after(30))
    assert (plan.kind, unused.kind) == (LineKind.PLAN, LineKind.UNUSED_TIME)
    assert (unused.days, unused.days_in_cycle, unused.base) == (15, 30, usd(5000))
    assert (plan.days, plan.days_in_cycle, plan.base) == (30, 30, usd(10000))


def test_charge_credit_left_keeps_the_rest_as_balance() -> None:
    offer = quote(
        running(standard(5, Interval.YEARLY)), standard(10), now=after(165), balance=usd(700)
    )
    plan, unused = offer.lines
    assert (plan.amount, unused.amount) == (usd(10000), usd(-26301))
    assert unused.explanation == "200 of 365 days × $480.00 = −$263.01"
    assert offer.draft.subtotal == usd(10000 - 26301)
    assert offer.draft.surplus == usd(26301 - 10000)
    assert offer.draft.total == offer.due_now == offer.draft.balance_applied == NOTHING
    assert offer.balance_after == usd(700 + 16301)


@pytest.mark.parametrize(
    ("balance", "applied", "due", "remaining"),
    [
        pytest.param(0, 0, 7500, 0, id="charge.credit-left: none"),
        pytest.param(1000, 1000, 6500, 0, id="charge.credit-left: used before any payment"),
        pytest.param(7500, 7500, 0, 0, id="charge.credit-left: exactly enough"),
        pytest.param(9000, 7500, 0, 1500, id="charge.credit-left: more than enough"),
    ],
)
def test_charge_credit_left_is_used_up_first(
    balance: int, applied: int, due: int, remaining: int
) -> None:
    offer = quote(running(standard(5)), standard(10), now=after(15), balance=usd(balance))
    assert offer.draft.total == usd(7500)
    assert offer.draft.balance_applied == usd(applied)
    assert offer.due_now == usd(due)
    assert offer.balance_after == usd(remaining)


@pytest.mark.parametrize(
    ("current", "target", "expected"),
    [
        pytest.param(None, standard(5), Direction.INITIAL, id="no plan yet"),
        pytest.param(standard(5), standard(10), Direction.UPGRADE, id="dearer"),
        pytest.param(standard(10), standard(5), Direction.DOWNGRADE, id="cheaper"),
        pytest.param(standard(5), standard(5), Direction.SAME, id="the same"),
        pytest.param(
            standard(5), standard(5, Interval.YEARLY), Direction.UPGRADE, id="the same, yearly"
        ),
        pytest.param(
            standard(5, Interval.YEARLY), standard(5), Direction.DOWNGRADE, id="the same, monthly"
        ),
        pytest.param(
            standard(5, Interval.YEARLY),
            standard(10),
            Direction.UPGRADE,
            id="dearer at the same interval, though $100.00 is less than $480.00",
        ),
        pytest.param(
            standard(10),
            standard(5, Interval.YEARLY),
            Direction.DOWNGRADE,
            id="cheaper at the same interval, though $480.00 is more than $100.00",
        ),
        pytest.param(standard(5), PRO_5, Direction.UPGRADE, id="the dearer family"),
        pytest.param(standard(10), PRO_5, Direction.DOWNGRADE, id="another family, cheaper"),
        pytest.param(
            standard(10),
            replace(PRO_5, comparable=usd(10000)),
            Direction.DOWNGRADE,
            id="everything else: another plan at the same price",
        ),
        pytest.param(
            standard(5, amount=4000), standard(5), Direction.SAME, id="the same at an old price"
        ),
        pytest.param(
            standard(10, amount=20000),
            standard(20),
            Direction.UPGRADE,
            id="by the list, though what was paid is more",
        ),
    ],
)
def test_charge_direction(
    current: PlanTerms | None, target: PlanTerms, expected: Direction
) -> None:
    assert direction(current, target) is expected


@pytest.mark.parametrize("users", [5, 10])
def test_a_plan_in_another_currency_is_refused(users: int) -> None:
    euros = replace(standard(users), price=Money(1, "EUR"), comparable=Money(1, "EUR"))
    with pytest.raises(CurrencyMismatch):
        quote(running(standard(5)), euros, now=START, balance=NOTHING)


def test_a_balance_in_another_currency_is_refused() -> None:
    with pytest.raises(CurrencyMismatch):
        quote(None, standard(5), now=START, balance=Money(1, "EUR"))


def test_charge_downgrade_waits_for_the_cycle_end_and_charges_nothing() -> None:
    current = running(standard(10))
    offer = quote(current, standard(5, Interval.YEARLY), now=after(12), balance=usd(300))
    assert offer.direction is Direction.DOWNGRADE
    assert offer.lines == ()
    assert offer.draft.total == offer.due_now == offer.draft.balance_applied == NOTHING
    assert (offer.draft.surplus, offer.balance_after) == (NOTHING, usd(300))
    assert offer.new_cycle == Cycle.starting(current.cycle.end_at, Interval.YEARLY)
    assert (offer.next_charge, offer.next_charge_at) == (usd(48000), current.cycle.end_at)


def test_the_running_plan_is_not_for_sale_again() -> None:
    with pytest.raises(SamePlan, match="You are already on Standard, 5 users"):
        quote(running(standard(5)), standard(5), now=after(1), balance=NOTHING)


@pytest.mark.parametrize("target", [standard(10), standard(40)], ids=lambda terms: terms.name)
@pytest.mark.parametrize("late", [timedelta(), 3 * DAY], ids=["at the end", "days late"])
def test_charge_renewal_comes_before_any_change(target: PlanTerms, late: timedelta) -> None:
    with pytest.raises(CycleEnded, match="being renewed"):
        quote(running(standard(20)), target, now=after(30) + late, balance=NOTHING)


def test_catalog_fits_marks_the_cheapest_that_fits() -> None:
    offers = [standard(users) for users in (40, 5, 20, 10)]
    usage = {Metric.SEATS: 8, Metric.CLIENTS: 800, Metric.STORAGE: 10**12}
    assert cheapest_fitting(offers, usage) == standard(20)
    assert cheapest_fitting(offers, {**usage, Metric.SEATS: 41}) is None
