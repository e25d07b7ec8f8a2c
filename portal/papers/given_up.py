"""Invoices and credit notes whose files the portal makes no more by itself: it tried often enough,
and the vendor was told."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from portal.models import CreditNote, Invoice, OutboxItem, OutboxState, Work


def is_given_up(session: Session, paper: Invoice | CreditNote) -> bool:
    """Whether a document has no files, and none will come unless a person sees to it."""
    if paper.document is not None:
        return False
    work = Work.INVOICE_PDF if isinstance(paper, Invoice) else Work.CREDIT_NOTE_PDF
    dead = exists().where(
        OutboxItem.work == work,
        OutboxItem.subject_id == paper.id,
        OutboxItem.state == OutboxState.DEAD,
    )
    return bool(session.scalar(select(dead)))
