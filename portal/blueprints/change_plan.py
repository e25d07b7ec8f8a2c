"""Change Plan: what is on offer, the quote of one plan, its confirmation, and what came of it."""

from datetime import datetime

from flask import Blueprint, abort, flash, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.audit import Actor
from portal.billing import (
    intentions,
    offers,
    payments,
    plan_changes,
    plan_outcomes,
    price_list,
    settlements,
    situations,
    usage,
)
from portal.billing.plan_changes import StaleQuote
from portal.billing.rules import kept_words
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.period import Interval
from portal.billing.rules.plan_change import Quote
from portal.blueprints import confirming, paying, ways_to_pay
from portal.display import account_overview, add_on_choice, plan_display
from portal.extensions import db
from portal.language import gettext as _
from portal.models import (
    Account,
    Invoice,
    PlanChange,
    PlanChangeState,
    Price,
    Subscription,
)
from portal.papers import invoice_progress
from portal.web import attempts
from portal.web.access import principal, requires
from portal.web.confirmations import Signed
from portal.web.htmx import page_or_fragment, redirect_after
from portal.web.permissions import Permission

bp = Blueprint("change_plan", __name__)

LARGEST_ID = 2**31 - 1


@bp.get("/account/change-plan")
@requires(Permission.MANAGE_BILLING)
def show() -> ResponseReturnValue:
    """Every plan on offer against today's usage."""
    return _plans()


@bp.get("/account/change-plan/<int:price_id>")
@requires(Permission.MANAGE_BILLING)
def quote(price_id: int) -> ResponseReturnValue:
    """What one plan, with the add-ons chosen beside it, costs now, next and from then on."""
    price = _on_offer(price_id)
    add_ons = _add_ons(price)
    wrong = [choice.error for choice in add_ons or () if choice.error]
    wanted = add_on_choice.wanted(add_ons) if add_ons else None
    try:
        terms = plan_changes.quote(
            db.session(), principal().account, price, add_ons=wanted, now=clock.now()
        )
    except RuleBroken as reason:
        flash(str(reason), "info")
        return redirect_after(url_for("change_plan.show", interval=price.interval))
    return _quote(terms, problem=wrong[0] if wrong else None, status=422 if wrong else 200)


@bp.post("/account/change-plan")
@attempts.to_pay
@requires(Permission.MANAGE_BILLING)
def confirm() -> ResponseReturnValue:
    """Do exactly what was shown, once; whatever has moved since is shown and nothing is charged."""
    try:
        change = confirming.carry_out(_confirm, again=_("Choose the plan again."))
    except StaleQuote as stale:
        return _quote(stale.quote, problem=str(stale), status=409)
    except confirming.Refused as refused:
        return _plans(problem=str(refused), status=refused.status)
    return _answer(change)


@bp.get("/account/plan-changes/<op_id>")
@requires(Permission.MANAGE_BILLING)
def outcome(op_id: str) -> ResponseReturnValue:
    """What came of a confirmation; follows by itself while that is still open."""
    statement = select(PlanChange).where(
        PlanChange.account_id == principal().account_id, PlanChange.op_id == op_id
    )
    change = db.session.scalars(statement).one_or_none()
    if change is None:
        abort(404)
    session, account = db.session(), principal().account
    payment = payments.of_change(session, change)
    return page_or_fragment(
        "change_plan/outcome.html",
        "outcome",
        change=change,
        what=plan_outcomes.what(session, change),
        invoice=session.get(Invoice, change.invoice_id) if change.invoice_id else None,
        pending=invoice_progress.pending(session, payment) if payment else None,
        can_be_called_off=payment is not None and settlements.can_be_called_off(change, payment),
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
        obstacle=situations.what_waits(session, account),
        standing=standing,
        interval=interval,
        # Who switches the interval stays at the switch; who comes from a quote starts at the top.
        asked_for_interval=request.headers.get("HX-Trigger", "").startswith("interval-"),
        shelves=plan_display.shelves(offers.seen_from(session, account, interval), used),
    )


def _quote(terms: Quote, problem: str | None = None, status: int = 200) -> ResponseReturnValue:
    session, account = db.session(), principal().account
    price = session.get_one(Price, terms.target.price_id)
    used = usage.counts(session, account.id)
    shown = plan_display.shown(session, account, terms, price, used, now=clock.now())
    situation = situations.situation(session, account)
    obstacle = situation.obstacle
    return page_or_fragment(
        "change_plan/quote.html",
        "change_plan",
        status=status,
        problem=problem,
        obstacle=obstacle,
        shown=shown,
        subscription=situation.subscription,
        scheduled=situation.scheduled,
        add_ons=_choices(terms, price),
        confirmation=confirming.token(terms) if shown.can_be_confirmed and not obstacle else None,
        **ways_to_pay.choice(situation.method),
    )


def _confirm(
    session: Session, account: Account, signed: Signed, now: datetime, actor: Actor
) -> PlanChange:
    price, confirmation = session.get_one(Price, signed.price_id), signed.confirmation
    return plan_changes.confirm(
        session, account, price, confirmation, add_ons=signed.wanted, now=now, actor=actor
    )


def _answer(change: PlanChange) -> ResponseReturnValue:
    """Where a confirmation leads: what came of it, or the quote again when the card said no."""
    if change.state is not PlanChangeState.FAILED:
        return paying.follow_change(change)
    attempts.note_decline()
    problem = _(
        "%(failure)s Nothing was charged, and your plan is as it was.",
        failure=kept_words.translated(change.failure or ""),
    )
    try:
        terms = plan_changes.quote(
            db.session(),
            principal().account,
            change.to_price,
            add_ons=intentions.add_ons_of(change),
            now=clock.now(),
        )
    except RuleBroken:
        return _plans(problem=problem, status=422)
    return _quote(terms, problem=problem, status=422)


def _on_offer(price_id: int) -> Price:
    """A price this account can buy today; 404 for any other."""
    price = price_list.with_id(db.session(), price_id) if price_id <= LARGEST_ID else None
    if price is None or price.currency != principal().account.currency:
        abort(404)
    if not price_list.is_listed(price):
        abort(404)
    return price


def _add_ons(price: Price) -> list[add_on_choice.Choice] | None:
    """What was typed into the add-on fields; None where the plan was asked for without them."""
    if not add_on_choice.is_sent(request.args):
        return None
    sold = price_list.add_ons_for(db.session(), price)
    return add_on_choice.choices(sold, request.args)


def _choices(terms: Quote, price: Price) -> list[add_on_choice.Choice]:
    """The add-on fields beside a quote: as they were typed, else as the quote has them."""
    sold = price_list.add_ons_for(db.session(), price)
    return add_on_choice.choices(sold, request.args, intentions.wanted(terms.basket.add_ons))


def _interval(subscription: Subscription | None) -> Interval:
    """The interval asked for, else the one the account is on."""
    asked = request.values.get("interval")
    if asked in tuple(Interval):
        return Interval(asked)
    return subscription.price.interval if subscription else Interval.MONTHLY
