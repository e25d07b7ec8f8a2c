"""What people are told by email, and who is told.

One function per message, called inside the transaction that is the reason for it: it writes one
notice per person, in that person's words, and the work of delivering it. Each event reaches a
person once: an invoice's email is also the news of its plan change, and the Admins' email about
an auto-upgrade is also their receipt.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import calendar_file, letters, notice_facts, outbox
from portal.billing.rules import describe
from portal.billing.rules.plan_change import Quote
from portal.billing.rules.roles import Role
from portal.models import (
    Account,
    Episode,
    EpisodeWarning,
    Invitation,
    Invoice,
    InvoiceReason,
    Membership,
    Notice,
    NoticeState,
    PlanChange,
    Subscription,
    Usage,
    User,
    Vendor,
    Work,
)
from portal.printable import printable

NAME = 120
PARAGRAPH = 2000
RECEIPTS = (Role.ADMIN, Role.BILLING)


@dataclass(frozen=True)
class Person:
    """Who a message goes to; `user_id` is None for somebody who has no sign-in yet."""

    email: str
    name: str
    user_id: int | None = None


@dataclass(frozen=True)
class Message:
    """A message before it is put into a person's words; `name` is its folder of templates."""

    name: str
    account: Account | None
    facts: dict[str, Any]
    columns: dict[str, Any] = field(default_factory=dict)


def invited(session: Session, invitation: Invitation, link: str, *, now: datetime) -> Notice:
    """To the invited address: who invites, to what, as what, and the link to accept by."""
    facts = notice_facts.of_invitation(invitation) | {
        "inviter": printable(invitation.invited_by.name, NAME),
        "link": link,
    }
    message = Message("invited", invitation.account, facts)
    return write(session, message, [Person(invitation.email, "")], now=now)[0]


def password_reset(session: Session, user: User, link: str, *, now: datetime) -> Notice:
    """To the person: the link that sets a new password."""
    message = Message("password_reset", None, {"link": link})
    return write(session, message, [_person(user)], now=now)[0]


def warning(
    session: Session, warning: EpisodeWarning, *, quote: Quote | None, now: datetime
) -> list[Notice]:
    """To each active Admin: over the limit, what follows, when, for how much, and the ways out.

    `quote` is the upgrade as it would be made at the deadline; None where there is no next tier.
    No notice at all means that nobody can be warned.
    """
    account = session.get_one(Account, warning.account_id)
    message = _warning(account, warning, quote, now)
    return write(session, message, people(session, account, Role.ADMIN), now=now)


def rewrite_warning(
    session: Session, warning: EpisodeWarning, *, quote: Quote | None, now: datetime
) -> list[Notice]:
    """Put what the warning says now into those of its emails that nobody has got yet."""
    account = session.get_one(Account, warning.account_id)
    message = _warning(account, warning, quote, now)
    statement = select(Notice).where(
        Notice.warning_id == warning.id, Notice.state == NoticeState.WAITING
    )
    waiting = list(session.scalars(statement.order_by(Notice.id)))
    for notice in waiting:
        person = Person(notice.recipient, notice.user.name if notice.user else "")
        letter = letters.write(message.name, _all_facts(session, message, person))
        notice.subject, notice.body_text = letter.subject, letter.text
        notice.body_html, notice.calendar = letter.html, message.columns["calendar"]
    return waiting


def all_clear(session: Session, episode: Episode, *, used: int, now: datetime) -> list[Notice]:
    """To each active Admin: within the limit again, nothing will change."""
    account = session.get_one(Account, episode.account_id)
    facts = notice_facts.of_episode(episode)
    facts |= notice_facts.standing(episode.metric, used, episode.limit_at_opening)
    message = Message("all_clear", account, facts)
    return write(session, message, people(session, account, Role.ADMIN), now=now)


def auto_upgraded(
    session: Session, episode: Episode, invoice: Invoice, *, now: datetime
) -> list[Notice]:
    """To each active Admin: upgraded, why, after which warnings, and what was charged."""
    account = session.get_one(Account, episode.account_id)
    used = session.get_one(Usage, (account.id, episode.metric)).used
    target = episode.warnings[-1].target_price
    facts = notice_facts.of_episode(episode) | notice_facts.of_invoice(invoice)
    facts |= notice_facts.standing(episode.metric, used, episode.limit_at_opening)
    facts["new_plan"] = target.plan_name if target else ""
    message = Message("auto_upgraded", account, facts)
    return write(session, message, people(session, account, Role.ADMIN), now=now)


def invoice_issued(session: Session, invoice: Invoice, *, now: datetime) -> list[Notice]:
    """The receipt, to active Admins and billing contacts, and to the addresses of the billing
    details.

    Of an auto-upgrade's invoice Admins are told by `auto_upgraded`, so not here again.
    """
    account = session.get_one(Account, invoice.account_id)
    readers = invoice_readers(session, account)
    if invoice.reason == InvoiceReason.AUTO_UPGRADE:
        told_already = people(session, account, Role.ADMIN)
        readers = [person for person in readers if person not in told_already]
    message = Message("invoice_issued", account, notice_facts.of_invoice(invoice))
    return write(session, message, readers, now=now)


def downgrade_not_made(
    session: Session, account: Account, change: PlanChange, *, reason: str, now: datetime
) -> list[Notice]:
    """To each active Admin: the smaller plan that was to begin did not, and why (a sentence)."""
    message = Message("downgrade_not_made", account, {"change": change, "reason": reason})
    return write(session, message, people(session, account, Role.ADMIN), now=now)


def add_ons_not_removed(
    session: Session, account: Account, *, what: str, reason: str, now: datetime
) -> list[Notice]:
    """To each active Admin: add-ons that were to go renewed instead, and why (a sentence)."""
    message = Message("add_ons_not_removed", account, {"what": what, "reason": reason})
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


def vendor_told(
    session: Session, account: Account | None, *, subject: str, text: str, now: datetime
) -> Notice:
    """To the vendor: something about an account, or about all (None), needs a person.

    `subject` names the account; `text` is plain paragraphs with an empty line between them.
    """
    vendor = session.get_one(Vendor, 1)
    paragraphs = [printable(paragraph, PARAGRAPH) for paragraph in text.split("\n\n")]
    facts = {"subject": subject, "paragraphs": paragraphs, "account": account}
    message = Message("vendor_told", account, facts)
    return write(session, message, [Person(vendor.email, vendor.name)], now=now)[0]


def write(
    session: Session, message: Message, to: Iterable[Person], *, now: datetime
) -> list[Notice]:
    """One notice per person, in that person's words, and the work of delivering it."""
    account_id = message.account.id if message.account else None
    notices = [_notice(session, message, person, account_id, now) for person in to]
    session.add_all(notices)
    session.flush()
    for notice in notices:
        outbox.put(session, Work.NOTICE, notice.id, account_id=account_id, at=now)
    return notices


def _notice(
    session: Session, message: Message, person: Person, account_id: int | None, now: datetime
) -> Notice:
    letter = letters.write(message.name, _all_facts(session, message, person))
    return Notice(
        account_id=account_id,
        user_id=person.user_id,
        name=message.name,
        recipient=person.email,
        subject=letter.subject,
        body_text=letter.text,
        body_html=letter.html,
        created_at=now,
        **message.columns,
    )


def people(session: Session, account: Account, *roles: Role) -> list[Person]:
    """The account's active people of these roles."""
    statement = (
        select(User)
        .join(Membership, Membership.user_id == User.id)
        .where(
            Membership.account_id == account.id,
            Membership.role.in_(roles),
            Membership.deactivated_at.is_(None),
        )
        .order_by(Membership.id)
    )
    return [_person(user) for user in session.scalars(statement)]


def _ending(subscription: Subscription) -> dict[str, Any]:
    plan = subscription.price.plan_name
    return {"plan": plan, "ends_at": subscription.ended_at or subscription.cycle_end_at}


def invoice_readers(session: Session, account: Account) -> list[Person]:
    """Active Admins and billing contacts, and the addresses that invoices are sent to besides."""
    found = people(session, account, *RECEIPTS)
    known = {person.email for person in found}
    others = [email for email in account.billing.invoice_emails if email.lower() not in known]
    return [*found, *(Person(email, account.billing.company) for email in others)]


def _person(user: User) -> Person:
    return Person(user.email, user.name, user.id)


def _warning(
    account: Account, warning: EpisodeWarning, quote: Quote | None, now: datetime
) -> Message:
    facts = notice_facts.of_warning(warning, quote, now=now, zone=account.time_zone)
    calendar = _calendar(account, warning, quote, now) if quote else None
    columns = {"warning_id": warning.id, "calendar": calendar}
    return Message("warning", account, facts, columns)


def _calendar(account: Account, warning: EpisodeWarning, quote: Quote, now: datetime) -> str:
    """The deadline. The warnings of an episode speak of one event, so that a later one moves it."""
    opened = f"{warning.episode.opened_at:%Y%m%dT%H%M%SZ}"
    return calendar_file.deadline(
        uid=f"{account.public_id}-{opened}@{urlsplit(_base_url()).hostname}",
        sequence=warning.number,
        at=warning.deadline_at,
        written_at=now,
        title=f"{printable(account.name, NAME)} moves to {quote.target.name}",
        text=(
            f"Unless the account is back within its limit before then, it moves to "
            f"{quote.target.name} and is charged {describe.money(quote.due_now)}."
        ),
        url=f"{_base_url()}/account/change-plan",
    )


def _all_facts(session: Session, message: Message, person: Person) -> dict[str, Any]:
    vendor, account = session.get_one(Vendor, 1), message.account
    return {
        "vendor_name": printable(vendor.name, NAME),
        "vendor_email": vendor.email,
        "account_name": printable(account.name, NAME) if account else "",
        "person_name": printable(person.name, NAME),
        "has_sign_in": person.user_id is not None,
        "zone": account.time_zone if account else "UTC",
        # In emails about an account, links lead to that one, whichever the reader is in.
        "base_url": f"{_base_url()}/in/{account.public_id}" if account else _base_url(),
        **message.facts,
    }


def _base_url() -> str:
    base_url: str = current_app.config["PORTAL"].base_url
    return base_url
