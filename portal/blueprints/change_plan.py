"""Change Plan: what is on offer, the quote of one plan, its confirmation, and what came of it."""

from datetime import datetime
from typing import Any

from flask import Blueprint, abort, current_app, flash, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import account_overview, clock, collection, confirmations, plan_display
from portal.access import Permission, principal, requires
from portal.billing import accounts, payments, plan_changes, price_list, subscriptions, usage
from portal.billing.gateways import sandbox
from portal.billing.plan_changes import StaleQuote
from portal.billing.rules.errors import RuleBroken, UsedForSomethingElse
from portal.billing.rules.period import Interval
from portal.billing.rules.plan_change import Quote
from portal.confirmations import NotSigned, Signed
from portal.extensions import db
from portal.htmx import page_or_fragment, redirect_after
from portal.models import (
    Account,
    Invoice,
    PlanChange,
    PlanChangeState,
    Price,
    Subscription,
)
from portal.transaction import transaction

bp = Blueprint("change_plan", __name__)

UNREADABLE = "This form is not one the portal gave out. Choose the plan again."
ANOTHERS = "This form was made for another person or account. Choose the plan again."
LARGEST_ID = 2**31 - 1
CARDS = {
    "card_pays": "pays",
    "card_declines": "is declined",
    "card_times_out_paid": "pays, but the answer is lost",
    "card_times_out_unpaid": "is declined, but the answer is lost",
}


@bp.get("/account/change-plan")
@requires(Permission.MANAGE_BILLING)
def show() -> ResponseReturnValue:
    """Every plan on offer against today's usage."""
    return _plans()


@bp.get("/account/change-plan/<int:price_id>")
@requires(Permission.MANAGE_BILLING)
def quote(price_id: int) -> ResponseReturnValue:
    """What one plan costs now, next and from then on."""
    price = _on_offer(price_id)
    try:
        terms = plan_changes.quote(db.session(), principal().account, price, now=clock.now())
    except RuleBroken as reason:
        flash(str(reason), "info")
        return redirect_after(url_for("change_plan.show", interval=price.interval))
    return _quote(terms)


@bp.post("/account/change-plan")
@requires(Permission.MANAGE_BILLING)
def confirm() -> ResponseReturnValue:
    """Do exactly what was shown, once; whatever has moved since is shown and nothing is charged."""
    try:
        signed = confirmations.read(request.form.get("confirmation", ""))
    except NotSigned:
        return _plans(problem=UNREADABLE, status=400)
    if (signed.account_id, signed.user_id) != (principal().account.id, principal().user.id):
        return _plans(problem=ANOTHERS, status=422)
    try:
        change_id = _confirm(signed)
    except StaleQuote as stale:
        return _quote(stale.quote, problem=str(stale), status=409)
    except UsedForSomethingElse as reason:
        return _plans(problem=str(reason), status=422)
    except RuleBroken as reason:
        return _plans(problem=str(reason), status=409)
    return _answer(collection.carry_change(change_id))


@bp.get("/account/plan-changes/<op_id>")
@requires(Permission.MANAGE_BILLING)
def outcome(op_id: str) -> ResponseReturnValue:
    """What came of a confirmation; follows by itself while that is still open."""
    statement = select(PlanChange).where(
        PlanChange.account_id == principal().account.id, PlanChange.op_id == op_id
    )
    change = db.session.scalars(statement).one_or_none()
    if change is None:
        abort(404)
    session, account = db.session(), principal().account
    return page_or_fragment(
        "change_plan/outcome.html",
        "outcome",
        change=change,
        invoice=session.get(Invoice, change.invoice_id) if change.invoice_id else None,
        by_transfer=not _is_sandbox_gateway(),
        standing=account_overview.standing(session, account, now=clock.now()),
    )


def _plans(problem: str | None = None, status: int = 200) -> ResponseReturnValue:
    session, account = db.session(), principal().account
    standing = account_overview.standing(session, account, now=clock.now())
    interval = _interval(standing.subscription)
    used = usage.counts(session, account.id)
    return page_or_fragment(
        "change_plan/show.html",
        "change_plan",
        status=status,
        problem=problem,
        obstacle=plan_changes.what_waits(session, account),
        standing=standing,
        interval=interval,
        # Who switches the interval stays at the switch; who comes from a quote starts at the top.
        asked_for_interval=request.headers.get("HX-Trigger", "").startswith("interval-"),
        shelves=plan_display.shelves(plan_changes.offers(session, account, interval), used),
    )


def _quote(terms: Quote, problem: str | None = None, status: int = 200) -> ResponseReturnValue:
    session, account = db.session(), principal().account
    price = session.get_one(Price, terms.target.price_id)
    used = usage.counts(session, account.id)
    shown = plan_display.shown(session, terms, price, used, now=clock.now())
    obstacle = plan_changes.what_waits(session, account)
    return page_or_fragment(
        "change_plan/quote.html",
        "change_plan",
        status=status,
        problem=problem,
        obstacle=obstacle,
        shown=shown,
        subscription=subscriptions.live(session, account.id),
        scheduled=plan_changes.scheduled(session, account.id),
        confirmation=_signed(terms) if shown.can_be_confirmed and not obstacle else None,
        **_ways_to_pay(),
    )


def _signed(terms: Quote) -> str:
    return confirmations.sign(terms, account_id=principal().account.id, user_id=principal().user.id)


def _confirm(signed: Signed) -> int:
    actor, account_id = principal().actor, principal().account.id
    with transaction() as session:
        account = accounts.lock(session, account_id)
        now = clock.now()
        _set_way_to_pay(session, account, now)
        price = session.get_one(Price, signed.price_id)
        return plan_changes.confirm(
            session, account, price, signed.confirmation, now=now, actor=actor
        ).id


def _answer(change: PlanChange) -> ResponseReturnValue:
    """Where a confirmation leads: what came of it, or the quote again when the card said no."""
    if change.state is not PlanChangeState.FAILED:
        return redirect_after(url_for("change_plan.outcome", op_id=change.op_id))
    problem = f"{change.failure} Nothing was charged, and your plan is as it was."
    try:
        terms = plan_changes.quote(
            db.session(), principal().account, change.to_price, now=clock.now()
        )
    except RuleBroken:
        return _plans(problem=problem, status=422)
    return _quote(terms, problem=problem, status=422)


def _on_offer(price_id: int) -> Price:
    """A price this account can buy today; 404 for any other."""
    price = db.session.get(Price, price_id) if price_id <= LARGEST_ID else None
    if price is None or price.currency != principal().account.currency:
        abort(404)
    if price_list.listed(db.session(), price) is not price:
        abort(404)
    return price


def _interval(subscription: Subscription | None) -> Interval:
    """The interval asked for, else the one the account is on."""
    asked = request.values.get("interval")
    if asked in tuple(Interval):
        return Interval(asked)
    return subscription.price.interval if subscription else Interval.MONTHLY


def _ways_to_pay() -> dict[str, Any]:
    """How the account pays; in sandbox mode also the test cards it may choose from."""
    method = payments.method_of(db.session(), principal().account.id)
    if not _is_sandbox_gateway():
        return {"method": method, "cards": [], "card": None}
    chosen = request.form.get("card") or (method.reference if method else None)
    return {
        "method": method,
        "cards": [(key, f"{sandbox.CARDS[key].label}: {does}") for key, does in CARDS.items()],
        "card": chosen if chosen in CARDS else next(iter(CARDS)),
    }


def _set_way_to_pay(session: Session, account: Account, now: datetime) -> None:
    """The test card chosen on the form; where there are no cards, a transfer if nothing is set."""
    method = payments.method_of(session, account.id)
    if _is_sandbox_gateway():
        card = sandbox.CARDS.get(request.form.get("card", ""))
        if card is None or (method is not None and method.reference == card.reference):
            return
        gateway, reference, label = "sandbox", card.reference, card.label
    elif method is None:
        gateway, reference, label = "manual", "bank-transfer", "Bank transfer"
    else:
        return
    payments.set_method(
        session, account, gateway=gateway, reference=reference, label=label, now=now
    )


def _is_sandbox_gateway() -> bool:
    gateway: str = current_app.config["PORTAL"].gateway
    return gateway == "sandbox"
