"""Links in emails: they name the account they are about, whichever one the reader is in."""

from flask import abort, redirect, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from portal.billing import people
from portal.blueprints.auth import bp
from portal.extensions import db
from portal.web.access import find_principal, requires
from portal.web.htmx import is_local
from portal.web.permissions import Permission


@bp.get("/in/<public_id>/<path:page>")
@requires(Permission.SIGNED_IN)
def arrive(public_id: str, page: str) -> ResponseReturnValue:
    """Go to `page` of an account; whoever is in another of theirs is asked to switch first.

    Asked, not switched: following a link changes nothing.
    """
    found, target = find_principal(), f"/{page.lstrip('/')}"
    if not is_local(target):
        abort(404)
    if found is not None and found.account.public_id == public_id:
        return redirect(target, 303)
    for membership in people.memberships_of(db.session(), current_user.user.id):
        if membership.account.public_id == public_id:
            account = membership.account
            return render_template("auth/arriving.html", account=account, next=target)
    abort(404)
