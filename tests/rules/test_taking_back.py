"""over.revert: until when, why not, what is charged afterwards."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from portal.billing.rules.counting import Fit, Metric, Shortfall
from portal.billing.rules.crediting import Division
from portal.billing.rules.errors import AccountParked, ChangeUnderWay, InvoiceUnpaid, RuleBroken
from portal.billing.rules.period import Cycle, Interval
from portal.billing.rules.renewals_due import charges
from portal.billing.rules.taking_back import (
    AddOnsLeaving,
    ChangedSince,
    CreditedSince,
    DowngradeWaits,
    Facts,
    FormerPlanUnknown,
    NothingCharged,
    NotTakenBack,
    Return,
    TooLate,
    TooMuchInUse,
    UpgradedSince,
    Way,
    holds_until,
    room_needed,
    until,
    why_not,
)
from portal.billing.rules.tax import NO_TAX, Tax
from portal.billing.rules.terms import Basket, Item
from tests.rules.plans import DAY, MINUTE, NOTHING, SECOND, START, add_on, standard, usd

UPGRADED_AT = START + 19 * DAY
TWO_DAYS_LATER = UPGRADED_AT + 2 * DAY
TOO_MANY = Shortfall(Metric.SEATS, used=13, limit=10)
GB = 10**9
FACTS = Facts(
    upgraded_at=UPGRADED_AT,
    plan="Standard, 20 users",
    former_plan="Standard, 10 users",
    charged=usd(143_33),
    is_running=True,
    credited_by=None,
    hindrance=None,
    scheduled=None,
    add_ons_leaving=False,
    fitting=Fit(()),
)
CYCLE = Cycle.starting(START, Interval.MONTHLY)
TERMS = Return(
    invoice="INV-2026-000002",
    total=usd(143_33),
    parts=(Division(NOTHING, usd(100_00), usd(43_33)),),
    kept=NOTHING,
    method="Test card ending 4242",
    former=Basket(standard(10)),
    cycle=CYCLE,
    scheduled=None,
    charges=charges(Basket(standard(10)), CYCLE, NOTHING, NO_TAX, UPGRADED_AT),
)


@pytest.mark.parametrize(
    ("now", "refusal"),
    [
        pytest.param(UPGRADED_AT, None, id="at once"),
        pytest.param(UPGRADED_AT + 30 * DAY - SECOND, None, id="the last second"),
        pytest.param(UPGRADED_AT + 30 * DAY, TooLate, id="30 days later"),
    ],
)
def test_over_revert_within_30_days(now: datetime, refusal: type[RuleBroken] | None) -> None:
    reason = why_not(FACTS, now)
    assert reason is None if refusal is None else isinstance(reason, refusal)


@pytest.mark.parametrize(
    ("fact", "value", "refusal", "way"),
    [
        ("is_running", False, ChangedSince, Way.CHANGE_PLAN),
        ("credited_by", "CN-2026-000003", CreditedSince, Way.VENDOR),
        ("former_plan", None, FormerPlanUnknown, Way.VENDOR),
        ("charged", NOTHING, NothingCharged, Way.VENDOR),
        ("scheduled", "Standard, 5 users", DowngradeWaits, Way.ACCOUNT),
        ("add_ons_leaving", True, AddOnsLeaving, Way.ADD_ONS),
        ("fitting", Fit((TOO_MANY,)), TooMuchInUse, Way.MAKE_ROOM),
        ("upgraded_since", "Standard, 40 users", UpgradedSince, Way.LATER_UPGRADE),
    ],
)
def test_over_revert_where_something_stands_against_it(
    fact: str, value: object, refusal: type[NotTakenBack], way: Way
) -> None:
    reason = why_not(replace(FACTS, **{fact: value}), TWO_DAYS_LATER)  # type: ignore[arg-type]
    assert isinstance(reason, refusal)
    assert reason.way is way
    assert str(reason).endswith(".")


@pytest.mark.parametrize("hindrance", [AccountParked(), ChangeUnderWay(), InvoiceUnpaid("INV-1")])
def test_what_hinders_any_change_of_plan_hinders_this(hindrance: RuleBroken) -> None:
    assert why_not(replace(FACTS, hindrance=hindrance), TWO_DAYS_LATER) is hindrance


def test_what_cannot_be_mended_is_said_first() -> None:
    """Nobody removes people to hear afterwards that it is too late."""
    everything = replace(
        FACTS,
        is_running=False,
        credited_by="CN-2026-000003",
        hindrance=InvoiceUnpaid("INV-1"),
        scheduled="Standard, 5 users",
        add_ons_leaving=True,
        fitting=Fit((TOO_MANY,)),
    )
    later, soon = UPGRADED_AT + 31 * DAY, TWO_DAYS_LATER
    assert isinstance(why_not(everything, later), TooLate)
    assert isinstance(why_not(everything, soon), ChangedSince)
    running = replace(everything, is_running=True)
    assert isinstance(why_not(running, soon), CreditedSince)
    uncredited = replace(running, credited_by=None)
    assert isinstance(why_not(uncredited, soon), InvoiceUnpaid)
    paid = replace(uncredited, hindrance=None)
    assert isinstance(why_not(paid, soon), DowngradeWaits)
    withdrawn = replace(paid, scheduled=None)
    assert isinstance(why_not(withdrawn, soon), AddOnsLeaving)
    assert isinstance(why_not(replace(withdrawn, add_ons_leaving=False), soon), TooMuchInUse)


@pytest.mark.parametrize(
    ("shortfall", "sentence"),
    [
        (TOO_MANY, "13 of 10 seats: 3 too many. Remove 3 people first."),
        (
            Shortfall(Metric.SEATS, used=11, limit=10),
            "11 of 10 seats: 1 too many. Remove 1 person first.",
        ),
        (
            Shortfall(Metric.CLIENTS, used=1_240, limit=1_200),
            "1,240 of 1,200 clients: 40 too many. Remove 40 clients first.",
        ),
        (
            Shortfall(Metric.STORAGE, used=12 * GB, limit=10 * GB),
            "12 of 10 GB: 2 GB too much. Remove 2 GB of documents first.",
        ),
    ],
)
def test_it_says_what_has_to_go(shortfall: Shortfall, sentence: str) -> None:
    assert room_needed(shortfall) == sentence


@pytest.mark.parametrize(
    ("now", "days"),
    [
        pytest.param(UPGRADED_AT, [30], id="the former cycle runs"),
        pytest.param(CYCLE.end_at - SECOND, [30], id="its last second"),
        pytest.param(CYCLE.end_at, [30, 60], id="its end"),
        pytest.param(UPGRADED_AT + 29 * DAY, [30, 60], id="the last day"),
    ],
)
def test_a_renewal_that_fell_due_is_charged(now: datetime, days: list[int]) -> None:
    found = charges(Basket(standard(10)), CYCLE, NOTHING, NO_TAX, now)
    assert [charge.at for charge in found] == [START + each * DAY for each in days]
    assert all(charge.draft.due == usd(100_00) for charge in found)


def test_the_balance_pays_the_renewals_one_after_the_other() -> None:
    """$130.00: all of the renewal that is due, and $30.00 of the next."""
    now = CYCLE.end_at + DAY
    due, following = charges(Basket(standard(10)), CYCLE, usd(130_00), NO_TAX, now)
    assert (due.draft.balance_applied, due.draft.due) == (usd(100_00), usd(0))
    assert (following.draft.balance_applied, following.draft.due) == (usd(30_00), usd(70_00))


def test_what_renews_is_charged_with_its_tax() -> None:
    """A seat beside the plan and 19 %: ($100.00 + $10.00) × 1.19 = $130.90."""
    basket = Basket(standard(10), (Item(add_on("seat", 10_00), 1),))
    (charge,) = charges(basket, CYCLE, NOTHING, Tax("VAT", 1900), UPGRADED_AT)
    assert charge.draft.due == usd(130_90)


def test_a_downgrade_to_another_interval_begins_with_its_own_cycle() -> None:
    """The former year ended with a downgrade to every 30 days."""
    year = Cycle.starting(START, Interval.YEARLY)
    now = year.end_at + DAY
    found = charges(Basket(standard(5)), year, NOTHING, NO_TAX, now)
    assert [charge.at for charge in found] == [year.end_at, year.end_at + 30 * DAY]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (UPGRADED_AT, UPGRADED_AT + 15 * MINUTE),
        (CYCLE.end_at - 5 * MINUTE, CYCLE.end_at),
        (CYCLE.end_at, CYCLE.end_at + 15 * MINUTE),
        (UPGRADED_AT + 30 * DAY - MINUTE, UPGRADED_AT + 30 * DAY),
    ],
)
def test_figures_hold_until_a_renewal_or_the_end_of_the_time(
    now: datetime, expected: datetime
) -> None:
    assert holds_until(FACTS, CYCLE, now) == expected


def test_until() -> None:
    assert until(UPGRADED_AT) - UPGRADED_AT == timedelta(days=30)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"invoice": "INV-2026-000009"}, id="another invoice"),
        pytest.param({"total": usd(143_34)}, id="the amount"),
        pytest.param({"parts": (Division(NOTHING, usd(143_33), NOTHING),)}, id="where it goes"),
        pytest.param({"kept": usd(43_33)}, id="what is kept for what is charged at once"),
        pytest.param({"method": "Test card ending 0341"}, id="to which card"),
        pytest.param({"former": Basket(standard(5))}, id="the plan"),
        pytest.param(
            {"former": Basket(standard(10), (Item(add_on("seat", 10_00), 1),))}, id="its add-ons"
        ),
        pytest.param({"cycle": CYCLE.next()}, id="the cycle"),
        pytest.param({"scheduled": "Standard, 5 users"}, id="the downgrade"),
        pytest.param(
            {"charges": charges(Basket(standard(10)), CYCLE, NOTHING, NO_TAX, CYCLE.end_at)},
            id="a renewal that fell due",
        ),
        pytest.param(
            {"charges": charges(Basket(standard(10)), CYCLE, usd(1), NO_TAX, UPGRADED_AT)},
            id="what the balance pays",
        ),
    ],
)
def test_whatever_is_shown_is_in_the_fingerprint(changed: dict[str, object]) -> None:
    assert replace(TERMS, **changed).fingerprint() != TERMS.fingerprint()  # type: ignore[arg-type]
    assert replace(TERMS).fingerprint() == TERMS.fingerprint()
