"""Add-ons: what runs beside the plan, buying more for the days left, letting some go."""

from datetime import datetime

from flask import Blueprint, flash, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal import clock
from portal.audit import Actor
from portal.billing import (
    add_ons,
    capacity,
    intentions,
    payments,
    price_list,
    subscriptions,
)
from portal.billing.intentions import StaleQuote
from portal.billing.rules import kept_words
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.plan_change import Quote
from portal.blueprints import confirming, paying, ways_to_pay
from portal.display import account_overview, add_on_choice, plan_display
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.models import Account, PlanChange, PlanChangeState, Subscription
from portal.transaction import transaction
from portal.web import attempts, formatting
from portal.web.access import lock_own, principal, requires
from portal.web.confirmations import Signed
from portal.web.htmx import page_or_fragment, redirect_after
from portal.web.permissions import Permission

bp = Blueprint("add_ons", __name__)

NO_PLAN = message("Add-ons go with a plan: choose one first.")


@bp.get("/account/add-ons")
@requires(Permission.MANAGE_BILLING)
def show() -> ResponseReturnValue:
    """What runs, what can be bought, and the next tier beside it."""
    return _page()


@bp.get("/account/add-ons/quote")
@requires(Permission.MANAGE_BILLING)
def quote() -> ResponseReturnValue:
    """What the chosen add-ons cost for the days left, beside the next tier."""
    subscription = _subscription()
    if subscription is None:
        return _without_plan()
    chosen = _choices(subscription)
    if any(choice.error for choice in chosen):
        return _page(status=422)
    try:
        terms = add_ons.quote(
            db.session(), principal().account, add_on_choice.wanted(chosen), now=clock.now()
        )
    except RuleBroken as reason:
        return _page(problem=str(reason), status=422)
    return _quote(terms, subscription)


@bp.post("/account/add-ons")
@attempts.to_pay
@requires(Permission.MANAGE_BILLING)
def confirm() -> ResponseReturnValue:
    """Buy exactly what was shown, once; whatever has moved since is shown, nothing is charged."""
    try:
        change = confirming.carry_out(_confirm, again=_("Choose the add-ons again."))
    except StaleQuote as stale:
        return _quote(stale.quote, _subscription(), problem=str(stale), status=409)
    except confirming.Refused as refused:
        return _page(problem=str(refused), status=refused.status)
    return _answer(change)


@bp.post("/account/add-ons/<int:price_id>/renewal")
@requires(Permission.MANAGE_BILLING)
def renew(price_id: int) -> ResponseReturnValue:
    """How many of an add-on go on after the cycle's end."""
    actor = principal().actor
    typed = request.form.get("renewing", "")
    if not (typed.isascii() and typed.isdigit() and len(typed) <= 4):
        return _page(problem=add_on_choice.not_a_number(), status=422)
    try:
        with transaction() as session:
            account = lock_own(session)
            subscription = add_ons.renew_only(
                session, account, price_id, int(typed), now=clock.now(), actor=actor
            )
            ends_at = subscription.cycle_end_at
    except RuleBroken as reason:
        return _page(problem=str(reason), status=409)
    day = formatting.date(ends_at, account.time_zone)
    flash(_("Noted for %(date)s: nothing changes before.", date=day), "success")
    return redirect_after(url_for("add_ons.show"))


def _page(problem: str | None = None, status: int = 200) -> ResponseReturnValue:
    subscription = _subscription()
    if subscription is None:
        return _without_plan()
    session, account, now = db.session(), principal().account, clock.now()
    return page_or_fragment(
        "add_ons/show.html",
        "add_ons",
        status=status,
        problem=problem,
        obstacle=add_ons.what_waits(session, account),
        subscription=subscription,
        owned=add_ons.owned(subscription),
        choices=_choices(subscription),
        comparison=capacity.compare(session, account, subscription, now=now),
        standing=account_overview.standing(session, account, now=now),
    )


def _quote(
    terms: Quote, subscription: Subscription | None, problem: str | None = None, status: int = 200
) -> ResponseReturnValue:
    if subscription is None:
        return _without_plan()
    session, account, now = db.session(), principal().account, clock.now()
    wanted = {item.add_on.price_id: item.quantity for item in terms.bought}
    obstacle = add_ons.what_waits(session, account)
    return page_or_fragment(
        "add_ons/quote.html",
        "add_ons",
        status=status,
        problem=problem,
        obstacle=obstacle,
        subscription=subscription,
        shown=plan_display.purchase(terms),
        chosen=capacity.way_by_add_ons(session, account, wanted, now=now),
        comparison=capacity.compare(session, account, subscription, now=now),
        confirmation=None if obstacle else confirming.token(terms),
        **ways_to_pay.choice(payments.method_of(session, account.id)),
    )


def _confirm(
    session: Session, account: Account, signed: Signed, now: datetime, actor: Actor
) -> PlanChange:
    return add_ons.confirm(
        session, account, signed.wanted, signed.confirmation, now=now, actor=actor
    )


def _answer(change: PlanChange) -> ResponseReturnValue:
    """Where a confirmation leads: what came of it, or the quote again when the card said no."""
    if change.state is not PlanChangeState.FAILED:
        return paying.follow_change(change)
    attempts.note_decline()
    problem = _(
        "%(failure)s Nothing was charged, and nothing was added.",
        failure=kept_words.translated(change.failure or ""),
    )
    wanted = intentions.add_ons_of(change)
    try:
        terms = add_ons.quote(db.session(), principal().account, wanted, now=clock.now())
    except RuleBroken:
        return _page(problem=problem, status=422)
    return _quote(terms, _subscription(), problem=problem, status=422)


def _choices(subscription: Subscription) -> list[add_on_choice.Choice]:
    sold = price_list.add_ons_for(db.session(), subscription.price)
    return add_on_choice.choices(sold, request.args)


def _subscription() -> Subscription | None:
    return subscriptions.live(db.session(), principal().account_id)


def _without_plan() -> ResponseReturnValue:
    flash(_(NO_PLAN), "info")
    return redirect_after(url_for("change_plan.show"))
