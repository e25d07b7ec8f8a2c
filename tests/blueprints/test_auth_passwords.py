"""Which passwords are taken, and how they are changed and set anew."""

import re
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal import clock as wall_clock
from portal import passwords
from portal.extensions import db
from portal.models import Notice, User
from portal.transaction import transaction
from tests.cast import PASSWORD, Cast

Browser = Callable[..., FlaskClient]
NEW = "Seven herons over the weir"


# --- What is taken ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("elevenchars", "at least 12"),
        ("x" * 129, "at most 128"),
        ("password1234", "tried first"),
        ("Password1234!", "tried first"),
        ("QWERTYUIOP12", "tried first"),
        ("monkeymonkeymonkey", "tried first"),
        ("aaaaaaaaaaaaaaaa", "tried first"),
        ("abcabcabcabc", "tried first"),
        ("billingportal", "tried first"),
        ("4918273645012", "add a few words"),
        ("!!!???!!!???", "add a few words"),
        ("Alice Example 99", "too close"),
        ("alice@example.com", "too close"),
        ("AliceExample2026", "too close"),
    ],
)
def test_what_is_refused(password: str, why: str) -> None:
    refusal = passwords.refusal(password, ("Alice Example", "alice@example.com"))
    assert refusal is not None
    assert why in refusal


@pytest.mark.parametrize(
    "password",
    [
        "twelve chars",
        "correct horse battery",
        "ёлка и снегири",
        "пароль из шести слов",
        "x7$Kq!vR2#mZ",
    ],
)
def test_what_is_taken(password: str) -> None:
    assert passwords.refusal(password, ("Alice Example", "alice@example.com")) is None


def test_more_than_three_thousand_common_ones_are_known() -> None:
    assert len(passwords.COMMON.read_text(encoding="ascii").split()) > 12_000


def test_none_is_cut_short_and_all_characters_count() -> None:
    kept = passwords.hash_of("é" * 127 + "a")
    assert passwords.verify(kept, "e\u0301" * 127 + "a")
    assert not passwords.verify(kept, "é" * 127 + "b")
    assert not passwords.verify(kept, "é" * 127)


def test_hashes_are_argon2id_as_strong_as_promised() -> None:
    assert passwords.hash_of(PASSWORD).startswith("$argon2id$v=19$m=47104,t=2,p=1$")
    assert not passwords.is_outdated(passwords.NOBODYS)
    assert not passwords.verify(None, PASSWORD)
    assert not passwords.verify("not a hash", PASSWORD)


def test_at_most_four_hashes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = 0, 0
    lock = threading.Lock()

    class Slow:
        def hash(self, _password: str) -> str:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.02)
            with lock:
                running -= 1
            return ""

    monkeypatch.setattr(passwords, "hasher", Slow())
    threads = [threading.Thread(target=passwords.hash_of, args=("x",)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 4


# --- Changing it ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("current", "new", "message"),
    [
        ("not my password", NEW, "This is not your password"),
        ("", NEW, "Enter the password you have now"),
        (PASSWORD, "", "Enter a new password"),
        (PASSWORD, "short", "At least 12"),
        (PASSWORD, "Password1234", "tried first"),
    ],
)
def test_a_change_that_is_refused(
    cast: Cast, browser: Browser, current: str, new: str, message: str
) -> None:
    alice = browser(cast.alice)
    answer = alice.post("/account/password", data={"current": current, "new": new})
    assert answer.status_code == 422
    assert message in answer.text
    assert NEW not in answer.text
    assert alice.get("/accounts").status_code == 200
    assert signs_in(browser(), cast.alice, PASSWORD)


def test_a_change_holds(cast: Cast, browser: Browser) -> None:
    answer = browser(cast.bob).post("/account/password", data={"current": PASSWORD, "new": NEW})
    assert answer.headers["Location"] == "/clients"
    assert signs_in(browser(), cast.bob, NEW)
    assert not signs_in(browser(), cast.bob, PASSWORD)


# --- Setting it by a link ---------------------------------------------------------------------


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> "Wall":
    return Wall(monkeypatch)


class Wall:
    """The wall's clock, put forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead, real = timedelta(), wall_clock.wall_now
        monkeypatch.setattr(wall_clock, "wall_now", lambda: real() + self.ahead)

    def advance(self, **by: float) -> None:
        self.ahead += timedelta(**by)


def ask(client: FlaskClient, email: str):
    return client.post("/password-reset", data={"email": email})


def links() -> list[str]:
    """The links that were written to people, as paths."""
    db.session.rollback()
    texts = db.session.scalars(select(Notice.body_text).where(Notice.name == "password_reset"))
    return [re.search(r"(/password-reset/\S+)", text)[1] for text in texts]  # type: ignore[index]


def signs_in(client: FlaskClient, user: User, password: str) -> bool:
    answer = client.post("/login", data={"email": user.email, "password": password})
    return answer.status_code == 303


def test_a_link_sets_the_password_once_and_signs_everybody_out(
    cast: Cast, browser: Browser
) -> None:
    here = browser(cast.alice)
    ask(browser(), cast.alice.email.upper())
    [link] = links()
    visitor = browser()
    assert visitor.get(link).status_code == 200
    assert visitor.get(link).status_code == 200  # a mail scanner that follows links uses nothing up
    assert visitor.post(link, data={"new": NEW}).headers["Location"] == "/login"
    assert here.get("/accounts").status_code == 303
    assert signs_in(browser(), cast.alice, NEW)
    assert visitor.get(link).status_code == 404
    assert visitor.post(link, data={"new": "another long password"}).status_code == 404
    assert signs_in(browser(), cast.alice, NEW)


def test_a_link_lasts_thirty_minutes(cast: Cast, browser: Browser, wall: Wall) -> None:
    ask(browser(), cast.alice.email)
    [link] = links()
    wall.advance(minutes=29)
    assert browser().get(link).status_code == 200
    wall.advance(minutes=1)
    assert browser().get(link).status_code == 404
    assert browser().post(link, data={"new": NEW}).status_code == 404
    assert signs_in(browser(), cast.alice, PASSWORD)


def test_a_password_changed_meanwhile_ends_every_link(cast: Cast, browser: Browser) -> None:
    ask(browser(), cast.alice.email)
    ask(browser(), cast.alice.email)
    first, second = links()
    browser().post(second, data={"new": NEW})
    assert browser().get(first).status_code == 404


def test_an_email_changed_meanwhile_ends_the_link(cast: Cast, browser: Browser) -> None:
    ask(browser(), cast.alice.email)
    [link] = links()
    with transaction():
        cast.alice.email = "new-address@example.com"
    assert browser().get(link).status_code == 404


def test_a_link_of_ones_own_making_is_worth_nothing(browser: Browser) -> None:
    for token in ("x", "WyJhIiwxLCJiIl0.c2lnbmVk", "é" * 500):
        assert browser().get(f"/password-reset/{token}").status_code == 404


def test_a_weak_password_is_refused_and_the_link_still_holds(cast: Cast, browser: Browser) -> None:
    ask(browser(), cast.alice.email)
    [link] = links()
    answer = browser().post(link, data={"new": "Alice Alice!!"})
    assert answer.status_code == 422
    assert browser().post(link, data={"new": NEW}).status_code == 303


def test_asking_gives_the_same_answer_for_known_and_unknown(cast: Cast, browser: Browser) -> None:
    """And only somebody known gets an email."""
    pages = []
    for email in (cast.alice.email, "nobody@example.com"):
        answer = ask(browser(), email)
        assert answer.status_code == 200
        text = "\n".join(line for line in answer.text.splitlines() if "oken" not in line)
        pages.append(text.replace(email, "EMAIL"))
    assert pages[0] == pages[1]
    assert len(links()) == 1


def test_the_link_is_of_the_configured_address_whatever_host_was_asked(
    app: Flask, cast: Cast, browser: Browser
) -> None:
    browser().post(
        "/password-reset",
        data={"email": cast.alice.email},
        headers={"Host": "evil.example.org"},
    )
    text = db.session.scalars(select(Notice.body_text)).all()[-1]
    assert f"{app.config['PORTAL'].base_url}/password-reset/" in text
    assert "evil.example.org" not in text


@pytest.mark.parametrize("email", ["", "nonsense", "a@b.c, d@example.com"])
def test_an_address_that_is_none_is_told(browser: Browser, email: str) -> None:
    answer = ask(browser(), email)
    assert answer.status_code == 422
    assert "email address" in answer.text or "name@example.com" in answer.text
