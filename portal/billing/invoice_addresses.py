"""The addresses that billing details send invoices to: asked by an email, agreed to or ended by
whoever reads there.

    added ──▶ asked ──link──▶ agreed: invoices come, each with a link
                 └────────────────┴──link──▶ ended: off the list

The link needs no sign-in: who has it reads what comes to that address. What the email asks is in
the vendor's words alone, an account has few of them sent a day, fewer still before it was charged
anything, and an address gets few, however many accounts ask, so that the portal is no way to write
to strangers. People of the account who see invoices anyway are asked nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, literal_column, select
from sqlalchemy.orm import Session

from portal import tokens
from portal.audit import Actor, record
from portal.billing.rules.errors import RuleBroken
from portal.language import gettext as _
from portal.mail import notices, readers
from portal.mail.notices import Message
from portal.mail.readers import Person
from portal.models import Account, Invoice, InvoiceAddress, Notice

QUESTION = "invoice_address"
DAY = timedelta(days=1)
ASKED_A_DAY = 15
# As long as an account was charged nothing: anybody can have any number of those.
ASKED_A_DAY_UNCHARGED = 2
OF_ONE_A_DAY = 3
# A firm that keeps the books of many may be asked by several on one day.
OF_ONE_BY_ALL_A_DAY = 10


class AskedOften(RuleBroken):
    """More emails that ask for agreement than an account, or one address, gets a day."""


class NotWaiting(RuleBroken):
    """An address whose reader is not to be asked: it agreed, or isn't on the list any more."""

    def __init__(self) -> None:
        super().__init__(_("That address waits for no confirmation. Nothing was sent."))


@dataclass(frozen=True)
class Linked:
    """Whose invoices a link is about, at which address, and whether it is on the list and agreed
    to."""

    account: Account
    email: str
    is_listed: bool
    is_confirmed: bool


def keep(
    session: Session, account: Account, before: Sequence[str], *, now: datetime, actor: Actor
) -> None:
    """The list was changed: ask those that are new on it, and forget who left it; the account must
    be locked. Raises AskedOften.

    One that all accounts together asked often enough today is not asked: it waits on the list until
    somebody does so another day. Whose details these are did nothing wrong.
    """
    listed = {email.lower() for email in account.billing.invoice_emails}
    _forget(session, account, [email for email in before if email.lower() not in listed])
    known = {email.lower() for email in before}
    for email in account.billing.invoice_emails:
        is_new = email.lower() not in known and not _is_read(session, account, email)
        if is_new and not _is_asked_often_by_all(session, email, now):
            _ask(session, account, email, now=now, actor=actor)


def ask_again(
    session: Session, account: Account, email: str, *, now: datetime, actor: Actor
) -> None:
    """Ask the reader of an address once more; the account must be locked. Raises NotWaiting,
    AskedOften."""
    if email not in account.billing.invoice_emails or _is_read(session, account, email):
        raise NotWaiting
    if _is_asked_often_by_all(session, email, now):
        raise _asked_enough(email)
    _ask(session, account, email, now=now, actor=actor)


def waiting_since(session: Session, account: Account) -> dict[str, datetime]:
    """By address, in small letters, since when there is no answer."""
    statement = select(InvoiceAddress.email, InvoiceAddress.added_at).where(
        InvoiceAddress.account_id == account.id, InvoiceAddress.confirmed_at.is_(None)
    )
    return {row.email: row.added_at for row in session.execute(statement)}


def of_link(session: Session, token: str) -> Linked | None:
    """What a link is about; None of one that was never sent."""
    statement = select(Notice.account_id, Notice.recipient).where(
        Notice.token_sha256 == tokens.hash_of(token)
    )
    found = session.execute(statement).one_or_none()
    if found is None:
        return None
    account_id, email = found
    account = session.get_one(Account, account_id)
    return Linked(
        account=account,
        email=email,
        is_listed=email.lower() in (each.lower() for each in account.billing.invoice_emails),
        is_confirmed=_is_read(session, account, email),
    )


def confirm(
    session: Session, account: Account, token: str, *, now: datetime, ip: str | None
) -> None:
    """Invoices come to the address of a link from now on, where it is on the list still; its
    account must be locked. Twice is once."""
    linked = of_link(session, token)
    if linked is not None and linked.is_listed and not linked.is_confirmed:
        _row(session, account, linked.email, now=now).confirmed_at = now
        _record(session, linked, "invoice_address.confirmed", now=now, ip=ip)


def end(session: Session, account: Account, token: str, *, now: datetime, ip: str | None) -> None:
    """The address of a link is off the list; its account must be locked. Twice is once.

    It may leave nobody: invoices then go to every Admin.
    """
    linked = of_link(session, token)
    if linked is None or not linked.is_listed:
        return
    listed, email = account.billing.invoice_emails, linked.email.lower()
    account.billing.invoice_emails = [each for each in listed if each.lower() != email]
    _forget(session, account, [email])
    _record(session, linked, "invoice_address.ended", now=now, ip=ip)


def _ask(session: Session, account: Account, email: str, *, now: datetime, actor: Actor) -> None:
    _refuse_often(session, account, email, now)
    _row(session, account, email, now=now)
    to = Person(email, "", is_listed=True)
    notices.write(session, Message(QUESTION, account, {}), [to], now=now)
    record(session, account, "invoice_address.asked", at=now, actor=actor, email=email)


def _refuse_often(session: Session, account: Account, email: str, now: datetime) -> None:
    asked = select(func.lower(Notice.recipient)).where(
        Notice.account_id == account.id, Notice.name == QUESTION, Notice.created_at > now - DAY
    )
    recipients = list(session.scalars(asked))
    if recipients.count(email.lower()) >= OF_ONE_A_DAY:
        raise _asked_enough(email)
    most = _most_a_day(session, account)
    if len(recipients) >= most:
        raise AskedOften(
            _(
                "%(most)s emails that ask for confirmation were sent today, and no more are. Add"
                " %(email)s tomorrow.",
                most=most,
                email=email,
            )
        )


def _asked_enough(email: str) -> AskedOften:
    return AskedOften(_("%(email)s was asked often enough today. Ask again tomorrow.", email=email))


def _most_a_day(session: Session, account: Account) -> int:
    """How many questions the account has sent a day. An invoice of nothing proves nothing."""
    charged = select(Invoice.id).where(Invoice.account_id == account.id, Invoice.total_minor > 0)
    is_charged = session.scalars(charged.limit(1)).first() is not None
    return ASKED_A_DAY if is_charged else ASKED_A_DAY_UNCHARGED


def _is_asked_often_by_all(session: Session, email: str, now: datetime) -> bool:
    """Whether the address was asked often enough in a day, whoever wanted it."""
    statement = select(func.count()).where(
        # Spelt out, for the index of just these.
        Notice.name == literal_column(f"'{QUESTION}'"),
        Notice.created_at > now - DAY,
        func.lower(Notice.recipient) == email.lower(),
    )
    return session.execute(statement).scalar_one() >= OF_ONE_BY_ALL_A_DAY


def _row(session: Session, account: Account, email: str, *, now: datetime) -> InvoiceAddress:
    statement = select(InvoiceAddress).where(
        InvoiceAddress.account_id == account.id, InvoiceAddress.email == email.lower()
    )
    row = session.scalars(statement).one_or_none()
    if row is None:
        row = InvoiceAddress(account_id=account.id, email=email.lower(), added_at=now)
        session.add(row)
    return row


def _forget(session: Session, account: Account, emails: Sequence[str]) -> None:
    session.execute(
        delete(InvoiceAddress).where(
            InvoiceAddress.account_id == account.id,
            InvoiceAddress.email.in_([email.lower() for email in emails]),
        )
    )


def _is_read(session: Session, account: Account, email: str) -> bool:
    """Whether invoices come to a listed address: its reader sees them anyway, or has agreed."""
    listed = readers.listed(session, account)
    return email.lower() in (person.email.lower() for person in listed)


def _record(
    session: Session, linked: Linked, action: str, *, now: datetime, ip: str | None
) -> None:
    """Whoever reads there did it: of them nothing is known but the address."""
    actor = Actor("address", linked.email, ip=ip)
    record(session, linked.account, action, at=now, actor=actor, email=linked.email)
