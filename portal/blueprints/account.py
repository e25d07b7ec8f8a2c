"""My Account."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.access import Permission, find_principal, home_endpoint, requires

bp = Blueprint("account", __name__)


@bp.get("/")
@requires(Permission.PUBLIC)
def home() -> ResponseReturnValue:
    """Where a person's role begins; signing in for whoever isn't."""
    found = find_principal()
    return redirect(url_for(home_endpoint(found.role) if found else "auth.login"), 303)


@bp.get("/account")
@requires(Permission.SEE_ACCOUNT)
def show() -> ResponseReturnValue:
    return render_template("account/show.html")
