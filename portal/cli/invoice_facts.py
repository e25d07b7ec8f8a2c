"""What there is to know about invoices and their credit notes, as plain values for printing."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.billing import credit_notes, credited_lines, editions, refunds
from portal.billing.credited_lines import CreditedLine
from portal.billing.invoice_lists import Paper
from portal.models import (
    Account,
    CreditNote,
    Invoice,
    InvoiceStatus,
    OutboxItem,
    Payment,
    Refund,
    Work,
)

Facts = dict[str, Any]
MODELS: tuple[type[Any], ...] = (Invoice, CreditNote)


def brief(session: Session, account: Account | None) -> list[Facts]:
    """One line's worth of each invoice, of one account or all, newest first."""
    statement = (
        select(Invoice, Account.name)
        .join(Account, Account.id == Invoice.account_id)
        .order_by(Invoice.id.desc())
    )
    if account is not None:
        statement = statement.where(Invoice.account_id == account.id)
    return [_brief(invoice, name) for invoice, name in session.execute(statement)]


def find(session: Session, number: str) -> Invoice | None:
    """The invoice of that number, whatever the case it was typed in."""
    statement = select(Invoice).where(Invoice.number_text == number.strip().upper())
    return session.scalars(statement.options(selectinload(Invoice.lines))).one_or_none()


def paper(session: Session, number: str) -> Paper | None:
    """The invoice or the credit note of that number, whatever the case it was typed in."""
    found = papers(session, [number.strip().upper()])
    return found[0] if found else None


def papers(session: Session, numbers: Sequence[str]) -> list[Paper]:
    """Those of these numbers that there are, as the database has them now, invoices first."""
    return [
        row
        for model in MODELS
        for row in session.scalars(
            select(model)
            .options(selectinload(model.document))
            .where(model.number_text.in_(numbers))
            .order_by(model.id)
            .execution_options(populate_existing=True)
        )
    ]


def all_numbers(session: Session) -> list[str]:
    """Of every invoice and credit note, as they were issued."""
    return [
        number
        for model in MODELS
        for number in session.scalars(select(model.number_text).order_by(model.id))
    ]


def making(session: Session, paper: Paper) -> OutboxItem | None:
    """The work of making the PDF of a paper, done or not."""
    work = Work.INVOICE_PDF if isinstance(paper, Invoice) else Work.CREDIT_NOTE_PDF
    statement = select(OutboxItem).where(OutboxItem.dedupe_key == f"{work}:{paper.id}")
    return session.scalars(statement).one_or_none()


def document(paper: Paper) -> Facts | None:
    """The recorded files of a paper; None where its PDF is not made so far."""
    made = paper.document
    if made is None:
        return None
    return {
        "made_at": made.rendered_at,
        "template": made.template,
        "sha256": made.sha256,
        "size_bytes": made.size_bytes,
        "xml_sha256": made.ubl_sha256,
        "xml_size_bytes": made.ubl_size_bytes,
    }


def full(session: Session, invoice: Invoice) -> Facts:
    """Everything about one: its lines and what is left of each, payments, credit notes."""
    account = session.get_one(Account, invoice.account_id)
    return _brief(invoice, account.name) | {
        "account_id": account.public_id,
        "replaces": _number(editions.before(session, invoice)),
        "replaced_by": _number(editions.next_of(session, invoice)),
        "tax_minor": invoice.tax_minor,
        "balance_applied_minor": invoice.balance_applied_minor,
        "surplus_minor": invoice.surplus_minor,
        "period_start_at": invoice.period_start_at,
        "period_end_at": invoice.period_end_at,
        "document": document(invoice),
        "lines": [_line(line) for line in credited_lines.of(session, invoice)],
        "payments": [_payment(payment) for payment in _payments(session, invoice)],
        "credit_notes": [
            note_facts(session, note) for note in credit_notes.of_invoice(session, invoice)
        ],
    }


def note_facts(session: Session, note: CreditNote) -> Facts:
    """An issued credit note, and its refund if it has one."""
    refund = refunds.of_note(session, note)
    return {
        "number": note.number_text,
        "invoice": note.invoice.number_text,
        "issued_at": note.issued_at,
        "purpose": note.purpose.value,
        "reason": note.reason,
        "currency": note.currency,
        "total_minor": note.total_minor,
        "off_invoice_minor": note.off_invoice_minor,
        "to_method_minor": note.to_method_minor,
        "to_balance_minor": note.to_balance_minor,
        "document": note.document.sha256 if note.document else None,
        "refund": _refund(refund) if refund else None,
    }


def _brief(invoice: Invoice, account: str) -> Facts:
    is_open = invoice.status is InvoiceStatus.OPEN
    return {
        "number": invoice.number_text,
        "account": account,
        "issued_at": invoice.issued_at,
        "reason": invoice.reason.value,
        "currency": invoice.currency,
        "total_minor": invoice.total_minor,
        "due_minor": invoice.due_minor,
        "owed_minor": invoice.outstanding.amount if is_open else 0,
        "status": invoice.status.value,
        "paid_at": invoice.paid_at,
    }


def _number(invoice: Invoice | None) -> str | None:
    return invoice.number_text if invoice else None


def _line(line: CreditedLine) -> Facts:
    """A line and what is left of it, before tax and its tax."""
    charged = line.charged
    return {
        "line": charged.position,
        "description": line.description,
        "amount_minor": charged.amount.amount,
        "tax_minor": charged.tax_amount.amount,
        "left_minor": charged.left.amount,
        "left_tax_minor": charged.left_tax.amount,
    }


def _payment(payment: Payment) -> Facts:
    return {
        "key": payment.idempotency_key,
        "amount_minor": payment.amount_minor,
        "method": payment.method.label,
        "state": payment.state.value,
        "created_at": payment.created_at,
        "settled_at": payment.settled_at,
        "failure": payment.failure,
    }


def _refund(refund: Refund) -> Facts:
    return {
        "key": refund.idempotency_key,
        "amount_minor": refund.amount_minor,
        "gateway": refund.payment.gateway,
        "method": refund.payment.method.label,
        "state": refund.state.value,
        "settled_at": refund.settled_at,
        "failure": refund.failure,
    }


def _payments(session: Session, invoice: Invoice) -> list[Payment]:
    statement = (
        select(Payment)
        .options(joinedload(Payment.method))
        .where(Payment.account_id == invoice.account_id, Payment.invoice_id == invoice.id)
        .order_by(Payment.id)
    )
    return list(session.scalars(statement))
