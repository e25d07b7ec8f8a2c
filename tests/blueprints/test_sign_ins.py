"""A sign-in is a row: ended there, it is ended wherever its cookie was copied to."""

import json
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal import clock as wall_clock
from portal import tokens
from portal.audit import SYSTEM
from portal.billing import people
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import SignIn, User
from portal.transaction import transaction
from tests.cast import PASSWORD, Cast, FixedClock
from tests.credit_stories import newest

Browser = Callable[..., FlaskClient]
MOVED_IN = "New password of many words"


def sign_in(client: FlaskClient, user: User, **fields: str) -> None:
    answer = client.post("/login", data={"email": user.email, "password": PASSWORD} | fields)
    assert answer.status_code == 303


def cookie(client: FlaskClient) -> str:
    found = client.get_cookie("portal")
    assert found is not None
    return found.value


def replayed(app: Flask, value: str) -> int:
    """The status of a page asked for with a copied cookie."""
    thief = app.test_client()
    thief.set_cookie("portal", value)
    return thief.get("/accounts").status_code


def rows(user: User) -> list[SignIn]:
    db.session.rollback()
    statement = select(SignIn).where(SignIn.user_id == user.id).order_by(SignIn.id)
    return list(db.session.scalars(statement))


def test_a_cookie_replayed_after_sign_out_is_refused(
    app: Flask, cast: Cast, browser: Browser
) -> None:
    alice = browser()
    sign_in(alice, cast.alice)
    copy = cookie(alice)
    assert replayed(app, copy) == 200
    answer = alice.post("/logout")
    assert answer.status_code == 303
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert alice.get("/accounts").status_code == 303
    assert replayed(app, copy) == 303


@pytest.mark.parametrize("minutes", [1, 7])
@pytest.mark.parametrize("goes", ["out", "in as another"])
def test_who_has_been_reading_for_long_goes_too(
    cast: Cast, browser: Browser, goes: str, minutes: int
) -> None:
    client = browser(cast.alice)
    with transaction() as session:
        for row in session.scalars(select(SignIn)):
            row.last_seen_at -= timedelta(minutes=minutes)
    if goes == "out":
        assert client.post("/logout").status_code == 303
    else:
        sign_in(client, cast.bob)
    assert all(row.ended_at for row in rows(cast.alice))


def test_only_the_hash_of_the_id_is_kept(cast: Cast, browser: Browser) -> None:
    alice = browser()
    sign_in(alice, cast.alice)
    with alice.session_transaction() as session:
        token = session["_user_id"]
    [row] = rows(cast.alice)
    assert row.token_sha256 == tokens.hash_of(token)
    assert row.account_id == cast.acme.id
    assert (row.ip, row.ended_at) == ("127.0.0.1", None)


def test_signing_in_again_ends_what_the_browser_was(
    app: Flask, cast: Cast, browser: Browser
) -> None:
    client = browser()
    sign_in(client, cast.alice)
    copy = cookie(client)
    sign_in(client, cast.bob)
    assert replayed(app, copy) == 303
    assert rows(cast.alice)[0].ended_at is not None
    assert rows(cast.bob)[0].ended_at is None


def test_the_session_of_before_is_not_carried_over(cast: Cast, browser: Browser) -> None:
    client = browser()
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"
    sign_in(client, cast.alice)
    with client.session_transaction() as session:
        assert "planted" not in session


def test_switching_renews_the_id(
    app: Flask, cast: Cast, clock: FixedClock, browser: Browser
) -> None:
    with transaction() as session:
        now = clock.now()
        people.add_member(session, cast.other, cast.carol, Role.ADMIN, now=now, actor=SYSTEM)
    carol = browser()
    sign_in(carol, cast.carol)
    copy = cookie(carol)
    answer = carol.post("/accounts", data={"account": cast.other.public_id})
    assert answer.headers["Location"] == "/account"
    assert cookie(carol) != copy
    assert replayed(app, copy) == 303
    assert [row.account_id for row in rows(cast.carol)] == [None, cast.other.id]


def test_changing_the_password_ends_every_other_sign_in(
    app: Flask, cast: Cast, browser: Browser
) -> None:
    here, elsewhere = browser(), browser()
    sign_in(here, cast.alice)
    sign_in(elsewhere, cast.alice)
    copy = cookie(here)
    answer = here.post("/account/password", data={"current": PASSWORD, "new": MOVED_IN})
    assert answer.status_code == 303
    assert here.get("/accounts").status_code == 200
    assert elsewhere.get("/accounts").status_code == 303
    assert replayed(app, copy) == 303


@pytest.mark.parametrize(
    ("column", "age", "status"),
    [
        ("last_seen_at", timedelta(minutes=119), 200),
        ("last_seen_at", timedelta(minutes=121), 303),
        ("created_at", timedelta(hours=11, minutes=59), 200),
        ("created_at", timedelta(hours=12, minutes=1), 303),
    ],
)
def test_a_sign_in_runs_out(
    cast: Cast, browser: Browser, column: str, age: timedelta, status: int
) -> None:
    alice = browser()
    sign_in(alice, cast.alice)
    with transaction() as session:
        row = session.scalars(select(SignIn)).one()
        setattr(row, column, wall_clock.wall_now() - age)
    assert alice.get("/accounts").status_code == status


def test_a_page_left_open_keeps_nobody_signed_in(cast: Cast, browser: Browser) -> None:
    """What it asks for by itself is no sign of life: unused for 119 minutes stays so."""
    alice = browser()
    sign_in(alice, cast.alice)
    left_at = wall_clock.wall_now() - timedelta(minutes=119)
    with transaction() as session:
        session.scalars(select(SignIn)).one().last_seen_at = left_at
    for path in ("/account/meters", "/clients/meter", "/live/events"):
        alice.get(path).close()
    db.session.rollback()
    assert db.session.scalars(select(SignIn)).one().last_seen_at == left_at
    alice.get("/accounts")
    db.session.rollback()
    assert db.session.scalars(select(SignIn)).one().last_seen_at > left_at


def test_a_page_that_waits_for_its_pdf_keeps_nobody_signed_in(cast: Cast, browser: Browser) -> None:
    """It asks as it says on the page; a person who looks again is somebody."""
    alice, page = browser(), f"/invoices/{newest(cast.acme).number_text}"
    sign_in(alice, cast.alice)
    asking = re.search(r"""hx-trigger="every 1s" hx-headers='([^']+)'""", alice.get(page).text)
    assert asking is not None
    left_at = wall_clock.wall_now() - timedelta(minutes=119)
    with transaction() as session:
        session.scalars(select(SignIn)).one().last_seen_at = left_at
    polled = alice.get(page, headers={"HX-Request": "true"} | json.loads(asking[1]))
    assert polled.status_code == 200
    [row] = rows(cast.alice)
    assert row.last_seen_at == left_at
    alice.get(page, headers={"HX-Request": "true"})
    [row] = rows(cast.alice)
    assert row.last_seen_at > left_at


def test_a_moved_sandbox_clock_signs_nobody_out(
    cast: Cast, clock: FixedClock, browser: Browser
) -> None:
    alice = browser()
    sign_in(alice, cast.alice)
    clock.advance(days=400)
    assert alice.get("/accounts").status_code == 200


def test_a_role_is_read_anew_at_every_request(
    cast: Cast, clock: FixedClock, browser: Browser
) -> None:
    boss, bob = browser(cast.alice), browser(cast.bob)
    assert bob.get("/users").status_code == 403
    place = people.membership_in(db.session(), cast.acme.id, cast.bob.id)
    assert place is not None
    boss.post(f"/users/{place.public_id}/role", data={"role": "admin"})
    assert bob.get("/users").status_code == 200
    boss.post(f"/users/{place.public_id}/role", data={"role": "billing"})
    assert bob.get("/users").status_code == 403
    boss.post(f"/users/{place.public_id}/deactivation")
    assert bob.get("/users").headers["Location"] == "/accounts"
