"""Invoices that were voided, and those that were issued again: each by one note, to the cent."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from portal.billing.verification.wrong import Wrong, amount
from portal.models import (
    CreditNote,
    CreditNotePurpose,
    Invoice,
    InvoiceLine,
    InvoiceStatus,
)

VOID, REPLACED = InvoiceStatus.VOID, InvoiceStatus.REPLACED
# What is the same on every edition of an invoice.
SAME = (
    *("account_id", "subscription_id", "reason", "currency", "language"),
    *("subtotal_minor", "tax_minor", "total_minor", "balance_applied_minor", "due_minor"),
    *("surplus_minor", "period_start_at", "period_end_at"),
)
SAME_OF_LINES = (
    *("kind", "description", "explanation", "base_minor", "quantity", "days", "days_in_cycle"),
    *("amount_minor", "tax_name", "tax_basis_points", "tax_minor", "source_line_id"),
)


def ended_invoices(session: Session) -> Iterator[Wrong]:
    """An invoice is void exactly when a note voids it, and replaced exactly when a note over all
    of it made room for a next edition, which is there."""
    next_one = aliased(Invoice)
    followed = exists().where(
        next_one.account_id == Invoice.account_id,
        next_one.first_id == Invoice.first_id,
        next_one.edition == Invoice.edition + 1,
    )
    voided = _notes(CreditNotePurpose.VOID)
    made_room = _notes(CreditNotePurpose.REISSUE, CreditNote.total_minor == Invoice.total_minor)
    replaced = Invoice.status == REPLACED
    statement = (
        select(Invoice.number_text, Invoice.status)
        .where(
            or_(
                (Invoice.status == VOID) != voided,
                replaced != followed,
                replaced != made_room,
            )
        )
        .order_by(Invoice.id)
    )
    for number, status in session.execute(statement):
        expected = "void by a note that voids it, replaced by one over all of it and an edition"
        yield Wrong(f"end of invoice {number}", status, expected)


def editions(session: Session) -> Iterator[Wrong]:
    """Each edition follows the one before, and charges what it does."""
    former = aliased(Invoice)
    unlike = [getattr(Invoice, name) != getattr(former, name) for name in SAME]
    statement = (
        select(Invoice, former.number_text)
        .outerjoin(
            former,
            and_(
                former.account_id == Invoice.account_id,
                former.first_id == Invoice.first_id,
                former.edition == Invoice.edition - 1,
                former.id < Invoice.id,
            ),
        )
        .where(
            Invoice.original_id.is_not(None),
            or_(former.id.is_(None), *unlike, _lines_differ(former)),
        )
        .order_by(Invoice.id)
    )
    for invoice, before in session.execute(statement):
        found = f"edition {invoice.edition}, {amount(invoice.total_minor, invoice.currency)}"
        expected = f"as {before or 'an edition before it'} charges"
        yield Wrong(f"invoice {invoice.number_text}, issued again", found, expected)


def _notes(purpose: CreditNotePurpose, *which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a note of the invoice has this purpose."""
    return exists().where(
        CreditNote.account_id == Invoice.account_id,
        CreditNote.invoice_id == Invoice.id,
        CreditNote.purpose == purpose,
        *which,
    )


def _lines_differ(former: type[Invoice]) -> ColumnElement[bool]:
    """Whether the two have other lines: by what all of a line says, at its place."""
    line, other = aliased(InvoiceLine), aliased(InvoiceLine)
    alike = [
        getattr(line, name).is_not_distinct_from(getattr(other, name)) for name in SAME_OF_LINES
    ]
    pairs = (
        select(func.count(line.id))
        .join(other, and_(other.position == line.position, *alike))
        .where(line.invoice_id == Invoice.id, other.invoice_id == former.id)
        .correlate(Invoice, former)
        .scalar_subquery()
    )
    return or_(pairs != _count(Invoice.id), pairs != _count(former.id))


def _count(invoice_id: Any) -> ColumnElement[int]:
    line = aliased(InvoiceLine)
    return select(func.count(line.id)).where(line.invoice_id == invoice_id).scalar_subquery()
