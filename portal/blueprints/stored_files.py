"""Answering with the files of an invoice or a credit note, exactly as they were stored."""

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Response, current_app, render_template
from flask.typing import ResponseReturnValue

from portal import clock, document_store
from portal.blueprints import downloads
from portal.document_store import DocumentDamaged, DocumentMissing
from portal.extensions import db
from portal.file_store import StoreFailed
from portal.models import CreditNote, Invoice
from portal.papers import missing_files

AGAIN_SOON, AGAIN_LATER = {"Retry-After": "5"}, {"Retry-After": "60"}
Paper = Invoice | CreditNote
Address = Callable[[], str]


class Files(NamedTuple):
    """Under which hashes the files of a document are stored; no `pdf_sha256`: not made yet."""

    model: type[Paper]
    id: int
    number: str
    pdf_sha256: str | None
    xml_sha256: str | None


class _File(NamedTuple):
    sha256: str
    ending: str
    media_type: str


def of(paper: Paper) -> Files:
    """The files of a row that is at hand."""
    stored = paper.document
    hashes = (stored.sha256, stored.ubl_sha256) if stored else (None, None)
    return Files(type(paper), paper.id, paper.number_text, *hashes)


def pdf(files: Files, page: Address) -> ResponseReturnValue:
    """The stored PDF, the same bytes at every download; 409 while there is none yet.

    `page` is where its page is, for when it can't be had.
    """
    if files.pdf_sha256 is None:
        return _not_yet(files, page)
    return _stored(files, page, _File(files.pdf_sha256, "pdf", "application/pdf"))


def xml(files: Files, page: Address) -> ResponseReturnValue:
    """The same for the UBL file; 404 where a document has none, which its page says too."""
    if files.pdf_sha256 is None:
        return _not_yet(files, page)
    if files.xml_sha256 is None:
        return render_template("invoices/no_xml.html", **_words(files, page)), 404
    return _stored(files, page, _File(files.xml_sha256, "xml", "application/xml"))


def is_given_up(paper: Paper) -> bool:
    """Whether its files were tried to be made so often that they are not any more."""
    return missing_files.are_given_up(db.session(), paper)


def waits_for_answer(paper: Paper) -> bool:
    """Whether its files are made once it is known if it is paid."""
    return missing_files.wait_for_answer(db.session(), paper, now=clock.now())


def _not_yet(files: Files, page: Address) -> ResponseReturnValue:
    words = _words(files, page)
    paper: Any = db.session.get_one(files.model, files.id)
    if is_given_up(paper):
        return render_template("invoices/not_made.html", **words), 409
    if waits_for_answer(paper):
        return render_template("invoices/waits_for_answer.html", **words), 409, AGAIN_LATER
    return render_template("invoices/being_made.html", **words), 409, AGAIN_SOON


def _stored(files: Files, page: Address, file: _File) -> ResponseReturnValue:
    number = files.number
    try:
        content = document_store.read(file.sha256)
    except (DocumentMissing, DocumentDamaged):
        current_app.logger.exception("the stored %s of %s can't be served", file.ending, number)
        return render_template("invoices/not_readable.html", **_words(files, page)), 500
    except StoreFailed:
        current_app.logger.exception("the store did not give the %s of %s", file.ending, number)
        return _not_reachable(files, page)
    response = Response(content, mimetype=file.media_type, headers=downloads.HEADERS)
    response.headers.set("Content-Disposition", "attachment", filename=f"{number}.{file.ending}")
    return response


def _not_reachable(files: Files, page: Address) -> ResponseReturnValue:
    words = _words(files, page)
    return render_template("invoices/not_reachable.html", **words), 503, AGAIN_LATER


def _words(files: Files, page: Address) -> dict[str, str | bool]:
    return {"number": files.number, "is_invoice": files.model is Invoice, "page": page()}
