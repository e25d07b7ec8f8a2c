"""Answering with the files of an invoice or a credit note, exactly as they were stored."""

from typing import Any, NamedTuple

from flask import Response, current_app, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import exists, select

from portal import document_store
from portal.blueprints import downloads
from portal.document_store import DocumentDamaged, DocumentMissing
from portal.extensions import db
from portal.file_store import StoreFailed
from portal.models import (
    CreditNote,
    CreditNoteDocument,
    Invoice,
    InvoiceDocument,
    OutboxItem,
    OutboxState,
    Work,
)

AGAIN_SOON, AGAIN_LATER = {"Retry-After": "5"}, {"Retry-After": "60"}
MADE_BY: dict[str, tuple[type[Any], Work]] = {
    "Invoice": (Invoice, Work.INVOICE_PDF),
    "Credit note": (CreditNote, Work.CREDIT_NOTE_PDF),
}


class _File(NamedTuple):
    sha256: str | None
    ending: str
    media_type: str


def answer(
    document: InvoiceDocument | CreditNoteDocument | None, *, number: str, what: str, page: str
) -> ResponseReturnValue:
    """The stored PDF, the same bytes at every download; 409 while there is none yet.

    `what` the document is ("Invoice") and the address of its `page` are for when it can't be had.
    """
    words = {"number": number, "what": what, "page": page}
    if document is None:
        return _not_yet(words)
    return _stored(_File(document.sha256, "pdf", "application/pdf"), words)


def xml(
    document: InvoiceDocument | CreditNoteDocument | None, *, number: str, what: str, page: str
) -> ResponseReturnValue:
    """The same for the UBL file; 404 where a document has none, which its page says too."""
    words = {"number": number, "what": what, "page": page}
    if document is None:
        return _not_yet(words)
    if document.ubl_sha256 is None:
        return render_template("invoices/no_xml.html", **words), 404
    return _stored(_File(document.ubl_sha256, "xml", "application/xml"), words)


def is_given_up(number: str, what: str) -> bool:
    """Whether the files of a document were tried to be made so often that they are not any more."""
    row, work = MADE_BY[what]
    subject = select(row.id).where(row.number_text == number).scalar_subquery()
    dead = exists().where(
        OutboxItem.work == work,
        OutboxItem.subject_id == subject,
        OutboxItem.state == OutboxState.DEAD,
    )
    return bool(db.session.scalar(select(dead)))


def _not_yet(words: dict[str, str]) -> ResponseReturnValue:
    if is_given_up(words["number"], words["what"]):
        return render_template("invoices/not_made.html", **words), 409
    return render_template("invoices/being_made.html", **words), 409, AGAIN_SOON


def _stored(file: _File, words: dict[str, str]) -> ResponseReturnValue:
    number = words["number"]
    try:
        content = document_store.read(file.sha256 or "")
    except (DocumentMissing, DocumentDamaged):
        current_app.logger.exception("the stored %s of %s can't be served", file.ending, number)
        return render_template("invoices/not_readable.html", **words), 500
    except StoreFailed:
        current_app.logger.exception("the store did not give the %s of %s", file.ending, number)
        return render_template("invoices/not_reachable.html", **words), 503, AGAIN_LATER
    response = Response(content, mimetype=file.media_type, headers=downloads.HEADERS)
    response.headers.set("Content-Disposition", "attachment", filename=f"{number}.{file.ending}")
    return response
