"""Who invoices and credit notes are emailed to, and whether somebody still is who they were to be.

Admins and billing contacts choose for themselves. An address of the billing details that is
nobody's of them gets none before its reader has agreed: whoever may sign up could else have the
vendor's mail server write what he likes to whom he likes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.billing.rules.roles import Role
from portal.models import Account, InvoiceAddress, Membership, Notice, User

RECEIPTS = (Role.ADMIN, Role.BILLING)


@dataclass(frozen=True)
class Person:
    """Who a message goes to; `user_id` is None for somebody who has no sign-in yet. `is_listed`:
    it goes there only because the billing details name the address."""

    email: str
    name: str
    user_id: int | None = None
    is_listed: bool = False


def of_invoices(session: Session, account: Account) -> list[Person]:
    """Active Admins and billing contacts who want invoices, and the addresses that these are sent
    to besides. Never nobody: where none is left, every Admin."""
    people = active(session, account, RECEIPTS)
    found = [person_of(user) for user, membership in people if membership.wants_invoices]
    besides = _listed(session, account, people)
    readers = [*found, *(each for each in besides if each not in found)]
    return readers or [person_of(user) for user, member in people if member.role is Role.ADMIN]


def listed(session: Session, account: Account) -> list[Person]:
    """Of the addresses of the billing details those that get invoices: people who see them anyway,
    and who has agreed."""
    return _listed(session, account, active(session, account, RECEIPTS))


def may_have(session: Session, notice: Notice) -> bool:
    """Whether who an email about an invoice or a credit note was written to may still have it: a
    person may have left the account, an address its billing details."""
    if notice.account_id is None or not (notice.invoice_id or notice.credit_note_id):
        return True
    account = session.get_one(Account, notice.account_id)
    if notice.user_id is not None:
        return any(user.id == notice.user_id for user, _ in active(session, account, RECEIPTS))
    recipient = notice.recipient.lower()
    return any(each.email.lower() == recipient for each in listed(session, account))


def active(
    session: Session, account: Account, roles: Sequence[Role]
) -> list[tuple[User, Membership]]:
    """The account's active people of these roles, in the order in which they came."""
    statement = (
        select(User, Membership)
        .join(Membership, Membership.user_id == User.id)
        .where(
            Membership.account_id == account.id,
            Membership.role.in_(roles),
            Membership.deactivated_at.is_(None),
        )
        .order_by(Membership.id)
    )
    return [(user, membership) for user, membership in session.execute(statement)]


def person_of(user: User) -> Person:
    """Somebody with a sign-in, as messages go to them."""
    return Person(user.email, user.name, user.id)


def _listed(
    session: Session, account: Account, people: Sequence[tuple[User, Membership]]
) -> list[Person]:
    known = {user.email: person_of(user) for user, _ in people}
    emails = account.billing.invoice_emails
    is_somebody_else_s = any(email.lower() not in known for email in emails)
    confirmed = _confirmed(session, account) if is_somebody_else_s else set()
    return [
        known.get(email.lower()) or Person(email, "", is_listed=True)
        for email in emails
        if email.lower() in known or email.lower() in confirmed
    ]


def _confirmed(session: Session, account: Account) -> set[str]:
    statement = select(InvoiceAddress.email).where(
        InvoiceAddress.account_id == account.id, InvoiceAddress.confirmed_at.is_not(None)
    )
    return set(session.scalars(statement))
