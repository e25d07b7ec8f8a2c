"""Files of many invoices: asked for here, made by the worker, downloaded while they are kept."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from datetime import timedelta

from flask import Blueprint, Response, abort, current_app, flash, request
from flask import url_for as url
from flask.typing import ResponseReturnValue

from portal import clock, csv_file
from portal.billing import invoice_exports, invoice_lists
from portal.billing.invoice_exports import ExportRefused, Wish
from portal.billing.invoice_lists import Asked, Paper
from portal.billing.rules.text import normal
from portal.blueprints import downloads, invoice_listing
from portal.extensions import db
from portal.file_store import FileMissing, StoreFailed
from portal.language import gettext as _
from portal.language import message
from portal.models import ExportKind, ExportState, InvoiceExport
from portal.papers import handing_out, spreadsheets
from portal.transaction import transaction
from portal.web import attempts, errors
from portal.web.access import lock_own, own, principal, requires
from portal.web.htmx import page_or_fragment, redirect_after
from portal.web.permissions import Permission

bp = Blueprint("invoice_exports", __name__)

OP_ID_LENGTH = 64
SOON = timedelta(minutes=2)
ROWS_AT_ONCE = 100
SUFFIXES = {ExportKind.ARCHIVE: "zip", ExportKind.STATEMENT: "pdf"}
MEDIA_TYPES = {ExportKind.ARCHIVE: "application/zip", ExportKind.STATEMENT: "application/pdf"}
NOT_NOW = message(
    "The file can't be read just now. Try again in a moment; if it stays so, ask for it anew."
)


@bp.get("/invoices/exports")
@requires(Permission.SEE_INVOICES)
def index() -> ResponseReturnValue:
    """What was asked for and is kept; an open page follows those that are being made."""
    rows = invoice_exports.kept(db.session(), principal().account)
    waiting = [row for row in rows if row.state is ExportState.WAITING]
    return page_or_fragment(
        "invoice_exports/index.html",
        "invoice_exports",
        rows=rows,
        is_waiting=bool(waiting),
        is_soon=any(clock.now() - row.requested_at < SOON for row in waiting),
        kept_days=invoice_exports.KEPT_FOR.days,
        how_many_of=invoice_listing.how_many_of,
    )


@bp.post("/invoices/exports")
@attempts.files_of_invoices
@attempts.bulk_files
@requires(Permission.SEE_INVOICES)
def ask() -> ResponseReturnValue:
    """A ZIP of the papers that are ticked, or of all that the address asks for."""
    form, chosen = invoice_listing.asked(), request.form.getlist("number")
    if form.problems:
        return invoice_listing.page(form, chosen=chosen)
    wish = _of_all(form.asked) if request.form.get("all") else _of_chosen(chosen)
    try:
        ask_for(wish)
    except ExportRefused as refused:
        return invoice_listing.page(form, chosen=chosen, problem=str(refused))
    return redirect_after(url("invoice_exports.index"))


@bp.get("/invoices/exports/<public_id>/file")
@requires(Permission.SEE_INVOICES)
def file(public_id: str) -> ResponseReturnValue:
    """The bytes, as they were made."""
    export = own(InvoiceExport, public_id)
    if export.state is not ExportState.READY or (export.expires_at or clock.now()) <= clock.now():
        abort(404)
    try:
        pieces = handing_out.read(export)
    except (FileMissing, StoreFailed):
        current_app.logger.exception("the file %s can't be read", export.public_id)
        return errors.answer(503, _(NOT_NOW))
    response = Response(pieces, mimetype=MEDIA_TYPES[export.kind], headers=downloads.HEADERS)
    response.content_length = export.size_bytes or 0
    response.headers.set("Content-Disposition", "attachment", filename=_file_name(export))
    return response


@bp.post("/invoices/exports/<public_id>/removal")
@requires(Permission.SEE_INVOICES)
def remove(public_id: str) -> ResponseReturnValue:
    """Nobody gets it any more, and its bytes go."""
    export = own(InvoiceExport, public_id)
    title = export.title
    handing_out.remove(export.id, principal().actor)
    flash(_("%(title)s was removed.", title=title), "success")
    return redirect_after(url("invoice_exports.index"))


@bp.get("/invoices/lines.csv")
@attempts.bulk_files
@requires(Permission.SEE_INVOICES)
def lines() -> ResponseReturnValue:
    """Each line of all that the address asks for, oldest first."""
    form, account = invoice_listing.asked(), principal().account
    if form.problems:
        return invoice_listing.page(form)
    numbers = invoice_lists.numbers(db.session(), account, form.asked)
    rows = spreadsheets.line_rows(_papers(account.id, numbers), account.time_zone)
    return downloads.csv("invoice-lines", csv_file.write(spreadsheets.LINE_COLUMNS, rows))


def ask_for(wish: Wish) -> None:
    """Have a file made for who is here, once for each form; raises ExportRefused."""
    actor = principal().actor
    op_id = request.form.get("op_id", "")[:OP_ID_LENGTH] or secrets.token_hex(16)
    with transaction() as session:
        account = lock_own(session)
        invoice_exports.ask(session, account, wish, op_id, now=clock.now(), actor=actor)


def _of_chosen(chosen: Sequence[str]) -> Wish:
    # One more than a file holds is refused; PostgreSQL can't even look for many thousands.
    most = invoice_exports.PAPERS_AT_MOST + 1
    asked_for = [number for number in chosen[:most] if number.isprintable()]
    papers = invoice_lists.of_numbers(db.session(), principal().account_id, asked_for)
    numbers = [paper.number_text for paper in reversed(papers)]
    title = numbers[0] if len(numbers) == 1 else invoice_listing.how_many_of(numbers)
    return Wish(ExportKind.ARCHIVE, title, numbers)


def _of_all(asked: Asked) -> Wish:
    numbers = invoice_lists.numbers(db.session(), principal().account, asked)
    parts = [_("Invoices of %(year)s", year=asked.year) if asked.year else _("All invoices")]
    parts += [invoice_listing.state_word(asked.state)] if asked.state else []
    parts += [f"“{asked.text}”"] if asked.text else []
    return Wish(ExportKind.ARCHIVE, " · ".join(parts), numbers)


def _papers(account_id: int, numbers: Sequence[str]) -> Iterator[Paper]:
    for start in range(0, len(numbers), ROWS_AT_ONCE):
        some = numbers[start : start + ROWS_AT_ONCE]
        yield from invoice_lists.of_numbers(db.session(), account_id, some)


def _file_name(export: InvoiceExport) -> str:
    """Its title in plain letters: "invoices-of-2026.zip"."""
    letters = normal("NFKD", export.title.lower()).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")
    return f"{plain or 'invoices'}.{SUFFIXES[export.kind]}"
