"""Who gets invoices and credit notes by email: who wants them, and who is sent one once more.

Admins and billing contacts choose for themselves; the addresses of the billing details get every
one once they have agreed (`invoice_addresses`). Somebody always does: what would leave nobody is
refused.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal.audit import Actor, record
from portal.billing import accounts, invoice_addresses
from portal.billing.rules.errors import RuleBroken, UsedForSomethingElse
from portal.language import gettext as _
from portal.mail import notices
from portal.mail import readers as mail_readers
from portal.mail.readers import RECEIPTS, Person
from portal.models import Account, CreditNote, Invoice, Membership, Operation

ACTION = "invoice_emails.sent_again"


class NobodyReads(RuleBroken):
    """Invoices would be sent to nobody."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "Invoices would be sent to nobody then. Somebody has to get them: enter an address"
                " they are sent to first, or have another Admin or billing contact turn them on."
            )
        )


class NoReader(RuleBroken):
    """An address that invoices aren't sent to."""

    def __init__(self) -> None:
        super().__init__(
            _("Invoices aren't sent to that address. Choose one of those that get them.")
        )


@dataclass(frozen=True)
class Reader:
    """An address that could get invoices, and whether it does; `role` is "" of one from the
    billing details. `asked_at` is since when that one hasn't agreed, if it was asked."""

    email: str
    name: str
    role: str
    gets: bool
    asked_at: datetime | None = None


def readers(session: Session, account: Account) -> list[Reader]:
    """Every active Admin and billing contact, in the order in which they came, then the addresses
    of the billing details."""
    getting = {person.email for person in mail_readers.of_invoices(session, account)}
    asked_at = invoice_addresses.waiting_since(session, account)
    memberships = _might_want(session, account)
    known = {each.user.email for each in memberships}
    return [
        *(
            Reader(each.user.email, each.user.name, each.role.label, each.user.email in getting)
            for each in memberships
        ),
        *(
            Reader(email, "", "", gets=email in getting, asked_at=asked_at.get(email.lower()))
            for email in account.billing.invoice_emails
            if email.lower() not in known
        ),
    ]


def want(
    session: Session, membership: Membership, wants: bool, *, now: datetime, actor: Actor
) -> bool:
    """Let somebody get invoices, or no more of them; False where it was so. Raises NobodyReads."""
    account = accounts.lock(session, membership.account_id)
    session.refresh(membership)
    if membership.wants_invoices == wants:
        return False
    membership.wants_invoices = wants
    session.flush()
    keep_a_reader(session, account)
    name, email = membership.user.name, membership.user.email
    details = {"user": name, "email": email, "wants": wants}
    record(session, account, "invoice_emails.chosen", at=now, actor=actor, **details)
    return True


def keep_a_reader(session: Session, account: Account) -> None:
    """Raise NobodyReads where nobody wants invoices and no address is there to get them."""
    wanted = any(each.wants_invoices for each in _might_want(session, account))
    if not wanted and not mail_readers.listed(session, account):
        raise NobodyReads


def may_get(session: Session, account: Account, asker: Person) -> list[Person]:
    """To whom `asker` may have an invoice sent once more: themselves, then who gets them anyway."""
    others = mail_readers.of_invoices(session, account)
    return [asker, *(person for person in others if person.email.lower() != asker.email)]


def send_again(
    session: Session,
    paper: Invoice | CreditNote,
    asker: Person,
    email: str,
    op_id: str,
    *,
    now: datetime,
    actor: Actor,
) -> bool:
    """Write an invoice or a credit note to one of `may_get` once more; False where the same click
    did so before.

    Raises NoReader, and UsedForSomethingElse where the op id was for another one.
    """
    account = accounts.lock(session, paper.account_id)
    asked = hashlib.sha256(f"{paper.number_text}\n{email}".encode()).hexdigest()
    done = _done(session, account, op_id)
    if done is not None:
        if (done.action, done.params_sha256) != (ACTION, asked):
            raise UsedForSomethingElse
        return False
    person = next((each for each in may_get(session, account, asker) if each.email == email), None)
    if person is None:
        raise NoReader
    click = {"op_id": op_id, "action": ACTION, "params_sha256": asked, "user_id": asker.user_id}
    session.add(Operation(account_id=account.id, done_at=now, result={}, **click))
    by = "" if person.user_id == asker.user_id else asker.name
    notices.sent_again(session, paper, person, by, now=now)
    which = {"invoice" if isinstance(paper, Invoice) else "credit_note": paper.number_text}
    record(session, account, "invoice_emails.sent_again", at=now, actor=actor, to=email, **which)
    return True


def _might_want(session: Session, account: Account) -> list[Membership]:
    statement = (
        select(Membership)
        .options(joinedload(Membership.user))
        .where(
            Membership.account_id == account.id,
            Membership.role.in_(RECEIPTS),
            Membership.deactivated_at.is_(None),
        )
        .order_by(Membership.id)
    )
    return list(session.scalars(statement))


def _done(session: Session, account: Account, op_id: str) -> Operation | None:
    statement = select(Operation).where(
        Operation.account_id == account.id, Operation.op_id == op_id
    )
    return session.scalars(statement).one_or_none()
