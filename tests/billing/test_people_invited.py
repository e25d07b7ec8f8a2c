"""Invitations: one link, one person, seven days, and a seat only when accepted."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal import clock as wall_clock
from portal.audit import SYSTEM, Actor
from portal.billing import invitations, people, usage
from portal.billing.invitations import Closed, InsideAlready, InvitedAlready, TooManyWaiting
from portal.billing.rules.counting import Metric
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import Account, AuditEntry, Invitation, Membership, User
from portal.transaction import transaction
from tests.cast import Cast, FixedClock

DORA = "dora@example.com"


class Inviting:
    """Invitations to one account, with a wall clock a test can move."""

    def __init__(self, account: Account, inviter: User, clock: FixedClock) -> None:
        self.account_id, self.clock = account.id, clock
        self.actor = Actor("user", inviter.name, inviter.id)
        self.wall = wall_clock.wall_now()

    def invite(self, email: str = DORA, role: Role = Role.MEMBER) -> tuple[Invitation, str]:
        with transaction() as session:
            account = session.get_one(Account, self.account_id)
            return invitations.invite(session, account, email=email, role=role, **self.when())

    def renew(self, invitation: Invitation) -> str:
        with transaction() as session:
            return invitations.renew(session, invitation, **self.when())

    def withdraw(self, invitation: Invitation) -> None:
        with transaction() as session:
            invitations.withdraw(session, invitation, **self.when())

    def accept(self, invitation: Invitation, user: User) -> Membership:
        with transaction() as session:
            return invitations.accept(session, invitation, user, **self.when())

    def when(self) -> dict:
        return {"wall": self.wall, "now": self.clock.now(), "actor": self.actor}

    def find(self, token: str) -> Invitation | None:
        return invitations.find(db.session(), token, wall=self.wall)

    def seats(self) -> tuple[int, int]:
        """Seats taken, and taken if everybody accepted."""
        taken = usage.of(db.session(), self.account_id)[Metric.SEATS].used
        return taken, taken + invitations.seats_asked_for(db.session(), self.account_id)


@pytest.fixture
def acme(cast: Cast, clock: FixedClock) -> Inviting:
    return Inviting(cast.acme, cast.alice, clock)


@pytest.fixture
def dora(acme: Inviting) -> User:
    with transaction() as session:
        return people.add_user(
            session, email=DORA, name="Dora", password_hash="-", now=acme.clock.now()
        )


def test_count_seats_an_invitation_takes_one_when_accepted(acme: Inviting, dora: User) -> None:
    invitation, _ = acme.invite()
    assert acme.seats() == (2, 3)
    assert acme.accept(invitation, dora).role is Role.MEMBER
    assert acme.seats() == (3, 3)


def test_count_seats_an_invited_billing_contact_takes_none(acme: Inviting, dora: User) -> None:
    invitation, _ = acme.invite(role=Role.BILLING)
    assert acme.seats() == (2, 2)
    acme.accept(invitation, dora)
    assert acme.seats() == (2, 2)


def test_the_link_is_kept_as_a_hash(acme: Inviting) -> None:
    invitation, token = acme.invite()
    assert len(token) >= 43  # 256 bits
    assert token not in invitation.token_sha256
    found = acme.find(token)
    assert found is not None
    assert found.id == invitation.id
    assert acme.find("no-such-token") is None


def test_a_link_is_good_for_seven_days(acme: Inviting, dora: User) -> None:
    invitation, token = acme.invite()
    acme.wall += timedelta(days=7, seconds=-1)
    assert acme.find(token)
    acme.wall += timedelta(seconds=1)
    assert acme.find(token) is None
    with pytest.raises(Closed):
        acme.accept(invitation, dora)


def test_a_moved_sandbox_clock_ends_no_invitation(acme: Inviting, dora: User) -> None:
    invitation, token = acme.invite()
    acme.clock.advance(days=40)
    assert acme.find(token)
    assert acme.accept(invitation, dora).joined_at == acme.clock.now()


def test_sent_again_the_former_link_is_void(acme: Inviting) -> None:
    invitation, former = acme.invite()
    acme.wall += timedelta(days=8)
    token = acme.renew(invitation)
    assert acme.find(former) is None
    assert acme.find(token)


def test_accepted_once(acme: Inviting, dora: User) -> None:
    invitation, token = acme.invite()
    acme.accept(invitation, dora)
    assert acme.find(token) is None
    for act in (acme.renew, acme.withdraw):
        with pytest.raises(Closed):
            act(invitation)
    with pytest.raises(Closed):
        acme.accept(invitation, dora)
    assert acme.seats() == (3, 3)


def test_withdrawn_it_can_not_be_accepted(acme: Inviting, dora: User) -> None:
    invitation, token = acme.invite()
    acme.withdraw(invitation)
    assert acme.find(token) is None
    with pytest.raises(Closed):
        acme.accept(invitation, dora)
    assert acme.seats() == (2, 2)


def test_withdrawn_the_address_can_be_invited_again(acme: Inviting) -> None:
    acme.withdraw(acme.invite()[0])
    acme.invite()
    assert len(invitations.waiting(db.session(), acme.account_id)) == 1


def test_only_the_invited_address_can_accept(acme: Inviting, cast: Cast) -> None:
    invitation, _ = acme.invite()
    with pytest.raises(Closed):
        acme.accept(invitation, cast.mallory)


def test_an_address_is_invited_once_at_a_time(acme: Inviting) -> None:
    acme.invite("Dora@Example.com")
    with pytest.raises(InvitedAlready):
        acme.invite("dora@example.com")


def test_who_is_in_is_not_invited(acme: Inviting, cast: Cast) -> None:
    with pytest.raises(InsideAlready, match="already"):
        acme.invite(cast.bob.email.upper())


def test_who_was_deactivated_is_reactivated_not_invited(
    acme: Inviting, cast: Cast, clock: FixedClock
) -> None:
    with transaction() as session:
        membership = people.membership_in(session, acme.account_id, cast.bob.id)
        assert membership is not None
        people.deactivate(session, membership, now=clock.now(), actor=SYSTEM)
    with pytest.raises(InsideAlready, match="reactivate"):
        acme.invite(cast.bob.email)


def test_who_is_in_another_account_is_invited_like_a_stranger(acme: Inviting, cast: Cast) -> None:
    invitation, _ = acme.invite(cast.mallory.email)
    acme.accept(invitation, cast.mallory)
    memberships = db.session.scalars(
        select(Membership).where(Membership.user_id == cast.mallory.id)
    )
    assert {row.account_id for row in memberships} == {cast.acme.id, cast.other.id}


def test_an_account_is_no_way_to_mail_strangers(acme: Inviting) -> None:
    for number in range(invitations.MOST_WAITING):
        acme.invite(f"guest-{number}@example.com")
    with pytest.raises(TooManyWaiting, match="50 invitations are waiting"):
        acme.invite("one-more@example.com")


# --- Who invited them ----------------------------------------------------------------------------


@pytest.fixture
def of_bob(cast: Cast, clock: FixedClock) -> Inviting:
    """What Bob invites, who is an Admin of Acme beside Alice."""
    become(cast, Role.ADMIN)
    return Inviting(cast.acme, cast.bob, clock)


def test_who_leaves_has_invited_nobody(
    acme: Inviting, of_bob: Inviting, cast: Cast, dora: User
) -> None:
    """The address may be another of his own: he would come back by it."""
    invitation, token = of_bob.invite(role=Role.ADMIN)
    of_alice, hers = acme.invite("erin@example.com")
    cast.leave(cast.acme, cast.bob)
    assert of_bob.find(token) is None
    assert acme.find(hers), "another's invitations stay"
    with pytest.raises(Closed):
        of_bob.accept(invitation, dora)
    assert [each.id for each in invitations.waiting(db.session(), acme.account_id)] == [of_alice.id]
    [(actor, details)] = withdrawals()
    assert actor["kind"] == "system"
    assert (details["email"], details["role"], details["left"]) == (DORA, "admin", "Bob")


@pytest.mark.parametrize("role", [Role.MEMBER, Role.BILLING])
def test_who_is_no_admin_any_more_has_invited_nobody(
    of_bob: Inviting, cast: Cast, dora: User, role: Role
) -> None:
    invitation, token = of_bob.invite(role=Role.ADMIN)
    become(cast, role)
    assert of_bob.find(token) is None
    with pytest.raises(Closed):
        of_bob.accept(invitation, dora)
    assert len(withdrawals()) == 1


def test_one_that_ran_out_is_not_sent_again_after_its_maker_left(
    acme: Inviting, of_bob: Inviting, cast: Cast
) -> None:
    invitation, _ = of_bob.invite()
    acme.wall += timedelta(days=8)
    cast.leave(cast.acme, cast.bob)
    with pytest.raises(Closed):
        acme.renew(invitation)


def test_what_was_accepted_or_is_of_another_account_stays(
    of_bob: Inviting, cast: Cast, clock: FixedClock, dora: User
) -> None:
    joined = of_bob.accept(of_bob.invite()[0], dora)
    with transaction() as session:
        people.add_member(session, cast.other, cast.bob, Role.ADMIN, now=clock.now(), actor=SYSTEM)
    elsewhere = Inviting(cast.other, cast.bob, clock)
    _, token = elsewhere.invite()
    cast.leave(cast.acme, cast.bob)
    db.session.refresh(joined)
    assert joined.is_active
    assert elsewhere.find(token)
    assert withdrawals() == []


def test_who_comes_back_finds_them_withdrawn(
    of_bob: Inviting, cast: Cast, clock: FixedClock
) -> None:
    _, token = of_bob.invite()
    cast.leave(cast.acme, cast.bob)
    with transaction() as session:
        people.reactivate(session, place_of_bob(cast), now=clock.now(), actor=SYSTEM)
    assert of_bob.find(token) is None


def become(cast: Cast, role: Role) -> None:
    """Bob is given another role."""
    with transaction() as session:
        people.set_role(session, place_of_bob(cast), role, now=cast.clock.now(), actor=SYSTEM)


def place_of_bob(cast: Cast) -> Membership:
    membership = people.membership_in(db.session(), cast.acme.id, cast.bob.id)
    assert membership is not None
    return membership


def withdrawals() -> list[tuple[dict, dict]]:
    """By whom, and what is kept of it."""
    statement = select(AuditEntry.actor, AuditEntry.details).where(
        AuditEntry.action == "user.invitation_withdrawn"
    )
    return [(row.actor, row.details) for row in db.session.execute(statement)]
