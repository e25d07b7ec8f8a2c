"""Automatic upgrades that were taken back: given back whole, in time, and nothing of it twice."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from portal.billing.rules import taking_back
from portal.billing.verification.wrong import Wrong, amount, instant
from portal.models import (
    CreditNote,
    CreditNoteLine,
    Invoice,
    InvoiceLine,
    PlanChange,
    PlanChangeReason,
    PlanChangeState,
    TakenBack,
)


def upgrades_taken_back(session: Session) -> Iterator[Wrong]:
    """What was taken back is an automatic upgrade, all of it credited at that instant, in time."""
    statement = (
        select(TakenBack, PlanChange, CreditNote, Invoice)
        .join(PlanChange, PlanChange.id == TakenBack.plan_change_id)
        .join(CreditNote, CreditNote.id == TakenBack.credit_note_id)
        .join(Invoice, Invoice.id == CreditNote.invoice_id)
        .order_by(TakenBack.id)
        .execution_options(yield_per=200)
    )
    for taken, change, note, invoice in session.execute(statement):
        at, made_at = taken.taken_back_at, change.made_at
        is_right = (
            change.reason is PlanChangeReason.AUTO_UPGRADE,
            change.state is PlanChangeState.APPLIED,
            change.replaced is not None,
            change.invoice_id == invoice.id,
            note.total_minor == invoice.total_minor,
            note.issued_at == at,
            made_at <= at < taking_back.until(made_at),
        )
        if not all(is_right):
            credited = f"{amount(note.total_minor, note.currency)} of {invoice.number_text}"
            yield Wrong(
                f"upgrade {change.op_id}, taken back on {instant(at)}",
                f"{change.reason} of {instant(made_at)}, {change.state}; {credited} credited on"
                f" {instant(note.issued_at)}",
                "an automatic upgrade, its whole invoice credited at that instant, in time",
            )


def credits_made_again(session: Session) -> Iterator[Wrong]:
    """A line is credited anew only after a credit note took the former credit of it back."""
    line, former = InvoiceLine, aliased(InvoiceLine)
    statement = (
        select(line, Invoice.number_text)
        .join(Invoice, Invoice.id == line.invoice_id)
        .outerjoin(former, former.id == line.after_line_id)
        .where(
            line.after_line_id.is_not(None),
            or_(
                former.source_line_id.is_(None),
                line.source_line_id.is_(None),
                former.source_line_id != line.source_line_id,
                former.id >= line.id,
                is_in_force(former),
            ),
        )
        .order_by(line.id)
    )
    for row, number in session.execute(statement):
        found = f"{amount(row.amount_minor, row.currency)}, after a credit that still holds"
        yield Wrong(
            f"credit made again on invoice {number}", found, "after one that was taken back"
        )


def is_taken_back(invoice_id: Any) -> ColumnElement[bool]:
    """Whether the invoice is of an automatic upgrade that was taken back, or renewed one: it was
    credited with it, at the same instant and for the same reason."""
    taken, own, note = aliased(TakenBack), aliased(CreditNote), aliased(CreditNote)
    return exists().where(
        note.invoice_id == invoice_id,
        own.account_id == note.account_id,
        own.issued_at == note.issued_at,
        own.reason == note.reason,
        taken.credit_note_id == own.id,
    )


def is_in_force(credit: Any) -> ColumnElement[bool]:
    """Whether a line gives something back, and no credit note took that back."""
    noted = aliased(CreditNoteLine)
    return and_(credit.amount_minor < 0, ~exists().where(noted.invoice_line_id == credit.id))
