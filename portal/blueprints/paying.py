"""Where a payment leads the person who made it: to the bank, to the page of what it is for."""

from flask import current_app, flash, render_template, url_for
from flask.typing import ResponseReturnValue
from htmx_flask import make_response, request
from werkzeug.urls import iri_to_uri

from portal.billing import payments, settlements
from portal.billing.payments import Stage
from portal.billing.rules import describe
from portal.billing.rules.kept_words import translated
from portal.extensions import db
from portal.language import gettext as _
from portal.models import Invoice, Payment, PlanChange
from portal.web import attempts
from portal.web.htmx import is_local, redirect_after


def follow(payment: Payment) -> ResponseReturnValue:
    """To the bank where it asks for authentication, else to the page that says how it stands."""
    if payments.stage(payment) is Stage.AUTHENTICATION and payment.action_url:
        return leave_for(payment.action_url, to_bank=True)
    tell(payment)
    return redirect_after(page_of(payment))


def follow_change(change: PlanChange) -> ResponseReturnValue:
    """To the bank where it asks for authentication, else to what came of the change."""
    payment = payments.of_change(db.session(), change)
    if payment is not None:
        return follow(payment)
    return redirect_after(url_for("change_plan.outcome", op_id=change.op_id))


def tell(payment: Payment) -> None:
    """Say on the next page what came of an attempt to pay an invoice by hand."""
    if payment.plan_change_id is not None:
        return
    stage, method = payments.stage(payment), translated(payment.method.label)
    if stage is Stage.SUCCEEDED:
        amount = describe.money(payment.money)
        flash(_("%(amount)s paid with %(method)s.", amount=amount, method=method), "success")
    elif stage is Stage.DECLINED:
        attempts.note_decline()
        reason = translated(payment.failure or settlements.DECLINED)
        said = _("%(method)s: %(reason)s Nothing was charged.", method=method, reason=reason)
        flash(said, "error")


def page_of(payment: Payment) -> str:
    """The page of the invoice or the plan change it is for."""
    if payment.plan_change_id is not None:
        change = db.session.get_one(PlanChange, payment.plan_change_id)
        return url_for("change_plan.outcome", op_id=change.op_id)
    invoice = db.session.get_one(Invoice, payment.invoice_id)
    return url_for("invoices.show", number=invoice.number_text)


def leave_for(url: str, *, to_bank: bool) -> ResponseReturnValue:
    """Leave this site at once: for the bank, or for the page where a card is entered.

    Not by a redirect after a form, which browsers follow only to this site: by a page that goes
    on by itself, or by htmx.
    """
    here = current_app.config["PORTAL"].base_url
    if url.startswith(f"{here}/") and is_local(url.removeprefix(here)):
        return redirect_after(url.removeprefix(here))
    address = iri_to_uri(url)
    if request.htmx:
        return make_response("", 204, redirect=address)
    page = render_template("payments/leaving.html", url=address, to_bank=to_bank)
    return page, 200, {"Refresh": f"0; url={address}"}
