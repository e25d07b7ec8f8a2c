"""Nobody gets more seats than a plan has, for as long as they like, at the price of that plan:
not by cancelling and keeping it, nor by a hard cap, nor by subscribing anew, nor while a charge
is stopped."""

import pytest

from portal.audit import SYSTEM
from portal.billing import (
    accounts,
    bounds,
    cancellations,
    episodes,
    offers,
    overages,
    plan_changes,
    usage,
)
from portal.billing.rules import overage
from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import (
    CapWhileOver,
    FullWhileCancelled,
    FullWhileParked,
    FullWhileStopped,
    OverWhileCancelled,
    TooSmallToBegin,
)
from portal.billing.rules.period import Interval
from portal.extensions import db
from portal.models import Account, EpisodeState, PlanChangeState, WhenFull
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.scenarios.over import choose, emails, plan_name


def test_a_cancelled_plan_takes_nobody_beyond_its_seats(cast: Cast) -> None:
    cast.members(cast.acme, 8)
    cast.cancel(cast.acme)

    with pytest.raises(FullWhileCancelled, match="all of its seats are in use"):
        cast.members(cast.acme, 1)


def test_a_cancellation_is_withdrawn_only_if_the_plan_is_large_enough(
    cast: Cast, clock: FixedClock
) -> None:
    people = cast.members(cast.acme, 10)
    cast.cancel(cast.acme)

    with pytest.raises(OverWhileCancelled, match="Remove 2 seats first"):
        withdraw(cast.acme, clock)
    for user in people[:2]:
        cast.leave(cast.acme, user)
    assert withdraw(cast.acme, clock)


def test_over_upgrade_is_not_escaped_by_a_hard_cap(cast: Cast, clock: FixedClock) -> None:
    """50 more people, then “never go beyond the seats”: refused until they fit."""
    people = cast.members(cast.acme, 50)
    with pytest.raises(CapWhileOver, match="52 of 10 seats are in use: remove 42 people first"):
        choose(cast.acme, WhenFull.HARD_CAP, cast.alice, clock)
    for user in people[:42]:
        cast.leave(cast.acme, user)
    assert choose(cast.acme, WhenFull.HARD_CAP, cast.alice, clock), "ten of ten are within them"


def test_charge_initial_is_for_a_plan_that_is_large_enough(cast: Cast, clock: FixedClock) -> None:
    """Twelve people, cancelled, over: the plan for ten is not begun again, the one for twenty is;
    and the one for ten too, once two have gone."""
    people = cast.members(cast.acme, 10)
    end_plan(cast)
    ten, twenty = cast.price("standard", "10-users"), cast.price("standard", "20-users")

    with pytest.raises(TooSmallToBegin, match=r"12 of 10 seats: 2 too many\."):
        cast.subscribe(cast.acme, ten)
    assert plan_changes.quote(db.session(), cast.acme, twenty, now=clock.now())
    for user in people[:2]:
        cast.leave(cast.acme, user)
    assert cast.subscribe(cast.acme, ten).state is PlanChangeState.APPLIED


def test_charge_initial_is_held_against_seats_with_their_add_ons(cast: Cast) -> None:
    """Twelve people on a plan for ten and two seats beside it."""
    cast.members(cast.acme, 10)
    ten = cast.price("standard", "10-users")
    seat = cast.add_on(cast.acme, "seat")
    end_plan(cast)
    terms = plan_changes.quote(
        db.session(), cast.acme, ten, add_ons={seat.id: 2}, now=cast.clock.now()
    )
    assert terms.due_now.amount > ten.amount_minor


def test_catalog_fits_names_what_has_to_go_before_a_plan_can_be_begun(cast: Cast) -> None:
    cast.members(cast.acme, 10)
    assert [each.to_remove_first for each in standard(cast)] == ["", "", "", "", ""]
    end_plan(cast)
    assert [each.to_remove_first for each in standard(cast)] == ["7 seats", "2 seats", "", "", ""]


def test_more_clients_than_a_plan_has_only_warn_so_it_is_begun(cast: Cast) -> None:
    end_plan(cast)
    with transaction() as session:
        account = accounts.lock(session, cast.acme.id)
        overages.count_changed(
            session, account, Metric.CLIENTS, 700, now=cast.clock.now(), actor=SYSTEM
        )
    change = cast.subscribe(cast.acme, cast.price("standard", "10-users"))
    assert change.state is PlanChangeState.APPLIED


def test_a_parked_account_takes_nobody_beyond_its_seats(cast: Cast, clock: FixedClock) -> None:
    """Nothing is charged by itself until the vendor has looked, so nothing would follow: ten of ten
    and no more, whether it was over its seats before or not."""
    cast.members(cast.acme, 8)
    stop_charging(cast.acme, clock)

    with pytest.raises(FullWhileStopped, match="no more seats can be taken than the plan has"):
        cast.members(cast.acme, 1)
    release(cast.acme, clock)
    cast.members(cast.acme, 2)
    stop_charging(cast.acme, clock)
    with pytest.raises(FullWhileStopped):
        cast.members(cast.acme, 1)
    assert seats(cast.acme) == 12, "all that is there stays"


def test_over_upgrade_is_not_escaped_by_a_charge_that_is_stopped(
    cast: Cast, clock: FixedClock
) -> None:
    """Twelve of ten seats on 1 March, parked on the 3rd: the emails go on, the upgrade waits, and
    so do more people. Released, it comes."""
    cast.members(cast.acme, 10)
    cast.let_pass(days=2)
    stop_charging(cast.acme, clock)
    cast.let_pass(days=10)
    assert len(emails(cast.acme, "warning")) == 3
    assert plan_name(cast.acme) == "Standard, 10 users"
    with pytest.raises(FullWhileStopped):
        cast.members(cast.acme, 1)

    release(cast.acme, clock)
    cast.let_pass(days=2)
    assert plan_name(cast.acme) == "Standard, 20 users"


def test_a_parked_account_has_what_only_warns(cast: Cast, clock: FixedClock) -> None:
    stop_charging(cast.acme, clock)
    with transaction() as session:
        account = accounts.lock(session, cast.acme.id)
        overages.count_changed(session, account, Metric.CLIENTS, 700, now=clock.now(), actor=SYSTEM)


@pytest.mark.parametrize("reason", sorted(overage.FULL_WHILE_PARKED))
def test_nobody_is_added_while_what_was_to_follow_is_left_to_the_vendor(
    cast: Cast, reason: overage.ParkReason
) -> None:
    """Refused mail, nobody to warn, an upgrade that is never paid, an amount that kept rising: what
    is there stays, however long the vendor takes; one more than ten is not added."""
    people = cast.members(cast.acme, 10)
    cast.let_pass(days=1)
    with transaction() as session:
        (row,) = episodes.open_of(session, cast.acme.id)
        row.state, row.parked_reason = EpisodeState.PARKED, reason.value
    cast.let_pass(days=60)

    for taken in (12, 11):
        assert seats(cast.acme) == taken
        with pytest.raises(FullWhileParked):
            cast.members(cast.acme, 1)
        cast.leave(cast.acme, people.pop())
    cast.leave(cast.acme, people.pop())
    cast.members(cast.acme, 1)
    assert episodes.open_of(db.session(), cast.acme.id) == [], "ten of ten is all well"


def stop_charging(account: Account, clock: FixedClock) -> None:
    with transaction() as session:
        bounds.park(session, accounts.lock(session, account.id), "too much", now=clock.now())


def release(account: Account, clock: FixedClock) -> None:
    with transaction() as session:
        bounds.release(session, accounts.lock(session, account.id), now=clock.now(), actor=SYSTEM)


def seats(account: Account) -> int:
    return usage.counts(db.session(), account.id)[Metric.SEATS]


def end_plan(cast: Cast) -> None:
    cast.cancel(cast.acme)
    cast.let_pass(days=31)


def standard(cast: Cast) -> list[offers.Offer]:
    """What is sold of the first family, the smallest first."""
    db.session.rollback()
    every = offers.seen_from(db.session(), cast.acme, Interval.MONTHLY)
    return [each for each in every if each.price.tier.family.key == "standard"]


def withdraw(account: Account, clock: FixedClock) -> bool:
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        return cancellations.withdraw(session, locked, now=clock.now(), actor=SYSTEM)
