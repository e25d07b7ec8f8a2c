"""What every page is drawn with: who is here, where they can go, and the sandbox clock.

Worked out when a template first asks for it, once per request: a fragment pays for none of it.
It runs for error pages too, so it gives less, and never fails, where the database doesn't answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from flask import Flask, current_app, g, has_request_context, request
from jinja2 import StrictUndefined
from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.local import LocalProxy

from portal import clock
from portal.billing import agenda, subscriptions
from portal.billing.agenda import Due
from portal.display import overruns
from portal.display.overruns import Overrun
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.models import Account, Membership, Vendor
from portal.web import access
from portal.web.permissions import Permission
from portal.web.principals import Principal

PLACES = (
    ("account.show", message("My account"), Permission.SEE_ACCOUNT),
    ("clients.index", message("Clients"), Permission.WORK_WITH_CLIENTS),
    ("users.index", message("Users"), Permission.MANAGE_USERS),
    ("invoices.index", message("Invoices"), Permission.SEE_INVOICES),
)
# Pages that belong to a place without being of its blueprint.
WITHIN = {
    "change_plan": "account",
    "add_ons": "account",
    "cancellation": "account",
    "history": "account",
    "usage": "account",
    "episodes": "account",
    "seat_consent": "account",
    "taking_back": "account",
    "what_if": "account",
    "balance": "account",
    "billing_details": "account",
    "payment_method": "account",
    "payments": "invoices",
    "credit_notes": "invoices",
    "invoice_exports": "invoices",
    "invoice_links": "invoices",
    "invoice_xml": "invoices",
    "issued_files": "invoices",
    "reissuing": "invoices",
    "statements": "invoices",
}

# Pages that say what is over its limit, at greater length than a banner.
TELL_IT_THEMSELVES = frozenset({"account.show", "episodes.show"})
# Pages on which nothing can be changed without a running plan.
NEED_A_PLAN = frozenset({"clients", "users"})


# Built once: it is asked for on every page of somebody who is in several accounts.
MEMBERSHIPS = (
    select(Account.id, Account.public_id, Account.name, Membership.role)
    .join(Membership, Membership.account_id == Account.id)
    .where(Membership.user_id == bindparam("user_id"), Membership.deactivated_at.is_(None))
    .order_by(func.lower(Account.name), Account.id)
)


@dataclass(frozen=True)
class Place:
    """A page of the main navigation."""

    endpoint: str
    label: str
    current: bool


@dataclass(frozen=True)
class Choice:
    """An account the person can switch to; `id` is its public id."""

    id: str
    name: str
    role: str
    current: bool


@dataclass(frozen=True)
class Frame:
    """What stands around a page. Where nobody is in an account, all about one is empty."""

    vendor_name: str | None
    insecure: bool
    account_name: str | None = None
    accounts: tuple[Choice, ...] = ()
    person_name: str | None = None
    person_email: str | None = None
    role: str | None = None


@dataclass(frozen=True)
class SandboxClock:
    """The bar of sandbox mode; `next` is what happens next to this account, `zone` is its zone."""

    now: datetime
    next: Due | None
    moving: bool
    zone: str


def init_app(app: Flask) -> None:
    """Give every template `principal`, `navigation`, `frame`, `has_banner`, `over_limit`,
    `read_only` and `sandbox_clock`."""
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    # A name that isn't there fails in a test instead of showing nothing on a page.
    app.jinja_env.undefined = StrictUndefined
    app.context_processor(_context)


def sandbox_clock() -> SandboxClock | None:
    """The clock's bar for whoever is in an account; None in production."""
    found = access.find_principal()
    if found is None or not current_app.config["PORTAL"].is_sandbox:
        return None
    now, moving = clock.now(), clock.target() is not None
    due = None if moving else agenda.next_of(db.session(), found.account_id, now=now)
    return SandboxClock(now, due, moving, found.time_zone)


def _context() -> dict[str, Any]:
    if not has_request_context():
        return {}
    return {
        "principal": _kept("principal", access.find_principal, _nobody),
        "navigation": LocalProxy(lambda: _kept("navigation", _navigation, tuple)),
        "frame": LocalProxy(lambda: _kept("frame", _frame, _bare_frame)),
        "has_banner": LocalProxy(lambda: _kept("has_banner", _has_banner, bool)),
        "over_limit": LocalProxy(lambda: _kept("over_limit", _over_limit, tuple)),
        "read_only": LocalProxy(lambda: _kept("read_only", _read_only, bool)),
        "sandbox_clock": LocalProxy(lambda: _kept("sandbox_clock", sandbox_clock, _nobody)),
    }


def _kept(name: str, work_out: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """What a template asks for several times is worked out once; `otherwise` where it can't be."""
    kept: dict[str, Any] = g.setdefault("page_context", {})
    if name not in kept:
        try:
            kept[name] = work_out()
        except SQLAlchemyError:
            current_app.logger.warning("a page is drawn without its %s", name, exc_info=True)
            kept[name] = otherwise()
    return kept[name]


def _nobody() -> None:
    return None


def _bare_frame() -> Frame:
    return Frame(None, _is_insecure())


def _navigation() -> tuple[Place, ...]:
    found = access.find_principal()
    if found is None:
        return ()
    here = WITHIN.get(request.blueprint or "", request.blueprint)
    return tuple(
        Place(endpoint, _(label), endpoint.partition(".")[0] == here)
        for endpoint, label, permission in PLACES
        if found.may(permission)
    )


def _read_only() -> bool:
    """Whether this page shows what could be changed if the account had a running plan."""
    found = access.find_principal()
    if found is None or request.blueprint not in NEED_A_PLAN or request.method != "GET":
        return False
    return subscriptions.live(db.session(), found.account_id) is None


def _has_banner() -> bool:
    """Whether this page says what is over its limit, now or later: for Admins, where it isn't told
    anyway."""
    found = access.find_principal()
    if found is None or request.endpoint in TELL_IT_THEMSELVES:
        return False
    return found.may(Permission.SEE_METERS)


def _over_limit() -> Sequence[Overrun]:
    found = access.find_principal()
    if found is None or not _has_banner():
        return ()
    return overruns.of_episodes(db.session(), found.account_id, now=clock.now())


def _frame() -> Frame:
    found = access.find_principal()
    if found is None:
        return Frame(db.session.scalar(select(Vendor.name)), _is_insecure())
    return Frame(
        found.vendor_name,
        _is_insecure(),
        found.account_name,
        _accounts(found) if found.elsewhere else (),
        found.user.name,
        found.user.email,
        found.role.label,
    )


def _accounts(found: Principal) -> tuple[Choice, ...]:
    """The accounts a person is active in, by name."""
    return tuple(
        Choice(row.public_id, row.name, row.role.label, row.id == found.account_id)
        for row in db.session.execute(MEMBERSHIPS, {"user_id": found.user.id})
    )


def _is_insecure() -> bool:
    """Whether what is typed travels in the clear, further than within this computer."""
    return not request.is_secure and not _is_loopback(request.host)


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] or host
    try:
        return ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
