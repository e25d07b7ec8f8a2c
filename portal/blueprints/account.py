"""My Account: the plan, the next charge, the meters, and what happened lately."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal import clock, live
from portal.billing import plan_changes, situations, taking_back_offers
from portal.display import account_history, account_overview, overruns
from portal.extensions import db
from portal.language import gettext as _
from portal.models import Subscription
from portal.transaction import transaction
from portal.web.access import find_principal, lock_own, principal, requires
from portal.web.htmx import redirect_after, wants_fragment
from portal.web.permissions import Permission, home_endpoint

bp = Blueprint("account", __name__)

LATEST_EVENTS = 6


@bp.get("/")
@requires(Permission.PUBLIC)
def home() -> ResponseReturnValue:
    """Where a person's role begins; signing in for whoever isn't."""
    found = find_principal()
    return redirect(url_for(home_endpoint(found.role) if found else "auth.login"), 303)


@bp.get("/account")
@requires(Permission.SEE_ACCOUNT)
def show() -> ResponseReturnValue:
    """The whole page; a billing contact sees plan, next charge and invoices, read-only."""
    session, account = db.session(), principal().account
    standing = account_overview.standing(session, account, now=clock.now())
    ended = None
    if standing.subscription is None:
        ended = account_overview.last_ended(session, account.id)
    return render_template(
        "account/show.html",
        standing=standing,
        ended=ended,
        invoices=account_overview.latest_invoices(session, account.id),
        **_for_admins(standing.subscription),
    )


@bp.get("/account/over-limit")
@requires(Permission.SEE_METERS)
def over_limit() -> ResponseReturnValue:
    """What an open page asks for when a count moves while it says that a limit is exceeded."""
    if not wants_fragment():
        return redirect(url_for("account.show"), 303)
    return render_template("account/_over_limit.html", **_counts())


@bp.post("/account/scheduled-change/withdrawal")
@requires(Permission.MANAGE_BILLING)
def withdraw_scheduled_change() -> ResponseReturnValue:
    """Keep the running plan; said twice, or too late, it changes nothing."""
    actor, account_id = principal().actor, principal().account_id
    with transaction() as session:
        account = lock_own(session)
        was_scheduled = situations.scheduled(session, account_id) is not None
        plan_changes.withdraw(session, account, now=clock.now(), actor=actor)
    if was_scheduled:
        flash(_("The downgrade is withdrawn: your plan stays as it is."), "success")
    else:
        flash(_("No downgrade is scheduled any more."), "info")
    return redirect_after(url_for("account.show"))


def _for_admins(subscription: Subscription | None) -> dict[str, Any]:
    """Meters, warnings, history and an upgrade to take back, for whoever may see them; without a
    plan nothing is limited."""
    nothing: dict[str, Any] = {"sees_all": False, "upgrade": None}
    nothing |= {"meters": [], "overruns": [], "events": []}
    if not principal().may(Permission.SEE_METERS):
        return nothing
    events = account_history.recent(db.session(), principal().account, limit=LATEST_EVENTS)
    seen = nothing | {"sees_all": True, "events": events}
    if subscription is None:
        return seen
    upgrade = taking_back_offers.running(db.session(), subscription, now=clock.now())
    return seen | {"upgrade": upgrade} | _counts()


def _counts() -> dict[str, Any]:
    """The meters, and what follows from those that are over."""
    account_id = principal().account_id
    context = live.meters_context(account_id)
    found = overruns.of_meters(db.session(), account_id, context["meters"], now=clock.now())
    return {**context, "overruns": found}
