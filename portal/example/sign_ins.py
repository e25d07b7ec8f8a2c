"""The example's sign-ins: for each account an Admin, a Member and a billing contact."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal.billing.rules.roles import Role
from portal.models import Account, Membership, User


@dataclass(frozen=True)
class ExampleSignIn:
    account: str
    role: str
    name: str
    email: str


def sign_ins(session: Session) -> list[ExampleSignIn]:
    """The first active person of each role in each account, of those the example made."""
    statement = (
        select(Membership)
        .join(Membership.user)
        .join(Membership.account)
        .options(joinedload(Membership.user), joinedload(Membership.account))
        .where(User.is_example, Membership.deactivated_at.is_(None))
        .order_by(Account.id, Membership.id)
    )
    first: dict[tuple[int, Role], Membership] = {}
    for member in session.scalars(statement):
        first.setdefault((member.account_id, member.role), member)
    places = sorted(first, key=lambda place: (place[0], list(Role).index(place[1])))
    return [_of(first[place]) for place in places]


def _of(member: Membership) -> ExampleSignIn:
    return ExampleSignIn(
        member.account.name, member.role.label, member.user.name, member.user.email
    )
