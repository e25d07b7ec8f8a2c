"""The payment method: how the account pays, and changing it.

Test cards are chosen here, real ones entered on the gateway's own pages. What was declined is
tried with the new one at once.
"""

from typing import Any

from flask import Blueprint, abort, current_app, flash, request, url_for
from flask.typing import ResponseReturnValue

from portal import clock
from portal.billing import open_invoices, payment_methods, payments
from portal.billing.gateways import MANUAL, SANDBOX, BegunMethod, MethodPages, SavedMethod
from portal.billing.payment_methods import WayToPay
from portal.billing.payments import Stage
from portal.billing.rules.kept_words import translated
from portal.blueprints import paying, ways_to_pay
from portal.collecting import collection, gateways
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.models import Account, GatewayCustomer, Invoice
from portal.papers import invoice_progress
from portal.transaction import assert_outside, transaction
from portal.web import attempts
from portal.web.access import lock_own, principal, requires
from portal.web.forms import Form
from portal.web.htmx import is_local, page_or_fragment, redirect_after
from portal.web.permissions import Permission

bp = Blueprint("payment_method", __name__)

SILENT = message(
    "The card page can't be opened just now. Nothing has changed: try again in a moment."
)
NOT_SAVED = message("No card was saved. You pay as before.")
REPLACED = message("This card was replaced by another one since. You pay as before.")


class CardForm(Form):
    card = ways_to_pay.card_field()


@bp.get("/account/payment-method")
@requires(Permission.MANAGE_BILLING)
def show() -> ResponseReturnValue:
    """How the account pays, and the choice of another way."""
    method = payments.method_of(db.session(), principal().account_id)
    return _page(CardForm(card=ways_to_pay.preselected(None, method)))


@bp.post("/account/payment-method")
@attempts.to_pay
@requires(Permission.MANAGE_BILLING)
def change() -> ResponseReturnValue:
    """Pay by the chosen card or by transfer from now on; or leave for the gateway's card page."""
    if ways_to_pay.has_card_page():
        return _leave_for_card_page()
    form = CardForm()
    way = ways_to_pay.chosen(form.card.data)
    if way is None:
        form.validate()
        return _page(form, status=422)
    return _saved(way)


@bp.get("/account/payment-method/saved")
@attempts.to_pay
@requires(Permission.MANAGE_BILLING)
def come_back() -> ResponseReturnValue:
    """From the gateway's card page, whether its news of the card came first or not."""
    saved = _what_was_saved(request.args.get("reference", ""))
    if saved is None:
        flash(_(NOT_SAVED), "info")
        return redirect_after(_back())
    return _saved(WayToPay(ways_to_pay.gateway(), saved.reference, saved.label))


def _page(form: CardForm, status: int = 200, problem: str | None = None) -> ResponseReturnValue:
    session, account = db.session(), principal().account
    method = payments.method_of(session, account.id)
    settings = current_app.config["PORTAL"]
    return page_or_fragment(
        "payment_method/show.html",
        "payment_method",
        status=status,
        form=form,
        problem=problem,
        method=method,
        gateway=ways_to_pay.gateway(),
        unpaid=[_unpaid(invoice) for invoice in open_invoices.unpaid(session, account.id)],
        transfer_days=settings.transfer_days,
        bank_details=settings.bank_details.splitlines(),
        back=request.values.get("next", ""),
    )


def _unpaid(invoice: Invoice) -> dict[str, Any]:
    """An open invoice, and what its payment waits for."""
    payment = payments.in_flight(db.session(), invoice)
    pending = invoice_progress.pending(db.session(), payment) if payment else None
    return {"invoice": invoice, "pending": pending}


def _saved(way: WayToPay) -> ResponseReturnValue:
    """Keep it, and try what was declined; to the bank where that asks for authentication."""
    actor = principal().actor
    with transaction() as session:
        account = lock_own(session)
        now = clock.now()
        if way.gateway in (SANDBOX, MANUAL):
            payment_methods.change(session, account, way, now=now, actor=actor)
        elif not payment_methods.adopt(session, account, way, now=now, actor=actor):
            flash(_(REPLACED), "info")
            return redirect_after(_back())
        tried = open_invoices.try_new_method(session, account, now=now, actor=actor)
        tried_ids = [payment.id for payment in tried]
    flash(_("You pay with %(method)s from now on.", method=translated(way.label)), "success")
    return _try(tried_ids)


def _try(payment_ids: list[int]) -> ResponseReturnValue:
    carried = [collection.carry_payment(payment_id) for payment_id in payment_ids]
    for payment in carried:
        if payments.stage(payment) is Stage.AUTHENTICATION:
            return paying.follow(payment)
        paying.tell(payment)
    return redirect_after(_back())


def _leave_for_card_page() -> ResponseReturnValue:
    begun = _begin(principal().account)
    if begun is None:
        return _page(CardForm(), status=503, problem=_(SILENT))
    return paying.leave_for(begun.url, to_bank=False)


def _begin(account: Account) -> BegunMethod | None:
    """Open the gateway's card page, and remember what it calls the account."""
    name, account_id = ways_to_pay.gateway(), account.id
    known = db.session.get(GatewayCustomer, (account_id, name))
    base_url, back = current_app.config["PORTAL"].base_url, _back()
    wanted = {
        "account_public_id": account.public_id,
        "account_name": account.name,
        "customer_reference": known.reference if known else None,
        "return_url": base_url + url_for("payment_method.come_back", next=back),
        "cancel_url": base_url + url_for("payment_method.show", next=back),
    }
    assert_outside()
    begun = _card_pages().begin_method(**wanted)
    if begun is not None and wanted["customer_reference"] is None:
        with transaction() as session:
            lock_own(session)
            customer = session.get(GatewayCustomer, (account_id, name))
            if customer is None:
                session.add(
                    GatewayCustomer(
                        account_id=account_id, gateway=name, reference=begun.customer_reference
                    )
                )
    return begun


def _what_was_saved(reference: str) -> SavedMethod | None:
    """The card entered on a visit; None where it wasn't, or the visit was another account's."""
    account_id, name = principal().account_id, ways_to_pay.gateway()
    customer = db.session.get(GatewayCustomer, (account_id, name))
    expected = customer.reference if customer else None
    if not reference or expected is None:
        return None
    assert_outside()
    saved = _card_pages().finish_method(reference)
    return saved if saved is not None and saved.customer_reference == expected else None


def _card_pages() -> MethodPages:
    pages = gateways.named(ways_to_pay.gateway())
    if not isinstance(pages, MethodPages):
        abort(404)
    return pages


def _back() -> str:
    """The page the person came here from, if it said so; else this one."""
    path = request.values.get("next", "")
    return path if is_local(path) else url_for("payment_method.show")
