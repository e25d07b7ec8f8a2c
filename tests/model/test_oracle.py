"""The reference calculator itself, against the figures that the rules give."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from tests.model.books import AddOn, Plan, rounded
from tests.model.oracle import Account, Refused

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SEAT = AddOn("seat", 1000, {"seats": 1})
YEARLY_SEAT = AddOn("seat", 9600, {"seats": 1})


def plan(
    tier: str, price: int, *, seats: int = 5, days: int = 30, monthly: int | None = None
) -> Plan:
    add_ons = {"seat": SEAT if days == 30 else YEARLY_SEAT}
    return Plan(("standard", tier, days), price, monthly or price, {"seats": seats}, add_ons)


FIVE = plan("5-users", 5000)
TEN = plan("10-users", 10000, seats=10)
TWENTY = plan("20-users", 18000, seats=20)
FIVE_YEARLY = plan("5-users", 48000, days=365, monthly=5000)


def after(days: float = 0, seconds: float = 0) -> datetime:
    return START + timedelta(days=days, seconds=seconds)


def subscribed(to: Plan, wanted: dict[str, int] | None = None, rate: str = "0") -> Account:
    account = Account(Fraction(rate))
    account.carry_out(account.quote(to, wanted or {}, START))
    return account


def pays(_amount: int) -> str:
    return "paid"


def declines(_amount: int) -> str:
    return "declined"


@pytest.mark.parametrize(
    ("amount", "whole"),
    [("1/2", 1), ("-1/2", -1), ("5/2", 3), ("-5/2", -3), ("1/3", 0), ("-2/3", -1), ("7", 7)],
)
def test_halves_go_away_from_zero(amount: str, whole: int) -> None:
    assert rounded(Fraction(amount)) == whole


def test_an_upgrade_in_the_middle_of_the_cycle_costs_75() -> None:
    """charge.upgrade: $100.00 − 15 of 30 days × $50.00 = $75.00."""
    account = subscribed(FIVE)

    quote = account.quote(TEN, None, after(15))
    account.carry_out(quote)

    assert quote.invoice.due == 7500
    assert account.next_charge == (after(45), 10000)


@pytest.mark.parametrize(
    ("price", "gone", "credit"),
    [(17900, 13, 10143), (17900, 13.99, 10143), (5000, 0, 5000), (5000, 29.99, 167)],
)
def test_unused_days_are_multiplied_first_and_rounded_once(
    price: int, gone: float, credit: int
) -> None:
    """charge.unused-days: $179 × 17 ÷ 30 = $101.43; a day that is not over is not used."""
    account = subscribed(plan("small", price))

    invoice = account.quote(plan("large", 50000), None, after(gone)).invoice

    assert invoice.due == 50000 - credit


def test_credit_beyond_the_price_is_kept_and_used_up() -> None:
    """charge.credit-left: $480.00 a year, unused, to $100.00: $380.00 kept, spent at renewals."""
    account = subscribed(FIVE_YEARLY)

    account.carry_out(account.quote(TEN, None, after(0)))

    assert (account.invoices[-1].total, account.balance) == (0, 38000)
    account.catch_up(after(30 * 4), declines)
    assert [(i.total, i.balance_used, i.due) for i in account.invoices[2:]] == [
        (10000, 10000, 0),
        (10000, 10000, 0),
        (10000, 10000, 0),
        (10000, 8000, 2000),
    ]
    assert account.status == "past_due"


def test_missed_cycles_are_charged_one_after_the_other() -> None:
    """charge.renewal: 100 days late, three renewals, each from where the last ended."""
    account = subscribed(FIVE)

    account.catch_up(after(100), pays)

    assert [i.paid for i in account.invoices] == [5000] * 4
    assert account.next_charge == (after(120), 5000)


def test_an_add_on_costs_the_days_left_and_renews_in_full() -> None:
    """charge.add-ons: 2 seats × $10.00 × 21 of 30 days = $14.00; then $20.00 every 30 days."""
    account = subscribed(FIVE)

    account.carry_out(account.quote_add_ons({"seat": 2}, after(9.5)))

    assert account.invoices[-1].paid == 1400
    assert account.next_charge == (after(30), 7000)


def test_each_line_of_the_cycle_is_credited_by_its_own_days() -> None:
    """charge.paid-not-list: 10 days unused: $50.00 × 10 ÷ 30 and $14.00 × 10 ÷ 21."""
    account = subscribed(FIVE)
    account.carry_out(account.quote_add_ons({"seat": 2}, after(9)))

    invoice = account.quote(TEN, {}, after(20)).invoice

    assert [line.net for line in invoice.lines] == [10000, -1667, -667]


def test_a_credit_carries_the_rate_of_what_it_credits() -> None:
    """invoice.tax: bought at 19 %, changed at 20 %: 20 % of $100.00 less 19 % of $25.00."""
    account = subscribed(FIVE, rate="19/100")
    account.rate = Fraction(20, 100)

    invoice = account.quote(TEN, None, after(15)).invoice

    assert [line.tax for line in invoice.lines] == [2000, -475]
    assert invoice.due == 9025


def test_a_downgrade_waits_for_the_end_of_the_cycle() -> None:
    """charge.downgrade"""
    account = subscribed(TEN)

    account.carry_out(account.quote(FIVE, None, after(3)))

    assert len(account.invoices) == 1
    assert account.next_charge == (after(30), 5000)
    account.usage = {"seats": 6}
    account.catch_up(after(30), pays)
    assert account.invoices[-1].paid == 10000


def test_a_downgrade_that_does_not_fit_is_refused() -> None:
    """charge.downgrade"""
    account = subscribed(TEN)
    account.usage = {"seats": 6}
    with pytest.raises(Refused):
        account.quote(FIVE, None, after(3))


@pytest.mark.parametrize(
    ("old", "new", "immediate"),
    [(FIVE, TEN, True), (TEN, FIVE, False), (FIVE, FIVE_YEARLY, True), (FIVE_YEARLY, FIVE, False)],
)
def test_plans_are_compared_at_the_same_interval(old: Plan, new: Plan, immediate: bool) -> None:
    """charge.direction"""
    assert (subscribed(old).quote(new, None, after(1)).kind == "change") is immediate


def test_an_unpaid_renewal_is_tried_on_days_3_5_and_7_then_ends() -> None:
    """pay.fails"""
    account = subscribed(FIVE)
    seen = []
    for days in range(30, 40):
        account.catch_up(after(days), declines)
        seen.append((account.invoices[-1].tries, account.status))
    assert seen == [
        *[(1, "past_due")] * 3,
        *[(2, "past_due")] * 2,
        *[(3, "past_due")] * 2,
        *[(4, "ended")] * 3,
    ]


def test_a_new_card_on_day_4_pays_and_the_cycle_goes_on() -> None:
    """pay.fails"""
    account = subscribed(FIVE)
    account.catch_up(after(33), declines)

    account.answer(account.invoices[-1], "paid", after(34), by_hand=True)

    assert (account.status, account.unpaid) == ("active", None)
    assert account.next_charge == (after(60), 5000)


def test_a_cancelled_plan_ends_with_its_cycle_and_is_sold_again_in_full() -> None:
    """charge.cancel"""
    account = subscribed(FIVE)
    account.cancel(after(1))
    with pytest.raises(Refused):
        account.quote(TEN, None, after(1))

    account.catch_up(after(30), pays)

    assert account.status == "ended"
    assert account.quote(FIVE, {}, after(31)).invoice.due == 5000


def test_a_whole_invoice_is_given_back_to_where_it_came_from() -> None:
    """$100.00 paid by $40.00 of balance and $60.00 by card: the same amounts go back."""
    account = subscribed(TEN)
    account.balance = 4000
    account.catch_up(after(30), pays)
    renewal = account.invoices[-1]

    given_back = account.credit(renewal, renewal.lines, to_balance=False)

    assert given_back == (0, 6000, 4000)
    assert account.quote(TWENTY, None, after(40)).invoice.total == 18000


def test_a_credit_note_first_takes_off_what_is_owed() -> None:
    account = subscribed(FIVE)
    account.catch_up(after(30), declines)
    renewal = account.invoices[-1]

    assert account.credit(renewal, renewal.lines, to_balance=False) == (5000, 0, 0)
    assert (account.status, account.unpaid) == ("active", None)


@pytest.mark.parametrize(("order", "given_back"), [((0, 1), (2500, 10000)), ((1, 0), (7500, 5000))])
def test_credited_whole_the_invoices_give_back_what_was_paid(
    order: tuple[int, int], given_back: tuple[int, int]
) -> None:
    """$50.00 and $75.00 were paid; whichever is credited first, $125.00 come back, and no more."""
    account = subscribed(FIVE)
    account.carry_out(account.quote(TEN, None, after(15)))
    notes = [
        account.credit(i, i.lines, to_balance=True)
        for i in map(account.invoices.__getitem__, order)
    ]

    assert notes == [(0, 0, amount) for amount in given_back]
    for invoice in account.invoices:
        with pytest.raises(Refused):
            account.credit(invoice, invoice.lines, to_balance=True)
