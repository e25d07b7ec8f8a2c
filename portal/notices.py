"""What people are told by email, and who is told.

One function per message, called inside the transaction that is the reason for it: it writes one
notice per person, in that person's words, and the work of delivering it. Each event reaches a
person once: an invoice's email is also the news of its plan change, and the Admins' email about
an auto-upgrade is also their receipt.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote as url_quote
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import calendar_file, letters, outbox
from portal.billing.rules import describe
from portal.billing.rules.counting import Metric, amount_of
from portal.billing.rules.money import Money
from portal.billing.rules.plan_change import LineKind, Quote
from portal.billing.rules.roles import Role
from portal.models import (
    Account,
    Episode,
    EpisodeWarning,
    Invitation,
    Invoice,
    InvoiceReason,
    InvoiceStatus,
    Membership,
    Notice,
    Usage,
    User,
    Vendor,
    Work,
)

DAY = timedelta(days=1)
RECEIPTS = (Role.ADMIN, Role.BILLING)
EXCESS = {
    Metric.SEATS: ("users", "Remove users"),
    Metric.CLIENTS: ("clients", "Go to the client list"),
    Metric.STORAGE: ("clients", "Go to the client list"),
}


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
    facts = {
        "inviter": letters.one_line(invitation.invited_by.name),
        "role": invitation.role,
        "link": link,
        "days_valid": describe.days(round((invitation.expires_at - invitation.created_at) / DAY)),
    }
    message = Message("invited", invitation.account, facts)
    return _write(session, message, [Person(invitation.email, "")], now=now)[0]


def password_reset(session: Session, user: User, link: str, *, now: datetime) -> Notice:
    """To the person: the link that sets a new password."""
    message = Message("password_reset", None, {"link": link})
    return _write(session, message, [_person(user)], now=now)[0]


def warning(
    session: Session, warning: EpisodeWarning, *, quote: Quote | None, now: datetime
) -> list[Notice]:
    """To each active Admin: over the limit, what follows, when, for how much, and the ways out.

    `quote` is the upgrade as it would be made at the deadline; None where there is no next tier.
    No notice at all means that nobody can be warned.
    """
    account = session.get_one(Account, warning.account_id)
    facts = _episode_facts(warning.episode) | {
        "warning": warning,
        "used": amount_of(warning.episode.metric, warning.used),
        "limit": amount_of(warning.episode.metric, warning.limit_value),
        "excess": amount_of(warning.episode.metric, warning.used - warning.limit_value),
        "when": ahead(warning.deadline_at, now, account.time_zone),
        "written_at": now,
        "quote": quote,
        "lines": _quote_lines(quote) if quote else [],
        "every": describe.every(quote.target.interval) if quote else "",
    }
    columns = {"warning_id": warning.id}
    if quote is not None:
        columns["calendar"] = _calendar(account, warning, quote, now)
    message = Message("warning", account, facts, columns)
    return _write(session, message, _people(session, account, Role.ADMIN), now=now)


def all_clear(session: Session, episode: Episode, *, used: int, now: datetime) -> list[Notice]:
    """To each active Admin: within the limit again, nothing will change."""
    account = session.get_one(Account, episode.account_id)
    facts = _episode_facts(episode) | {
        "used": amount_of(episode.metric, used),
        "limit": amount_of(episode.metric, episode.limit_at_opening),
    }
    message = Message("all_clear", account, facts)
    return _write(session, message, _people(session, account, Role.ADMIN), now=now)


def auto_upgraded(
    session: Session, episode: Episode, invoice: Invoice, *, now: datetime
) -> list[Notice]:
    """To each active Admin: upgraded, why, by which warnings, and what was charged."""
    account = session.get_one(Account, episode.account_id)
    usage = session.get_one(Usage, (account.id, episode.metric))
    target = episode.warnings[-1].target_price
    facts = _episode_facts(episode) | _invoice_facts(invoice) | {
        "used": amount_of(episode.metric, usage.used),
        "limit": amount_of(episode.metric, episode.limit_at_opening),
        "new_plan": target.plan_name if target else "",
    }
    message = Message("auto_upgraded", account, facts)
    return _write(session, message, _people(session, account, Role.ADMIN), now=now)


def invoice_issued(session: Session, invoice: Invoice, *, now: datetime) -> list[Notice]:
    """The receipt, to active Admins and billing contacts.

    Of an auto-upgrade's invoice Admins are told by `auto_upgraded`, so not here again.
    """
    account = session.get_one(Account, invoice.account_id)
    told_already = invoice.reason is InvoiceReason.AUTO_UPGRADE
    roles = (Role.BILLING,) if told_already else RECEIPTS
    message = Message("invoice_issued", account, _invoice_facts(invoice))
    return _write(session, message, _people(session, account, *roles), now=now)


def payment_failed(
    session: Session,
    account: Account,
    *,
    what: str,
    amount: Money,
    reason: str,
    now: datetime,
    next_try_at: datetime | None = None,
) -> list[Notice]:
    """To active Admins and billing contacts: a charge was not collected.

    `what` completes "for …" ("the renewal of Standard, 10 users"); `reason` is a sentence.
    """
    facts = {"what": what, "amount": amount, "reason": reason, "next_try_at": next_try_at}
    message = Message("payment_failed", account, facts)
    return _write(session, message, _people(session, account, *RECEIPTS), now=now)


def vendor_told(
    session: Session, account: Account, *, subject: str, text: str, now: datetime
) -> Notice:
    """To the vendor: something about an account needs a person. `text` is plain paragraphs."""
    vendor = session.get_one(Vendor, 1)
    paragraphs = [letters.one_line(part) for part in text.split("\n\n")]
    facts = {"subject": subject, "paragraphs": paragraphs, "account": account}
    message = Message("vendor_told", account, facts)
    return _write(session, message, [Person(vendor.email, vendor.name)], now=now)[0]


def ahead(deadline_at: datetime, now: datetime, time_zone: str) -> str:
    """How far off a deadline is, in whole days gone by: "in 5 days", "tomorrow", "in 6 hours"."""
    left = deadline_at - now
    zone = ZoneInfo(time_zone)
    nights = (deadline_at.astimezone(zone).date() - now.astimezone(zone).date()).days
    if left < DAY:
        return f"in {describe.counted(max(left // timedelta(hours=1), 1), 'hour')}"
    return "tomorrow" if nights == 1 else f"in {describe.days(left // DAY)}"


def _people(session: Session, account: Account, *roles: Role) -> list[Person]:
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


def _person(user: User) -> Person:
    return Person(user.email, user.name, user.id)


def _episode_facts(episode: Episode) -> dict[str, Any]:
    page, button = EXCESS[episode.metric]
    return {
        "episode": episode,
        "metric": episode.metric.value,
        "plan": episode.price.plan_name,
        "excess_page": page,
        "excess_button": button,
    }


def _quote_lines(quote: Quote) -> list[dict[str, Any]]:
    lines = [_line(line.description, line.explanation, line.amount) for line in quote.lines]
    return lines + _from_balance(quote.balance_applied)


def _invoice_facts(invoice: Invoice) -> dict[str, Any]:
    lines = [_line(line.description, line.explanation, line.money) for line in invoice.lines]
    plan = [line for line in invoice.lines if line.kind == LineKind.PLAN]
    tax = invoice.money(invoice.tax_minor)
    return {
        "invoice": invoice,
        "is_paid": invoice.status is InvoiceStatus.PAID,
        "lines": lines
        + ([] if tax.is_zero else [_line("Tax", "", tax)])
        + _from_balance(invoice.money(invoice.balance_applied_minor)),
        "surplus": invoice.money(invoice.surplus_minor),
        "plan_line": plan[0] if plan else None,
        "invoice_path": f"/invoices/{url_quote(invoice.number_text, safe='')}",
    }


def _line(label: str, detail: str, amount: Money) -> dict[str, Any]:
    return {"label": label, "detail": detail, "amount": amount}


def _from_balance(applied: Money) -> list[dict[str, Any]]:
    return [] if applied.is_zero else [_line("From your credit balance", "", -applied)]


def _calendar(account: Account, warning: EpisodeWarning, quote: Quote, now: datetime) -> str:
    """All three warnings speak of one event, so that a later one moves it."""
    base_url = current_app.config["PORTAL"].base_url
    opened = f"{warning.episode.opened_at:%Y%m%dT%H%M%SZ}"
    return calendar_file.deadline(
        uid=f"{account.public_id}-{opened}@{urlsplit(base_url).hostname}",
        sequence=warning.number,
        at=warning.deadline_at,
        written_at=now,
        title=f"{letters.one_line(account.name)} moves to {quote.target.name}",
        text=(
            f"Unless the account is back within its limit before then, it moves to "
            f"{quote.target.name} and is charged {describe.money(quote.due_now)}."
        ),
        url=f"{base_url}/account/change-plan",
    )


def _write(
    session: Session, message: Message, people: Iterable[Person], *, now: datetime
) -> list[Notice]:
    vendor = session.get_one(Vendor, 1)
    notices = []
    for person in people:
        written = letters.write(message.name, _all_facts(message, person, vendor))
        notice = Notice(
            account_id=message.account.id if message.account else None,
            user_id=person.user_id,
            name=message.name,
            recipient=person.email,
            subject=written.subject,
            body_text=written.text,
            body_html=written.html,
            created_at=now,
            **message.columns,
        )
        session.add(notice)
        session.flush()
        outbox.put(session, Work.NOTICE, notice.id, account_id=notice.account_id, at=now)
        notices.append(notice)
    return notices


def _all_facts(message: Message, person: Person, vendor: Vendor) -> dict[str, Any]:
    account = message.account
    return {
        "vendor_name": letters.one_line(vendor.name),
        "vendor_email": vendor.email,
        "account_name": letters.one_line(account.name) if account else "",
        "person_name": letters.one_line(person.name),
        "zone": account.time_zone if account else "UTC",
        "base_url": current_app.config["PORTAL"].base_url,
        **message.facts,
    }
