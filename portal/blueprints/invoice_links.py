"""Links to one invoice, for people who don't sign in: made, listed, withdrawn."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, abort, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadData

from portal import clock, tokens
from portal.billing import invoice_links
from portal.billing.invoice_links import DAYS, LinkRefused
from portal.blueprints import own_papers
from portal.blueprints.paging import Paging
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message, ngettext
from portal.models import Invoice, InvoiceLink
from portal.transaction import transaction
from portal.web import attempts
from portal.web.access import lock_own, own, principal, requires
from portal.web.htmx import page_or_fragment, redirect_after
from portal.web.links import outside_url
from portal.web.permissions import Permission
from portal.web.signing import signer

bp = Blueprint("invoice_links", __name__)

SALT = "invoice-link"
PAGE_LENGTH = 50
OLD_FORM = message(
    "This form can't be used any more. Choose again for how long the link is to work."
)


@bp.get("/invoices/links")
@requires(Permission.MANAGE_BILLING)
def index() -> ResponseReturnValue:
    """Every link of the account that works, whoever made it."""
    session, account, now = db.session(), principal().account, clock.now()
    total = invoice_links.count_of_account(session, account.id, now=now)
    paging = Paging.asked(total, PAGE_LENGTH)
    links = invoice_links.of_account(
        session, account.id, now=now, limit=PAGE_LENGTH, offset=paging.offset
    )
    return render_template(
        "invoice_links/index.html", links=links, paging=paging, zone=account.time_zone
    )


@bp.post("/invoices/links/withdrawals")
@requires(Permission.MANAGE_BILLING)
def withdraw_all() -> ResponseReturnValue:
    """None of them works any more."""
    actor = principal().actor
    with transaction() as session:
        account = lock_own(session)
        count = invoice_links.withdraw_all(session, account, now=clock.now(), actor=actor)
    flash(
        ngettext("%(num)s link was withdrawn.", "%(num)s links were withdrawn.", count), "success"
    )
    return redirect_after(url_for("invoice_links.index"))


@bp.post("/invoices/links/<public_id>/withdrawal")
@requires(Permission.MANAGE_BILLING)
def withdraw_one(public_id: str) -> ResponseReturnValue:
    """The same as `withdraw`, from the list of all."""
    _withdraw(own(InvoiceLink, public_id).id)
    return redirect_after(url_for("invoice_links.index"))


@bp.get("/invoices/<number>/links")
@requires(Permission.SEE_INVOICES)
def show(number: str) -> ResponseReturnValue:
    """The links that work, and the form for another."""
    return _page(own_papers.invoice(number))


@bp.post("/invoices/<number>/links")
@attempts.invoice_links
@attempts.bulk_files
@requires(Permission.SEE_INVOICES)
def make(number: str) -> ResponseReturnValue:
    """A link, shown in this answer and never again; the same form sent twice is one link."""
    invoice_id = own_papers.invoice(number).id
    try:
        token = _token(invoice_id)
        until = _make(invoice_id, token, request.form.get("days", 0, type=int))
    except BadData:
        return _page(own_papers.invoice(number), problem=_(OLD_FORM))
    except LinkRefused as refused:
        return _page(own_papers.invoice(number), problem=str(refused))
    made = outside_url("shared_invoices.show", token=token)
    return _page(own_papers.invoice(number), made=made, until=until)


@bp.post("/invoices/<number>/links/<public_id>/withdrawal")
@requires(Permission.SEE_INVOICES)
def withdraw(number: str, public_id: str) -> ResponseReturnValue:
    """Whoever has the link sees nothing any more."""
    found = own(InvoiceLink, public_id)
    if found.invoice.number_text != number:
        abort(404)
    _withdraw(found.id)
    return redirect_after(url_for("invoice_links.show", number=number))


def sharing(invoice: Invoice) -> dict[str, Any]:
    """What `invoices/_links.html` needs beside the invoice's number and zone."""
    return {
        "links": invoice_links.live(db.session(), invoice, now=clock.now()),
        "link_days": DAYS,
        "link_token": signer(SALT).dumps([invoice.id, tokens.new()]),
        "new_link": "",
        "new_link_until": None,
        "link_problem": "",
    }


def _token(invoice_id: int) -> str:
    """What the form was given to make a link of; raises BadData of another invoice's form."""
    meant, token = signer(SALT).loads(request.form.get("token", ""))
    if meant != invoice_id:
        raise BadData(OLD_FORM)
    return str(token)


def _make(invoice_id: int, token: str, days: int) -> datetime:
    actor = principal().actor
    with transaction() as session:
        account = lock_own(session)
        invoice = session.get_one(Invoice, invoice_id)
        link = invoice_links.make(
            session, account, invoice, token, days, now=clock.now(), actor=actor
        )
        return link.expires_at


def _withdraw(link_id: int) -> None:
    actor = principal().actor
    with transaction() as session:
        account = lock_own(session)
        link = session.get_one(InvoiceLink, link_id)
        invoice_links.withdraw(session, account, link, now=clock.now(), actor=actor)
    flash(_("The link was withdrawn."), "success")


def _page(
    invoice: Invoice, *, problem: str = "", made: str = "", until: datetime | None = None
) -> Response:
    shown = {"new_link": made, "new_link_until": until, "link_problem": problem}
    return page_or_fragment(
        "invoices/links.html",
        "invoice_links",
        status=422 if problem else 200,
        number=invoice.number_text,
        zone=principal().time_zone,
        **sharing(invoice) | shown,
    )
