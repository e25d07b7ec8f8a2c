"""Who makes a request: the person, the account and the role, read from the database each time.

A cookie's token finds the sign-in that vouches for a browser, and with it, by one query, all that
every page needs to know of who looks at it.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from flask import current_app, request
from flask_login import UserMixin
from sqlalchemy import Row, Select, and_, bindparam, select, true
from sqlalchemy.orm import SessionTransaction, aliased

from portal import clock, tokens
from portal.audit import Actor
from portal.billing.rules.roles import Role
from portal.engine import OPEN
from portal.extensions import db, login
from portal.models import Account, ClockState, Membership, SignIn, User, Vendor
from portal.transaction import as_loaded, transaction
from portal.web.permissions import Permission, allows

Found = Row[*tuple[Any, ...]]
SEEN_AGAIN_AFTER = timedelta(minutes=5)
# What a page asks for by itself says so in this header (`ui.by_itself`); a stream can't.
BY_ITSELF = "Portal-By-Itself"
FOLLOWING = "live"
OTHER = aliased(Membership)
OF_ACCOUNT = tuple(Account.__table__.c)
# Built once, and read as columns: every page begins with it.
WHO_IT_IS: Select[*tuple[Any, ...]] = (
    select(
        SignIn.id.label("sign_in_id"),
        SignIn.created_at,
        SignIn.last_seen_at,
        User.id.label("user_id"),
        User.name,
        User.email,
        Membership.id.label("membership_id"),
        Membership.role,
        Vendor.name.label("vendor_name"),
        select(OTHER.id)
        .where(
            OTHER.user_id == SignIn.user_id,
            OTHER.account_id != SignIn.account_id,
            OTHER.deactivated_at.is_(None),
        )
        .exists()
        .label("elsewhere"),
        *clock.OF_SANDBOX,
        *(column.label(f"account_{column.key}") for column in OF_ACCOUNT),
    )
    .select_from(SignIn)
    .join(User, User.id == SignIn.user_id)
    .outerjoin(Vendor, true())
    .outerjoin(ClockState, true())
    .outerjoin(
        Membership,
        and_(
            Membership.account_id == SignIn.account_id,
            Membership.user_id == SignIn.user_id,
            Membership.deactivated_at.is_(None),
        ),
    )
    .outerjoin(Account, Account.id == Membership.account_id)
    .where(SignIn.token_sha256 == bindparam("token"), SignIn.ended_at.is_(None))
)


@dataclass(frozen=True)
class Identity:
    """A person, as pages name them."""

    id: int
    name: str
    email: str


@dataclass(frozen=True)
class Principal:
    """Whoever makes this request, in the account it is about, as both were when it began;
    `elsewhere`: a member of other accounts too."""

    user: Identity
    membership_id: int
    role: Role
    account_as_read: dict[str, Any]
    read_in: SessionTransaction | None
    vendor_name: str | None
    elsewhere: bool

    @property
    def account_id(self) -> int:
        return int(self.account_as_read["id"])

    @property
    def account_name(self) -> str:
        return str(self.account_as_read["name"])

    @property
    def time_zone(self) -> str:
        return str(self.account_as_read["time_zone"])

    @cached_property
    def account(self) -> Account:
        """The account's row, which files and most lists need nothing of; asked for once more only
        where something may have been written meanwhile."""
        session = db.session()
        if session.get_transaction() is not self.read_in:
            return session.get_one(Account, self.account_id)
        return as_loaded(session, Account, self.account_as_read)

    def may(self, permission: Permission) -> bool:
        return allows(self.role, permission)

    @property
    def actor(self) -> Actor:
        return Actor("user", self.user.name, self.user.id, self.role.value, request.remote_addr)


class SignedIn(UserMixin):
    """What flask-login holds: a person, and the sign-in that vouches for this browser."""

    def __init__(
        self, token: str, user: Identity, sign_in_id: int, found: Principal | None = None
    ) -> None:
        """`found` is the person in the account that is open in that browser."""
        self.token = token
        self.user = user
        self.sign_in_id = sign_in_id
        self.principal = found

    def get_id(self) -> str:
        return self.token


@login.user_loader
def _load(token: str) -> SignedIn | None:
    connection = db.session.connection()
    found = connection.execute(WHO_IT_IS, {"token": tokens.hash_of(token)}).one_or_none()
    if found is None or _has_expired(found):
        return None
    clock.read_along(found.offset_us, found.target_at)
    user = Identity(found.user_id, found.name, found.email)
    signed_in = SignedIn(token, user, found.sign_in_id, _principal(user, found))
    _note_seen(found)
    return signed_in


def _principal(user: Identity, found: Found) -> Principal | None:
    """The person in the account they chose, by a row of WHO_IT_IS; None where they chose none, or
    are not in it any more."""
    if found.membership_id is None:
        return None
    account = zip((column.key for column in OF_ACCOUNT), found[-len(OF_ACCOUNT) :], strict=True)
    return Principal(
        user,
        found.membership_id,
        found.role,
        account_as_read=dict(account),
        read_in=db.session().get_transaction(),
        vendor_name=found.vendor_name,
        elsewhere=found.elsewhere,
    )


def _has_expired(sign_in: Found) -> bool:
    settings = current_app.config["PORTAL"]
    wall = clock.wall_now()
    return wall - sign_in.last_seen_at > timedelta(
        minutes=settings.session_idle_minutes
    ) or wall - sign_in.created_at > timedelta(hours=settings.session_hours)


def _note_seen(sign_in: Found) -> None:
    """Keep a sign-in that is used from idling out; seldom, so that reading stays reading.

    A page that follows the account by itself is not somebody who uses it, and who is looked up in
    the middle of a command, as at signing out, is about to be someone else or nobody.
    """
    follows = request.blueprint == FOLLOWING or BY_ITSELF in request.headers
    if follows or db.session().info.get(OPEN):
        return
    wall = clock.wall_now()
    if wall - sign_in.last_seen_at > SEEN_AGAIN_AFTER:
        with transaction() as session:
            row = session.get_one(SignIn, sign_in.sign_in_id)
            row.last_seen_at = wall
