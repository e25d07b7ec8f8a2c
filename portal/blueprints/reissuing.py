"""Issuing an invoice again with the billing details of today, by an Admin who sees both first."""

from flask import Blueprint, flash, request, url_for
from flask.typing import ResponseReturnValue

from portal import clock
from portal.billing import countries, editions, reissues
from portal.billing.reissues import StaleDetails
from portal.billing.rules.correcting import MOST, TIME, EndedAlready
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.period import DAY
from portal.blueprints import own_papers
from portal.extensions import db
from portal.language import gettext as _
from portal.language import speaking
from portal.models import Invoice
from portal.transaction import transaction
from portal.web.access import lock_own, principal, requires
from portal.web.htmx import page_or_fragment, redirect_after
from portal.web.permissions import Permission

bp = Blueprint("reissuing", __name__)


@bp.get("/invoices/<number>/reissue")
@requires(Permission.MANAGE_BILLING)
def show(number: str) -> ResponseReturnValue:
    """What is on the invoice beside what would be; or why it can't be issued again."""
    return _page(own_papers.invoice(number))


@bp.post("/invoices/<number>/reissue")
@requires(Permission.MANAGE_BILLING)
def confirm(number: str) -> ResponseReturnValue:
    """Issue it with exactly the details that were shown, once; a second click leads to the same."""
    row = own_papers.invoice(number)
    try:
        issued = _reissue(row.id)
    except EndedAlready:
        last = editions.last(db.session(), own_papers.invoice(number))
        flash(_("It was done already: this is how it stands."), "info")
        return redirect_after(url_for("invoices.show", number=last.number_text))
    except StaleDetails:
        problem = _("The details have changed since you looked. Nothing was issued: look again.")
        return _page(own_papers.invoice(number), problem, 409)
    except RuleBroken as reason:
        return _page(own_papers.invoice(number), str(reason), 409)
    flash(_("Invoice %(number)s replaces %(former)s.", number=issued, former=number), "success")
    return redirect_after(url_for("invoices.show", number=issued))


def _reissue(invoice_id: int) -> str:
    """The number of the new one."""
    actor = principal().actor
    with transaction() as session:
        account, row = lock_own(session), session.get_one(Invoice, invoice_id)
        with speaking(row.language):
            reason = _(reissues.CORRECTED)
        return reissues.reissue(
            session,
            account,
            row,
            reason,
            seen=request.form.get("seen", ""),
            by_customer=True,
            now=clock.now(),
            actor=actor,
        ).number_text


def _page(row: Invoice, problem: str | None = None, status: int = 200) -> ResponseReturnValue:
    session, account = db.session(), principal().account
    offer = reissues.offer(session, account, row, by_customer=True, now=clock.now())
    return page_or_fragment(
        "invoices/reissue.html",
        "reissue",
        status=status,
        problem=problem,
        invoice=row,
        offer=offer,
        replaced_by=editions.next_of(session, row),
        country=countries.name_of,
        most=MOST,
        days=TIME // DAY,
    )
