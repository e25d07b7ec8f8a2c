"""Invoices: the list, one invoice with how it was worked out, and its PDF as it was stored."""

from collections.abc import Sequence
from datetime import timedelta

from flask import Blueprint, abort, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, func, select
from sqlalchemy.orm import selectinload

from portal import clock, invoice_display, invoice_progress
from portal.access import Permission, principal, requires
from portal.billing import credit_notes
from portal.blueprints import stored_pdf
from portal.extensions import db
from portal.htmx import page_or_fragment
from portal.models import Invoice, InvoiceStatus

bp = Blueprint("invoices", __name__)

PAGE_LENGTH = 25
SOON = timedelta(minutes=2)
BADGES = {
    InvoiceStatus.OPEN: ("Open", "info"),
    InvoiceStatus.PAID: ("Paid", "good"),
    InvoiceStatus.CREDITED: ("Credited", "neutral"),
}
PAST_DUE = ("Past due", "bad")


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
    row = _load(number)
    return page_or_fragment(
        "invoices/show.html",
        "invoice_document",
        invoice=invoice_display.issued(db.session(), row),
        progress=invoice_progress.progress(db.session(), row),
        badge=_badge(row),
        notes=credit_notes.of_invoice(db.session(), row),
        outstanding=row.outstanding if row.status is InvoiceStatus.OPEN else None,
        document=row.document,
        is_soon=clock.now() - row.issued_at < SOON,
    )


@bp.get("/invoices/<number>.pdf")
@requires(Permission.SEE_INVOICES)
def pdf(number: str) -> ResponseReturnValue:
    """The stored bytes, the same at every download; 409 while there are none yet."""
    row = _load(number)
    page = url_for("invoices.show", number=row.number_text)
    return stored_pdf.answer(row.document, number=row.number_text, what="Invoice", page=page)


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
