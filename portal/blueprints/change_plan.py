"""Change plan."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from portal.access import Permission, requires

bp = Blueprint("change_plan", __name__)


@bp.get("/account/change-plan")
@requires(Permission.MANAGE_BILLING)
def show() -> ResponseReturnValue:
    return render_template("change_plan/show.html")
