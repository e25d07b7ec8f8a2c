"""Answering with the PDF of an invoice or a credit note, exactly as it was stored."""

from flask import Response, current_app, render_template
from flask.typing import ResponseReturnValue

from portal import document_store
from portal.document_store import DocumentDamaged, DocumentMissing
from portal.models import CreditNoteDocument, InvoiceDocument

PDF_HEADERS = {"Content-Security-Policy": "default-src 'none'; sandbox"}


def answer(
    document: InvoiceDocument | CreditNoteDocument | None, *, number: str, what: str, page: str
) -> ResponseReturnValue:
    """The stored bytes, the same at every download; 409 while there are none yet.

    `what` the document is ("Invoice") and the address of its `page` are for when it can't be had.
    """
    words = {"number": number, "what": what, "page": page}
    if document is None:
        return render_template("invoices/being_made.html", **words), 409, {"Retry-After": "5"}
    try:
        content = document_store.read(document.sha256)
    except (DocumentMissing, DocumentDamaged):
        current_app.logger.exception("the stored PDF of %s can't be served", number)
        return render_template("invoices/not_readable.html", **words), 500
    response = Response(content, mimetype="application/pdf", headers=PDF_HEADERS)
    response.headers.set("Content-Disposition", "attachment", filename=f"{number}.pdf")
    return response
