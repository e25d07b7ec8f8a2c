"""Quotes: which way a change goes, what is due now, what comes next, and until when it holds."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import CurrencyMismatch, CycleEnded, SamePlan
from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle, Interval
from portal.billing.rules.plan_change import (
    Direction,
    LineKind,
    PlanTerms,
    Quote,
    Running,
    cheapest_fitting,
    direction,
    plan_line,
    quote,
)

START = datetime(2026, 10, 28, 9, 0, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
NOTHING = Money.zero("USD")
ZONES = [UTC, ZoneInfo("America/New_York"), ZoneInfo("Asia/Tokyo")]
STANDARD = {5: 5000, 10: 10000, 20: 18000, 40: 32000, 80: 56000}


def usd(amount: int) -> Money:
    return Money(amount, "USD")


def standard(users: int, interval: Interval = Interval.MONTHLY, amount: int | None = None):  # type: ignore[no-untyped-def]
    """Standard at list price: monthly as in the table, yearly 12 months less 20 %."""
    monthly = STANDARD[users]
    listed = monthly if interval is Interval.MONTHLY else monthly * 12 * 80 // 100
    return PlanTerms(
        price_id=users,
        name=f"Standard, {users} users",
        family="standard",
        tier=f"{users}-users",
        position=list(STANDARD).index(users),
        interval=interval,
        price=usd(listed if amount is None else amount),
        comparable=usd(monthly),
    )


def running(terms: PlanTerms, charged: Money | None = None, start_at: datetime = START) -> Running:
    return Running(terms, Cycle.starting(start_at, terms.interval), charged or terms.price)


def after(days: int, **more: int) -> datetime:
    return START + timedelta(days=days, **more)


def test_charge_upgrade_the_example() -> None:
    """$50/month, 15 days in, to $100/month: $75.00 today, $100.00 after 30 days."""
    now = after(15)
    offer = quote(running(standard(5)), standard(10), now=now, balance=NOTHING)
    plan, unused = offer.lines
    assert (plan.description, plan.amount) == ("Standard, 10 users", usd(10000))
    assert plan.explanation == "Full price for 30 days: $100.00"
    assert (unused.description, unused.amount) == ("Unused time on Standard, 5 users", usd(-2500))
    assert unused.explanation == "15 of 30 days × $50.00 = −$25.00"
    assert offer.subtotal == offer.total == offer.due_now == usd(7500)
    assert offer.new_cycle == Cycle(now, now + 30 * DAY)
    assert (offer.next_charge, offer.next_charge_at) == (usd(10000), now + 30 * DAY)
    assert offer.surplus_credit == offer.balance_applied == offer.balance_after == NOTHING
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
    assert offer.due_now == offer.total == usd(due)
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
    assert offer.lines == (plan_line(standard(5, Interval.YEARLY), offer.new_cycle),)
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
    assert (plan.amount, unused.amount) == (usd(10000), usd(-10000))
    assert unused.kept == offer.surplus_credit == usd(26301 - 10000)
    assert unused.explanation == (
        "200 of 365 days × $480.00 = −$263.01; $100.00 taken off here, "
        "$163.01 kept as credit balance"
    )
    assert offer.total == offer.due_now == offer.balance_applied == NOTHING
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
    assert offer.total == usd(7500)
    assert offer.balance_applied == usd(applied)
    assert offer.due_now == usd(due)
    assert offer.balance_after == usd(remaining)


PRO_5 = replace(
    standard(5), family="pro", tier="5-users", name="Pro, 5 users", comparable=usd(8000)
)


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
    assert offer.total == offer.due_now == offer.subtotal == offer.balance_applied == NOTHING
    assert (offer.surplus_credit, offer.balance_after) == (NOTHING, usd(300))
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


@pytest.mark.parametrize(
    ("now", "zone", "valid_until"),
    [
        pytest.param(after(3), UTC, after(3) + 15 * MINUTE, id="a quarter of an hour"),
        pytest.param(
            after(4) - 5 * MINUTE, UTC, after(4), id="not past the day of the cycle: the credit"
        ),
        pytest.param(
            datetime(2026, 11, 3, 23, 50, tzinfo=UTC),
            UTC,
            datetime(2026, 11, 4, tzinfo=UTC),
            id="not past midnight: the dates",
        ),
        pytest.param(
            datetime(2026, 11, 3, 23, 50, tzinfo=UTC),
            ZoneInfo("America/New_York"),
            datetime(2026, 11, 4, 0, 5, tzinfo=UTC),
            id="midnight elsewhere does not matter",
        ),
        pytest.param(
            datetime(2026, 11, 4, 4, 50, tzinfo=UTC),
            ZoneInfo("America/New_York"),
            datetime(2026, 11, 4, 5, 0, tzinfo=UTC),
            id="midnight of the account does",
        ),
    ],
)
def test_charge_quote_is_charge_until(now: datetime, zone: ZoneInfo, valid_until: datetime) -> None:
    offer = quote(running(standard(5)), standard(10), now=now, balance=NOTHING, zone=zone)
    assert offer.valid_until == valid_until


def test_a_downgrade_is_offered_until_the_cycle_ends() -> None:
    late = after(30) - 5 * MINUTE
    assert quote(
        running(standard(10)), standard(5), now=late, balance=NOTHING
    ).valid_until == after(30)
    early = quote(running(standard(10)), standard(5), now=after(2), balance=NOTHING)
    assert early.valid_until == after(2) + 15 * MINUTE


def test_a_first_plan_is_offered_for_a_quarter_of_an_hour() -> None:
    offer = quote(None, standard(5), now=START, balance=NOTHING)
    assert offer.valid_until == START + 15 * MINUTE


def test_instants_of_a_quote_are_utc_wherever_now_was_read() -> None:
    now = after(3).astimezone(ZoneInfo("Asia/Tokyo"))
    offer = quote(running(standard(5)), standard(10), now=now, balance=NOTHING)
    assert offer.new_cycle.start_at.tzinfo is offer.valid_until.tzinfo is UTC


def test_charge_quote_is_charge_the_fingerprint_holds_while_the_quote_does() -> None:
    shown = quote(running(standard(5)), standard(10), now=after(15), balance=NOTHING)
    confirmed = quote(
        running(standard(5)), standard(10), now=shown.valid_until - SECOND, balance=NOTHING
    )
    assert shown.fingerprint() == confirmed.fingerprint()
    assert len(shown.fingerprint()) == 64


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"now": after(16)}, id="a day passed"),
        pytest.param({"balance": usd(1)}, id="the balance changed"),
        pytest.param({"target": standard(10, amount=10001)}, id="the price changed"),
        pytest.param({"target": standard(20)}, id="another plan"),
        pytest.param({"target": standard(10, Interval.YEARLY)}, id="another interval"),
        pytest.param({"current": running(standard(5), charged=usd(4999))}, id="another charge"),
        pytest.param({"current": running(PRO_5, charged=usd(5000))}, id="another running plan"),
        pytest.param({"current": None}, id="the subscription ended"),
    ],
)
def test_charge_quote_is_charge_whatever_changes_makes_another_fingerprint(
    changed: dict[str, object],
) -> None:
    asked = {
        "current": running(standard(5)),
        "target": standard(10),
        "now": after(15),
        "balance": NOTHING,
    }
    before, now = fingerprint_of(**asked), fingerprint_of(**{**asked, **changed})
    assert before != now


def fingerprint_of(current, target, now, balance) -> str:  # type: ignore[no-untyped-def]
    return quote(current, target, now=now, balance=balance).fingerprint()


OTHER_VALUES = {
    "direction": Direction.DOWNGRADE,
    "target": standard(20),
    "lines": (),
    "subtotal": usd(1),
    "surplus_credit": usd(1),
    "balance_applied": usd(1),
    "balance_after": usd(1),
    "total": usd(1),
    "due_now": usd(1),
    "new_cycle": Cycle.starting(START, Interval.YEARLY),
    "next_charge_at": START,
    "next_charge": usd(1),
}


@pytest.mark.parametrize("field", sorted(OTHER_VALUES))
def test_charge_quote_is_charge_the_fingerprint_covers(field: str) -> None:
    offer = quote(running(standard(5)), standard(10), now=after(15), balance=NOTHING)
    altered = replace(offer, **{field: OTHER_VALUES[field]})
    assert altered.fingerprint() != offer.fingerprint()


def test_the_fingerprint_covers_all_but_how_long_the_quote_holds_and_where() -> None:
    assert {f.name for f in fields(Quote)} - set(OTHER_VALUES) == {"valid_until", "zone"}
    offer = quote(running(standard(5)), standard(10), now=after(15), balance=NOTHING)
    assert replace(offer, valid_until=START).fingerprint() == offer.fingerprint()


def test_the_fingerprint_reads_dates_where_the_account_is() -> None:
    late, later = datetime(2026, 11, 4, 23, 58, tzinfo=UTC), datetime(2026, 11, 5, 0, 1, tzinfo=UTC)
    for zone, same in ((UTC, False), (ZoneInfo("America/New_York"), True)):
        offers = [
            quote(running(standard(5)), standard(10), now=now, balance=NOTHING, zone=zone)
            for now in (late, later)
        ]
        assert (offers[0].fingerprint() == offers[1].fingerprint()) is same


def test_catalog_fits_marks_the_cheapest_that_fits() -> None:
    offers = [
        (standard(users), {Metric.SEATS: users, Metric.CLIENTS: 60 * users, Metric.STORAGE: None})
        for users in (40, 5, 20, 10)
    ]
    usage = {Metric.SEATS: 8, Metric.CLIENTS: 800, Metric.STORAGE: 10**12}
    assert cheapest_fitting(offers, usage) == standard(20)
    assert cheapest_fitting(offers, {**usage, Metric.SEATS: 41}) is None


@given(
    charged=st.integers(0, 10**7),
    price=st.integers(0, 10**7),
    balance=st.integers(0, 10**7),
    running_interval=st.sampled_from(Interval),
    target_interval=st.sampled_from(Interval),
    elapsed=st.timedeltas(timedelta(), 30 * DAY - SECOND),
    zone=st.sampled_from(ZONES),
)
def test_m5_m6_every_quote_adds_up_and_none_is_negative(  # type: ignore[no-untyped-def]
    charged, price, balance, running_interval, target_interval, elapsed, zone
) -> None:
    now = START + elapsed
    current = running(standard(5, running_interval), usd(charged))
    target = standard(10, target_interval, amount=price)
    offer = quote(current, target, now=now, balance=usd(balance), zone=zone)
    assert offer.subtotal == offer.total == sum((x.amount for x in offer.lines), NOTHING)
    assert offer.total >= NOTHING
    assert offer.due_now == offer.total - offer.balance_applied
    assert offer.due_now >= NOTHING
    assert NOTHING <= offer.balance_applied <= usd(balance)
    # Nothing is lost: what was there and what is paid is what the plan costs and what is left.
    credit = usd(charged).share(current.cycle.unused_days(now), current.cycle.days)
    assert usd(balance) + credit + offer.due_now == target.price + offer.balance_after
    assert offer.surplus_credit.is_zero or offer.total.is_zero
    assert now < offer.valid_until <= now + 15 * MINUTE


@given(elapsed=st.timedeltas(timedelta(), 30 * DAY - SECOND), zone=st.sampled_from(ZONES))
def test_m6_what_is_shown_is_what_is_charged_for_as_long_as_it_says(  # type: ignore[no-untyped-def]
    elapsed, zone
) -> None:
    current, now = running(standard(5)), START + elapsed
    shown = quote(current, standard(10), now=now, balance=NOTHING, zone=zone)
    last = max(now, shown.valid_until - timedelta(microseconds=1))
    confirmed = quote(current, standard(10), now=last, balance=NOTHING, zone=zone)
    assert confirmed.fingerprint() == shown.fingerprint()
