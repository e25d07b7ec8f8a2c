"""PDFs that go out with emails: an email about a new invoice waits for its PDF, but not for long.

Written with the invoice, such an email is due when its patience is over. The PDF, once it is
recorded, makes it due at once. Right before it is sent first it is decided what it brings, and
said in it; from then on every attempt sends the same. Only the hash is kept with the email: the
bytes are read when it is sent.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import document_store, outbox, queue
from portal.document_store import DocumentDamaged, DocumentMissing
from portal.extensions import db
from portal.file_store import StoreFailed
from portal.mail import letters
from portal.models import (
    Account,
    CreditNote,
    CreditNoteDocument,
    Invoice,
    InvoiceDocument,
    Notice,
    NoticeState,
    OutboxState,
    Work,
)
from portal.printable import printable
from portal.transaction import after_commit, assert_outside, is_simulated, transaction

PATIENCE = timedelta(minutes=10)
# Mail servers refuse messages of more than 10 MB, often, and an attachment grows by a third.
MOST_BYTES = 7_000_000
WORDS = "_enclosed"
# What is said of a PDF in a simulation, where none is made.
AS_USUAL = {"is_enclosed": True, "has_xml": True, "sha256": None}
NAME_LENGTH = 120
Document = InvoiceDocument | CreditNoteDocument
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class NotYet(Exception):
    """The email waits for its PDF; says so."""


class CantBeRead(Exception):
    """The store doesn't give a file now; says why, for the log."""


@dataclass(frozen=True)
class Enclosed:
    """A file that goes out with an email: what it is called there, and the hash it is kept by."""

    file_name: str
    sha256: str


def expect(notice: Notice, *, now: datetime) -> None:
    """Let an email that is being written wait for the PDF of its invoice or credit note.

    A simulated one says that it brings it, as usual: none is made there.
    """
    if is_simulated():
        _say(notice, AS_USUAL)
    else:
        notice.document_by = now + PATIENCE


def suppose_made(session: Session, account_id: int, *, now: datetime) -> None:
    """In a simulation: emails that wait for their PDF get it now, as usual."""
    statement = select(Notice).where(
        Notice.account_id == account_id,
        Notice.document_by.is_not(None),
        Notice.state == NoticeState.WAITING,
    )
    for notice in session.scalars(statement).all():
        notice.document_by = None
        _say(notice, AS_USUAL)
        outbox.hasten(outbox.find(session, Work.NOTICE, notice.id), at=now)


def due_at(session: Session, notice: Notice, *, now: datetime) -> datetime:
    """When an email falls due that was just written."""
    if notice.document_by is None or _document(session, notice) is not None:
        return now
    return notice.document_by


def document_made(session: Session, document: Document, *, now: datetime) -> None:
    """Let the emails go that wait for a document; in the transaction that records it."""
    about = (
        Notice.invoice_id == document.invoice_id
        if isinstance(document, InvoiceDocument)
        else Notice.credit_note_id == document.credit_note_id
    )
    statement = select(Notice.id).where(
        about, Notice.document_by.is_not(None), Notice.state == NoticeState.WAITING
    )
    for notice_id in session.scalars(statement).all():
        _let_go(session, notice_id, now)


def decide(notice_id: int, *, now: datetime) -> None:
    """Fix what an email brings and say it in it, unless that was done; outside any transaction.

    Raises NotYet while its PDF can't be had and there is time left to wait.
    """
    assert_outside()
    notice = db.session.get_one(Notice, notice_id)
    document_by, document = notice.document_by, _document(db.session(), notice)
    sha256 = document.sha256 if document is not None else None
    db.session.rollback()
    if document_by is None:
        return
    is_there = sha256 is not None and _can_be_read(sha256)
    if not is_there and now < document_by:
        raise NotYet("the PDF it brings isn't there yet")
    _fix(notice_id, is_there=is_there)


def of(session: Session, notice: Notice) -> Enclosed | None:
    """What an email brings; None where that is nothing, or not decided yet."""
    paper = _paper(session, notice)
    if paper is None or notice.enclosed_sha256 is None:
        return None
    return Enclosed(file_name(paper.number_text), notice.enclosed_sha256)


def read(sha256: str) -> bytes:
    """The bytes of a file as they were stored, outside any transaction. Raises CantBeRead."""
    try:
        return document_store.read(sha256)
    except (StoreFailed, DocumentMissing, DocumentDamaged) as problem:
        raise CantBeRead(f"{type(problem).__name__}: {problem}") from problem


def file_name(number: str) -> str:
    """Of nothing but letters, digits and signs that no header and no disk takes amiss."""
    return f"{UNSAFE.sub('-', number)}.pdf"


def _let_go(session: Session, notice_id: int, now: datetime) -> None:
    item = outbox.find(session, Work.NOTICE, notice_id)
    if item.state is not OutboxState.WAITING:
        return
    outbox.hasten(item, at=now)
    item_id = item.id
    after_commit(session, lambda: queue.hand_out(outbox.SWEEP, item_id))


def _can_be_read(sha256: str) -> bool:
    if is_simulated():
        return True
    try:
        read(sha256)
    except CantBeRead:
        return False
    return True


def _fix(notice_id: int, *, is_there: bool) -> None:
    with transaction() as session:
        statement = select(Notice).where(Notice.id == notice_id).with_for_update()
        notice = session.scalars(statement.execution_options(populate_existing=True)).one()
        if notice.document_by is None:
            return
        notice.document_by = None
        document = _document(session, notice) if is_there else None
        if document is not None and document.size_bytes <= MOST_BYTES:
            notice.enclosed_sha256 = document.sha256
        _say(notice, _facts(session, notice, document))


def _say(notice: Notice, facts: dict[str, Any]) -> None:
    notice.body_text, notice.body_html = letters.put_in_place(
        notice.body_text, notice.body_html, WORDS, facts
    )


def _facts(session: Session, notice: Notice, document: Document | None) -> dict[str, Any]:
    account = session.get_one(Account, notice.account_id)
    return {
        "is_enclosed": notice.enclosed_sha256 is not None,
        "is_too_large": document is not None and notice.enclosed_sha256 is None,
        "has_xml": document is not None and document.ubl_sha256 is not None,
        "sha256": notice.enclosed_sha256,
        "has_sign_in": notice.user_id is not None,
        "account_name": printable(account.name, NAME_LENGTH),
    }


def _document(session: Session, notice: Notice) -> Document | None:
    paper = _paper(session, notice)
    return paper.document if paper is not None else None


def _paper(session: Session, notice: Notice) -> Invoice | CreditNote | None:
    """A credit note's emails name its invoice nowhere, so one of the two at most is there."""
    if notice.invoice_id is not None:
        return session.get_one(Invoice, notice.invoice_id)
    if notice.credit_note_id is not None:
        return session.get_one(CreditNote, notice.credit_note_id)
    return None
