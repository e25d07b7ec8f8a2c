"""Signing in: one answer for every failure, only local ways on, and the right account."""

import statistics
import time
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal import passwords
from portal.audit import SYSTEM
from portal.billing import people
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import User
from portal.transaction import transaction
from tests.cast import PASSWORD, Cast, FixedClock

Browser = Callable[..., FlaskClient]


def attempt(client: FlaskClient, email: str, password: str = PASSWORD, **more: str):
    return client.post("/login", data={"email": email, "password": password} | more)


def join_other(cast: Cast, clock: FixedClock, user: User, role: Role) -> None:
    with transaction() as session:
        people.add_member(session, cast.other, user, role, now=clock.now(), actor=SYSTEM)


@pytest.mark.parametrize(
    ("who", "home"), [("alice", "/account"), ("bob", "/clients"), ("carol", "/account")]
)
def test_a_role_begins_where_its_work_is(cast: Cast, browser: Browser, who: str, home: str) -> None:
    client = browser()
    assert attempt(client, getattr(cast, who).email).headers["Location"] == home
    assert client.get(home).status_code == 200
    assert client.get("/login").headers["Location"] == home


def test_the_email_is_found_however_it_is_spelt(cast: Cast, browser: Browser) -> None:
    assert attempt(browser(), f" {cast.alice.email.title()} ").status_code == 303


@pytest.mark.parametrize(
    ("target", "way_on"),
    [
        ("/users?page=2", "/users?page=2"),
        ("https://example.org/", "/account"),
        ("//example.org/", "/account"),
        ("/\\example.org", "/account"),
        ("javascript:alert(1)", "/account"),
        ("/\nx", "/account"),
        ("", "/account"),
    ],
)
def test_the_way_on_stays_on_this_site(
    cast: Cast, browser: Browser, target: str, way_on: str
) -> None:
    assert attempt(browser(), cast.alice.email, next=target).headers["Location"] == way_on


def test_the_way_on_comes_from_the_page_that_asked(cast: Cast, browser: Browser) -> None:
    client = browser()
    asked = client.get("/users").headers["Location"]
    assert asked == "/login?next=/users"
    assert 'name="next"' in client.get(asked).text


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("alice", "wrong password here"),
        ("nobody@example.com", PASSWORD),
        ("no address at all", PASSWORD),
        ("x" * 300 + "@example.com", PASSWORD),
    ],
)
def test_every_failure_gives_the_same_answer(
    cast: Cast, browser: Browser, email: str, password: str
) -> None:
    typed = cast.alice.email if email == "alice" else email
    answer = attempt(browser(), typed, password)
    assert answer.status_code == 422
    assert "go together" in answer.text
    assert password not in answer.text


def test_known_and_unknown_emails_get_the_same_page(cast: Cast, browser: Browser) -> None:
    """Status, headers and body differ in nothing but what was typed and the form's token."""
    answers = []
    for email in (cast.alice.email, "nobody@example.com"):
        answer = attempt(browser(), email, "not the password")
        headers = {k: v for k, v in answer.headers if k not in ("Set-Cookie", "Content-Length")}
        text = "\n".join(line for line in answer.text.splitlines() if "oken" not in line)
        answers.append((answer.status_code, headers, text.replace(email, "EMAIL")))
    assert answers[0] == answers[1]


def test_known_and_unknown_emails_take_as_long(cast: Cast, browser: Browser) -> None:
    """Both work out one hash, by far the longest part."""
    client = browser()

    def seconds(email: str) -> float:
        start = time.perf_counter()
        attempt(client, email, "not the password")
        return time.perf_counter() - start

    known = statistics.median(seconds(cast.alice.email) for _ in range(7))
    unknown = statistics.median(seconds("nobody@example.com") for _ in range(7))
    assert 0.5 < known / unknown < 2
    assert unknown > 0.03


def test_a_password_hashed_with_former_parameters_is_hashed_anew(
    cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    weaker = passwords.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1)
    with transaction():
        cast.alice.password_hash = weaker.hash(PASSWORD)
    assert attempt(browser(), cast.alice.email).status_code == 303
    db.session.refresh(cast.alice)
    assert "m=47104,t=2,p=1" in cast.alice.password_hash
    assert attempt(browser(), cast.alice.email).status_code == 303


def test_roles_many_accounts_are_chosen_among_after_signing_in(
    cast: Cast, clock: FixedClock, browser: Browser
) -> None:
    join_other(cast, clock, cast.carol, Role.MEMBER)
    carol = browser()
    answer = attempt(carol, cast.carol.email, next="/clients?sort=name")
    assert answer.headers["Location"] == "/accounts?next=/clients?sort%3Dname"
    page = carol.get(answer.headers["Location"]).text
    assert page.index("Acme") < page.index("Other")
    assert 'value="/clients?sort=name"' in page
    chosen = carol.post("/accounts", data={"account": cast.other.public_id, "next": "/clients"})
    assert chosen.headers["Location"] == "/clients"
    assert carol.get("/clients").status_code == 200


def test_before_an_account_is_chosen_there_is_nothing_to_see(
    cast: Cast, clock: FixedClock, browser: Browser
) -> None:
    join_other(cast, clock, cast.carol, Role.BILLING)
    carol = browser()
    attempt(carol, cast.carol.email)
    assert carol.get("/account").headers["Location"] == "/accounts"


def test_nobody_switches_to_an_account_that_is_not_theirs(cast: Cast, browser: Browser) -> None:
    for account in (cast.other.public_id, "0" * 32, ""):
        answer = browser(cast.alice).post("/accounts", data={"account": account})
        assert answer.status_code == 404
    assert browser(cast.alice).post("/accounts").status_code == 404


def test_somebody_without_any_account_is_told_so(cast: Cast, browser: Browser) -> None:
    with transaction() as session:
        place = people.membership_in(session, cast.acme.id, cast.bob.id)
        assert place is not None
        place.deactivated_at = place.joined_at
    bob = browser()
    assert attempt(bob, cast.bob.email).headers["Location"] == "/accounts"
    assert "not an active user of any account" in bob.get("/accounts").text


def test_a_form_from_elsewhere_is_refused(app: Flask, cast: Cast, browser: Browser) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    client = browser(cast.alice)
    for url in (
        "/login",
        "/logout",
        "/signup",
        "/accounts",
        "/account/password",
        "/password-reset",
    ):
        assert client.post(url).status_code == 400, url
    assert client.get("/accounts").status_code == 200  # still signed in


@pytest.mark.parametrize("url", ["/accounts", "/account/password"])
def test_strangers_are_asked_to_sign_in(browser: Browser, url: str) -> None:
    assert browser().get(url).headers["Location"] == f"/login?next={url}"
    fragment = browser().get(url, headers={"HX-Request": "true"})
    assert (fragment.status_code, fragment.headers["HX-Redirect"]) == (401, "/login")
