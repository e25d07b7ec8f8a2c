"""Issuing invoices: number, snapshot, lines, books and the work of making the files, all in the
transaction that charges.

An issued invoice never changes; only its status moves, from open to paid, or to what its credit
notes made of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from portal import outbox
from portal.audit import Actor, record
from portal.billing import bounds, ledger, series, snapshots, usage
from portal.billing.rules import describe
from portal.billing.rules.invoicing import InvoiceDraft, number_text
from portal.billing.rules.lines import Line
from portal.billing.rules.period import Cycle
from portal.mail import notices
from portal.models import (
    Account,
    Invoice,
    InvoiceLine,
    InvoiceReason,
    InvoiceStatus,
    Payment,
    Subscription,
    Work,
)

# Built once: every page about plans asks for the one or the other.
OLDEST_OPEN = (
    select(Invoice)
    .where(Invoice.account_id == bindparam("account_id"), Invoice.status == InvoiceStatus.OPEN)
    .order_by(Invoice.id)
    .limit(1)
)
OLDEST_OPEN_NUMBER = OLDEST_OPEN.with_only_columns(Invoice.number_text)
# Files say how a renewal was paid where its first charge is answered within this time of issuing.
ANSWERED_WITHIN = timedelta(hours=2)
# They are made some time after, so that no answer of that time is still being written down.
MADE_UNANSWERED_AFTER = ANSWERED_WITHIN + timedelta(minutes=5)


@dataclass(frozen=True)
class Occasion:
    """Why an invoice is issued, the time it is for, and what proves it was right.

    `cycle` is the one the invoice begins, or what is left of the running one.
    """

    reason: InvoiceReason
    cycle: Cycle
    evidence: Mapping[str, Any] | None = None


def issue(
    session: Session,
    account: Account,
    subscription: Subscription,
    draft: InvoiceDraft,
    occasion: Occasion,
    *,
    payment: Payment | None = None,
    is_charged_next: bool = False,
    now: datetime,
    actor: Actor,
) -> Invoice:
    """Turn a draft into an invoice with the next number; the account must be locked.

    Whoever issues it announces it when all that belongs to it is done.

    `payment` is one that has collected what is due; nothing due means it is paid as well. With
    `is_charged_next` its files wait for the answer to the charge that follows (`answered`). A
    second invoice that would begin the same cycle is refused by the database (IntegrityError);
    one beyond the bounds raises OutOfBounds.
    """
    bounds.check(session, account, draft, occasion.reason, now=now)
    # The number comes last of what is asked, because whoever else issues waits from here on.
    usage.of(session, account.id)
    values = _values(session, account, subscription, draft, occasion, now)
    values |= _numbered(session, now)
    if payment is not None or draft.due.is_zero:
        values |= {"status": InvoiceStatus.PAID, "paid_at": now}
    invoice = _insert(session, values, draft)
    ledger.invoice_issued(session, invoice)
    if payment is not None:
        _collected(session, invoice, payment, now)
    files_at = now + MADE_UNANSWERED_AFTER if is_charged_next else now
    outbox.put(session, Work.INVOICE_PDF, invoice.id, account_id=account.id, at=files_at)
    _record(session, account, invoice, actor=actor)
    return invoice


def announce(
    session: Session, invoice: Invoice, payment: Payment | None = None, *, now: datetime
) -> None:
    """Tell those who get invoices, where it is paid; of an open one they hear when it is."""
    if invoice.status is InvoiceStatus.PAID:
        notices.invoice_issued(session, invoice, payment, now=now)


def settle(session: Session, invoice: Invoice, payment: Payment, *, now: datetime) -> None:
    """The due amount of an open invoice was collected by `payment`."""
    _close(invoice, now)
    _collected(session, invoice, payment, now)
    announce(session, invoice, payment, now=now)


def answered(session: Session, invoice: Invoice, *, now: datetime) -> None:
    """A charge of the invoice has its answer: files that waited for it are made."""
    outbox.bring_forward(session, Work.INVOICE_PDF, invoice.id, at=now)


def open_invoice(session: Session, account_id: int) -> Invoice | None:
    """The oldest unpaid invoice, if there is one."""
    return session.scalars(OLDEST_OPEN, {"account_id": account_id}).one_or_none()


def _values(
    session: Session,
    account: Account,
    subscription: Subscription,
    draft: InvoiceDraft,
    occasion: Occasion,
    now: datetime,
) -> dict[str, Any]:
    """The columns of the invoice but for its number."""
    return {
        "account_id": account.id,
        "subscription_id": subscription.id,
        "reason": occasion.reason,
        "status": InvoiceStatus.OPEN,
        "currency": draft.currency,
        "subtotal_minor": draft.subtotal.amount,
        "tax_minor": draft.tax.amount,
        "total_minor": draft.total.amount,
        "balance_applied_minor": draft.balance_applied.amount,
        "due_minor": draft.due.amount,
        "surplus_minor": draft.surplus.amount,
        "credited_minor": 0,
        "language": draft.language,
        "tax_note": draft.tax_note,
        "period_start_at": occasion.cycle.start_at,
        "period_end_at": occasion.cycle.end_at,
        "issued_at": now,
        "vendor": snapshots.vendor(session),
        "customer": snapshots.customer(session, account),
        "evidence": dict(occasion.evidence) if occasion.evidence else None,
    }


def _numbered(session: Session, now: datetime) -> dict[str, Any]:
    key, number = series.next_number(session, series.INVOICES, now)
    text = number_text(series.INVOICES, now.year, number)
    return {"series": key, "number": number, "number_text": text}


def _insert(session: Session, values: dict[str, Any], draft: InvoiceDraft) -> Invoice:
    """The invoice is written at once, for its id; its lines with whatever else is written."""
    invoice = session.scalars(insert(Invoice).values(values).returning(Invoice)).one()
    lines = _lines(invoice, draft)
    session.add_all(lines)
    set_committed_value(invoice, "lines", lines)
    # Nobody needs to ask whether there is one yet.
    set_committed_value(invoice, "document", None)
    return invoice


def _lines(invoice: Invoice, draft: InvoiceDraft) -> list[InvoiceLine]:
    return [_line(invoice, position, line) for position, line in enumerate(draft.lines, start=1)]


def _line(invoice: Invoice, position: int, line: Line) -> InvoiceLine:
    """A line as a row. The database takes one credit of a line, and one after each former one."""
    return InvoiceLine(
        account_id=invoice.account_id,
        invoice_id=invoice.id,
        position=position,
        kind=line.kind,
        description=line.description,
        explanation=line.explanation,
        base_minor=line.base.amount,
        quantity=line.quantity,
        days=line.days,
        days_in_cycle=line.days_in_cycle,
        amount_minor=line.amount.amount,
        tax_name=line.tax.name,
        tax_basis_points=line.tax.basis_points,
        tax_minor=line.tax_amount.amount,
        currency=invoice.currency,
        add_on_price_id=line.add_on_price_id,
        period_start_at=line.period.start_at if line.period else None,
        period_end_at=line.period.end_at if line.period else None,
        source_line_id=line.source_line_id,
        after_line_id=line.after_line_id,
    )


def _record(session: Session, account: Account, invoice: Invoice, *, actor: Actor) -> None:
    record(
        session,
        account,
        "invoice.issued",
        at=invoice.issued_at,
        actor=actor,
        number=invoice.number_text,
        reason=invoice.reason,
        total=describe.kept_money(invoice.total),
        due=describe.kept_money(invoice.due),
    )


def _close(invoice: Invoice, now: datetime) -> None:
    invoice.status = InvoiceStatus.PAID
    invoice.paid_at = now


def _collected(session: Session, invoice: Invoice, payment: Payment, now: datetime) -> None:
    payment.invoice_id = invoice.id
    ledger.payment_received(session, payment, at=now)
