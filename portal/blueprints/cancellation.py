"""Cancelling the plan: what follows is told first; until the cycle's end it can be withdrawn."""

from flask import Blueprint, flash, url_for
from flask.typing import ResponseReturnValue

from portal import clock
from portal.billing import cancellations
from portal.billing.rules.errors import RuleBroken
from portal.display import account_overview
from portal.extensions import db
from portal.language import gettext as _
from portal.transaction import transaction
from portal.web import formatting
from portal.web.access import lock_own, principal, requires
from portal.web.htmx import page_or_fragment, redirect_after
from portal.web.permissions import Permission

bp = Blueprint("cancellation", __name__)


@bp.get("/account/cancellation")
@requires(Permission.MANAGE_BILLING)
def show() -> ResponseReturnValue:
    """What cancelling leads to, and when."""
    return _page()


@bp.post("/account/cancellation")
@requires(Permission.MANAGE_BILLING)
def cancel() -> ResponseReturnValue:
    """Let the plan end with its cycle; said twice it changes nothing."""
    actor = principal().actor
    try:
        with transaction() as session:
            account = lock_own(session)
            subscription = cancellations.cancel(session, account, now=clock.now(), actor=actor)
            ends_at = subscription.cycle_end_at
    except RuleBroken as reason:
        return _page(problem=str(reason), status=409)
    until = formatting.date_time(ends_at, principal().time_zone)
    flash(_("Your plan is cancelled. It runs until %(at)s.", at=until), "info")
    return redirect_after(url_for("account.show"))


@bp.post("/account/cancellation/withdrawal")
@requires(Permission.MANAGE_BILLING)
def withdraw() -> ResponseReturnValue:
    """Keep the plan after all; said twice it changes nothing."""
    actor = principal().actor
    try:
        with transaction() as session:
            account = lock_own(session)
            was_cancelled = cancellations.withdraw(session, account, now=clock.now(), actor=actor)
    except RuleBroken as reason:
        return _page(problem=str(reason), status=409)
    if was_cancelled:
        flash(_("The cancellation is withdrawn: your plan renews as before."), "success")
    else:
        flash(_("Your plan isn't cancelled."), "info")
    return redirect_after(url_for("account.show"))


def _page(problem: str | None = None, status: int = 200) -> ResponseReturnValue:
    standing = account_overview.standing(db.session(), principal().account, now=clock.now())
    if standing.subscription is None:
        flash(_("There is no plan to cancel."), "info")
        return redirect_after(url_for("account.show"))
    return page_or_fragment(
        "cancellation/show.html",
        "cancellation",
        status=status,
        problem=problem,
        standing=standing,
    )
