"""Whether invoices come to an address: said by whoever reads there, by a link, not signed in."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal import clock
from portal.billing import accounts, invoice_addresses
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.models import Account
from portal.transaction import transaction
from portal.web import attempts, errors
from portal.web.access import requires
from portal.web.permissions import Permission

bp = Blueprint("invoice_addresses", __name__)

NOTHING = message("This link is about no address. Is it whole, as it was in the email?")


@bp.get("/invoice-address/<token>")
@attempts.invoice_addresses
@requires(Permission.PUBLIC)
def show(token: str) -> ResponseReturnValue:
    """Whose invoices they are, and the one button there is: opening the page changes nothing."""
    linked = invoice_addresses.of_link(db.session(), token)
    if linked is None:
        return errors.answer(404, _(NOTHING))
    return render_template("invoice_addresses/show.html", linked=linked, token=token)


@bp.post("/invoice-address/<token>/confirmation")
@attempts.invoice_addresses
@requires(Permission.PUBLIC)
def confirm(token: str) -> ResponseReturnValue:
    """Invoices come to the address from now on."""

    def act(session: Session, account: Account) -> None:
        invoice_addresses.confirm(session, account, token, now=clock.now(), ip=request.remote_addr)

    return _act(token, act)


@bp.post("/invoice-address/<token>/end")
@attempts.invoice_addresses
@requires(Permission.PUBLIC)
def end(token: str) -> ResponseReturnValue:
    """No more of them come there."""

    def act(session: Session, account: Account) -> None:
        invoice_addresses.end(session, account, token, now=clock.now(), ip=request.remote_addr)

    return _act(token, act)


@bp.after_request
def _keep_to_who_has_it(response: Response) -> Response:
    """The address is the secret: no search finds it, and no other site is told, as of any page.

    The portal itself is: over https it takes no form that doesn't say which page it was on.
    """
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response


def _act(token: str, act: Callable[[Session, Account], None]) -> ResponseReturnValue:
    linked = invoice_addresses.of_link(db.session(), token)
    if linked is None:
        return errors.answer(404, _(NOTHING))
    account_id = linked.account.id
    with transaction() as session:
        act(session, accounts.lock(session, account_id))
    return redirect(url_for("invoice_addresses.show", token=token), 303)
