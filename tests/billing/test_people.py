"""People and their places in accounts: seats follow every change, and an Admin always stays."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from portal.audit import SYSTEM, Actor
from portal.billing import people, usage
from portal.billing.people import LastAdmin
from portal.billing.rules.counting import Metric
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import Account, AuditEntry, Membership, User
from portal.transaction import transaction
from tests.cast import Cast, FixedClock


class People:
    """The users of one account, as a test changes them."""

    def __init__(self, account: Account, clock: FixedClock) -> None:
        self.account_id, self.clock = account.id, clock

    def of(self, user: User) -> Membership:
        membership = people.membership_in(db.session(), self.account_id, user.id)
        assert membership is not None
        return membership

    def set_role(self, user: User, role: Role) -> None:
        with transaction() as session:
            people.set_role(session, self.of(user), role, now=self.clock.now(), actor=SYSTEM)

    def make_admins(self, *users: User) -> None:
        for user in users:
            self.set_role(user, Role.ADMIN)

    def deactivate(self, user: User, actor: Actor = SYSTEM) -> None:
        with transaction() as session:
            people.deactivate(session, self.of(user), now=self.clock.now(), actor=actor)

    def reactivate(self, user: User) -> None:
        with transaction() as session:
            people.reactivate(session, self.of(user), now=self.clock.now(), actor=SYSTEM)

    def seats(self) -> int:
        """The kept count, which a fresh count over the rows must agree with."""
        kept = usage.of(db.session(), self.account_id)[Metric.SEATS].used
        assert usage.recount(db.session(), [self.account_id])[self.account_id][Metric.SEATS] == kept
        return kept

    def trail(self) -> list[str]:
        statement = select(AuditEntry.action).where(AuditEntry.account_id == self.account_id)
        return list(db.session.scalars(statement.order_by(AuditEntry.position)))


@pytest.fixture
def acme(cast: Cast, clock: FixedClock) -> People:
    return People(cast.acme, clock)


def test_count_seats_of_active_admins_and_members(acme: People) -> None:
    assert acme.seats() == 2  # Alice and Bob; Carol is a billing contact


@pytest.mark.parametrize(("role", "seats"), [(Role.ADMIN, 2), (Role.MEMBER, 2), (Role.BILLING, 1)])
def test_count_seats_follow_a_role(acme: People, cast: Cast, role: Role, seats: int) -> None:
    acme.set_role(cast.bob, role)
    assert acme.of(cast.bob).role is role
    assert acme.seats() == seats


def test_count_seats_follow_access(acme: People, cast: Cast) -> None:
    acme.deactivate(cast.bob)
    assert acme.seats() == 1
    acme.deactivate(cast.bob)
    assert acme.seats() == 1
    acme.reactivate(cast.bob)
    acme.reactivate(cast.bob)
    assert acme.seats() == 2


def test_a_billing_contact_comes_and_goes_without_a_seat(acme: People, cast: Cast) -> None:
    acme.deactivate(cast.carol)
    acme.reactivate(cast.carol)
    assert acme.seats() == 2


def test_the_role_of_somebody_deactivated_takes_no_seat_until_they_are_back(
    acme: People, cast: Cast
) -> None:
    acme.deactivate(cast.carol)
    acme.set_role(cast.carol, Role.MEMBER)
    assert acme.seats() == 2
    acme.reactivate(cast.carol)
    assert acme.seats() == 3


def test_deactivation_says_when_and_by_whom(acme: People, cast: Cast, clock: FixedClock) -> None:
    acme.deactivate(cast.bob, Actor("user", "Alice", cast.alice.id))
    membership = acme.of(cast.bob)
    assert membership.deactivated_at == clock.now()
    assert membership.deactivated_by_id == cast.alice.id


def test_every_change_is_on_the_trail_once(acme: People, cast: Cast) -> None:
    before = len(acme.trail())
    acme.set_role(cast.bob, Role.MEMBER)  # the one he has
    acme.set_role(cast.bob, Role.ADMIN)
    acme.deactivate(cast.bob)
    acme.deactivate(cast.bob)
    acme.reactivate(cast.bob)
    assert acme.trail()[before:] == ["user.role_changed", "user.deactivated", "user.reactivated"]


@pytest.mark.parametrize(
    "act",
    [
        lambda acme, user: acme.set_role(user, Role.MEMBER),
        lambda acme, user: acme.set_role(user, Role.BILLING),
        lambda acme, user: acme.deactivate(user),
    ],
)
def test_roles_last_admin(acme: People, cast: Cast, act: Callable[[People, User], None]) -> None:
    with pytest.raises(LastAdmin, match="at least one active Admin"):
        act(acme, cast.alice)
    assert acme.of(cast.alice).role is Role.ADMIN
    assert acme.of(cast.alice).is_active


def test_roles_last_admin_counts_only_the_active(acme: People, cast: Cast) -> None:
    acme.set_role(cast.bob, Role.ADMIN)
    acme.deactivate(cast.bob)
    with pytest.raises(LastAdmin):
        acme.deactivate(cast.alice)
    acme.reactivate(cast.bob)
    acme.deactivate(cast.alice)
    assert not acme.of(cast.alice).is_active


def test_roles_last_admin_when_two_demote_each_other_at_once(
    app: Flask, acme: People, cast: Cast
) -> None:
    for _ in range(10):
        acme.make_admins(cast.alice, cast.bob)
        refused = both_at_once(app, acme, [acme.of(cast.alice).id, acme.of(cast.bob).id])
        members = people.members(db.session(), acme.account_id)
        assert [m.id for m in members if m.role is Role.ADMIN] == refused
        assert len(refused) == 1


def both_at_once(app: Flask, acme: People, ids: list[int]) -> list[int]:
    """Demote both memberships in the same instant; returns those that were refused."""
    db.session.rollback()
    start, refused = threading.Barrier(len(ids)), []

    def demote(membership_id: int) -> None:
        with app.app_context():
            start.wait()
            try:
                with transaction() as session:
                    membership = session.get_one(Membership, membership_id)
                    now = acme.clock.now()
                    people.set_role(session, membership, Role.MEMBER, now=now, actor=SYSTEM)
            except LastAdmin:
                refused.append(membership_id)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=demote, args=(each,)) for each in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    return refused


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ann@Example.COM", "ann@example.com"),
        ("  ann@example.com ", "ann@example.com"),
        ("jose\u0301@example.com", "josé@example.com"),
        ("ann@BÜCHER.example", "ann@bücher.example"),
        ("No Address", "no address"),
        ("", ""),
    ],
)
def test_an_email_is_kept_in_one_form(typed: str, kept: str) -> None:
    assert people.normal_email(typed) == kept


def test_somebody_is_found_however_the_email_is_spelt(cast: Cast) -> None:
    found = people.find_by_email(db.session(), f"  {cast.bob.email.upper()} ")
    assert found is not None
    assert found.id == cast.bob.id
    assert people.find_by_email(db.session(), "nobody@example.com") is None


def test_somebody_in_several_accounts_sees_the_active_ones_by_name(
    acme: People, cast: Cast, clock: FixedClock
) -> None:
    for account in (cast.other, cast.account("Able", None)):
        with transaction() as session:
            people.add_member(
                session, account, cast.carol, Role.BILLING, now=clock.now(), actor=SYSTEM
            )
    assert accounts_of(cast.carol) == ["Able", "Acme", "Other"]
    acme.deactivate(cast.carol)
    assert accounts_of(cast.carol) == ["Able", "Other"]


def accounts_of(user: User) -> list[str]:
    return [row.account.name for row in people.memberships_of(db.session(), user.id)]
