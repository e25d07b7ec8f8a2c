"""Letting somebody in, or not: what a view needs, and the loaders that keep accounts apart.

A view says what it needs with `@requires`; one that says nothing is refused. Role and account
are read from the database at every request. What belongs to another account is not found (404);
what the role may not do is refused (403).
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal.billing import accounts, subscriptions
from portal.billing.rules.errors import ReadOnly
from portal.extensions import db, login
from portal.models import Account, Membership
from portal.web.htmx import redirect_after
from portal.web.permissions import NEED_A_PLAN, Permission, allows
from portal.web.principals import Principal

Owned = TypeVar("Owned")
View = Callable[..., ResponseReturnValue]
READING = frozenset({"GET", "HEAD", "OPTIONS"})
# Built once: every command asks for it.
ROLE_NOW = select(Membership.role).where(
    Membership.id == bindparam("id"), Membership.deactivated_at.is_(None)
)


def requires(permission: Permission, *, also_without_plan: bool = False) -> Callable[[View], View]:
    """Declare what a view needs. Innermost decorator, below the route.

    `also_without_plan`: it only takes away, which an account may need to get a plan again.
    """

    def declare(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            g.permission = permission
            refusal = _refuse(permission, also_without_plan=also_without_plan)
            return view(*args, **kwargs) if refusal is None else refusal

        guarded.required_permission = permission  # type: ignore[attr-defined]
        return guarded

    return declare


def required_permission(view: object) -> Permission | None:
    """What a view declared, or None."""
    return getattr(view, "required_permission", None)


def principal() -> Principal:
    """The signed-in person in the chosen account; only in views that require a role."""
    found: Principal = g.principal
    return found


def find_principal() -> Principal | None:
    """The signed-in person in the chosen account; None when nobody is, or none is chosen."""
    if "principal" not in g:
        found = current_user.principal if current_user.is_authenticated else None
        g.principal = found
        if found is not None:
            # What is formatted from here on is in the account's time zone.
            g.time_zone = found.time_zone
    kept: Principal | None = g.principal
    return kept


def own(model: type[Owned], public_id: str) -> Owned:
    """The row of this account with that public id; 404 for any other account's, or none."""
    row = db.session.scalars(
        select(model).where(
            model.account_id == principal().account_id,  # type: ignore[attr-defined]
            model.public_id == public_id,  # type: ignore[attr-defined]
        )
    ).one_or_none()
    if row is None:
        abort(404)
    return row


def lock_own(session: Session) -> Account:
    """Lock the account of who asks, for a command; 403 where they may not do it any more.

    Who waits for the lock may wait for the very command that removes them: what was read when the
    request began says nothing of now.
    """
    me = principal()
    account = accounts.lock(session, me.account_id)
    role = session.scalars(ROLE_NOW, {"id": me.membership_id}).one_or_none()
    if role is None or not allows(role, g.permission):
        abort(403)
    return account


def init_app(app: Flask) -> None:
    """Deny every view that declared nothing."""

    @app.before_request
    def _deny_by_default() -> None:
        view = app.view_functions.get(request.endpoint or "")
        if view is not None and request.endpoint != "static" and required_permission(view) is None:
            abort(403)


@login.unauthorized_handler
def _ask_to_sign_in() -> ResponseReturnValue:
    target = request.full_path.rstrip("?") if request.method == "GET" else None
    url = url_for("auth.login", next=target)
    if request.headers.get("HX-Request"):
        return "", 401, {"HX-Redirect": url_for("auth.login")}
    return redirect(url, 303)


def _refuse(permission: Permission, *, also_without_plan: bool) -> ResponseReturnValue | None:
    if permission is Permission.PUBLIC:
        return None
    if permission is Permission.SANDBOX and not current_app.config["PORTAL"].is_sandbox:
        abort(404)
    if not current_user.is_authenticated:
        return None if permission is Permission.SANDBOX else login.unauthorized()
    if permission in (Permission.SIGNED_IN, Permission.SANDBOX):
        find_principal()
        return None
    found = find_principal()
    if found is None:
        return redirect_after(url_for("auth.accounts"))
    if not found.may(permission):
        abort(403)
    needs_plan = permission in NEED_A_PLAN and request.method not in READING
    if needs_plan and not also_without_plan:
        _refuse_read_only(found)
    return None


def _refuse_read_only(found: Principal) -> None:
    if subscriptions.live(db.session(), found.account_id) is None:
        raise ReadOnly
