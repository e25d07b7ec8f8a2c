"""The sandbox clock: its bar on every page, and sending it ahead."""

from datetime import datetime, timedelta

from flask import Blueprint, current_app, flash, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from portal import clock, clock_moves
from portal.billing import agenda
from portal.extensions import db, login
from portal.language import gettext as _
from portal.language import message
from portal.web.access import find_principal, principal, requires
from portal.web.errors import answer
from portal.web.htmx import is_local, redirect_after, wants_fragment
from portal.web.permissions import Permission, home_endpoint

bp = Blueprint("sandbox", __name__)

STEPS = {"day": timedelta(days=1), "five_days": timedelta(days=5)}
UNKNOWN_STEP = message("Choose how far the clock moves: a day, five days, or to the next thing.")


@bp.get("/sandbox/clock", endpoint="clock")
@requires(Permission.SANDBOX)
def show_clock() -> ResponseReturnValue:
    """The bar alone; a page that watched the clock until it rests is loaded anew."""
    if find_principal() is None:
        return login.unauthorized()
    if wants_fragment() and clock.target() is None:
        return "", 204, {"HX-Refresh": "true"}
    return render_template("components/_sandbox_clock.html")


@bp.post("/sandbox/clock/advance")
@requires(Permission.SANDBOX)
def advance() -> ResponseReturnValue:
    """Send the clock ahead, and back to the page, which follows it."""
    if find_principal() is None:
        return login.unauthorized()
    by = request.form.get("by", "")
    if by not in STEPS and by != "next":
        return answer(422, _(UNKNOWN_STEP))
    back = _back()
    target_at = _target(by)
    if target_at is None:
        flash(_("Nothing is due at this account: there is nothing to move to."), "info")
    elif not clock_moves.set_out(target_at):
        flash(_("The clock is moving already."), "info")
    return redirect_after(back)


def _target(by: str) -> datetime | None:
    """The instant to move to; None where nothing is due at this account."""
    now = clock.now()
    if by in STEPS:
        return now + STEPS[by]
    due = agenda.next_of(db.session(), principal().account_id, now=now)
    return due.at if due else None


def _back() -> str:
    """The page the bar was on, if it can be loaded again; else where the role begins."""
    path = request.form.get("back", "")
    if is_local(path) and _can_be_loaded(path):
        return path
    return url_for(home_endpoint(principal().role))


def _can_be_loaded(path: str) -> bool:
    try:
        current_app.url_map.bind("").match(path.partition("?")[0], "GET")
    except HTTPException:
        return False
    return True
