"""Invoices and credit notes that have no files so far: whether they come, and for what they
wait."""

from datetime import datetime

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from portal.models import CreditNote, Invoice, OutboxItem, OutboxState, Work


def are_given_up(session: Session, paper: Invoice | CreditNote) -> bool:
    """Whether none will come unless a person sees to it: the portal tried often enough, and told
    the vendor."""
    return _is_so(session, paper, OutboxItem.state == OutboxState.DEAD)


def wait_for_answer(session: Session, paper: Invoice | CreditNote, *, now: datetime) -> bool:
    """Whether they are made once a charge is answered (`billing.invoices.answered`)."""
    untried = (OutboxItem.state == OutboxState.WAITING) & (OutboxItem.attempts == 0)
    return _is_so(session, paper, untried & (OutboxItem.next_at > now))


def _is_so(session: Session, paper: Invoice | CreditNote, condition: ColumnElement[bool]) -> bool:
    if paper.document is not None:
        return False
    work = Work.INVOICE_PDF if isinstance(paper, Invoice) else Work.CREDIT_NOTE_PDF
    item = exists().where(OutboxItem.work == work, OutboxItem.subject_id == paper.id, condition)
    return bool(session.scalar(select(item)))
