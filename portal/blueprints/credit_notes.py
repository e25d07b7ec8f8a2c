"""Credit notes: one with how it was worked out and where its money went, and its PDF."""

from datetime import timedelta
from functools import partial

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from portal import clock
from portal.blueprints import own_papers, resending, stored_files
from portal.extensions import db
from portal.models import CreditNote
from portal.papers import credit_note_display
from portal.web.access import requires
from portal.web.htmx import page_or_fragment
from portal.web.permissions import Permission

bp = Blueprint("credit_notes", __name__)

SOON = timedelta(minutes=2)


@bp.get("/credit-notes/<number>")
@requires(Permission.SEE_INVOICES)
def show(number: str) -> ResponseReturnValue:
    """One credit note; for htmx only the region that waits for the PDF."""
    row = own_papers.credit_note(number)
    return page_or_fragment(
        "credit_notes/show.html",
        "credit_note_document",
        oob=("credit_note_files",),
        note=credit_note_display.issued(db.session(), row),
        refund=credit_note_display.refund(db.session(), row),
        document=row.document,
        is_given_up=stored_files.is_given_up(row),
        sent=resending.of(row),
        is_soon=clock.now() - row.issued_at < SOON,
    )


@bp.get("/credit-notes/<number>.pdf")
@requires(Permission.SEE_INVOICES)
def pdf(number: str) -> ResponseReturnValue:
    """The stored bytes, the same at every download; 409 while there are none yet."""
    files = own_papers.files_of(CreditNote, number)
    return stored_files.pdf(files, partial(url_for, "credit_notes.show", number=number))
