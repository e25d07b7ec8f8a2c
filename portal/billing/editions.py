"""The editions of an invoice: the first, and those by which it was issued again."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.billing import series, snapshots
from portal.billing.rules.invoicing import number_text
from portal.models import (
    Account,
    Invoice,
    InvoiceLine,
    InvoiceStatus,
    Payment,
    PlanChange,
)

# What an edition has of its own; all else is as on the one before.
OWN = {"id", "series", "number", "number_text", "credited_minor", "issued_at", "vendor", "customer"}


def next_of(session: Session, invoice: Invoice) -> Invoice | None:
    """The edition that replaced this one, if one did."""
    return _of_number(session, invoice, invoice.edition + 1)


def before(session: Session, invoice: Invoice) -> Invoice | None:
    """The edition that this one replaced; None of a first one."""
    return _of_number(session, invoice, invoice.edition - 1) if invoice.original_id else None


def last(session: Session, invoice: Invoice) -> Invoice:
    """The edition that is valid, whose payments are those of all."""
    if invoice.status is not InvoiceStatus.REPLACED:
        return invoice
    statement = select(Invoice).where(
        Invoice.account_id == invoice.account_id, Invoice.first_id == invoice.first_id
    )
    return session.scalars(statement.order_by(Invoice.edition.desc()).limit(1)).one()


def first(session: Session, invoice: Invoice) -> Invoice:
    """The edition that was issued first."""
    return session.get_one(Invoice, invoice.first_id)


def write(
    session: Session,
    account: Account,
    invoice: Invoice,
    *,
    tax_note: str,
    now: datetime,
) -> Invoice:
    """The same invoice once more with the next number, made out to who the customer is now.

    The lines are as they are, so credits on it are made anew after those of the one before. The
    database refuses a second edition of the same number.
    """
    key, number = series.next_number(session, series.INVOICES, now)
    values = _copied(invoice, OWN) | {
        "series": key,
        "number": number,
        "number_text": number_text(series.INVOICES, now.year, number),
        "issued_at": now,
        "vendor": snapshots.vendor(session),
        "customer": snapshots.customer(session, account),
        "tax_note": tax_note,
        "original_id": invoice.first_id,
        "edition": invoice.edition + 1,
    }
    row = Invoice(**values)
    session.add(row)
    session.flush()
    row.lines = [_line(row, line) for line in invoice.lines]
    session.flush()
    return row


def hand_over(session: Session, former: Invoice, row: Invoice) -> None:
    """What was paid or is being collected for the former edition stands for the next one, and so
    does the change of plan that led to it. Without its payments the former is unpaid."""
    for payment in session.scalars(
        select(Payment).where(
            Payment.account_id == former.account_id, Payment.invoice_id == former.id
        )
    ).all():
        payment.invoice_id = row.id
    for change in session.scalars(
        select(PlanChange).where(
            PlanChange.account_id == former.account_id, PlanChange.invoice_id == former.id
        )
    ).all():
        change.invoice_id = row.id
    former.status, former.paid_at = InvoiceStatus.OPEN, None
    session.flush()


def _of_number(session: Session, invoice: Invoice, edition: int) -> Invoice | None:
    statement = select(Invoice).where(
        Invoice.account_id == invoice.account_id,
        Invoice.first_id == invoice.first_id,
        Invoice.edition == edition,
    )
    return session.scalars(statement).one_or_none()


def _line(row: Invoice, line: InvoiceLine) -> InvoiceLine:
    """A line of the new edition; one that gives something back does so after the former one did."""
    values = _copied(line, {"id", "invoice_id", "after_line_id"})
    is_credit = line.source_line_id is not None
    return InvoiceLine(**values, invoice_id=row.id, after_line_id=line.id if is_credit else None)


def _copied(row: Invoice | InvoiceLine, own: set[str]) -> dict[str, Any]:
    """The columns of a row but for its own, by their names."""
    names = [column.key for column in type(row).__mapper__.column_attrs]
    return {name: getattr(row, name) for name in names if name not in own}
