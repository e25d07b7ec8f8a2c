"""What an invoice says, as page and PDF both show it: values made ready, nothing left to work out.

Everything here was fixed when the invoice was issued, or its first charge answered, so a PDF
made of it is the same whenever it is made. What has happened since is in `invoice_progress`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, or_, select, true
from sqlalchemy.orm import Session, joinedload

from portal.billing import editions
from portal.billing.gateways import MANUAL
from portal.billing.invoices import ANSWERED_WITHIN
from portal.billing.rules import counting, describe
from portal.billing.rules.counting import Metric
from portal.billing.rules.lines import LineKind
from portal.billing.rules.money import Money
from portal.language import ENGLISH, message
from portal.language import gettext as _
from portal.models import (
    Invoice,
    InvoiceLine,
    InvoiceReason,
    InvoiceStatus,
    Payment,
)
from portal.papers.line_facts import measure_of, tax_of
from portal.papers.parts import (
    EMAIL_LENGTH,
    LINE_LENGTH,
    NAME_LENGTH,
    Attempt,
    Line,
    Party,
    Reference,
    Sum,
    party,
    succeeded,
    tax_sums,
    zone_of,
)
from portal.printable import printable

WHAT_FOR = {
    InvoiceReason.RENEWAL: message("Renewal of %(plan)s"),
    InvoiceReason.PLAN_CHANGE: message("Change to %(plan)s"),
    InvoiceReason.AUTO_UPGRADE: message("Automatic upgrade to %(plan)s"),
}


@dataclass(frozen=True)
class WarningSent:
    """One of the emails before an auto-upgrade, and when the mail server accepted it."""

    number: int
    accepted_at: datetime
    used: int
    limit: int
    recipients: tuple[str, ...]


@dataclass(frozen=True)
class Retold:
    """An email by which another date or amount of the upgrade was told, as its subject says."""

    subject: str
    accepted_at: datetime
    recipients: tuple[str, ...]


@dataclass(frozen=True)
class Evidence:
    """Why an auto-upgrade was charged: the rule, the counts then, and the emails before it."""

    rule: str
    metric: Metric
    used: int
    limit: int
    deadline_at: datetime
    warnings: tuple[WarningSent, ...]
    retold: tuple[Retold, ...] = ()

    @property
    def standing(self) -> str:
        """As in "11 of 10 seats", in the language spoken now."""
        return counting.standing(self.metric, self.used, self.limit)


@dataclass(frozen=True)
class IssuedInvoice:
    """An invoice as it was issued. Instants are UTC, shown in `zone`; `sums` lead to `due`.

    subtotal + tax + surplus = total; total − balance applied = `due`. `gives_back_of` are the
    invoices that lines give something back of.

    `paid` is the payment it was issued for, None where it was issued to be paid. `tax_note` says
    why no tax is charged, `po_number` is the customer's own; both may be empty.
    `is_part_of_cycle` says that it pays for what is left of a cycle that runs already. `language`
    is what it was issued in; its words are in that which was spoken when they were made ready.
    """

    number: str
    what_for: str
    issued_at: datetime
    zone: str
    vendor: Party
    customer: Party
    lines: tuple[Line, ...]
    sums: tuple[Sum, ...]
    subtotal: Money
    tax: Money
    surplus: Money
    total: Money
    balance_applied: Money
    due: Money
    gives_back_of: tuple[Reference, ...]
    tax_note: str
    po_number: str
    is_part_of_cycle: bool
    paid: Attempt | None
    period_start_at: datetime
    period_end_at: datetime
    evidence: Evidence | None
    language: str = ENGLISH
    # Of one that was issued again with other details, the one that it replaces.
    replaces: Reference | None = None

    @property
    def has_credit(self) -> bool:
        """Whether a line gives something back."""
        return any(line.amount.is_negative for line in self.lines)

    @property
    def cycle_days(self) -> int:
        return (self.period_end_at - self.period_start_at).days


def issued(session: Session, invoice: Invoice) -> IssuedInvoice:
    """The invoice as issued, detached from its rows."""
    charged = charged_on(session, invoice)
    return IssuedInvoice(
        number=invoice.number_text,
        what_for=what_for(invoice),
        issued_at=invoice.issued_at,
        zone=zone_of(session, invoice),
        vendor=party(invoice.vendor),
        customer=party(invoice.customer),
        lines=tuple(
            _line(line, charged.get(line.source_line_id, invoice)) for line in invoice.lines
        ),
        sums=_sums(invoice),
        subtotal=invoice.money(invoice.subtotal_minor),
        tax=invoice.money(invoice.tax_minor),
        surplus=invoice.money(invoice.surplus_minor),
        total=invoice.total,
        balance_applied=invoice.money(invoice.balance_applied_minor),
        due=invoice.due,
        gives_back_of=_references(charged.values()),
        tax_note=printable(invoice.tax_note, LINE_LENGTH),
        is_part_of_cycle=invoice.reason is InvoiceReason.ADD_ONS,
        po_number=printable(invoice.customer.get("po_number") or "", NAME_LENGTH),
        paid=_paid_before(session, invoice),
        period_start_at=invoice.period_start_at,
        period_end_at=invoice.period_end_at,
        evidence=_evidence(invoice.evidence) if invoice.evidence else None,
        language=invoice.language,
        replaces=_replaces(session, invoice),
    )


def what_for(invoice: Invoice) -> str:
    """The invoice in one line, as in "Change to Standard, 10 users"."""
    if invoice.reason is InvoiceReason.ADD_ONS:
        add_ons = [line.description for line in invoice.lines if line.kind == LineKind.ADD_ON]
        return printable(describe.listing(add_ons) if add_ons else _("Add-ons"), LINE_LENGTH)
    plans = [line.description for line in invoice.lines if line.kind == LineKind.PLAN]
    plan = plans[0] if plans else _("your plan")
    form = WHAT_FOR.get(invoice.reason)
    return printable(_(form, plan=plan) if form else plan, LINE_LENGTH)


def payments_of(invoice: Invoice) -> Select[Payment]:
    """Every attempt to collect an invoice, oldest first."""
    return (
        select(Payment)
        .options(joinedload(Payment.method))
        .where(Payment.account_id == invoice.account_id, Payment.invoice_id == invoice.id)
        .order_by(Payment.created_at, Payment.id)
    )


def charged_on(session: Session, invoice: Invoice) -> dict[int | None, Invoice]:
    """The invoices that charged what lines of this one give back, by the line they charged."""
    sources = {line.source_line_id for line in invoice.lines if line.source_line_id is not None}
    if not sources:
        return {}
    statement = (
        select(InvoiceLine.id, Invoice)
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .where(InvoiceLine.account_id == invoice.account_id, InvoiceLine.id.in_(sources))
        .order_by(InvoiceLine.id)
    )
    charged: dict[int | None, Invoice] = dict(session.execute(statement).all())
    return charged


def _references(invoices: Iterable[Invoice]) -> tuple[Reference, ...]:
    return tuple(dict.fromkeys(Reference(row.number_text, row.issued_at) for row in invoices))


def _replaces(session: Session, invoice: Invoice) -> Reference | None:
    former = editions.before(session, invoice)
    return Reference(former.number_text, former.issued_at) if former else None


def _line(line: InvoiceLine, charged_on: Invoice) -> Line:
    return Line(
        description=printable(line.description, LINE_LENGTH),
        explanation=printable(line.explanation, LINE_LENGTH),
        amount=line.money,
        start_at=line.period_start_at,
        end_at=line.period_end_at,
        tax=tax_of(line, charged_on.tax_note),
        tax_amount=Money(line.tax_minor, line.currency),
        measure=measure_of(line),
    )


def _sums(invoice: Invoice) -> tuple[Sum, ...]:
    """subtotal + tax per rate + what is kept = total; total − credit balance = due.

    Steps that add nothing are left out.
    """
    surplus = invoice.money(invoice.surplus_minor)
    balance = invoice.money(invoice.balance_applied_minor)
    steps = tax_sums(invoice)
    if not surplus.is_zero:
        steps.append(Sum(_("Kept as your credit balance"), surplus))
    sums = [Sum(_("Subtotal"), invoice.money(invoice.subtotal_minor)), *steps] if steps else []
    sums.append(Sum(_("Total"), invoice.total))
    if not balance.is_zero:
        sums.append(Sum(_("Paid from your credit balance"), -balance))
    return tuple(sums)


def _paid_before(session: Session, invoice: Invoice) -> Attempt | None:
    """The payment of a plan change: the invoice was issued because it succeeded. Of a renewal the
    first charge, answered before its files were made. Of one that was issued again, what had been
    paid for it until then.

    Payments made later are left to the page, or the PDF would depend on when it was made. They
    are those of the last edition.
    """
    until = Payment.settled_at < invoice.issued_at if invoice.original_id else false()
    is_replaced = invoice.status is InvoiceStatus.REPLACED
    later = editions.next_of(session, invoice) if is_replaced else None
    before = or_(Payment.plan_change_id.is_not(None), _is_first_charge(invoice, later), until)
    last = editions.last(session, invoice)
    return succeeded(session.scalars(payments_of(last).where(before)).all())


def _is_first_charge(invoice: Invoice, later: Invoice | None) -> ColumnElement[bool]:
    """Whether it was made in the instant of issuing, by itself, collected all that was due, and was
    answered soon enough: before the edition that replaced the invoice, if one did."""
    return and_(
        Payment.amount_minor == invoice.due_minor,
        Payment.settled_at <= later.issued_at if later else true(),
        Payment.created_at == invoice.issued_at,
        Payment.on_session.is_(False),
        Payment.gateway != MANUAL,
        Payment.settled_at < invoice.issued_at + ANSWERED_WITHIN,
    )


def _evidence(kept: dict[str, Any]) -> Evidence:
    return Evidence(
        rule=printable(kept["rule"], LINE_LENGTH),
        metric=Metric(kept["metric"]),
        used=kept["used"],
        limit=kept["limit"],
        deadline_at=datetime.fromisoformat(kept["deadline_at"]),
        warnings=tuple(_warning(warning) for warning in kept["warnings"]),
        # Invoices of earlier versions don't have it.
        retold=tuple(_retold(email) for email in kept.get("retold", ())),
    )


def _warning(kept: dict[str, Any]) -> WarningSent:
    return WarningSent(
        number=kept["number"],
        accepted_at=datetime.fromisoformat(kept["accepted_at"]),
        used=kept["used"],
        limit=kept["limit"],
        recipients=tuple(printable(email, EMAIL_LENGTH) for email in kept["recipients"]),
    )


def _retold(kept: dict[str, Any]) -> Retold:
    return Retold(
        subject=printable(kept["subject"], LINE_LENGTH),
        accepted_at=datetime.fromisoformat(kept["accepted_at"]),
        recipients=tuple(printable(email, EMAIL_LENGTH) for email in kept["recipients"]),
    )
