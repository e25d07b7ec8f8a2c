"""What lets somebody do something is taken back while their request is on its way: it does nothing.

Each rival commits after the request was let in and before its command holds the lock.
"""

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from portal import passwords
from portal.audit import SYSTEM
from portal.billing import people
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import AuditEntry, Membership, SignIn, User
from portal.transaction import transaction
from portal.web import access, sign_ins
from tests.cast import PASSWORD, Cast, FixedClock
from tests.client_stories import ClientList
from tests.credit_stories import newest
from tests.document_stories import Shelf, stored

Browser = Callable[..., FlaskClient]
Act = Callable[[FlaskClient, Cast, Membership], Any]
PORTAL = Path(access.__file__).parent.parent
# They lock an account whose person is not in it: whoever joins, and whoever reads an address.
NOT_THEIR_OWN = {"users/joining.py", "invoice_addresses.py"}
NEW = "New password of many words"
NEW_HASH = passwords.hash_of(NEW)


def _seen(client: FlaskClient, path: str, name: str) -> str:
    value = re.search(rf'name="{name}" value="([^"]*)"', client.get(path).text)
    assert value, f"no {name} on {path}"
    return value[1]


def _pay(client: FlaskClient, cast: Cast, _: Membership) -> Any:
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=30)
    cast.use_card(cast.acme, "card_pays")
    path = f"/invoices/{newest(cast.acme).number_text}"
    form = {"seen": _seen(client, path, "seen")}
    return lambda: client.post(f"{path}/payment", data=form)


def _upgrade(client: FlaskClient, cast: Cast, _: Membership) -> Any:
    page = f"/account/change-plan/{cast.price('standard', '20-users').id}"
    form = {"confirmation": _seen(client, page, "confirmation")}
    return lambda: client.post("/account/change-plan", data=form)


def _export(client: FlaskClient, _cast: Cast, _: Membership) -> Any:
    form = {"all": "matching", "op_id": _seen(client, "/invoices", "op_id")}
    return lambda: client.post("/invoices/exports", data=form)


def _link(client: FlaskClient, cast: Cast, _: Membership) -> Any:
    path = f"/invoices/{newest(cast.acme).number_text}"
    form = {"token": _seen(client, path, "token"), "days": "30"}
    return lambda: client.post(f"{path}/links", data=form)


def _resend(client: FlaskClient, cast: Cast, me: Membership) -> Any:
    path = f"/invoices/{newest(cast.acme).number_text}"
    form = {"op_id": _seen(client, path, "op_id"), "to": me.user.email}
    return lambda: client.post(f"{path}/emails", data=form)


def _posted(path: str, **form: str) -> Act:
    return lambda client, _cast, me: lambda: client.post(path.format(me=me.public_id), data=form)


ADMINS: dict[str, Act] = {
    "a role of one's own": _posted("/users/{me}/role", role="admin", confirmed="99"),
    "one's own return": _posted("/users/{me}/reactivation", confirmed="99"),
    "an invitation": _posted("/users/invitations", email="other@example.com", role="admin"),
    "a card": _posted("/account/payment-method", card="card_pays"),
    "the end of the plan": _posted("/account/cancellation"),
    "an upgrade": _upgrade,
    "a payment": _pay,
    "a file of invoices": _export,
    "a link": _link,
    "an email sent again": _resend,
    "the billing details": _posted("/billing", company="Other", country="US", language="en"),
}


@pytest.fixture
def evil(cast: Cast) -> Membership:
    """An Admin beside Alice."""
    user = cast.member(cast.acme, "Evil", Role.ADMIN)
    membership = people.membership_in(db.session(), cast.acme.id, user.id)
    assert membership is not None
    return membership


@pytest.mark.parametrize("demoted", [False, True], ids=["removed", "demoted"])
@pytest.mark.parametrize("act", ADMINS.values(), ids=ADMINS)
def test_what_an_admin_began_who_was_removed(
    cast: Cast,
    browser: Browser,
    evil: Membership,
    monkeypatch: pytest.MonkeyPatch,
    act: Act,
    demoted: bool,
) -> None:
    go = act(browser(evil.user), cast, evil)
    membership_id = evil.id

    def remove() -> None:
        with transaction() as session:
            row, now = session.get_one(Membership, membership_id), cast.clock.now()
            if demoted:
                people.set_role(session, row, Role.MEMBER, now=now, actor=SYSTEM)
            else:
                people.deactivate(session, row, now=now, actor=SYSTEM)

    _once_let_in(monkeypatch, remove)
    before = _entries()
    assert go().status_code == 403
    db.session.rollback()
    row = db.session.get_one(Membership, membership_id)
    assert (row.is_active, row.role) == (demoted, Role.MEMBER if demoted else Role.ADMIN)
    assert _entries() == before + 1, "only that they were removed"


def test_what_a_member_began_who_was_removed(
    cast: Cast, browser: Browser, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes that were sent meanwhile are not kept."""
    bob, shelf = cast.bob, Shelf(cast.acme, clock)
    client, public_id = browser(bob), ClientList(cast.acme, clock).add("Ada")
    _once_let_in(monkeypatch, lambda: cast.leave(cast.acme, bob))
    before = _entries()
    files = {"file": (BytesIO(b"%PDF-1.7 of theirs"), "theirs.pdf")}
    answer = client.post(f"/clients/{public_id}/documents", data=files)
    assert answer.status_code == 403
    assert _entries() == before + 1
    assert (shelf.used(), stored()) == (0, set())


def test_every_page_locks_its_own_account_by_who_asks() -> None:
    for path in (PORTAL / "blueprints").rglob("*.py"):
        if path.relative_to(PORTAL / "blueprints").as_posix() not in NOT_THEIR_OWN:
            assert "accounts.lock(" not in path.read_text(encoding="utf-8"), path


# --- Signing in while the password is set anew ---------------------------------------------------


def test_a_sign_in_by_the_former_password_that_was_on_its_way(
    cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password fits, and while that is found out another is set."""
    _once_verified(monkeypatch, lambda: _set_anew(cast.alice.id))
    thief = browser()
    form = {"email": cast.alice.email, "password": PASSWORD}
    answer = thief.post("/login", data=form)
    assert answer.status_code == 422
    assert "go together" in answer.text
    assert thief.get("/invoices").status_code == 303
    assert _running(cast.alice.id) == 0


def test_a_hash_made_anew_never_brings_the_former_password_back(
    cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "is_outdated", lambda _hash: True)
    _once_verified(monkeypatch, lambda: _set_anew(cast.alice.id))
    form = {"email": cast.alice.email, "password": PASSWORD}
    assert browser().post("/login", data=form).status_code == 422
    db.session.rollback()
    assert db.session.get_one(User, cast.alice.id).password_hash == NEW_HASH


def test_a_switch_of_account_by_a_cookie_that_ended(
    cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    thief = browser(cast.alice)
    account = cast.acme.public_id
    _once_let_in(monkeypatch, lambda: _set_anew(cast.alice.id))
    answer = thief.post("/accounts", data={"account": account})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert thief.get("/invoices").status_code == 303
    assert _running(cast.alice.id) == 0


def test_a_change_of_password_by_the_former_one(
    cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thief who knows the former password and has a cookie sets none over the owner's."""
    thief = browser(cast.alice)
    _once_verified(monkeypatch, lambda: _set_anew(cast.alice.id))
    form = {"current": PASSWORD, "new": "What the thief would like it to be"}
    assert thief.post("/account/password", data=form).status_code == 422
    db.session.rollback()
    assert db.session.get_one(User, cast.alice.id).password_hash == NEW_HASH
    assert _running(cast.alice.id) == 0


def _once_let_in(monkeypatch: pytest.MonkeyPatch, rival: Callable[[], None]) -> None:
    """The next request that is let in finds, from then on, what the rival did."""
    refuse, done = access._refuse, []

    def let_in(*arguments: Any, **options: Any) -> Any:
        refusal = refuse(*arguments, **options)
        if refusal is None and not done:
            done.append(True)
            rival()
        return refusal

    monkeypatch.setattr(access, "_refuse", let_in)


def _once_verified(monkeypatch: pytest.MonkeyPatch, rival: Callable[[], None]) -> None:
    verify, done = passwords.verify, []

    def found_right(password_hash: str | None, password: str) -> bool:
        right = verify(password_hash, password)
        if right and not done:
            done.append(True)
            rival()
        return right

    monkeypatch.setattr(passwords, "verify", found_right)


def _set_anew(user_id: int) -> None:
    """What a link for a new password does."""
    with transaction() as session:
        session.get_one(User, user_id).password_hash = NEW_HASH
        sign_ins.end_all(session, user_id)


def _running(user_id: int) -> int:
    db.session.rollback()
    statement = select(func.count()).select_from(SignIn)
    return db.session.execute(
        statement.where(SignIn.user_id == user_id, SignIn.ended_at.is_(None))
    ).scalar_one()


def _entries() -> int:
    db.session.rollback()
    return db.session.execute(select(func.count()).select_from(AuditEntry)).scalar_one()
