"""What people are told of an invoice that was voided, or issued again."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.mail import notice_facts, notices, readers
from portal.mail.notices import Message
from portal.models import Account, CreditNote, Invoice, Notice


def voided(session: Session, note: CreditNote, *, now: datetime) -> list[Notice]:
    """To everybody who gets invoices: nothing is to be paid on it any more. Brings the note."""
    account = session.get_one(Account, note.account_id)
    facts = {"invoice": note.invoice, "invoice_path": notice_facts.paper_path(note.invoice)}
    columns = {"credit_note_id": note.id}
    message = Message("invoice_voided", account, facts | _of_note(note), columns, encloses=True)
    return notices.write(session, message, readers.of_invoices(session, account), now=now)


def reissued(
    session: Session, invoice: Invoice, note: CreditNote, *, now: datetime
) -> list[Notice]:
    """To everybody who gets invoices: the one that is valid now, with its PDF, instead of the one
    that `note` credits."""
    account = session.get_one(Account, invoice.account_id)
    facts = notice_facts.of_invoice(invoice) | {"former": note.invoice} | _of_note(note)
    columns = {"invoice_id": invoice.id}
    message = Message("invoice_reissued", account, facts, columns, encloses=True)
    return notices.write(session, message, readers.of_invoices(session, account), now=now)


def _of_note(note: CreditNote) -> dict[str, Any]:
    return {
        "note": note,
        "note_path": notice_facts.paper_path(note),
        "to_balance": note.division.to_balance,
    }
