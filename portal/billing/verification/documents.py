"""The files of invoices and credit notes: there, unchanged, or on their way."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from portal import document_store
from portal.billing.verification.outbox_rows import subjects
from portal.billing.verification.wrong import Wrong
from portal.file_store import StoreFailed
from portal.models import (
    CreditNote,
    CreditNoteDocument,
    Invoice,
    InvoiceDocument,
    Notice,
    Work,
)


class _Kind(NamedTuple):
    name: str
    table: Any
    document: Any
    key: Any
    work: Work


KINDS = (
    _Kind("invoice", Invoice, InvoiceDocument, InvoiceDocument.invoice_id, Work.INVOICE_PDF),
    _Kind(
        "credit note",
        CreditNote,
        CreditNoteDocument,
        CreditNoteDocument.credit_note_id,
        Work.CREDIT_NOTE_PDF,
    ),
)


def documents(session: Session) -> Iterator[Wrong]:
    """The file is there and is the one that was recorded."""
    for kind in KINDS:
        document = kind.document
        statement = (
            select(
                kind.table.number_text,
                document.sha256,
                document.size_bytes,
                document.ubl_sha256,
                document.ubl_size_bytes,
            )
            .join(kind.table, kind.table.id == kind.key)
            .order_by(kind.key)
            .execution_options(yield_per=500)
        )
        for number, sha256, size, ubl_sha256, ubl_size in session.execute(statement):
            yield from _file(f"document of {kind.name} {number}", sha256, size)
            if ubl_sha256 is not None:
                yield from _file(f"XML of {kind.name} {number}", ubl_sha256, ubl_size)


def documents_made(session: Session) -> Iterator[Wrong]:
    """What has no file yet has one coming."""
    for kind in KINDS:
        coming = kind.table.id.in_(subjects(kind.work))
        made = exists().where(kind.key == kind.table.id)
        statement = select(kind.table.number_text).where(~made, ~coming).order_by(kind.table.id)
        for number in session.scalars(statement):
            yield Wrong(f"document of {kind.name} {number}", "none, and none is due", "one")


def documents_sent(session: Session) -> Iterator[Wrong]:
    """The file that an email brings is the one that was issued."""
    issued = func.coalesce(InvoiceDocument.sha256, CreditNoteDocument.sha256)
    statement = (
        select(Notice.id, Notice.name, Notice.enclosed_sha256, issued)
        .outerjoin(InvoiceDocument, InvoiceDocument.invoice_id == Notice.invoice_id)
        .outerjoin(CreditNoteDocument, CreditNoteDocument.credit_note_id == Notice.credit_note_id)
        .where(
            Notice.enclosed_sha256.is_not(None),
            or_(issued.is_(None), issued != Notice.enclosed_sha256),
        )
        .order_by(Notice.id)
    )
    for notice_id, name, found, expected in session.execute(statement):
        subject = f"PDF with email {notice_id} ({name})"
        yield Wrong(subject, found or "none", expected or "none")


def _file(subject: str, sha256: str, size: int) -> Iterator[Wrong]:
    found = _stored(sha256)
    if found != f"{size} bytes":
        yield Wrong(subject, found, f"{size} bytes, {sha256}")


def _stored(sha256: str) -> str:
    try:
        return f"{len(document_store.read(sha256))} bytes"
    except document_store.DocumentMissing:
        return "no file"
    except document_store.DocumentDamaged:
        return "a file with other bytes"
    except StoreFailed as reason:
        return str(reason)
