"""What happened in a simulation, read from the rows it wrote, as values that outlive them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from portal.billing import ledger, subscriptions, usage
from portal.billing.rules import describe
from portal.billing.rules.counting import Metric
from portal.billing.rules.money import Money
from portal.display.account_history.kinds import Kind, spoken
from portal.display.account_history.words import ACTIONS
from portal.models import (
    Account,
    AuditEntry,
    Invoice,
    InvoiceLine,
    Notice,
    NoticeState,
)
from portal.simulation.unreal import FIRST_ID

PAID, WARNED = "payment.succeeded", "episode.warned"
# Their links let people in: they aren't for everybody who asks what would happen.
SECRET = ("invited", "password_reset")
# By this one whoever reads there answers, and nobody for them: it is left out of the text.
ANSWER = re.compile(r"(/invoice-address/)[\w-]+")
# Documents are numbered as they are issued, so their numbers can't be foretold.
NUMBER = re.compile(rf"\b([A-Z]+-\d{{4}})-[12]\d{{{len(str(FIRST_ID)) - 1}}}\b\.?")


@dataclass(frozen=True)
class Line:
    """A line of an invoice, without tax."""

    description: str
    explanation: str
    amount: Money


@dataclass(frozen=True)
class IssuedInvoice:
    """total = the lines + tax + surplus (what is kept as credit balance); due is what is left to
    pay of it after the credit balance."""

    lines: tuple[Line, ...]
    tax: Money
    surplus: Money
    total: Money
    balance_applied: Money
    due: Money


@dataclass(frozen=True)
class Happening:
    """Something that was done, as the billing history tells it; `invoice` where one was issued.

    `action` is that of the audit trail; `amount` is what was invoiced, paid or, below zero, given
    back.
    """

    at: datetime
    kind: Kind
    action: str
    title: str
    detail: str
    tone: str
    amount: Money | None = None
    invoice: IssuedInvoice | None = None


@dataclass(frozen=True)
class Email:
    """An email to one person, at the instant the mail server took it."""

    at: datetime
    name: str
    recipient: str
    subject: str
    text: str

    @property
    def occasion(self) -> tuple[datetime, str, str]:
        """What the same email to somebody else shares with it."""
        return self.at, self.name, self.subject

    @property
    def is_to_vendor(self) -> bool:
        return self.name == "vendor_told"


@dataclass(frozen=True)
class Letter:
    """One email to all who get it; what differs between them is whom they address."""

    emails: tuple[Email, ...]

    @property
    def at(self) -> datetime:
        return self.emails[0].at

    @property
    def subject(self) -> str:
        return self.emails[0].subject

    @property
    def text(self) -> str:
        return self.emails[0].text

    @property
    def recipients(self) -> tuple[str, ...]:
        return tuple(email.recipient for email in self.emails)


@dataclass(frozen=True)
class Level:
    used: int
    limit: int | None


@dataclass(frozen=True)
class Standing:
    """How an account stands: the plan (None without one), until when its cycle runs, the counts
    with their limits, the credit balance and what is owed."""

    plan: str | None
    cycle_ends_at: datetime | None
    levels: Mapping[Metric, Level]
    balance: Money
    owed: Money


@dataclass(frozen=True)
class Story:
    """All that happens at an account between two instants, in order; of one instant, what was
    done before the emails that tell of it."""

    account: str
    zone: str
    begins_at: datetime
    ends_at: datetime
    happenings: tuple[Happening | Email, ...]
    before: Standing
    after: Standing

    @property
    def charged(self) -> Money:
        """All that was collected, nothing taken off for what was given back."""
        sums = [
            each.amount
            for each in self.happenings
            if isinstance(each, Happening) and each.action == PAID and each.amount
        ]
        return sum(sums, Money.zero(self.before.balance.currency))

    def told(self, *, to_vendor: bool) -> list[Happening | Letter]:
        """The same for reading: what several people get at once is one letter, and a warning is
        its letter. Emails to the vendor are among them only where it is said so."""
        emails = [
            happening
            for happening in self.happenings
            if isinstance(happening, Email) and (to_vendor or not happening.is_to_vendor)
        ]
        letters = {
            key: Letter(tuple(email for email in emails if email.occasion == key))
            for key in dict.fromkeys(email.occasion for email in emails)
        }
        done = [
            each
            for each in self.happenings
            if isinstance(each, Happening) and each.action != WARNED
        ]
        return sorted([*done, *letters.values()], key=lambda each: each.at)


@dataclass(frozen=True)
class Beginning:
    """Where the account's rows end before anything happens."""

    audit_length: int
    waiting: frozenset[int]
    standing: Standing


def begin(session: Session, account_id: int) -> Beginning:
    """What is to be known later of how it was before; ends the read."""
    account = session.get_one(Account, account_id)
    waiting = select(Notice.id).where(
        Notice.account_id == account_id, Notice.state == NoticeState.WAITING
    )
    found = Beginning(
        account.audit_length, frozenset(session.scalars(waiting)), _standing(session, account)
    )
    session.rollback()
    return found


def read(
    session: Session,
    account_id: int,
    before: Beginning,
    *,
    begins_at: datetime,
    ends_at: datetime,
) -> Story:
    """The story, from the account's audit trail, invoices and emails since `before`."""
    account = session.get_one(Account, account_id)
    done = _done(session, account, before)
    emails = _emails(session, account, before)
    return Story(
        account=account.name,
        zone=account.time_zone,
        begins_at=begins_at,
        ends_at=ends_at,
        # Sorting keeps what has the same instant in this order.
        happenings=tuple(sorted([*done, *emails], key=lambda happening: happening.at)),
        before=before.standing,
        after=_standing(session, account),
    )


def _done(session: Session, account: Account, before: Beginning) -> list[Happening]:
    invoices = _invoices(session, account)
    statement = (
        select(AuditEntry)
        .where(
            AuditEntry.account_id == account.id,
            AuditEntry.position > before.audit_length,
            AuditEntry.action.in_(ACTIONS),
        )
        .order_by(AuditEntry.position)
    )
    return [_happening(entry, account.currency, invoices) for entry in session.scalars(statement)]


def _happening(entry: AuditEntry, currency: str, invoices: Mapping[str, Invoice]) -> Happening:
    told, details = ACTIONS[entry.action], entry.details
    title, detail, tone = told.words(spoken(details, currency))
    written = details.get(told.amount)
    is_invoice = entry.action == "invoice.issued"
    return Happening(
        at=entry.at,
        kind=told.kind,
        action=entry.action,
        title=_without_number(title),
        detail=_without_number(detail),
        tone=tone,
        amount=describe.money_in(written, currency) * told.sign if written else None,
        invoice=_issued(invoices[details["number"]]) if is_invoice else None,
    )


def _invoices(session: Session, account: Account) -> dict[str, Invoice]:
    """The invoices that were issued here, by their number."""
    statement = (
        select(Invoice)
        .where(Invoice.account_id == account.id, Invoice.id >= FIRST_ID)
        .options(selectinload(Invoice.lines))
    )
    return {invoice.number_text: invoice for invoice in session.scalars(statement)}


def _issued(invoice: Invoice) -> IssuedInvoice:
    return IssuedInvoice(
        lines=tuple(_line(line) for line in invoice.lines),
        tax=invoice.money(invoice.tax_minor),
        surplus=invoice.money(invoice.surplus_minor),
        total=invoice.total,
        balance_applied=invoice.money(invoice.balance_applied_minor),
        due=invoice.due,
    )


def _line(line: InvoiceLine) -> Line:
    return Line(line.description, _without_number(line.explanation), line.money)


def _emails(session: Session, account: Account, before: Beginning) -> list[Email]:
    """Every email that the mail server took here, those included that had waited for it."""
    statement = (
        select(Notice)
        .where(
            Notice.account_id == account.id,
            Notice.state == NoticeState.ACCEPTED,
            (Notice.id >= FIRST_ID) | Notice.id.in_(before.waiting),
            Notice.name.not_in(SECRET),
        )
        .order_by(Notice.settled_at, Notice.id)
    )
    return [_email(notice) for notice in session.scalars(statement)]


def _email(notice: Notice) -> Email:
    return Email(
        at=notice.settled_at or notice.created_at,
        name=notice.name,
        recipient=notice.recipient,
        subject=_without_number(notice.subject),
        text=_without_number(ANSWER.sub(r"\1…", notice.body_text)),
    )


def _standing(session: Session, account: Account) -> Standing:
    running, rows = subscriptions.live(session, account.id), usage.of(session, account.id)
    return Standing(
        plan=running.price.plan_name if running else None,
        cycle_ends_at=running.cycle_end_at if running else None,
        levels={metric: Level(rows[metric].used, rows[metric].limit_value) for metric in Metric},
        balance=ledger.credit_balance(session, account),
        owed=ledger.receivable(session, account),
    )


def _without_number(text: str) -> str:
    return NUMBER.sub(r"\1-…", text)
