"""Invoices against their lines and their payments."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, and_, case, func, not_, or_, select
from sqlalchemy.orm import Session

from portal.billing.verification.wrong import Wrong, amount
from portal.models import Invoice, InvoiceLine, InvoiceStatus, Payment, PaymentState


def invoice_sums(session: Session) -> Iterator[Wrong]:
    """The lines add up to the subtotal, and the taxes of the lines to the tax."""
    lines = (
        select(
            InvoiceLine.invoice_id.label("invoice_id"),
            func.sum(InvoiceLine.amount_minor).label("subtotal"),
            func.sum(InvoiceLine.tax_minor).label("tax"),
        )
        .group_by(InvoiceLine.invoice_id)
        .subquery()
    )
    subtotal, tax = func.coalesce(lines.c.subtotal, 0), func.coalesce(lines.c.tax, 0)
    statement = (
        select(Invoice, subtotal, tax)
        .outerjoin(lines, lines.c.invoice_id == Invoice.id)
        .where(or_(Invoice.subtotal_minor != subtotal, Invoice.tax_minor != tax))
        .order_by(Invoice.id)
    )
    for invoice, lines_say, taxes_say in session.execute(statement):
        yield Wrong(
            f"subtotal and tax of invoice {invoice.number_text}",
            _two(invoice.subtotal_minor, invoice.tax_minor, invoice.currency),
            _two(lines_say, taxes_say, invoice.currency),
        )


def invoice_amounts(session: Session) -> Iterator[Wrong]:
    """Subtotal + tax = total, or where that is below zero, a surplus; total − balance = due."""
    worth = Invoice.subtotal_minor + Invoice.tax_minor
    statement = (
        select(Invoice)
        .where(
            or_(
                Invoice.total_minor != case((worth > 0, worth), else_=0),
                Invoice.surplus_minor != case((worth < 0, -worth), else_=0),
                Invoice.due_minor != Invoice.total_minor - Invoice.balance_applied_minor,
                not_(Invoice.balance_applied_minor.between(0, Invoice.total_minor)),
                not_(Invoice.credited_minor.between(0, Invoice.due_minor)),
            )
        )
        .order_by(Invoice.id)
    )
    for invoice in session.scalars(statement):
        yield Wrong(f"invoice {invoice.number_text}", *_amounts(invoice))


def invoice_status(session: Session) -> Iterator[Wrong]:
    """Paid means: one payment of exactly what was left to pay has succeeded, or nothing was due.

    Credited and void mean that credit notes took off all that was due, open that some of it is
    left. A former edition is unpaid and taken off whole, as its payments are the next one's.
    """
    outstanding, succeeded = Invoice.due_minor - Invoice.credited_minor, _succeeded()
    settled = and_(succeeded == 1, _succeeded(Payment.amount_minor == outstanding) == 1)
    nothing_due = and_(Invoice.due_minor == 0, succeeded == 0)
    taken_off = and_(Invoice.due_minor > 0, outstanding == 0, succeeded == 0)
    right = case(
        (Invoice.status == InvoiceStatus.PAID, or_(settled, nothing_due)),
        (Invoice.status.in_((InvoiceStatus.CREDITED, InvoiceStatus.VOID)), taken_off),
        (Invoice.status == InvoiceStatus.REPLACED, and_(outstanding == 0, succeeded == 0)),
        else_=and_(outstanding > 0, succeeded == 0),
    )
    paid = Invoice.status == InvoiceStatus.PAID
    statement = (
        select(Invoice, succeeded)
        .where(or_(not_(right), paid != Invoice.paid_at.is_not(None)))
        .order_by(Invoice.id)
    )
    for invoice, payments in session.execute(statement):
        dated = "with" if invoice.paid_at else "without"
        left = amount(invoice.due_minor - invoice.credited_minor, invoice.currency)
        yield Wrong(
            f"invoice {invoice.number_text}",
            f"{invoice.status}, {payments} settled payments, {dated} a date of payment",
            f"paid exactly when the {left} left to pay were settled, once",
        )


def _two(subtotal: int, tax: int, currency: str) -> str:
    return f"{amount(subtotal, currency)} and {amount(tax, currency)}"


def _amounts(invoice: Invoice) -> tuple[str, str]:
    """What its sums are, and how they must follow from each other."""
    said = {
        "subtotal": invoice.subtotal_minor,
        "tax": invoice.tax_minor,
        "surplus": invoice.surplus_minor,
        "total": invoice.total_minor,
        "balance": invoice.balance_applied_minor,
        "due": invoice.due_minor,
        "credited": invoice.credited_minor,
    }
    found = ", ".join(f"{name} {amount(each, invoice.currency)}" for name, each in said.items())
    return found, "subtotal + tax + surplus = total, less balance = due, of which credited"


def _succeeded(*rows: ColumnElement[bool]) -> ColumnElement[int]:
    statement = select(func.count(Payment.id)).where(
        Payment.account_id == Invoice.account_id,
        Payment.invoice_id == Invoice.id,
        Payment.state == PaymentState.SUCCEEDED,
        *rows,
    )
    return statement.correlate(Invoice).scalar_subquery()
