"""Invoices: the list, one invoice with how it was worked out, and its PDF as it was stored."""

from collections.abc import Sequence
from datetime import timedelta

from flask import Blueprint, abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, func, select
from sqlalchemy.orm import selectinload

from portal import attempts, clock, collection, notices
from portal.access import Permission, principal, requires
from portal.billing import accounts, credit_notes, open_invoices, payments, taking_back_offers
from portal.billing.payments import Stage
from portal.billing.rules.errors import NoPaymentMethod
from portal.billing.rules.roles import Role
from portal.billing.taking_back_offers import Recent
from portal.blueprints import paying, resending, stored_pdf
from portal.extensions import db
from portal.htmx import page_or_fragment, redirect_after, wants_fragment
from portal.models import Invoice, InvoiceReason, InvoiceStatus
from portal.papers import invoice_display, invoice_progress
from portal.transaction import transaction

bp = Blueprint("invoices", __name__)

PAGE_LENGTH = 25
SOON = timedelta(minutes=2)
BADGES = {
    InvoiceStatus.OPEN: ("Open", "info"),
    InvoiceStatus.PAID: ("Paid", "good"),
    InvoiceStatus.CREDITED: ("Credited", "neutral"),
}
PAST_DUE = ("Past due", "bad")
# While a payment is one of these, an open page follows it.
FOLLOWED = frozenset({Stage.UNDER_WAY, Stage.AUTHENTICATION, Stage.UNKNOWN})
AS_IT_STANDS = "Nothing new was charged: this is how the invoice stands now."


@bp.get("/invoices")
@requires(Permission.SEE_INVOICES)
def index() -> ResponseReturnValue:
    """Newest first, a page at a time."""
    total = db.session.scalars(select(func.count()).select_from(_own().subquery())).one()
    pages = max(1, -(-total // PAGE_LENGTH))
    page = _page_number(pages)
    rows = _newest_first(page)
    return page_or_fragment(
        "invoices/index.html",
        "invoice_list",
        invoices=[(row, invoice_display.what_for(row), _badge(row)) for row in rows],
        notes=credit_notes.of_invoices(db.session(), principal().account.id, rows),
        zone=principal().account.time_zone,
        page=page,
        pages=pages,
        total=total,
    )


@bp.get("/invoices/<number>")
@requires(Permission.SEE_INVOICES)
def show(number: str) -> ResponseReturnValue:
    """One invoice; for htmx only the region that waits for the PDF."""
    return _page(_load(number), "invoice_document")


@bp.get("/invoices/<number>/payment")
@requires(Permission.SEE_INVOICES)
def follow_payment(number: str) -> ResponseReturnValue:
    """What an open page asks for while a payment is under way; loads anew once it is not."""
    row = _load(number)
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
    row = _load(number)
    page = url_for("invoices.show", number=row.number_text)
    try:
        payment_id = _begin_payment(row.id)
    except NoPaymentMethod as reason:
        flash(str(reason), "error")
        return redirect_after(url_for("payment_method.show", next=page))
    if payment_id is None:
        flash(AS_IT_STANDS, "info")
        return redirect_after(page)
    return paying.follow(collection.carry_payment(payment_id))


@bp.get("/invoices/<number>.pdf")
@requires(Permission.SEE_INVOICES)
def pdf(number: str) -> ResponseReturnValue:
    """The stored bytes, the same at every download; 409 while there are none yet."""
    row = _load(number)
    page = url_for("invoices.show", number=row.number_text)
    return stored_pdf.answer(row.document, number=row.number_text, what="Invoice", page=page)


def _page(row: Invoice, region: str) -> ResponseReturnValue:
    session, account = db.session(), principal().account
    notes = credit_notes.of_invoice(session, row)
    return page_or_fragment(
        "invoices/show.html",
        region,
        invoice=invoice_display.issued(session, row),
        progress=invoice_progress.progress(session, row, now=clock.now()),
        badge=_badge(row),
        notes=notes,
        all_credited=bool(notes) and sum(note.total_minor for note in notes) >= row.total_minor,
        method=payments.method_of(session, account.id),
        upgrade=_to_take_back(row),
        may_pay=principal().may(Permission.MANAGE_BILLING),
        admins=[person.name for person in notices.people(session, account, Role.ADMIN)],
        document=row.document,
        sent=resending.of(row),
        is_given_up=not row.document and stored_pdf.is_given_up(row.number_text, "Invoice"),
        is_soon=clock.now() - row.issued_at < SOON,
    )


def _to_take_back(row: Invoice) -> Recent | None:
    """The automatic upgrade of this invoice, where it can be taken back by who looks."""
    if row.reason is not InvoiceReason.AUTO_UPGRADE:
        return None
    if not principal().may(Permission.MANAGE_BILLING):
        return None
    return taking_back_offers.of_invoice(db.session(), row, now=clock.now())


def _begin_payment(invoice_id: int) -> int | None:
    actor, account_id = principal().actor, principal().account.id
    with transaction() as session:
        account = accounts.lock(session, account_id)
        invoice, seen = session.get_one(Invoice, invoice_id), request.form.get("seen", "")
        begun = open_invoices.pay(session, account, invoice, seen, now=clock.now(), actor=actor)
        return begun.id if begun else None


def _own() -> Select[Invoice]:
    return select(Invoice).where(Invoice.account_id == principal().account.id)


def _newest_first(page: int) -> Sequence[Invoice]:
    statement = (
        _own()
        .options(selectinload(Invoice.lines), selectinload(Invoice.document))
        .order_by(Invoice.issued_at.desc(), Invoice.id.desc())
        .limit(PAGE_LENGTH)
        .offset((page - 1) * PAGE_LENGTH)
    )
    return db.session.scalars(statement).all()


def _load(number: str) -> Invoice:
    """This account's invoice; another account's is not found, like one that never was."""
    # A zero byte is no text to PostgreSQL.
    if not number.isprintable():
        abort(404)
    row = db.session.scalars(_own().where(Invoice.number_text == number)).one_or_none()
    if row is None:
        abort(404)
    return row


def _badge(row: Invoice) -> tuple[str, str]:
    return PAST_DUE if invoice_progress.is_past_due(db.session(), row) else BADGES[row.status]


def _page_number(pages: int) -> int:
    """The page asked for, or the nearest there is."""
    asked = request.args.get("page", 1, type=int)
    return min(max(asked, 1), pages)
