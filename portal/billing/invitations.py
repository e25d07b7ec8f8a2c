"""Invitations: an offer of a role by email, good for seven days, taking a seat when accepted.

The link carries 256 random bits of which only the hash is kept. Its instants are wall time
(`wall`), as for everything that is handed out: moving the sandbox clock ends no invitation.
An invitation is worth no more than who made it may do: when they leave, or are no Admin any more,
`people` withdraws it.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from portal import tokens
from portal.audit import Actor, record
from portal.billing import accounts, people
from portal.billing.rules.counting import takes_seat
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.roles import Role
from portal.language import gettext as _
from portal.models import Account, Invitation, Membership, User

LASTS = timedelta(days=7)
MOST_WAITING = 50


class InsideAlready(RuleBroken):
    """An invitation to somebody who is a user of the account, active or not."""

    def __init__(self, member: Membership) -> None:
        super().__init__(
            _("This person is a user of this account already.")
            if member.is_active
            else _("This person was deactivated: reactivate them in the list instead.")
        )


class InvitedAlready(RuleBroken):
    """An invitation to an address that has an open one."""

    def __init__(self) -> None:
        super().__init__(_("This address is invited already: send the invitation again instead."))


class TooManyWaiting(RuleBroken):
    """More open invitations than an account can have: the portal is no way to mail strangers."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "%(count)s invitations are waiting already. Withdraw some, or wait until they are"
                " accepted.",
                count=MOST_WAITING,
            )
        )


class Closed(RuleBroken):
    """An invitation that was accepted or withdrawn, has run out, or is somebody else's."""

    def __init__(self) -> None:
        super().__init__(_("This invitation can't be used any more. Ask for a new one."))


def waiting(session: Session, account_id: int) -> list[Invitation]:
    """Invitations neither accepted nor withdrawn, the newest first."""
    statement = (
        select(Invitation)
        .where(Invitation.account_id == account_id, _is_waiting())
        .order_by(Invitation.id.desc())
    )
    return list(session.scalars(statement))


def seats_asked_for(session: Session, account_id: int) -> int:
    """How many more seats would be taken if everybody invited accepted."""
    return sum(takes_seat(each.role, active=True) for each in waiting(session, account_id))


def find(session: Session, token: str, *, wall: datetime) -> Invitation | None:
    """The invitation a link is for, if it can still be accepted."""
    statement = select(Invitation).where(
        Invitation.token_sha256 == tokens.hash_of(token),
        _is_waiting(),
        Invitation.expires_at > wall,
    )
    return session.scalars(statement).one_or_none()


def invite(
    session: Session,
    account: Account,
    *,
    email: str,
    role: Role,
    wall: datetime,
    now: datetime,
    actor: Actor,
) -> tuple[Invitation, str]:
    """Invite an address; returns the invitation and the token for its link.

    The actor must be a person. Raises InsideAlready, InvitedAlready and TooManyWaiting.
    """
    accounts.lock(session, account.id)
    address = people.normal_email(email)
    _refuse_insiders(session, account, address)
    if len(waiting(session, account.id)) >= MOST_WAITING:
        raise TooManyWaiting
    token = tokens.new()
    invitation = Invitation(
        account=account,
        email=address,
        role=role,
        token_sha256=tokens.hash_of(token),
        invited_by_id=actor.user_id,
        created_at=wall,
        expires_at=wall + LASTS,
    )
    session.add(invitation)
    session.flush()
    _note(session, invitation, "user.invited", now=now, actor=actor)
    return invitation, token


def renew(
    session: Session, invitation: Invitation, *, wall: datetime, now: datetime, actor: Actor
) -> str:
    """A new link, good for another seven days; the former one ends. Raises Closed."""
    _lock(session, invitation)
    token = tokens.new()
    invitation.token_sha256 = tokens.hash_of(token)
    invitation.created_at = wall
    invitation.expires_at = wall + LASTS
    _note(session, invitation, "user.invited_again", now=now, actor=actor)
    return token


def withdraw(
    session: Session, invitation: Invitation, *, wall: datetime, now: datetime, actor: Actor
) -> None:
    """Take an invitation back. Raises Closed."""
    _lock(session, invitation)
    invitation.withdrawn_at = wall
    _note(session, invitation, "user.invitation_withdrawn", now=now, actor=actor)


def accept(
    session: Session,
    invitation: Invitation,
    user: User,
    *,
    wall: datetime,
    now: datetime,
    actor: Actor,
) -> Membership:
    """The invited person joins; returns their membership. Raises Closed."""
    account = _lock(session, invitation)
    if invitation.expires_at <= wall or user.email != invitation.email:
        raise Closed
    invitation.accepted_at = wall
    membership = people.membership_in(session, account.id, user.id)
    if membership is None:
        return people.add_member(session, account, user, invitation.role, now=now, actor=actor)
    if not membership.is_active:
        raise Closed
    return membership


def _lock(session: Session, invitation: Invitation) -> Account:
    """Lock the account, then make sure that the invitation is still waiting."""
    account = accounts.lock(session, invitation.account_id)
    session.refresh(invitation)
    if invitation.accepted_at or invitation.withdrawn_at:
        raise Closed
    return account


def _refuse_insiders(session: Session, account: Account, email: str) -> None:
    user = people.find_by_email(session, email)
    member = people.membership_in(session, account.id, user.id) if user else None
    if member is not None:
        raise InsideAlready(member)
    statement = select(Invitation.id).where(
        Invitation.account_id == account.id, Invitation.email == email, _is_waiting()
    )
    if session.scalars(statement).first() is not None:
        raise InvitedAlready


def _note(
    session: Session, invitation: Invitation, action: str, *, now: datetime, actor: Actor
) -> None:
    record(
        session, invitation.account, action, at=now, actor=actor,
        email=invitation.email, role=invitation.role,
    )  # fmt: skip


def _is_waiting() -> ColumnElement[bool]:
    return Invitation.accepted_at.is_(None) & Invitation.withdrawn_at.is_(None)
