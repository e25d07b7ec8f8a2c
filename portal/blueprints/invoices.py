"""Invoices: the list, one invoice with how it was worked out, and its PDF as it was stored."""

from datetime import timedelta
from functools import partial

from flask import Blueprint, flash, request, url_for
from flask.typing import ResponseReturnValue

from portal import clock
from portal.billing import (
    credit_notes,
    open_invoices,
    payments,
    reissues,
    taking_back_offers,
)
from portal.billing.payments import Stage
from portal.billing.rules.errors import NoPaymentMethod
from portal.billing.rules.roles import Role
from portal.billing.taking_back_offers import Recent
from portal.blueprints import (
    invoice_links,
    invoice_listing,
    own_papers,
    paying,
    resending,
    stored_files,
)
from portal.collecting import collection
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.mail import notices
from portal.models import Invoice, InvoiceReason
from portal.papers import invoice_display, invoice_progress
from portal.transaction import transaction
from portal.web import attempts
from portal.web.access import lock_own, principal, requires
from portal.web.htmx import page_or_fragment, redirect_after, wants_fragment
from portal.web.permissions import Permission

bp = Blueprint("invoices", __name__)

SOON = timedelta(minutes=2)
# While a payment is one of these, an open page follows it.
FOLLOWED = frozenset({Stage.UNDER_WAY, Stage.AUTHENTICATION, Stage.UNKNOWN})
AS_IT_STANDS = message("Nothing new was charged: this is how the invoice stands now.")


@bp.get("/invoices")
@requires(Permission.SEE_INVOICES)
def index() -> ResponseReturnValue:
    """Newest first, a page at a time, credit notes among the invoices."""
    return invoice_listing.page(invoice_listing.asked())


@bp.get("/invoices/<number>")
@requires(Permission.SEE_INVOICES)
def show(number: str) -> ResponseReturnValue:
    """One invoice; for htmx only the region that waits for the PDF."""
    return _page(own_papers.invoice(number), "invoice_document")


@bp.get("/invoices/<number>/payment")
@requires(Permission.SEE_INVOICES)
def follow_payment(number: str) -> ResponseReturnValue:
    """What an open page asks for while a payment is under way; loads anew once it is not."""
    row = own_papers.invoice(number)
    if not wants_fragment():
        return redirect_after(url_for("invoices.show", number=row.number_text))
    waiting = payments.in_flight(db.session(), row)
    if waiting is None or payments.stage(waiting) not in FOLLOWED:
        return "", 204, {"HX-Refresh": "true"}
    return _page(row, "invoices/_payment.html")


@bp.post("/invoices/<number>/payment")
@attempts.to_pay
@requires(Permission.MANAGE_BILLING)
def pay(number: str) -> ResponseReturnValue:
    """Collect what is owed now; a second click, or one on an old page, begins nothing."""
    row = own_papers.invoice(number)
    page = url_for("invoices.show", number=row.number_text)
    try:
        payment_id = _begin_payment(row.id)
    except NoPaymentMethod as reason:
        flash(str(reason), "error")
        return redirect_after(url_for("payment_method.show", next=page))
    if payment_id is None:
        flash(_(AS_IT_STANDS), "info")
        return redirect_after(page)
    return paying.follow(collection.carry_payment(payment_id))


@bp.get("/invoices/<number>.pdf")
@requires(Permission.SEE_INVOICES)
def pdf(number: str) -> ResponseReturnValue:
    """The stored bytes, the same at every download; 409 while there are none yet."""
    files = own_papers.files_of(Invoice, number)
    return stored_files.pdf(files, partial(url_for, "invoices.show", number=number))


def _page(row: Invoice, region: str) -> ResponseReturnValue:
    session, account = db.session(), principal().account
    notes = credit_notes.of_invoice(session, row)
    return page_or_fragment(
        "invoices/show.html",
        region,
        oob=("invoice_files",) if region == "invoice_document" else (),
        invoice=invoice_display.issued(session, row),
        progress=invoice_progress.progress(session, row, now=clock.now()),
        badge=invoice_listing.badge(row),
        is_valid=row.status in reissues.REISSUED,
        notes=notes,
        all_credited=bool(notes) and sum(note.total_minor for note in notes) >= row.total_minor,
        method=payments.method_of(session, account.id),
        upgrade=_to_take_back(row),
        may_pay=principal().may(Permission.MANAGE_BILLING),
        admins=[person.name for person in notices.people(session, account, Role.ADMIN)],
        document=row.document,
        is_given_up=stored_files.is_given_up(row),
        waits_for_answer=stored_files.waits_for_answer(row),
        sent=resending.of(row),
        is_soon=clock.now() - row.issued_at < SOON,
        **invoice_links.sharing(row),
    )


def _to_take_back(row: Invoice) -> Recent | None:
    """The automatic upgrade of this invoice, where it can be taken back by who looks."""
    if row.reason is not InvoiceReason.AUTO_UPGRADE:
        return None
    if not principal().may(Permission.MANAGE_BILLING):
        return None
    return taking_back_offers.of_invoice(db.session(), row, now=clock.now())


def _begin_payment(invoice_id: int) -> int | None:
    actor = principal().actor
    with transaction() as session:
        account = lock_own(session)
        invoice, seen = session.get_one(Invoice, invoice_id), request.form.get("seen", "")
        begun = open_invoices.pay(session, account, invoice, seen, now=clock.now(), actor=actor)
        return begun.id if begun else None
