"""Credit notes against the invoices they correct."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from portal.billing.verification.taken_back import is_in_force
from portal.billing.verification.wrong import Wrong, amount
from portal.models import (
    CreditNote,
    CreditNoteLine,
    CreditNotePurpose,
    Invoice,
    InvoiceLine,
)


def credit_note_sums(session: Session) -> Iterator[Wrong]:
    """The lines add up to the note, and its total is what was divided."""
    lines = (
        select(
            CreditNoteLine.credit_note_id.label("note_id"),
            func.sum(CreditNoteLine.amount_minor).label("subtotal"),
            func.sum(CreditNoteLine.tax_minor).label("tax"),
        )
        .group_by(CreditNoteLine.credit_note_id)
        .subquery()
    )
    note = CreditNote
    subtotal, tax = func.coalesce(lines.c.subtotal, 0), func.coalesce(lines.c.tax, 0)
    divided = note.off_invoice_minor + note.to_balance_minor + note.to_method_minor
    statement = (
        select(note, subtotal, tax)
        .outerjoin(lines, lines.c.note_id == note.id)
        .where(
            or_(
                note.subtotal_minor != subtotal,
                note.tax_minor != tax,
                note.total_minor != subtotal + tax,
                note.total_minor != divided,
            )
        )
        .order_by(note.id)
    )
    for row, lines_say, taxes_say in session.execute(statement):
        yield Wrong(
            f"credit note {row.number_text}",
            f"{amount(row.total_minor, row.currency)}, {_divided(row)}",
            f"{amount(lines_say + taxes_say, row.currency)}, the sum of its lines",
        )


def credit_note_lines(session: Session) -> Iterator[Wrong]:
    """A line gives back what was left of a line of its invoice, tax and rate included.

    What is left: the line, less what a later invoice gave back of it, in whichever edition, and was
    not taken back. What is issued again is given back whole.
    """
    line = InvoiceLine
    left = line.amount_minor + _given_back(InvoiceLine.amount_minor)
    left_tax = line.tax_minor + _given_back(InvoiceLine.tax_minor)
    given = CreditNoteLine
    statement = (
        select(given, CreditNote.number_text, left, left_tax)
        .join(CreditNote, CreditNote.id == given.credit_note_id)
        .join(line, line.id == given.invoice_line_id)
        .join(Invoice, Invoice.id == line.invoice_id)
        .where(
            or_(
                given.amount_minor != left,
                given.tax_minor != left_tax,
                given.tax_basis_points != line.tax_basis_points,
                given.tax_name != line.tax_name,
                line.invoice_id != CreditNote.invoice_id,
            )
        )
        .order_by(given.id)
    )
    for row, number, expected, expected_tax in session.execute(statement):
        yield Wrong(
            f"line {row.position} of credit note {number}",
            _taxed(row.amount_minor, row.tax_minor, row.currency),
            f"{_taxed(expected, expected_tax, row.currency)}, what was left of its line",
        )


def credited_invoices(session: Session) -> Iterator[Wrong]:
    """What is credited on an invoice is what its credit notes took off it."""
    taken = func.sum(CreditNote.off_invoice_minor).label("taken")
    notes = select(CreditNote.invoice_id, taken).group_by(CreditNote.invoice_id).subquery()
    expected = func.coalesce(notes.c.taken, 0)
    statement = (
        select(Invoice.number_text, Invoice.currency, Invoice.credited_minor, expected)
        .outerjoin(notes, notes.c.invoice_id == Invoice.id)
        .where(Invoice.credited_minor != expected)
        .order_by(Invoice.id)
    )
    for number, currency, found, planned in session.execute(statement):
        subject = f"credited on invoice {number}"
        yield Wrong(subject, amount(found, currency), amount(planned, currency))


def _given_back(column: InstrumentedAttribute[int]) -> ColumnElement[int]:
    """What later invoices give back of a line by its place on any edition, below zero; nothing
    where its note makes room for the next edition."""
    giver, place, edition = aliased(InvoiceLine), aliased(InvoiceLine), aliased(Invoice)
    amounts = getattr(giver, column.key)
    of_editions = (
        select(func.coalesce(func.sum(amounts), 0))
        .join(place, place.id == giver.source_line_id)
        .join(edition, edition.id == place.invoice_id)
        .where(
            giver.account_id == Invoice.account_id,
            place.position == InvoiceLine.position,
            edition.account_id == Invoice.account_id,
            edition.first_id == Invoice.first_id,
            is_in_force(giver),
        )
        .correlate(Invoice, InvoiceLine)
        .scalar_subquery()
    )
    return case((CreditNote.purpose == CreditNotePurpose.REISSUE, 0), else_=of_editions)


def _divided(note: CreditNote) -> str:
    parts = {
        "off the invoice": note.off_invoice_minor,
        "to the balance": note.to_balance_minor,
        "to the method": note.to_method_minor,
    }
    return ", ".join(f"{amount(minor, note.currency)} {to}" for to, minor in parts.items())


def _taxed(minor: int, tax: int, currency: str) -> str:
    return f"{amount(minor, currency)} and {amount(tax, currency)} tax"
