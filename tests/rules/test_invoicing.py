"""Invoice drafts: lines that explain themselves, and sums that hold."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.billing.rules.errors import CurrencyMismatch
from portal.billing.rules.invoicing import from_quote, initial, number_text, renewal
from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle, Interval
from portal.billing.rules.plan_change import LineKind, PlanTerms, Running, quote

START = datetime(2026, 10, 28, 9, 0, tzinfo=UTC)
NOTHING = Money.zero("USD")


def plan(users: int, amount: int, interval: Interval = Interval.MONTHLY) -> PlanTerms:
    name, comparable = f"Standard, {users} users", Money(users * 1000, "USD")
    price = Money(amount, "USD")
    return PlanTerms(users, name, "standard", str(users), 0, interval, price, comparable)


FIVE, TEN = plan(5, 5000), plan(10, 10000)
CYCLE = Cycle.starting(START, Interval.MONTHLY)


def test_charge_initial_is_in_full() -> None:
    draft = initial(FIVE, CYCLE, NOTHING)
    (line,) = draft.lines
    assert (line.kind, line.description) == (LineKind.PLAN, "Standard, 5 users")
    assert line.explanation == "Full price for 30 days: $50.00"
    assert (line.period_start_at, line.period_end_at) == (CYCLE.start_at, CYCLE.end_at)
    assert (line.days, line.days_in_cycle, line.base) == (30, 30, Money(5000, "USD"))
    assert draft.total == draft.due == draft.subtotal == line.amount == Money(5000, "USD")
    assert draft.currency == "USD"


def test_charge_renewal_is_the_same_price_for_the_next_cycle() -> None:
    draft = renewal(FIVE, CYCLE.next(), NOTHING)
    (line,) = draft.lines
    assert line.amount == draft.due == Money(5000, "USD")
    assert line.period_start_at == CYCLE.end_at
    assert line.period_end_at == CYCLE.end_at + timedelta(days=30)


def test_catalog_grandfathered_renews_at_the_price_it_was_bought_at() -> None:
    bought_earlier = PlanTerms(
        1, "Standard, 5 users", "standard", "5", 0, Interval.MONTHLY, Money(4000, "USD"),
        comparable=Money(5000, "USD"),
    )  # fmt: skip
    assert renewal(bought_earlier, CYCLE.next(), NOTHING).total == Money(4000, "USD")


def test_invoice_explains_itself() -> None:
    offer = quote(
        Running(FIVE, CYCLE, FIVE.price), TEN, now=START + timedelta(days=15), balance=NOTHING
    )
    draft = from_quote(offer)
    assert [f"{line.description}: {line.explanation}" for line in draft.lines] == [
        "Standard, 10 users: Full price for 30 days: $100.00",
        "Unused time on Standard, 5 users: 15 of 30 days × $50.00 = −$25.00",
    ]
    unused = draft.lines[1]
    assert unused.period_start_at == START + timedelta(days=15)
    assert unused.period_end_at == CYCLE.end_at


@pytest.mark.parametrize("balance", [0, 1000, 7500, 9000])
@pytest.mark.parametrize("days_gone", [0, 15, 29])
@pytest.mark.parametrize("interval", Interval)
def test_charge_quote_is_charge_the_invoice_is_the_quote(
    balance: int, days_gone: int, interval: Interval
) -> None:
    now = START + timedelta(days=days_gone)
    paid = plan(5, 48000, interval)
    current = Running(paid, Cycle.starting(START, interval), paid.price)
    target = plan(10, 50000)
    offer = quote(current, target, now=now, balance=Money(balance, "USD"))
    draft = from_quote(offer)
    assert draft.subtotal == offer.subtotal
    assert draft.total == offer.total
    assert draft.balance_applied == offer.balance_applied
    assert draft.due == offer.due_now
    assert draft.surplus_credit == offer.surplus_credit
    assert [line.amount for line in draft.lines] == [line.amount for line in offer.lines]


@pytest.mark.parametrize(
    ("balance", "applied", "due"),
    [
        pytest.param(0, 0, 5000, id="none"),
        pytest.param(1999, 1999, 3001, id="some"),
        pytest.param(5000, 5000, 0, id="exactly enough"),
        pytest.param(8000, 5000, 0, id="more than enough"),
    ],
)
@pytest.mark.parametrize("charge", [initial, renewal])
def test_charge_credit_left_is_used_before_any_payment(  # type: ignore[no-untyped-def]
    charge, balance: int, applied: int, due: int
) -> None:
    draft = charge(FIVE, CYCLE, Money(balance, "USD"))
    assert draft.total == Money(5000, "USD")
    assert draft.balance_applied == Money(applied, "USD")
    assert draft.due == Money(due, "USD")
    assert draft.surplus_credit == NOTHING


def test_charge_credit_left_is_kept_by_an_invoice_over_nothing() -> None:
    yearly = plan(5, 48000, Interval.YEARLY)
    current = Running(yearly, Cycle.starting(START, Interval.YEARLY), yearly.price)
    now = START + timedelta(days=165)
    draft = from_quote(quote(current, TEN, now=now, balance=NOTHING))
    assert [line.amount.amount for line in draft.lines] == [10000, -10000]
    assert draft.total == draft.due == NOTHING
    assert draft.surplus_credit == Money(16301, "USD")


def test_invoice_tax_is_an_empty_breakdown_that_adds_nothing() -> None:
    draft = initial(FIVE, CYCLE, NOTHING)
    assert draft.taxes == ()
    assert draft.tax == NOTHING
    assert draft.total == draft.subtotal + draft.tax


def test_an_invoice_has_one_currency() -> None:
    with pytest.raises(CurrencyMismatch):
        initial(FIVE, CYCLE, Money.zero("EUR"))


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "INV-2026-000001"), (123, "INV-2026-000123"), (1234567, "INV-2026-1234567")],
)
def test_invoice_numbering(number: int, text: str) -> None:
    assert number_text("INV", 2026, number) == text
