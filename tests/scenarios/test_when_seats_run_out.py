"""Consent: an account that lets people in and is upgraded, or that never goes beyond its seats.

Acme is on Standard, 10 users since 1 March, 09:00, with Alice (Admin), Bob (Member) and Carol
(billing contact). The daily check is at 06:00 UTC.
"""

import pytest
from sqlalchemy import select

from portal.audit import SYSTEM, Actor
from portal.billing import accounts, foresight, invitations, people, seat_consents, usage
from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import CapWhileOver, SeatsFull
from portal.billing.rules.roles import Role
from portal.billing.seat_consents import OtherWording
from portal.extensions import db
from portal.jobs import overages
from portal.models import (
    Account,
    AuditEntry,
    EpisodeState,
    Membership,
    PlanChange,
    User,
    WhenFull,
)
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.scenarios.over import (
    choose,
    emails,
    episode,
    plan_amount,
    plan_name,
    sent,
    upgrades,
)

CAP, UPGRADE = WhenFull.HARD_CAP, WhenFull.UPGRADE


@pytest.fixture
def capped(cast: Cast, clock: FixedClock) -> Account:
    """Ten of ten seats, and never more."""
    cast.let_pass(minutes=1)
    cast.members(cast.acme, 8)
    assert choose(cast.acme, CAP, cast.alice, clock)
    return cast.acme


def seats(account: Account) -> int:
    db.session.rollback()
    return usage.of(db.session(), account.id)[Metric.SEATS].used


def test_hard_cap_nobody_is_added_beyond_the_seats_in_whatever_way(
    cast: Cast, clock: FixedClock, capped: Account
) -> None:
    """Adding, reactivating, raising a role, accepting: all refused, and nothing is left behind."""
    carol, dora = cast.carol, cast.members(cast.other, 1)[0]
    cast.leave(capped, cast.bob)
    newest = cast.members(capped, 1)[0]
    invite(capped, dora, cast, clock)
    for act in (
        lambda: cast.members(capped, 1),
        lambda: raise_role(capped, carol, clock),
        lambda: reactivate(capped, cast.bob, clock),
        lambda: accept(capped, dora, clock),
    ):
        with pytest.raises(SeatsFull, match="All 10 seats are taken"):
            act()
    assert seats(capped) == 10
    assert usage.recount(db.session(), [capped.id])[capped.id][Metric.SEATS] == 10
    cast.leave(capped, newest)
    accept(capped, dora, clock)
    assert seats(capped) == 10, "the invitation stayed good"


def test_hard_cap_leaves_what_takes_no_seat(cast: Cast, clock: FixedClock, capped: Account) -> None:
    """Billing contacts come, and a Member becomes Admin."""
    cast.member(capped, "Dana", Role.BILLING)
    with transaction() as session:
        row = session.get_one(Membership, member_row(capped, cast.bob.id).id)
        people.set_role(session, row, Role.ADMIN, now=clock.now(), actor=SYSTEM)
    assert seats(capped) == 10


def test_hard_cap_is_never_upgraded(cast: Cast, capped: Account) -> None:
    cast.let_pass(days=35)
    assert upgrades(capped) == []
    assert emails(capped, "warning") == []
    assert plan_amount(capped) == 10000


def test_hard_cap_is_chosen_once_back_within_the_seats(cast: Cast, clock: FixedClock) -> None:
    """Told on 2 and 4 March; on 5 March 11 of 10 are in use: somebody goes, then it is chosen."""
    cast.let_pass(minutes=1)
    newest = cast.members(cast.acme, 9)[-1]
    cast.let_pass(days=4)
    with pytest.raises(CapWhileOver, match="remove 1 person first"):
        choose(cast.acme, CAP, cast.alice, clock)
    assert episode(cast.acme).state is EpisodeState.OPEN
    cast.leave(cast.acme, newest)
    assert choose(cast.acme, CAP, cast.alice, clock)
    cast.let_pass(days=10)

    assert len(sent(cast.acme, "warning")) == 2
    assert len(sent(cast.acme, "all_clear")) == 1
    assert episode(cast.acme).state is EpisodeState.RESOLVED
    assert upgrades(cast.acme) == []
    with pytest.raises(SeatsFull):
        cast.members(cast.acme, 1)


def test_hard_cap_refused_while_over_leaves_the_upgrade_as_it_was_told(
    cast: Cast, clock: FixedClock
) -> None:
    cast.let_pass(minutes=1)
    cast.members(cast.acme, 9)
    cast.let_pass(days=4)
    with pytest.raises(CapWhileOver):
        choose(cast.acme, CAP, cast.alice, clock)
    cast.let_pass(days=3)
    assert [invoice.issued_at.day for invoice in upgrades(cast.acme)] == [7]


def test_hard_cap_lifted_lets_people_in_with_all_the_days(
    cast: Cast, clock: FixedClock, capped: Account
) -> None:
    """Lifted on 20 March, and one more comes: the check of 21 March begins with the first email."""
    cast.let_pass(days=19)
    choose(capped, UPGRADE, cast.alice, clock)
    cast.members(capped, 1)
    cast.let_pass(days=6)

    assert sent(capped, "warning") == ["21 Mar 06:00", "23 Mar 06:00", "25 Mar 06:00"]
    assert [invoice.issued_at.day for invoice in upgrades(capped)] == [26]


def test_hard_cap_holds_on_a_larger_plan_at_its_own_limit(
    cast: Cast, clock: FixedClock, capped: Account
) -> None:
    """By hand to 20 users: ten more come, the 21st doesn't."""
    cast.change_plan(capped, cast.price("standard", "20-users"))
    cast.members(capped, 10)
    with pytest.raises(SeatsFull, match="All 20 seats"):
        cast.members(capped, 1)


def test_hard_cap_a_dearer_plan_with_fewer_seats_keeps_everybody(
    cast: Cast, clock: FixedClock
) -> None:
    """From 20 to Pro, 10 users, dearer but smaller, with 12 in: nobody is added, none is thrown
    out, nothing is upgraded."""
    cast.let_pass(minutes=1)
    account = cast.account("Twelve", "standard", "10-users")
    cast.member(account, "Ada", Role.ADMIN)
    choose(account, CAP, cast.alice, clock)
    cast.buy(account, seat=2)
    cast.members(account, 11)
    cast.change_plan(account, cast.price("pro", "10-users"), add_ons={})
    with pytest.raises(SeatsFull):
        cast.members(account, 1)
    cast.let_pass(days=10)
    assert seats(account) == 12
    assert upgrades(account) == []
    assert plan_name(account) == "Pro, 10 users"


def test_charge_downgrade_under_hard_cap_is_looked_at_again_at_the_renewal(
    cast: Cast, clock: FixedClock
) -> None:
    """Down to 5 users scheduled with 5 in; 2 more come, which 10 still holds: 10 renews."""
    cast.let_pass(minutes=1)
    choose(cast.acme, CAP, cast.alice, clock)
    cast.members(cast.acme, 3)
    cast.change_plan(cast.acme, cast.price("standard", "5-users"))
    cast.members(cast.acme, 2)
    cast.let_pass(days=31)
    assert plan_amount(cast.acme) == 10000
    assert len(emails(cast.acme, "downgrade_not_made")) == 1


def test_over_before_the_act_says_that_it_is_refused(
    cast: Cast, clock: FixedClock, capped: Account
) -> None:
    told = foresight.foretell(
        db.session(), capped, Metric.SEATS, 1, now=clock.now(), reader=Role.ADMIN
    )
    assert told is not None
    assert told.startswith("This takes you to 11 of 10 seats. All 10 seats are taken")
    assert "larger plan" in told


def test_the_choice_is_kept_with_who_when_and_under_which_words(
    cast: Cast, clock: FixedClock
) -> None:
    clock.advance(hours=5)
    choose(cast.acme, CAP, cast.alice, clock)
    [(consent, name)] = seat_consents.made(db.session(), cast.acme.id)
    assert (consent.choice, name, consent.chosen_at) == (CAP, "Alice", clock.now())
    assert "Nobody can be added beyond the seats" in consent.wording
    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "seats.choice_changed")
    ).one()
    assert entry.actor["name"] == "Alice"
    assert (entry.details["before"], entry.details["after"]) == (None, "hard_cap")
    assert entry.details["wording"] == consent.wording
    assert not choose(cast.acme, CAP, cast.alice, clock), "said twice it is one choice"


def test_a_choice_by_other_words_than_those_that_hold_is_not_made(
    cast: Cast, clock: FixedClock
) -> None:
    with pytest.raises(OtherWording):
        choose(cast.acme, CAP, cast.alice, clock, shown="other")
    assert seat_consents.made(db.session(), cast.acme.id) == []


def test_hard_cap_is_not_chosen_while_the_upgrade_is_being_paid(
    cast: Cast, clock: FixedClock
) -> None:
    """The payment was begun and not sent yet. Who makes room calls it off, and chooses then."""
    cast.let_pass(minutes=1)
    newest = cast.members(cast.acme, 9)[-1]
    cast.let_pass(days=5, hours=20, minutes=58)
    begin_upgrade(cast)
    with pytest.raises(CapWhileOver):
        choose(cast.acme, CAP, cast.alice, clock)
    cast.leave(cast.acme, newest)
    choose(cast.acme, CAP, cast.alice, clock)
    cast.let_pass(days=3)

    assert upgrades(cast.acme) == []
    assert emails(cast.acme, "payment_failed") == []
    assert len(emails(cast.acme, "all_clear")) == 1
    (change,) = db.session.scalars(select(PlanChange).where(PlanChange.episode_id.is_not(None)))
    assert change.failure == "The account was back within its limit."


def begin_upgrade(cast: Cast) -> None:
    """It is 7 March, 06:00, and the worker has come to the upgrade, not yet to its payment."""
    cast.clock.at = cast.clock.at.replace(hour=6, minute=0)
    overages.step(episode(cast.acme).id)


def member_row(account: Account, user_id: int) -> Membership:
    db.session.rollback()
    found = people.membership_in(db.session(), account.id, user_id)
    assert found is not None
    return found


def raise_role(account: Account, user: User, clock: FixedClock) -> None:
    with transaction() as session:
        row = session.get_one(Membership, member_row(account, user.id).id)
        people.set_role(session, row, Role.MEMBER, now=clock.now(), actor=SYSTEM)


def reactivate(account: Account, user: User, clock: FixedClock) -> None:
    with transaction() as session:
        row = session.get_one(Membership, member_row(account, user.id).id)
        people.reactivate(session, row, now=clock.now(), actor=SYSTEM)


def invite(account: Account, user: User, cast: Cast, clock: FixedClock) -> None:
    actor, wall = Actor("user", "Alice", cast.alice.id, "admin"), clock.now()
    with transaction() as session:
        invitations.invite(
            session,
            accounts.lock(session, account.id),
            email=user.email,
            role=Role.MEMBER,
            wall=wall,
            now=wall,
            actor=actor,
        )


def accept(account: Account, user: User, clock: FixedClock) -> None:
    with transaction() as session:
        (invitation,) = invitations.waiting(session, account.id)
        known, wall = session.get_one(User, user.id), clock.now()
        invitations.accept(session, invitation, known, wall=wall, now=wall, actor=SYSTEM)
