"""Answering with the files of an invoice or a credit note, exactly as they were stored."""

from typing import NamedTuple

from flask import Response, current_app, render_template
from flask.typing import ResponseReturnValue

from portal import document_store
from portal.blueprints import downloads
from portal.document_store import DocumentDamaged, DocumentMissing
from portal.extensions import db
from portal.file_store import StoreFailed
from portal.models import CreditNote, Invoice
from portal.papers import given_up

AGAIN_SOON, AGAIN_LATER = {"Retry-After": "5"}, {"Retry-After": "60"}
Paper = Invoice | CreditNote


class _File(NamedTuple):
    sha256: str
    ending: str
    media_type: str


def pdf(paper: Paper, page: str) -> ResponseReturnValue:
    """The stored PDF, the same bytes at every download; 409 while there is none yet.

    The address of its `page` is for when it can't be had.
    """
    if paper.document is None:
        return _not_yet(paper, page)
    return _stored(paper, page, _File(paper.document.sha256, "pdf", "application/pdf"))


def xml(paper: Paper, page: str) -> ResponseReturnValue:
    """The same for the UBL file; 404 where a document has none, which its page says too."""
    if paper.document is None:
        return _not_yet(paper, page)
    if paper.document.ubl_sha256 is None:
        return render_template("invoices/no_xml.html", **_words(paper, page)), 404
    return _stored(paper, page, _File(paper.document.ubl_sha256, "xml", "application/xml"))


def is_given_up(paper: Paper) -> bool:
    """Whether its files were tried to be made so often that they are not any more."""
    return given_up.is_given_up(db.session(), paper)


def _not_yet(paper: Paper, page: str) -> ResponseReturnValue:
    words = _words(paper, page)
    if is_given_up(paper):
        return render_template("invoices/not_made.html", **words), 409
    return render_template("invoices/being_made.html", **words), 409, AGAIN_SOON


def _stored(paper: Paper, page: str, file: _File) -> ResponseReturnValue:
    number, words = paper.number_text, _words(paper, page)
    try:
        content = document_store.read(file.sha256)
    except (DocumentMissing, DocumentDamaged):
        current_app.logger.exception("the stored %s of %s can't be served", file.ending, number)
        return render_template("invoices/not_readable.html", **words), 500
    except StoreFailed:
        current_app.logger.exception("the store did not give the %s of %s", file.ending, number)
        return render_template("invoices/not_reachable.html", **words), 503, AGAIN_LATER
    response = Response(content, mimetype=file.media_type, headers=downloads.HEADERS)
    response.headers.set("Content-Disposition", "attachment", filename=f"{number}.{file.ending}")
    return response


def _words(paper: Paper, page: str) -> dict[str, str | bool]:
    return {"number": paper.number_text, "is_invoice": _is_invoice(paper), "page": page}


def _is_invoice(paper: Paper) -> bool:
    return isinstance(paper, Invoice)
