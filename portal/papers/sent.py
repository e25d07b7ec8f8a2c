"""What was emailed about an invoice or a credit note: to whom, when it was taken, or why it wasn't.

As the account's people may see it: what the vendor was told is not among it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.language import message
from portal.mail import mailer
from portal.models import CreditNote, Invoice, Notice, NoticeState

MOST = 100
STATES = {
    NoticeState.WAITING: (message("On its way"), "warn"),
    NoticeState.ACCEPTED: (message("Accepted"), "good"),
    NoticeState.REFUSED: (message("Refused"), "bad"),
    NoticeState.WITHDRAWN: (message("Not sent"), "neutral"),
}


@dataclass(frozen=True)
class Sending:
    """One email to one person. `settled_at` is when the mail server took or refused it, None while
    it is on its way; `why` is its answer where it refused, "" where none answered in time."""

    subject: str
    recipient: str
    written_at: datetime
    badge: tuple[str, str]
    settled_at: datetime | None
    why: str
    brings_pdf: bool
    waits_for_pdf: bool


def of(session: Session, paper: Invoice | CreditNote) -> Sequence[Sending]:
    """The emails about a document, the newest first, at most 100."""
    about = (
        Notice.invoice_id == paper.id
        if isinstance(paper, Invoice)
        else Notice.credit_note_id == paper.id
    )
    statement = (
        select(Notice)
        .where(about, Notice.account_id == paper.account_id)
        .order_by(Notice.created_at.desc(), Notice.id)
        .limit(MOST)
    )
    is_made = paper.document is not None
    return [_sending(notice, is_made=is_made) for notice in session.scalars(statement)]


def _sending(notice: Notice, *, is_made: bool) -> Sending:
    """`is_made`: whether the document has its PDF. An email that is to bring it goes out then, and
    what it brings is fixed only as it goes."""
    is_waiting = notice.state is NoticeState.WAITING and notice.document_by is not None
    is_refused = notice.state is NoticeState.REFUSED
    return Sending(
        subject=notice.subject,
        recipient=notice.recipient,
        written_at=notice.created_at,
        badge=STATES[notice.state],
        settled_at=notice.settled_at,
        why=mailer.answer_to_tell(notice) if is_refused else "",
        brings_pdf=notice.enclosed_sha256 is not None,
        waits_for_pdf=is_waiting and not is_made,
    )
