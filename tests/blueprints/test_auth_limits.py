"""How often one may try: enough for people, too little for guessing, and nobody is locked out."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal import create_app, passwords
from portal.config import Settings
from portal.extensions import db, limiter
from tests.cast import PASSWORD, Cast, FixedClock

Browser = Callable[..., FlaskClient]
WRONG = "not the password"


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting attempts needs no real hashes."""
    monkeypatch.setattr(passwords, "verify", lambda kept, given: bool(kept) and given == PASSWORD)


@pytest.fixture
def limited(app: Flask) -> Iterator[None]:
    limiter.enabled = True
    limiter.reset()
    yield
    limiter.enabled = False


def guess(client: FlaskClient, email: str, password: str = WRONG, ip: str = "192.0.2.1"):
    return client.post(
        "/login",
        data={"email": email, "password": password},
        environ_overrides={"REMOTE_ADDR": ip},
    )


@pytest.mark.usefixtures("limited")
def test_five_wrong_passwords_a_minute(cast: Cast, browser: Browser) -> None:
    client = browser()
    for _ in range(5):
        assert guess(client, cast.alice.email).status_code == 422
    answer = guess(client, cast.alice.email.upper(), PASSWORD, ip="192.0.2.2")
    assert answer.status_code == 429
    assert "Too many attempts" in answer.text
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert "Try again in a minute." in answer.text
    assert guess(client, cast.bob.email, PASSWORD).status_code == 303


@pytest.mark.usefixtures("limited")
def test_unknown_emails_are_limited_alike(cast: Cast, browser: Browser) -> None:
    statuses = [guess(browser(), "nobody@example.com").status_code for _ in range(6)]
    assert statuses == [422] * 5 + [429]


@pytest.mark.usefixtures("limited")
def test_who_signs_in_rightly_is_never_slowed(cast: Cast, browser: Browser) -> None:
    for _ in range(8):
        assert guess(browser(), cast.alice.email, PASSWORD).status_code == 303


@pytest.mark.usefixtures("limited")
def test_a_strangers_guesses_do_not_lock_the_owner_out(cast: Cast, browser: Browser) -> None:
    own = browser()
    assert guess(own, cast.alice.email, PASSWORD).status_code == 303
    own.post("/logout")
    stranger = browser()
    guesses = [guess(stranger, cast.alice.email, ip="192.0.2.66").status_code for _ in range(6)]
    assert guesses[-1] == 429
    assert guess(own, cast.alice.email, PASSWORD).status_code == 303
    stranger.set_cookie("portal-known", "WyJmb3JnZWQiXQ.x")
    assert guess(stranger, cast.alice.email, ip="192.0.2.66").status_code == 429


@pytest.mark.usefixtures("limited")
def test_thirty_a_minute_from_one_address(cast: Cast, browser: Browser) -> None:
    statuses = [guess(browser(), f"{n}@example.com").status_code for n in range(31)]
    assert statuses == [422] * 30 + [429]
    assert guess(browser(), "31@example.com", ip="192.0.2.9").status_code == 422


@pytest.mark.usefixtures("limited")
def test_an_address_signs_in_only_so_often(cast: Cast, browser: Browser) -> None:
    """Each costs the work of a hash, rightly or not, and whoever it is; an office stays below."""
    emails = [cast.alice.email, cast.bob.email, cast.carol.email]
    for n in range(120):
        assert guess(browser(), emails[n % 3], PASSWORD).status_code == 303
    answer = guess(browser(), cast.mallory.email, PASSWORD)
    assert answer.status_code == 429
    assert "Too many attempts" in answer.text
    assert 0 < int(answer.headers["Retry-After"]) <= 15 * 60
    assert browser().get("/login").status_code == 200
    assert guess(browser(), cast.mallory.email, PASSWORD, ip="192.0.2.2").status_code == 303


@pytest.mark.usefixtures("limited")
def test_a_sign_up_is_no_way_round(cast: Cast, browser: Browser) -> None:
    client = browser()
    for _ in range(5):
        guess(client, cast.alice.email)
    answer = client.post("/signup", data={"email": cast.alice.email, "password": WRONG})
    assert answer.status_code == 429


@pytest.mark.usefixtures("limited")
def test_the_own_password_can_not_be_guessed_from_an_open_browser(
    cast: Cast, browser: Browser
) -> None:
    fields = {"current": WRONG, "new": "Seven herons over the weir"}
    statuses = [
        browser(cast.alice).post("/account/password", data=fields).status_code for _ in range(6)
    ]
    assert statuses == [422] * 5 + [429]


@pytest.mark.usefixtures("limited")
def test_three_reset_links_an_hour(cast: Cast, browser: Browser) -> None:
    for email in (cast.alice.email, "nobody@example.com"):
        answers = [browser().post("/password-reset", data={"email": email}) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert "Try again in 60 minutes." in answers[-1].text


def test_limits_hold_without_redis(
    app: Flask, settings: Settings, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an error on every page nor no limit at all."""
    for name in ("enabled", "_storage", "_limiter", "_storage_dead"):
        monkeypatch.setattr(limiter, name, getattr(limiter, name))  # as they were, afterwards
    limiter.enabled = True
    away = create_app(replace(settings, redis_url="unix:///nonexistent/redis.sock"), clock)
    away.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    client = away.test_client()
    statuses = [guess(client, "nobody@example.com").status_code for _ in range(6)]
    assert statuses == [422] * 5 + [429]
    assert client.get("/login").status_code == 200
    with away.app_context():
        db.engine.dispose()
