"""One invoice for whoever has a link to it, without signing in: the page and its files."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, Response, render_template, url_for
from flask.typing import ResponseReturnValue

from portal import clock
from portal.billing import credit_notes, invoice_links
from portal.blueprints import invoice_listing, stored_files
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.models import Invoice, InvoiceLink
from portal.papers import invoice_display, invoice_progress
from portal.transaction import transaction
from portal.web import attempts, errors
from portal.web.access import requires
from portal.web.permissions import Permission

bp = Blueprint("shared_invoices", __name__)

NOTHING = message(
    "This link leads to no invoice: its time may be over, or it was withdrawn. Ask whoever sent it"
    " to you for a new one."
)


@bp.get("/i/<token>")
@attempts.public_invoices
@requires(Permission.PUBLIC)
def show(token: str) -> ResponseReturnValue:
    """The invoice, to be read; each opening is counted."""
    link = _link(token)
    if link is None:
        return _nothing()
    link_id, invoice_id, until = link.id, link.invoice_id, link.expires_at
    with transaction() as session:
        invoice_links.count_opening(session, link_id, now=clock.now())
    session, row = db.session(), db.session().get_one(Invoice, invoice_id)
    return render_template(
        "shared_invoices/show.html",
        invoice=invoice_display.issued(session, row),
        progress=invoice_progress.progress(session, row, now=clock.now()),
        badge=invoice_listing.badge(row),
        notes=credit_notes.of_invoice(session, row),
        document=row.document,
        is_given_up=stored_files.is_given_up(row),
        waits_for_answer=stored_files.waits_for_answer(row),
        token=token,
        until=until,
    )


@bp.get("/i/<token>.pdf")
@attempts.public_invoices
@requires(Permission.PUBLIC)
def pdf(token: str) -> ResponseReturnValue:
    """The stored bytes, the same as for who signs in."""
    link = _link(token)
    if link is None:
        return _nothing()
    page = partial(url_for, "shared_invoices.show", token=token)
    return stored_files.pdf(stored_files.of(link.invoice), page)


@bp.get("/i/<token>.xml")
@attempts.public_invoices
@requires(Permission.PUBLIC)
def xml(token: str) -> ResponseReturnValue:
    """The same for accounting software; 404 where the invoice has none."""
    link = _link(token)
    if link is None:
        return _nothing()
    page = partial(url_for, "shared_invoices.show", token=token)
    return stored_files.xml(stored_files.of(link.invoice), page)


@bp.after_request
def _keep_to_who_has_it(response: Response) -> Response:
    """The address is the secret: no search finds it, and no other site is told, as of any page.

    The portal itself is: over https it takes no form that doesn't say which page it was on.
    """
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response


def _link(token: str) -> InvoiceLink | None:
    return invoice_links.find(db.session(), token, now=clock.now())


def _nothing() -> ResponseReturnValue:
    """Whether there ever was such a link isn't told."""
    return errors.answer(404, _(NOTHING))
