"""A quote is what is charged, for as long as it says: charge.quote-is-charge."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.billing.rules.period import Cycle, Interval
from portal.billing.rules.plan_change import Direction, Quote
from portal.billing.rules.tax import Tax
from portal.billing.rules.terms import Basket, Item
from tests.rules.plans import (
    DAY,
    MINUTE,
    NOTHING,
    PRO_5,
    SECOND,
    START,
    ZONES,
    add_on,
    after,
    quote,
    running,
    standard,
    usd,
)

SEAT = Item(add_on("seat", 1000), 1)


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
        pytest.param({"tax": Tax("VAT", 1900)}, id="the customer moved to where there is tax"),
        pytest.param({"target": Basket(standard(10), (SEAT,))}, id="an add-on goes along"),
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


def fingerprint_of(current, target, **given) -> str:  # type: ignore[no-untyped-def]
    return quote(current, target, **given).fingerprint()


OTHER = quote(None, standard(20), now=after(15), balance=usd(1))
OTHER_VALUES = {
    "direction": Direction.DOWNGRADE,
    "basket": OTHER.basket,
    "draft": OTHER.draft,
    "balance_after": usd(1),
    "new_cycle": Cycle.starting(START, Interval.YEARLY),
    "next_charge_at": START,
    "next_charge": usd(1),
}
SUMS = ("lines", "surplus", "total", "balance_applied", "due", "currency")


@pytest.mark.parametrize("field", sorted(OTHER_VALUES))
def test_charge_quote_is_charge_the_fingerprint_covers(field: str) -> None:
    offer = quote(running(standard(5)), standard(10), now=after(15), balance=NOTHING)
    altered = replace(offer, **{field: OTHER_VALUES[field]})
    assert altered.fingerprint() != offer.fingerprint()


@pytest.mark.parametrize("field", SUMS)
def test_charge_quote_is_charge_the_fingerprint_covers_the_sums(field: str) -> None:
    offer = quote(running(standard(5)), standard(10), now=after(15), balance=NOTHING)
    other = {"lines": (), "currency": "EUR"}.get(field, usd(1))
    altered = replace(offer, draft=replace(offer.draft, **{field: other}))
    assert altered.fingerprint() != offer.fingerprint()


def test_the_fingerprint_covers_all_but_how_long_the_quote_holds_and_where() -> None:
    # What is bought stands in the lines, what renews in the next charge.
    unseen = {"valid_until", "zone", "bought", "renewing"}
    assert {f.name for f in fields(Quote)} - set(OTHER_VALUES) == unseen
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
    sums = offer.draft
    assert sums.subtotal == sum((line.amount for line in offer.lines), NOTHING)
    assert sums.total == sums.subtotal + sums.surplus >= NOTHING
    assert offer.due_now == sums.total - sums.balance_applied
    assert offer.due_now >= NOTHING
    assert NOTHING <= sums.balance_applied <= usd(balance)
    # Nothing is lost: what was there and what is paid is what the plan costs and what is left.
    credit = usd(charged).share(current.cycle.unused_days(now), current.cycle.days)
    assert usd(balance) + credit + offer.due_now == target.price + offer.balance_after
    assert sums.surplus.is_zero or sums.total.is_zero
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
