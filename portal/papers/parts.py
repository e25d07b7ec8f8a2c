"""What invoices and credit notes are made of, ready to be set: people, lines, sums, payments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal import language
from portal.billing.gateways import MANUAL
from portal.billing.rules import describe, kept_words
from portal.billing.rules.countries import CODES
from portal.billing.rules.money import Money
from portal.language import gettext as _
from portal.models import Account, CreditNote, Invoice, Payment, PaymentState
from portal.papers.line_facts import NOT_SUBJECT, LineTax, Measure
from portal.printable import printable

NAME_LENGTH = 120
LINE_LENGTH = 300
TAX_ID_LENGTH = 32
EMAIL_LENGTH = 254
ADDRESS_LINES = 6


@dataclass(frozen=True)
class Party:
    """Vendor or customer, as they were when the invoice was issued; absent parts are empty.

    The last line of `address` is the name of the country, whose code is `country`.
    """

    name: str
    address: tuple[str, ...]
    tax_id: str
    email: str
    country: str = ""

    @property
    def street(self) -> tuple[str, ...]:
        """The address without its country."""
        return self.address[:-1] if self.country else self.address


@dataclass(frozen=True)
class Line:
    """What, how its amount was worked out, and the time it is for (None: no time).

    `tax_amount` is None where no tax is on it, `measure` for a line that is not worked out anew:
    once, at its amount.
    """

    description: str
    explanation: str
    amount: Money
    start_at: datetime | None
    end_at: datetime | None
    tax: LineTax = NOT_SUBJECT
    tax_amount: Money | None = None
    measure: Measure | None = None

    @property
    def days(self) -> int:
        return (self.end_at - self.start_at).days if self.start_at and self.end_at else 0


@dataclass(frozen=True)
class Sum:
    """One step from the lines to what is due."""

    label: str
    amount: Money


@dataclass(frozen=True)
class Attempt:
    """One attempt to collect an amount: when it was settled or else begun, and with what.

    `method` is as in "Visa ending in 4242"; `failure` says why it was declined.
    """

    at: datetime
    amount: Money
    method: str
    state: PaymentState
    failure: str
    is_transfer: bool = False


@dataclass(frozen=True)
class Reference:
    """An invoice that another document corrects or gives something back of."""

    number: str
    issued_at: datetime


def zone_of(session: Session, paper: Invoice | CreditNote) -> str:
    """Where the customer was when it was issued; else where the account is."""
    zone: str | None = paper.customer.get("time_zone")
    return zone or session.get_one(Account, paper.account_id).time_zone


def tax_sums(paper: Invoice | CreditNote) -> list[Sum]:
    """A step for each tax, with what it is on."""
    return [
        Sum(
            _("%(tax)s on %(base)s", tax=each.tax.text, base=describe.money(each.base)), each.amount
        )
        for each in paper.taxes
    ]


def succeeded(payments: Sequence[Payment]) -> Attempt | None:
    """The one that paid, if one did."""
    return next((attempt(p) for p in payments if p.state is PaymentState.SUCCEEDED), None)


def attempt(payment: Payment) -> Attempt:
    """A payment as it is shown."""
    at = payment.settled_at or payment.created_at
    method = printable(kept_words.translated(payment.method.label), NAME_LENGTH)
    failure = printable(kept_words.translated(payment.failure or ""), LINE_LENGTH)
    is_transfer = payment.gateway == MANUAL
    return Attempt(at, payment.money, method, payment.state, failure, is_transfer)


def party(snapshot: dict[str, Any]) -> Party:
    """A snapshot of vendor or customer, made ready to be set."""
    country = snapshot.get("country") or ""
    countries = language.locale().territories
    lines = [*snapshot.get("address", ())[:ADDRESS_LINES], countries.get(country, country)]
    return Party(
        name=printable(snapshot["name"], NAME_LENGTH),
        address=tuple(printable(line, NAME_LENGTH) for line in lines if line),
        tax_id=printable(snapshot.get("tax_id") or "", TAX_ID_LENGTH),
        email=printable(snapshot.get("email") or "", EMAIL_LENGTH),
        country=country if country in CODES else "",
    )
