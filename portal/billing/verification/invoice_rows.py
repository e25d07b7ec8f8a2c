"""Invoices against their lines, their payments and their files."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select
from sqlalchemy.orm import Session, aliased

from portal import document_store
from portal.billing.rules.plan_change import LineKind
from portal.billing.verification.wrong import Wrong, amount
from portal.models import (
    Invoice,
    InvoiceDocument,
    InvoiceLine,
    InvoiceStatus,
    OutboxItem,
    OutboxState,
    Payment,
    PaymentState,
    Work,
)


def invoice_sums(session: Session) -> Iterator[Wrong]:
    """The lines add up to the subtotal."""
    lines = (
        select(func.coalesce(func.sum(InvoiceLine.amount_minor), 0))
        .where(InvoiceLine.invoice_id == Invoice.id)
        .scalar_subquery()
    )
    statement = (
        select(Invoice.number_text, Invoice.currency, Invoice.subtotal_minor, lines)
        .where(Invoice.subtotal_minor != lines)
        .order_by(Invoice.id)
    )
    for number, currency, found, expected in session.execute(statement):
        yield Wrong(
            f"subtotal of invoice {number}", amount(found, currency), amount(expected, currency)
        )


def invoice_amounts(session: Session) -> Iterator[Wrong]:
    """Subtotal + tax = total; total − balance = due; nothing is negative."""
    statement = (
        select(Invoice)
        .where(
            or_(
                Invoice.total_minor != Invoice.subtotal_minor + Invoice.tax_minor,
                Invoice.due_minor != Invoice.total_minor - Invoice.balance_applied_minor,
                Invoice.due_minor < 0,
                Invoice.total_minor < 0,
                Invoice.balance_applied_minor < 0,
                Invoice.surplus_minor < 0,
            )
        )
        .order_by(Invoice.id)
    )
    for invoice in session.scalars(statement):
        parts = (invoice.subtotal_minor, invoice.tax_minor, invoice.balance_applied_minor)
        subtotal, tax, balance = (amount(part, invoice.currency) for part in parts)
        yield Wrong(
            f"invoice {invoice.number_text}",
            f"total {amount(invoice.total_minor, invoice.currency)},"
            f" due {amount(invoice.due_minor, invoice.currency)}",
            f"{subtotal} + {tax} as total, less {balance} as due",
        )


def invoice_status(session: Session) -> Iterator[Wrong]:
    """Paid means: one payment of exactly what was due has succeeded, or nothing was due."""
    paid, succeeded = Invoice.status == InvoiceStatus.PAID, _succeeded()
    settled = or_(
        and_(Invoice.due_minor == 0, succeeded == 0),
        and_(succeeded == 1, _succeeded(Payment.amount_minor == Invoice.due_minor) == 1),
    )
    statement = (
        select(Invoice.number_text, Invoice.status, Invoice.paid_at, succeeded)
        .where(
            or_(
                and_(paid, not_(settled)),
                and_(not_(paid), or_(Invoice.due_minor == 0, succeeded > 0)),
                paid != Invoice.paid_at.is_not(None),
            ),
        )
        .order_by(Invoice.id)
    )
    for number, status, paid_at, payments in session.execute(statement):
        dated = "with" if paid_at else "without"
        found = f"{status}, {payments} settled payments, {dated} a date of payment"
        yield Wrong(f"invoice {number}", found, "paid exactly when what is due was settled, once")


def plan_lines(session: Session) -> Iterator[Wrong]:
    """Each invoice charges one plan, for exactly its own cycle."""
    own = and_(
        InvoiceLine.invoice_id == Invoice.id,
        InvoiceLine.kind == LineKind.PLAN,
    )
    count = select(func.count(InvoiceLine.id)).where(own).scalar_subquery()
    fits = and_(
        own,
        InvoiceLine.period_start_at == Invoice.period_start_at,
        InvoiceLine.period_end_at == Invoice.period_end_at,
    )
    statement = (
        select(Invoice.number_text, count)
        .where(or_(count != 1, ~exists().where(fits)))
        .order_by(Invoice.id)
    )
    for number, found in session.execute(statement):
        yield Wrong(f"plan line of invoice {number}", f"{found} found", "one, for its cycle")


def credit_lines(session: Session) -> Iterator[Wrong]:
    """A credit names the plan line it gives back, once, and gives back no more than it charged."""
    source = aliased(InvoiceLine)
    given = -InvoiceLine.amount_minor + Invoice.surplus_minor
    times = (
        select(func.count(InvoiceLine.id))
        .where(InvoiceLine.source_line_id == source.id)
        .correlate(source)
        .scalar_subquery()
    )
    statement = (
        select(Invoice.number_text, Invoice.currency, given, source.amount_minor, times)
        .select_from(InvoiceLine)
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .outerjoin(source, source.id == InvoiceLine.source_line_id)
        .where(
            InvoiceLine.kind == LineKind.UNUSED_TIME,
            or_(source.id.is_(None), given > source.amount_minor, given < 0, times > 1),
        )
        .order_by(InvoiceLine.id)
    )
    for number, currency, found, charged, used in session.execute(statement):
        limit = "the line it gives back" if charged is None else amount(charged, currency)
        yield Wrong(
            f"credit on invoice {number}",
            f"{amount(found, currency)}, line credited {used or 0} times",
            f"at most {limit}, once",
        )


def documents(session: Session) -> Iterator[Wrong]:
    """The file of an invoice is there and is the one that was recorded."""
    statement = (
        select(Invoice.number_text, InvoiceDocument.sha256, InvoiceDocument.size_bytes)
        .join(Invoice, Invoice.id == InvoiceDocument.invoice_id)
        .order_by(InvoiceDocument.invoice_id)
        .execution_options(yield_per=500)
    )
    for number, sha256, size in session.execute(statement):
        found = _stored(sha256)
        if found != f"{size} bytes":
            yield Wrong(f"document of invoice {number}", found, f"{size} bytes, {sha256}")


def documents_made(session: Session) -> Iterator[Wrong]:
    """An invoice without a file has one coming."""
    coming = exists().where(
        OutboxItem.work == Work.INVOICE_PDF,
        OutboxItem.subject_id == Invoice.id,
        OutboxItem.state == OutboxState.WAITING,
    )
    made = exists().where(InvoiceDocument.invoice_id == Invoice.id)
    statement = select(Invoice.number_text).where(~made, ~coming).order_by(Invoice.id)
    for number in session.scalars(statement):
        yield Wrong(f"document of invoice {number}", "none, and none is due", "one")


def _succeeded(*rows: ColumnElement[bool]) -> ColumnElement[int]:
    statement = select(func.count(Payment.id)).where(
        Payment.account_id == Invoice.account_id,
        Payment.invoice_id == Invoice.id,
        Payment.state == PaymentState.SUCCEEDED,
        *rows,
    )
    return statement.correlate(Invoice).scalar_subquery()


def _stored(sha256: str) -> str:
    try:
        return f"{len(document_store.read(sha256))} bytes"
    except document_store.DocumentMissing:
        return "no file"
    except document_store.DocumentDamaged:
        return "a file with other bytes"
