"""What people are told by email, and who is told.

One function per message, called inside the transaction that is the reason for it: it writes one
notice per person, in that person's words, and the work of delivering it. Each event reaches a
person once: an invoice's email is also the news of its plan change, and the Admins' email about
an auto-upgrade is also their receipt. Those that bring a PDF wait for it (`enclosures`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import language, outbox, tokens
from portal.billing.rules import misfits
from portal.billing.rules.counting import Fit
from portal.billing.rules.roles import Role
from portal.billing.rules.terms import Item
from portal.mail import enclosures, letters, notice_facts, readers, spoken
from portal.mail.readers import RECEIPTS, Person
from portal.models import (
    Account,
    CreditNote,
    Invitation,
    Invoice,
    InvoiceReason,
    Membership,
    Notice,
    Payment,
    PlanChange,
    Subscription,
    User,
    Vendor,
    Work,
)
from portal.printable import printable

NAME = 120
PARAGRAPH = 2000
DOCUMENTS_LEAVE = "documents_leave"


@dataclass(frozen=True)
class Message:
    """A message before it is put into a person's words; `name` is its folder of templates.

    It is written in the account's language; one `for_vendor` in English, one about no account in
    what is spoken by whoever asked for it. One that `encloses` brings the PDF of the invoice or
    credit note that its columns name.
    """

    name: str
    account: Account | None
    facts: dict[str, Any]
    columns: dict[str, Any] = field(default_factory=dict)
    encloses: bool = False
    for_vendor: bool = False

    @property
    def language(self) -> str:
        if self.for_vendor:
            return language.ENGLISH
        return self.account.language if self.account else language.spoken()


def invited(session: Session, invitation: Invitation, link: str, *, now: datetime) -> Notice:
    """To the invited address: who invites, to what, as what, and the link to accept by."""
    facts = notice_facts.of_invitation(invitation) | {
        "inviter": printable(invitation.invited_by.name, NAME),
        "link": link,
    }
    message = Message("invited", invitation.account, facts)
    return write(session, message, [Person(invitation.email, "")], now=now)[0]


def password_reset(session: Session, user: User, link: str, *, now: datetime) -> Notice:
    """To the person: the link that sets a new password. In the language of their account; of
    somebody in several that differ, in what is spoken where it was asked for."""
    message = Message("password_reset", None, {"link": link})
    with language.speaking(_language_of(session, user)):
        return write(session, message, [readers.person_of(user)], now=now)[0]


@spoken.to_account
def invoice_issued(
    session: Session, invoice: Invoice, payment: Payment | None, *, now: datetime
) -> list[Notice]:
    """The receipt, to active Admins and billing contacts, and to the addresses of the billing
    details. `payment` is what collected it, none where nothing was due.

    Of an auto-upgrade's invoice Admins are told by `episode_notices`, so not here again.
    """
    account = session.get_one(Account, invoice.account_id)
    to = readers.of_invoices(session, account)
    if invoice.reason == InvoiceReason.AUTO_UPGRADE:
        told_already = people(session, account, Role.ADMIN)
        to = [person for person in to if person not in told_already]
    facts, columns = notice_facts.of_invoice(invoice, payment), {"invoice_id": invoice.id}
    message = Message("invoice_issued", account, facts, columns, encloses=True)
    return write(session, message, to, now=now)


def sent_again(
    session: Session, paper: Invoice | CreditNote, to: Person, asker: str, *, now: datetime
) -> Notice:
    """An invoice or a credit note once more, to somebody who gets them; `asker` is the name of who
    wants it sent, "" for the reader. The account must be locked."""
    account = session.get_one(Account, paper.account_id)
    is_invoice = isinstance(paper, Invoice)
    facts = {
        "paper": paper,
        "is_invoice": is_invoice,
        "asker": printable(asker, NAME),
        "paper_path": notice_facts.paper_path(paper),
    }
    columns = {"invoice_id" if is_invoice else "credit_note_id": paper.id}
    message = Message("sent_again", account, facts, columns, encloses=True)
    return write(session, message, [to], now=now)[0]


@spoken.to_account
def downgrade_not_made(
    session: Session, account: Account, change: PlanChange, misfit: Fit, *, now: datetime
) -> list[Notice]:
    """To each active Admin: the smaller plan that was to begin did not, and why."""
    reason = misfits.of_plan(change.to_price.plan_name, misfit)
    message = Message("downgrade_not_made", account, {"change": change, "reason": reason})
    return write(session, message, people(session, account, Role.ADMIN), now=now)


@spoken.to_account
def add_ons_not_removed(
    session: Session, account: Account, kept: Sequence[Item], misfit: Fit, *, now: datetime
) -> list[Notice]:
    """To each active Admin: add-ons that were to go renewed instead, and why."""
    facts = {"what": misfits.named(kept), "reason": misfits.of_add_ons(kept, misfit)}
    message = Message("add_ons_not_removed", account, facts)
    return write(session, message, people(session, account, Role.ADMIN), now=now)


def cancelled(
    session: Session, account: Account, subscription: Subscription, *, now: datetime
) -> list[Notice]:
    """To active Admins and billing contacts: the plan ends with its cycle, and how to keep it."""
    message = Message("cancelled", account, _ending(subscription))
    return write(session, message, people(session, account, *RECEIPTS), now=now)


def subscription_ended(
    session: Session, account: Account, subscription: Subscription, *, now: datetime
) -> list[Notice]:
    """To active Admins and billing contacts: the plan is over, what can still be done, and how
    to come back."""
    message = Message("subscription_ended", account, _ending(subscription))
    return write(session, message, people(session, account, *RECEIPTS), now=now)


def documents_leave(
    session: Session, account: Account, facts: dict[str, Any], *, now: datetime
) -> list[Notice]:
    """To each active Admin: the plan ended long ago, and the documents are removed.

    `facts`: `ended_at`, `leave_at`: not before that, `count` and `size` (in bytes) of what goes.
    """
    message = Message(DOCUMENTS_LEAVE, account, facts)
    return write(session, message, people(session, account, Role.ADMIN), now=now)


def vendor_told(
    session: Session, account: Account | None, *, subject: str, text: str, now: datetime
) -> Notice:
    """To the vendor: something about an account, or about all (None), needs a person.

    `subject` names the account; `text` is plain paragraphs with an empty line between them.
    """
    vendor = Vendor.of(session)
    paragraphs = [printable(paragraph, PARAGRAPH) for paragraph in text.split("\n\n")]
    facts = {"subject": subject, "paragraphs": paragraphs, "account": account}
    message = Message("vendor_told", account, facts, for_vendor=True)
    return write(session, message, [Person(vendor.email, vendor.name)], now=now)[0]


def vendor_heard(session: Session, subject: str, *, since: datetime) -> int:
    """How often the vendor was told the same about all accounts after `since`."""
    statement = select(func.count()).where(
        Notice.name == "vendor_told",
        Notice.account_id.is_(None),
        Notice.subject == printable(subject, letters.SUBJECT_LENGTH),
        Notice.created_at > since,
    )
    return session.execute(statement).scalar_one()


def write(
    session: Session, message: Message, to: Iterable[Person], *, now: datetime
) -> list[Notice]:
    """One notice per person, in that person's words, and the work of delivering it: due now, or
    for one that waits for a PDF when its patience is over."""
    account_id = message.account.id if message.account else None
    with language.speaking(message.language):
        notices = [_notice(session, message, person, account_id, now) for person in to]
    session.add_all(notices)
    session.flush()
    for notice in notices:
        due_at = enclosures.due_at(session, notice, now=now)
        outbox.put(session, Work.NOTICE, notice.id, account_id=account_id, at=due_at)
    return notices


def rewrite(session: Session, message: Message, waiting: Iterable[Notice]) -> None:
    """Put what a message says now into notices that nobody has got yet."""
    for notice in waiting:
        name = notice.user.name if notice.user else ""
        person = Person(notice.recipient, name, notice.user_id)
        with language.speaking(message.language):
            letter = letters.write(message.name, _all_facts(session, message, person))
        notice.subject, notice.body_text = letter.subject, letter.text
        notice.body_html, notice.calendar = letter.html, message.columns["calendar"]


def _notice(
    session: Session, message: Message, person: Person, account_id: int | None, now: datetime
) -> Notice:
    # Another in each email, and each works as long as the address is on the list.
    token = tokens.new() if person.is_listed else ""
    facts = _all_facts(session, message, person) | {"address_link": _address_link(token)}
    letter = letters.write(message.name, facts)
    notice = Notice(
        account_id=account_id,
        user_id=person.user_id,
        name=message.name,
        recipient=person.email,
        subject=letter.subject,
        body_text=letter.text,
        body_html=letter.html,
        token_sha256=tokens.hash_of(token) if token else None,
        created_at=now,
        **message.columns,
    )
    if message.encloses:
        enclosures.expect(notice, now=now)
    return notice


def people(session: Session, account: Account, *roles: Role) -> list[Person]:
    """The account's active people of these roles."""
    return [readers.person_of(user) for user, _ in readers.active(session, account, roles)]


def _language_of(session: Session, user: User) -> str:
    statement = (
        select(Account.language)
        .join(Membership, Membership.account_id == Account.id)
        .where(Membership.user_id == user.id, Membership.deactivated_at.is_(None))
        .distinct()
    )
    languages = list(session.scalars(statement))
    return languages[0] if len(languages) == 1 else language.spoken()


def _ending(subscription: Subscription) -> dict[str, Any]:
    plan = subscription.price.plan_name
    return {"plan": plan, "ends_at": subscription.ended_at or subscription.cycle_end_at}


def _all_facts(session: Session, message: Message, person: Person) -> dict[str, Any]:
    vendor, account = Vendor.of(session), message.account
    return {
        "vendor_name": printable(vendor.name, NAME),
        "vendor_email": vendor.email,
        "account_name": printable(account.name, NAME) if account else "",
        "person_name": printable(person.name, NAME),
        "has_sign_in": person.user_id is not None,
        "address_link": "",
        "zone": account.time_zone if account else "UTC",
        # In emails about an account, links lead to that one, whichever the reader is in.
        "base_url": f"{_base_url()}/in/{account.public_id}" if account else _base_url(),
        **message.facts,
    }


def _address_link(token: str) -> str:
    """Where the reader of an address says whether invoices come there; "" for anybody else."""
    return f"{_base_url()}/invoice-address/{token}" if token else ""


def _base_url() -> str:
    base_url: str = current_app.config["PORTAL"].base_url
    return base_url
