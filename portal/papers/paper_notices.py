"""What the vendor is told of documents that could not be made as they should be."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from portal.mail import notices
from portal.models import Account, CreditNote, Invoice, Notice, OutboxItem, OutboxState, Work

NO_E_INVOICE = "Documents go out without their electronic invoice"
TOLD_AGAIN_AFTER = timedelta(days=30)
ROWS: dict[Work, type[Any]] = {Work.INVOICE_PDF: Invoice, Work.CREDIT_NOTE_PDF: CreditNote}


def no_e_invoice(session: Session, number: str, reason: str, *, now: datetime) -> Notice | None:
    """To the vendor: a PDF went out without the electronic invoice, and why.

    A reason is told once in 30 days: it is seldom that of one document only.
    """
    text = (
        f"The PDF of {number} was made without the electronic invoice (EN 16931) inside it, and"
        f" there is none to download beside it. The reason: {reason}\n\n"
        "The PDF itself is complete. Documents that are made from now on for the same reason"
        " without it are not told one by one for 30 days."
    )
    subject = f"{NO_E_INVOICE}: {reason}"
    if notices.vendor_heard(session, subject, since=now - TOLD_AGAIN_AFTER):
        return None
    return notices.vendor_told(session, None, subject=subject, text=text, now=now)


def if_given_up(session: Session, item: OutboxItem, *, now: datetime) -> Notice | None:
    """To the vendor, where `item` was the making of a document and won't be tried again."""
    if item.work not in ROWS or item.state is not OutboxState.DEAD:
        return None
    row: Invoice | CreditNote = session.get_one(ROWS[item.work], item.subject_id)
    return notices.vendor_told(
        session,
        session.get_one(Account, row.account_id),
        subject=f"The PDF of {row.number_text} could not be made",
        text=f"It was tried {item.attempts} times and is not tried again by itself. The last"
        f" answer was: {item.last_error}\n\nThe document is issued and final; its page shows all"
        " of it and says that there is no PDF. Once the cause is gone, have it made with:"
        f"\n\nflask invoices render {row.number_text}",
        now=now,
    )
