"""Ways round the limits on guessing a password."""

from collections.abc import Callable, Iterator
from threading import Barrier, Event, Thread

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal import passwords
from portal.extensions import limiter
from portal.web import attempts
from tests.cast import PASSWORD, Cast

Browser = Callable[..., FlaskClient]
WRONG = "not the password"


@pytest.fixture
def limited(app: Flask) -> Iterator[None]:
    limiter.enabled = True
    limiter.reset()
    yield
    limiter.enabled = False


def guess(client: FlaskClient, email: str, ip: str = "192.0.2.1", path: str = "/login") -> int:
    answer = client.post(
        path,
        data={"email": email, "password": WRONG},
        environ_overrides={"REMOTE_ADDR": ip},
    )
    return answer.status_code


@pytest.mark.usefixtures("limited")
def test_signs_that_are_left_out_make_no_other_email(
    cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "verify", lambda kept, given: False)
    unseen = ["", "\u200e", "\u202e", "\x01", "\u2066\u2069"]
    for signs in unseen:
        assert guess(browser(), f"{signs}{cast.alice.email}", path="/signup") == 422
    assert guess(browser(), f"{cast.alice.email}\x02", path="/signup") == 429


@pytest.mark.usefixtures("limited")
def test_one_network_of_ipv6_is_one_address(browser: Browser, monkeypatch) -> None:
    monkeypatch.setattr(passwords, "verify", lambda kept, given: False)
    for n in range(30):
        assert guess(browser(), f"{n}@example.com", ip=f"2001:db8:0:1::{n:x}") == 422
    assert guess(browser(), "30@example.com", ip="2001:db8:0:1:ffff::1") == 429
    assert guess(browser(), "30@example.com", ip="2001:db8:0:2::1") == 422
    assert guess(browser(), "30@example.com", ip="::ffff:192.0.2.1") == 422


def test_no_more_than_five_at_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures count when they are answered: hundreds at one instant would all come before."""
    arrived, answer = Barrier(attempts.AT_ONCE + 1), Event()

    def slow(kept: str | None, given: str) -> bool:
        arrived.wait(10)
        return not answer.wait(10)

    monkeypatch.setattr(passwords, "verify", slow)
    statuses: list[int] = []

    def stranger() -> FlaskClient:
        return FlaskClient(app, app.response_class)

    def try_one() -> None:
        statuses.append(guess(stranger(), "alice@example.com"))

    threads = [Thread(target=try_one) for _ in range(attempts.AT_ONCE)]
    for thread in threads:
        thread.start()
    arrived.wait(10)
    assert guess(stranger(), "ALICE@example.com") == 429
    answer.set()
    for thread in threads:
        thread.join()
    assert statuses == [422] * attempts.AT_ONCE

    monkeypatch.setattr(passwords, "verify", lambda kept, given: False)
    for _ in range(attempts.AT_ONCE + 1):
        assert guess(stranger(), "alice@example.com") == 422


def test_the_right_password_leaves_nothing_under_way(cast: Cast, browser: Browser) -> None:
    for _ in range(attempts.AT_ONCE + 1):
        data = {"email": cast.alice.email, "password": PASSWORD}
        assert browser().post("/login", data=data).status_code == 303
