"""What a statement of account says, as page and PDF both show it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from portal.billing import statements
from portal.billing.rules import describe, kept_words
from portal.billing.rules.money import Money
from portal.billing.statements import Entry, Event, Statement
from portal.language import ENGLISH, message
from portal.language import gettext as _
from portal.models import Account, BillingDetails, Vendor
from portal.papers.parts import NAME_LENGTH, Party, Sum, party
from portal.printable import printable

INVOICED = message("Invoiced")
KEPT = message("Kept as credit balance")
SUMS = (
    (Event.CREDIT_NOTE, message("Credited")),
    (Event.PAYMENT, message("Paid")),
    (Event.REFUND, message("Paid back")),
)


@dataclass(frozen=True)
class Step:
    """One thing that changed what is owed: `what`, its paper's number, and what was owed then."""

    at: datetime
    what: str
    detail: str
    number: str
    is_credit_note: bool
    amount: Money
    after: Money


@dataclass(frozen=True)
class ShownStatement:
    """Both days are part of it; instants are shown in `zone`.

    opening + the amounts of `steps` = closing; `sums` come to the same. `credit` is the credit
    balance at the end, taken off `closing` already. Below zero is in favour of the customer.
    """

    vendor: Party
    customer: Party
    zone: str
    first_day: datetime
    last_day: datetime
    made_at: datetime
    opening: Money
    steps: tuple[Step, ...]
    sums: tuple[Sum, ...]
    closing: Money
    credit: Money
    language: str = ENGLISH

    @property
    def owed(self) -> Money:
        """What is owed, without a sign."""
        return abs(self.closing)


def shown(
    session: Session, account: Account, *, since_at: datetime, before_at: datetime, now: datetime
) -> ShownStatement:
    """A time from `since_at` on and before `before_at`, as of `now`."""
    found = statements.of(session, account, since_at=since_at, before_at=before_at)
    return ShownStatement(
        vendor=_vendor(session),
        customer=_customer(session, account),
        zone=account.time_zone,
        first_day=since_at,
        last_day=before_at - timedelta(seconds=1),
        made_at=now,
        opening=found.opening,
        steps=tuple(_step(entry) for entry in found.entries),
        sums=tuple(_sums(found)),
        closing=found.closing,
        credit=found.credit,
        language=account.language,
    )


def _sums(found: Statement) -> Iterator[Sum]:
    """By kind. Invoices as the list of invoices adds them up, so what they kept is told apart."""
    yield Sum(_(INVOICED), found.sum_of(Event.INVOICE) + found.kept)
    if not found.kept.is_zero:
        yield Sum(_(KEPT), -found.kept)
    for event, label in SUMS:
        yield Sum(_(label), found.sum_of(event))


def _vendor(session: Session) -> Party:
    row = Vendor.of(session)
    return party(
        {
            "name": row.name,
            "address": row.address,
            "country": row.country,
            "tax_id": row.tax_id,
            "email": row.email,
        }
    )


def _customer(session: Session, account: Account) -> Party:
    row = session.get_one(BillingDetails, account.id)
    return party(
        {
            "name": row.company,
            "address": row.address,
            "country": row.country,
            "tax_id": row.tax_id,
        }
    )


def _step(entry: Entry) -> Step:
    method = printable(kept_words.translated(entry.method), NAME_LENGTH)
    what, detail = _words(entry, method)
    is_note = entry.event in (Event.CREDIT_NOTE, Event.REFUND)
    return Step(entry.at, what, detail, entry.number, is_note, entry.amount, entry.after)


def _words(entry: Entry, method: str) -> tuple[str, str]:
    """What it is, and what more is to be said of it."""
    match entry.event:
        case Event.INVOICE:
            return _("Invoice %(number)s", number=entry.number), _kept(entry)
        case Event.CREDIT_NOTE:
            return _("Credit note %(number)s", number=entry.number), ""
        case Event.PAYMENT:
            given = {"method": method, "number": entry.number}
            return _("Payment"), _("%(method)s, for invoice %(number)s", **given)
        case Event.REFUND:
            given = {"method": method, "number": entry.number}
            return _("Refund"), _("To %(method)s, for credit note %(number)s", **given)


def _kept(entry: Entry) -> str:
    """Why an invoice lowers what is owed by more than its total says; "" where it doesn't."""
    if entry.kept.is_zero:
        return ""
    given = {
        "kept": describe.money(entry.kept),
        "total": describe.money(entry.amount + entry.kept),
    }
    return _(
        "It gives back %(kept)s more than it charges: its total is %(total)s, and %(kept)s is"
        " kept as credit balance",
        **given,
    )
