"""Credit notes: one with how it was worked out and where its money went, and its PDF."""

from datetime import timedelta

from flask import Blueprint, abort, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from portal import clock
from portal.access import Permission, principal, requires
from portal.blueprints import resending, stored_pdf
from portal.extensions import db
from portal.htmx import page_or_fragment
from portal.models import CreditNote
from portal.papers import credit_note_display

bp = Blueprint("credit_notes", __name__)

SOON = timedelta(minutes=2)


@bp.get("/credit-notes/<number>")
@requires(Permission.SEE_INVOICES)
def show(number: str) -> ResponseReturnValue:
    """One credit note; for htmx only the region that waits for the PDF."""
    row = _load(number)
    return page_or_fragment(
        "credit_notes/show.html",
        "credit_note_document",
        oob=("credit_note_files",),
        note=credit_note_display.issued(db.session(), row),
        refund=credit_note_display.refund(db.session(), row),
        document=row.document,
        is_given_up=not row.document and stored_pdf.is_given_up(row.number_text, "Credit note"),
        sent=resending.of(row),
        is_soon=clock.now() - row.issued_at < SOON,
    )


@bp.get("/credit-notes/<number>.pdf")
@requires(Permission.SEE_INVOICES)
def pdf(number: str) -> ResponseReturnValue:
    """The stored bytes, the same at every download; 409 while there are none yet."""
    row = _load(number)
    page = url_for("credit_notes.show", number=row.number_text)
    return stored_pdf.answer(row.document, number=row.number_text, what="Credit note", page=page)


def _load(number: str) -> CreditNote:
    """This account's credit note; another account's is not found, like one that never was."""
    # A zero byte is no text to PostgreSQL.
    if not number.isprintable():
        abort(404)
    statement = select(CreditNote).where(
        CreditNote.account_id == principal().account.id, CreditNote.number_text == number
    )
    row = db.session.scalars(statement).one_or_none()
    if row is None:
        abort(404)
    return row
