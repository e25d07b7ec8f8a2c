"""The credit for days not used: charge.unused-days and charge.paid-not-list, to the cent."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle, Interval
from portal.billing.rules.proration import UnusedTime, unused_time

START = datetime(2026, 10, 28, 14, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def after(days: int, **more: int) -> datetime:
    return START + timedelta(days=days, **more)


@pytest.mark.parametrize(
    ("charged", "interval", "now", "days_unused", "credit"),
    [
        pytest.param(
            Money(5000, "USD"), Interval.MONTHLY, after(15), 15, 2500, id="charge.upgrade: $25.00"
        ),
        pytest.param(
            Money(17900, "USD"),
            Interval.MONTHLY,
            after(13),
            17,
            10143,
            id="charge.unused-days: $101.43, not the $101.49 of a rounded day price",
        ),
        pytest.param(
            Money(10000, "USD"),
            Interval.MONTHLY,
            after(19),
            11,
            3667,
            id="over.before-the-act: $36.67, so that $180.00 becomes $143.33",
        ),
        pytest.param(Money(5000, "USD"), Interval.MONTHLY, START, 30, 5000, id="its first second"),
        pytest.param(
            Money(5000, "USD"), Interval.MONTHLY, after(1) - SECOND, 30, 5000, id="a day not over"
        ),
        pytest.param(
            Money(5000, "USD"), Interval.MONTHLY, after(30) - SECOND, 1, 167, id="its last second"
        ),
        pytest.param(Money(5000, "USD"), Interval.MONTHLY, after(30), 0, 0, id="over"),
        pytest.param(Money(48000, "USD"), Interval.YEARLY, after(165), 200, 26301, id="yearly"),
        pytest.param(
            Money(48000, "USD"), Interval.YEARLY, after(364), 1, 132, id="yearly, last day"
        ),
        pytest.param(Money(5000, "JPY"), Interval.MONTHLY, after(19), 11, 1833, id="yen are whole"),
        pytest.param(Money(12345, "KWD"), Interval.MONTHLY, after(15), 15, 6173, id="half a fils"),
        pytest.param(Money(0, "USD"), Interval.MONTHLY, after(15), 15, 0, id="a plan for nothing"),
    ],
)
def test_charge_unused_days(
    charged: Money, interval: Interval, now: datetime, days_unused: int, credit: int
) -> None:
    cycle = Cycle.starting(START, interval)
    expected = UnusedTime(days_unused, interval.days, charged, Money(credit, charged.currency))
    assert unused_time(charged, cycle, now) == expected


def test_charge_unused_days_is_not_worked_out_from_a_rounded_day_price() -> None:
    day_price = Money(17900, "USD").share(1, 30)
    assert day_price * 17 == Money(10149, "USD")
    cycle = Cycle.starting(START, Interval.MONTHLY)
    assert unused_time(Money(17900, "USD"), cycle, after(13)).credit == Money(10143, "USD")


def test_a_cycle_is_never_charged_less_than_nothing() -> None:
    with pytest.raises(ValueError, match="less than nothing"):
        unused_time(Money(-1, "USD"), Cycle.starting(START, Interval.MONTHLY), START)


@given(
    st.integers(0, 10**9),
    st.sampled_from(Interval),
    st.timedeltas(timedelta(days=-3), timedelta(days=400)),
)
def test_m3_the_credit_is_exact_to_half_a_unit_and_never_above_the_charge(
    amount: int, interval: Interval, elapsed: timedelta
) -> None:
    cycle, charged = Cycle.starting(START, interval), Money(amount, "USD")
    unused = unused_time(charged, cycle, START + elapsed)
    exact = Fraction(amount * unused.days_unused, interval.days)
    assert Money.zero("USD") <= unused.credit <= charged
    assert abs(unused.credit.amount - exact) <= Fraction(1, 2)


@given(
    st.integers(0, 10**9),
    st.sampled_from(Interval),
    st.timedeltas(timedelta(), timedelta(days=400)),
    st.timedeltas(timedelta(), timedelta(days=40)),
)
def test_m3_the_credit_never_grows_with_time(
    amount: int, interval: Interval, elapsed: timedelta, more: timedelta
) -> None:
    cycle, charged = Cycle.starting(START, interval), Money(amount, "USD")
    earlier = unused_time(charged, cycle, START + elapsed)
    later = unused_time(charged, cycle, START + elapsed + more)
    assert later.credit <= earlier.credit
