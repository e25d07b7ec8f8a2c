"""Invoice drafts: lines that explain themselves, and sums that hold."""

from datetime import timedelta

import pytest

from portal.billing.rules.errors import CurrencyMismatch
from portal.billing.rules.invoicing import for_cycle, number_text
from portal.billing.rules.lines import LineKind
from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle, Interval
from portal.billing.rules.tax import REVERSE_CHARGE, Tax
from portal.billing.rules.terms import Basket, Item
from tests.rules.plans import NOTHING, START, add_on, quote, running, standard, usd

FIVE, TEN = Basket(standard(5)), Basket(standard(10))
CYCLE = Cycle.starting(START, Interval.MONTHLY)
VAT = Tax("VAT", 1900)


def test_charge_initial_is_in_full() -> None:
    draft = for_cycle(FIVE, CYCLE, NOTHING)
    (line,) = draft.lines
    assert (line.kind, line.description) == (LineKind.PLAN, "Standard, 5 users")
    assert line.explanation == "Full price for 30 days: $50.00"
    assert line.period == CYCLE
    assert (line.days, line.days_in_cycle, line.base) == (30, 30, usd(5000))
    assert draft.total == draft.due == draft.subtotal == line.amount == usd(5000)
    assert draft.currency == "USD"


def test_charge_renewal_is_the_same_price_for_the_next_cycle() -> None:
    draft = for_cycle(FIVE, CYCLE.next(), NOTHING)
    (line,) = draft.lines
    assert line.amount == draft.due == usd(5000)
    assert line.period == Cycle(CYCLE.end_at, CYCLE.end_at + timedelta(days=30))


def test_catalog_grandfathered_renews_at_the_price_it_was_bought_at() -> None:
    bought_earlier = Basket(standard(5, amount=4000))
    assert for_cycle(bought_earlier, CYCLE.next(), NOTHING).total == usd(4000)


def test_invoice_explains_itself() -> None:
    now = START + timedelta(days=15)
    draft = quote(running(standard(5)), TEN, now=now, balance=NOTHING).draft
    assert [f"{line.description}: {line.explanation}" for line in draft.lines] == [
        "Standard, 10 users: Full price for 30 days: $100.00",
        "Unused time on Standard, 5 users: 15 of 30 days × $50.00 = −$25.00",
    ]
    assert draft.lines[1].period == Cycle(now, CYCLE.end_at)


@pytest.mark.parametrize(
    ("balance", "applied", "due"),
    [
        pytest.param(0, 0, 5000, id="none"),
        pytest.param(1999, 1999, 3001, id="some"),
        pytest.param(5000, 5000, 0, id="exactly enough"),
        pytest.param(8000, 5000, 0, id="more than enough"),
    ],
)
def test_charge_credit_left_is_used_before_any_payment(
    balance: int, applied: int, due: int
) -> None:
    draft = for_cycle(FIVE, CYCLE, usd(balance))
    assert draft.total == usd(5000)
    assert draft.balance_applied == usd(applied)
    assert draft.due == usd(due)
    assert draft.surplus == NOTHING


def test_charge_credit_left_is_kept_by_an_invoice_over_nothing() -> None:
    current = running(standard(5, Interval.YEARLY))
    now = START + timedelta(days=165)
    draft = quote(current, TEN, now=now, balance=NOTHING).draft
    assert [line.amount.amount for line in draft.lines] == [10000, -26301]
    assert draft.total == draft.due == NOTHING
    assert draft.surplus == usd(16301)


def test_charge_initial_reflects_the_add_ons_chosen() -> None:
    basket = Basket(standard(5), (Item(add_on("seat", 1000), 2), Item(add_on("clients", 1200), 1)))
    draft = for_cycle(basket, CYCLE, NOTHING)
    assert [(line.kind, line.description, line.explanation) for line in draft.lines[1:]] == [
        (LineKind.ADD_ON, "2 × 1 seat", "2 × $10.00 for 30 days = $20.00"),
        (LineKind.ADD_ON, "1 clients", "Full price for 30 days: $12.00"),
    ]
    assert draft.total == usd(5000 + 2000 + 1200)


@pytest.mark.parametrize(
    ("price", "rate", "tax"),
    [
        pytest.param(5000, 1900, 950, id="$50.00 at 19 %: $9.50"),
        pytest.param(4999, 810, 405, id="$49.99 at 8.1 %: $4.04919, so $4.05"),
        pytest.param(50, 1900, 10, id="$0.50 at 19 %: 9.5 cents, half away from zero"),
        pytest.param(5000, 0, 0, id="a rate of nothing"),
    ],
)
def test_invoice_tax_is_rounded_once_per_line(price: int, rate: int, tax: int) -> None:
    draft = for_cycle(Basket(standard(5, amount=price)), CYCLE, NOTHING, Tax("VAT", rate))
    assert draft.tax == usd(tax)
    assert draft.total == draft.due == usd(price + tax)


def test_invoice_tax_is_shown_per_rate_and_credits_carry_their_own() -> None:
    """$50.00 were charged at 7 %; the customer moved to where it is 19 %, then upgrades."""
    current = running(standard(5), tax=Tax("VAT", 700))
    offer = quote(current, TEN, now=START + timedelta(days=15), balance=NOTHING, tax=VAT)
    assert [(each.tax.text, each.base, each.amount) for each in offer.draft.taxes] == [
        ("VAT 19 %", usd(10000), usd(1900)),
        ("VAT 7 %", usd(-2500), usd(-175)),
    ]
    assert offer.due_now == usd(10000 + 1900 - 2500 - 175)
    assert offer.next_charge == usd(11900)


def test_invoice_tax_of_a_credit_left_is_kept_with_it() -> None:
    """Yearly at 19 %, 200 of 365 days left of $480.00: −$263.01 and −$49.97 of tax."""
    current = running(standard(5, Interval.YEARLY), tax=VAT)
    draft = quote(current, TEN, now=START + timedelta(days=165), balance=NOTHING, tax=VAT).draft
    assert draft.tax == usd(1900 - 4997)
    assert draft.surplus == usd(26301 + 4997 - 10000 - 1900)
    assert draft.total == NOTHING


def test_invoice_tax_by_reverse_charge_is_told() -> None:
    draft = for_cycle(FIVE, CYCLE, NOTHING, Tax("VAT", 0, REVERSE_CHARGE))
    assert (draft.tax, draft.taxes, draft.tax_note) == (NOTHING, (), REVERSE_CHARGE)


def test_an_invoice_has_one_currency() -> None:
    with pytest.raises(CurrencyMismatch):
        for_cycle(FIVE, CYCLE, Money.zero("EUR"))


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "INV-2026-000001"), (123, "INV-2026-000123"), (1234567, "INV-2026-1234567")],
)
def test_invoice_numbering(number: int, text: str) -> None:
    assert number_text("INV", 2026, number) == text
