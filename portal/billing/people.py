"""People: who they are, and their place in each account.

Whatever changes a membership counts its seat in the same step, under the account's lock: that
is what keeps two Admins from demoting each other at the same instant.
"""

from datetime import datetime

from email_validator import EmailNotValidError, validate_email
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from portal import clock, events
from portal.audit import Actor, record
from portal.billing import accounts, invoice_links, overages
from portal.billing.rules.counting import Metric, takes_seat
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.roles import Role
from portal.billing.rules.text import normal
from portal.language import gettext as _
from portal.models import Account, Invitation, Membership, User
from portal.transaction import after_commit

# Far more than an address has. What is longer is nobody's, and takes no time to find that out.
TYPED_AT_MOST = 1000


class LastAdmin(RuleBroken):
    """The account would be left without an active Admin."""

    def __init__(self) -> None:
        super().__init__(
            _("An account always keeps at least one active Admin. Make somebody else Admin first.")
        )


def normal_email(email: str) -> str:
    """The form in which an email is kept and found: case and Unicode spelling folded.

    Whatever is no email address comes back folded too, and is nobody's.
    """
    folded = normal("NFC", email.strip()[:TYPED_AT_MOST]).lower()
    try:
        return validate_email(folded, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return folded


def find_by_email(session: Session, email: str) -> User | None:
    """The person with that email, however it is spelt."""
    return session.scalars(select(User).where(User.email == normal_email(email))).one_or_none()


def add_user(session: Session, *, email: str, name: str, password_hash: str, now: datetime) -> User:
    """A new person, in no account yet. IntegrityError where the email is taken."""
    user = User(email=normal_email(email), name=name, password_hash=password_hash, created_at=now)
    session.add(user)
    session.flush()
    return user


def memberships_of(session: Session, user_id: int) -> list[Membership]:
    """The active memberships of a person, by the name of the account."""
    statement = (
        select(Membership)
        .join(Membership.account)
        .options(joinedload(Membership.account))
        .where(Membership.user_id == user_id, Membership.deactivated_at.is_(None))
        .order_by(func.lower(Account.name), Account.id)
    )
    return list(session.scalars(statement))


def members(session: Session, account_id: int) -> list[Membership]:
    """Everybody in an account: the active first, then by name."""
    statement = (
        select(Membership)
        .join(Membership.user)
        .options(joinedload(Membership.user))
        .where(Membership.account_id == account_id)
        .order_by(Membership.deactivated_at.is_not(None), func.lower(User.name), Membership.id)
    )
    return list(session.scalars(statement))


def membership_in(session: Session, account_id: int, user_id: int) -> Membership | None:
    """A person's place in an account, active or not."""
    statement = select(Membership).where(
        Membership.account_id == account_id, Membership.user_id == user_id
    )
    return session.scalars(statement).one_or_none()


def add_member(
    session: Session, account: Account, user: User, role: Role, *, now: datetime, actor: Actor
) -> Membership:
    """Make a person a user of the account. IntegrityError where they are one already."""
    accounts.lock(session, account.id)
    membership = Membership(account_id=account.id, user_id=user.id, role=role, joined_at=now)
    session.add(membership)
    session.flush()
    seats = int(takes_seat(role, active=True))
    _changed(session, membership, "user.added", seats, now=now, actor=actor, role=role)
    return membership


def set_role(
    session: Session, membership: Membership, role: Role, *, now: datetime, actor: Actor
) -> None:
    """Give a user another role. Raises LastAdmin."""
    _lock(session, membership)
    before = membership.role
    if before is role:
        return
    _keep_an_admin(session, membership)
    seats = seat_change(membership, role=role)
    membership.role = role
    _changed(
        session, membership, "user.role_changed", seats, now=now, actor=actor,
        before=before, after=role,
    )  # fmt: skip
    if role is Role.MEMBER:
        _end_links(session, membership, now=now, actor=actor)
    if before is Role.ADMIN:
        _withdraw_invitations(session, membership, now=now, actor=actor)


def deactivate(session: Session, membership: Membership, *, now: datetime, actor: Actor) -> None:
    """End a user's access, keeping their place. Raises LastAdmin."""
    _lock(session, membership)
    if not membership.is_active:
        return
    _keep_an_admin(session, membership)
    seats = seat_change(membership, active=False)
    membership.deactivated_at = now
    membership.deactivated_by_id = actor.user_id
    _changed(session, membership, "user.deactivated", seats, now=now, actor=actor)
    _end_links(session, membership, now=now, actor=actor)
    _withdraw_invitations(session, membership, now=now, actor=actor)


def reactivate(session: Session, membership: Membership, *, now: datetime, actor: Actor) -> None:
    """Give a deactivated user their place back, in the role they had."""
    _lock(session, membership)
    if membership.is_active:
        return
    seats = seat_change(membership, active=True)
    membership.deactivated_at = membership.deactivated_by_id = None
    _changed(session, membership, "user.reactivated", seats, now=now, actor=actor)


def seat_change(
    membership: Membership, *, role: Role | None = None, active: bool | None = None
) -> int:
    """By how much the seat count changes if a membership gets this role or state."""
    before = takes_seat(membership.role, membership.is_active)
    after = takes_seat(
        membership.role if role is None else role,
        membership.is_active if active is None else active,
    )
    return int(after) - int(before)


def _lock(session: Session, membership: Membership) -> None:
    """Lock the account, then read the membership as it is under that lock."""
    accounts.lock(session, membership.account_id)
    session.refresh(membership)


def _keep_an_admin(session: Session, membership: Membership) -> None:
    if membership.role is not Role.ADMIN or not membership.is_active:
        return
    others = select(func.count(Membership.id)).where(
        Membership.account_id == membership.account_id,
        Membership.id != membership.id,
        Membership.role == Role.ADMIN,
        Membership.deactivated_at.is_(None),
    )
    if session.execute(others).scalar_one() == 0:
        raise LastAdmin


def _end_links(session: Session, membership: Membership, *, now: datetime, actor: Actor) -> None:
    """Who sees no invoices shows them to nobody."""
    account, maker = membership.account, membership.user
    invoice_links.end_those_of(session, account, maker, now=now, actor=actor)


def _withdraw_invitations(
    session: Session, membership: Membership, *, now: datetime, actor: Actor
) -> None:
    """Who may let nobody in any more has invited nobody: another address may be theirs as well.

    Those that have run out go too: they could be sent again.
    """
    account, inviter = membership.account, membership.user
    waiting = select(Invitation).where(
        Invitation.account_id == account.id,
        Invitation.invited_by_id == inviter.id,
        Invitation.accepted_at.is_(None),
        Invitation.withdrawn_at.is_(None),
    )
    for invitation in session.scalars(waiting.order_by(Invitation.id)).all():
        # Of the wall, as all instants of invitations.
        invitation.withdrawn_at = clock.wall_now()
        record(
            session, account, "user.invitation_withdrawn", at=now, actor=actor,
            email=invitation.email, role=invitation.role, left=inviter.name,
        )  # fmt: skip


def _changed(
    session: Session,
    membership: Membership,
    action: str,
    seats: int,
    *,
    now: datetime,
    actor: Actor,
    **details: Role,
) -> None:
    """Count, write down, and let the person's open pages know after the commit."""
    session.flush()
    account, user = membership.account, membership.user
    if seats:
        overages.count_changed(session, account, Metric.SEATS, seats, now=now, actor=actor)
    record(
        session, account, action, at=now, actor=actor, user=user.name, email=user.email, **details
    )
    account_id, user_id = account.id, user.id
    after_commit(session, lambda: events.publish(account_id, "people", user_id=user_id))
