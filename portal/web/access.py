"""Who may do what: the permissions of each role, and the loaders that keep accounts apart.

A view says what it needs with `@requires`; one that says nothing is refused. Role and account
are read from the database at every request. What belongs to another account is not found (404);
what the role may not do is refused (403).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, current_user
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from portal import clock, tokens
from portal.audit import Actor
from portal.billing import subscriptions
from portal.billing.rules.errors import ReadOnly
from portal.billing.rules.roles import Role
from portal.extensions import db, login
from portal.models import Account, Membership, SignIn, User
from portal.transaction import transaction
from portal.web.htmx import redirect_after

Row = TypeVar("Row")
View = Callable[..., ResponseReturnValue]
READING = frozenset({"GET", "HEAD", "OPTIONS"})
SEEN_AGAIN_AFTER = timedelta(minutes=5)
FOLLOWING = "live"


class Permission(StrEnum):
    PUBLIC = "public"
    SIGNED_IN = "signed in"
    SEE_ACCOUNT = "see the account's plan and next charge"
    SEE_METERS = "see all meters"
    MANAGE_BILLING = "change the plan"
    SEE_INVOICES = "see invoices"
    MANAGE_USERS = "manage users"
    WORK_WITH_CLIENTS = "work in the client list"
    SANDBOX = "use the sandbox's tools"


# What is done with a plan: without one, the account can be read but not worked in.
NEED_A_PLAN = frozenset({Permission.WORK_WITH_CLIENTS, Permission.MANAGE_USERS})
EVERYONE = frozenset({Permission.PUBLIC, Permission.SIGNED_IN, Permission.SANDBOX})
ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.MEMBER: EVERYONE | {Permission.WORK_WITH_CLIENTS},
    Role.BILLING: EVERYONE | {Permission.SEE_ACCOUNT, Permission.SEE_INVOICES},
}


class SignedIn(UserMixin):
    """What flask-login holds: a person and the sign-in row that vouches for this browser."""

    def __init__(self, sign_in: SignIn, token: str) -> None:
        self.sign_in = sign_in
        self.user: User = sign_in.user
        self.token = token

    def get_id(self) -> str:
        return self.token


@dataclass(frozen=True)
class Principal:
    """Whoever makes this request, in the account it is about."""

    user: User
    account: Account
    membership: Membership

    @property
    def role(self) -> Role:
        return self.membership.role

    def may(self, permission: Permission) -> bool:
        return permission in ROLE_PERMISSIONS[self.role]

    @property
    def actor(self) -> Actor:
        return Actor("user", self.user.name, self.user.id, self.role.value, request.remote_addr)


def requires(permission: Permission, *, also_without_plan: bool = False) -> Callable[[View], View]:
    """Declare what a view needs. Innermost decorator, below the route.

    `also_without_plan`: it only takes away, which an account may need to get a plan again.
    """

    def declare(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
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
        found = _membership_of(current_user) if current_user.is_authenticated else None
        g.principal = found
        if found is not None:
            # What is formatted from here on is in the account's time zone.
            g.time_zone = found.account.time_zone
    kept: Principal | None = g.principal
    return kept


def own(model: type[Row], public_id: str) -> Row:
    """The row of this account with that public id; 404 for any other account's, or none."""
    row = db.session.scalars(
        select(model).where(
            model.account_id == principal().account.id,  # type: ignore[attr-defined]
            model.public_id == public_id,  # type: ignore[attr-defined]
        )
    ).one_or_none()
    if row is None:
        abort(404)
    return row


def home_endpoint(role: Role) -> str:
    """Where a role begins."""
    return "clients.index" if role is Role.MEMBER else "account.show"


def init_app(app: Flask) -> None:
    """Deny every view that declared nothing, and remember who is still here."""

    @app.before_request
    def _deny_by_default() -> None:
        view = app.view_functions.get(request.endpoint or "")
        if view is not None and request.endpoint != "static" and required_permission(view) is None:
            abort(403)


@login.user_loader
def _load(token: str) -> SignedIn | None:
    sign_in = db.session.scalars(
        select(SignIn).where(
            SignIn.token_sha256 == tokens.hash_of(token), SignIn.ended_at.is_(None)
        )
    ).one_or_none()
    if sign_in is None or _has_expired(sign_in):
        return None
    _note_seen(sign_in)
    return SignedIn(sign_in, token)


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
    if subscriptions.live(db.session(), found.account.id) is None:
        raise ReadOnly


def _membership_of(signed_in: SignedIn) -> Principal | None:
    if signed_in.sign_in.account_id is None:
        return None
    membership = db.session.scalars(
        select(Membership)
        .options(joinedload(Membership.account))
        .where(
            Membership.account_id == signed_in.sign_in.account_id,
            Membership.user_id == signed_in.user.id,
            Membership.deactivated_at.is_(None),
        )
    ).one_or_none()
    if membership is None:
        return None
    return Principal(signed_in.user, membership.account, membership)


def _has_expired(sign_in: SignIn) -> bool:
    settings = current_app.config["PORTAL"]
    wall = clock.wall_now()
    return wall - sign_in.last_seen_at > timedelta(
        minutes=settings.session_idle_minutes
    ) or wall - sign_in.created_at > timedelta(hours=settings.session_hours)


def _note_seen(sign_in: SignIn) -> None:
    """Keep a sign-in that is used from idling out; seldom, so that reading stays reading.

    A page that follows the account by itself is not somebody who uses it.
    """
    if request.blueprint == FOLLOWING:
        return
    wall = clock.wall_now()
    if wall - sign_in.last_seen_at > SEEN_AGAIN_AFTER:
        with transaction() as session:
            row = session.get_one(SignIn, sign_in.id)
            row.last_seen_at = wall
