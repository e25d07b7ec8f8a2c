"""The page "What happens if…": what Admins try out, and what they read."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal import simulation
from portal.billing.rules.roles import Role
from portal.blueprints import what_if
from portal.extensions import db, limiter
from portal.models import Account, User
from portal.transaction import transaction
from tests.address_stories import agreed, link_in, questions, send_to
from tests.blueprints.pages import in_order, words
from tests.cast import Cast

Browser = Callable[[User | None], FlaskClient]
PAGE = "/account/what-if"
HTMX = {"HX-Request": "true"}
ASKED = {"users": "+9", "clients": "", "plan": "", "until": "2026-03-20"}


@pytest.fixture(autouse=True)
def _however_busy_the_machine_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(what_if, "SECONDS", 60.0)


@pytest.fixture
def limited(app: Flask) -> Iterator[None]:
    limiter.enabled = True
    limiter.reset()
    yield
    limiter.enabled = False


def test_time_simulate_on_a_page(cast: Cast, browser: Browser) -> None:
    """What happens if I add nine people? Emails with their text, the upgrade with its sums."""
    cast.let_pass(minutes=1)

    text = words(browser(cast.alice).post(PAGE, data=ASKED).text)

    in_order(
        text,
        *("From 1 Mar 2026 to 20 Mar 2026", "$96.67 charged"),
        *("Plan", "Standard, 10 users", "Standard, 20 users"),
        *("Seats", "2 of 10", "11 of 20"),
        *("Clients", "0 of 600", "0 of 1,200", "Storage"),
        *("2 Mar 2026, 06:00 UTC", "Over the limit of 10 seats"),
        *("Email:", f"To {cast.alice.email}", "Read it", "$96.67"),
        "4 Mar 2026, 06:00 UTC",
        *("6 Mar 2026, 06:00 UTC", "7 Mar 2026, 07:00 UTC"),
        *("How it is worked out", "−$83.33", "To pay", "$96.67"),
    )
    db.session.rollback()
    assert "2 of 10" in words(browser(cast.alice).get("/account").text)


def test_a_link_begins_the_question(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    page = client.get(f"{PAGE}?users=3").text
    assert 'value="3"' in page
    assert 'value="2026-04-30"' in page, "60 days on"
    assert f"{PAGE}?users=3" in client.get("/users").text
    assert PAGE in client.get("/account").text


def test_dates_are_the_account_s(cast: Cast, browser: Browser) -> None:
    """The renewal of 31 March, 09:00 UTC, is in the evening in Tokyo."""
    with transaction() as session:
        session.get_one(Account, cast.acme.id).time_zone = "Asia/Tokyo"

    asked = ASKED | {"users": "", "until": "2026-03-31"}
    text = words(browser(cast.alice).post(PAGE, data=asked).text)

    assert "31 Mar 2026, 18:00 JST" in text
    assert "to 31 Mar 2026" in text


def test_another_plan(cast: Cast, browser: Browser) -> None:
    asked = ASKED | {"users": "", "plan": "standard/20-users/monthly"}
    text = words(browser(cast.alice).post(PAGE, data=asked).text)
    in_order(text, "$80.00 charged", "Upgrade from Standard, 10 users to Standard, 20 users")


def test_nobody_answers_for_the_reader_of_an_address(cast: Cast, browser: Browser) -> None:
    """An email that still waits is told as it will be sent, but for the link in it, by which its
    reader agrees or ends it."""
    client = browser(cast.alice)
    asked = {"users": "", "clients": "", "plan": "", "until": "2026-03-02"}
    send_to(client, "books@example.com")

    page = client.post(PAGE, data=asked).text

    assert "is on this page:" in words(page)
    assert "/invoice-address/…" in page
    assert link_in(questions()[0]) not in page
    cast.leave(cast.acme, cast.carol)
    agreed(cast.acme, "tax@example.com")
    page = client.post(PAGE, data=ASKED).text
    in_order(words(page), "To tax@example.com", "To get no more of them here:")
    assert not re.search(r"/invoice-address/\w", page)


def test_nothing_happens(cast: Cast, browser: Browser) -> None:
    asked = {"users": "", "clients": "", "plan": "", "until": "2026-03-02"}
    assert "Nothing happens" in browser(cast.alice).post(PAGE, data=asked).text


@pytest.mark.parametrize(
    ("field", "written", "problem"),
    [
        ("users", "three", "Write a whole number, such as 3 or -2."),
        ("users", "-3", "There are only 2 seats: take away at most that."),
        ("users", "99999999999999999999", "Try at most 10,000 at once."),
        ("clients", "1.5", "Write a whole number, such as 3 or -2."),
        ("plan", "gold", "This plan isn&#39;t sold: choose one from the list."),
        ("plan", "standard/10-users/monthly", "You are already on Standard, 10 users."),
        ("until", "", "Write a date like 2026-03-31."),
        ("until", "soon", "Write a date like 2026-03-31."),
        ("until", "2026-02-28", "This day is over: choose one to come."),
        ("until", "2026-06-10", "Choose a day up to 9 Jun 2026."),
    ],
)
def test_bad_input_is_told_at_its_field_and_kept(
    cast: Cast, browser: Browser, field: str, written: str, problem: str
) -> None:
    client = browser(cast.alice)
    asked = ASKED | {"users": "2", "clients": "7", field: written}
    for headers in ({}, HTMX):
        answer = client.post(PAGE, data=asked, headers=headers)
        assert answer.status_code == 422
        assert problem in answer.text
        assert 'value="7"' in answer.text or field == "clients"
        if field not in ("plan",) and written:
            assert f'value="{written}"' in answer.text


def test_a_minus_as_people_write_it(cast: Cast, browser: Browser) -> None:
    answer = browser(cast.alice).post(PAGE, data=ASKED | {"users": "−1"})
    assert answer.status_code == 200
    in_order(words(answer.text), "Seats", "2 of 10", "1 of 10")


def test_a_fragment_for_htmx(cast: Cast, browser: Browser) -> None:
    answer = browser(cast.alice).post(PAGE, data=ASKED, headers=HTMX)
    assert answer.text.lstrip().startswith('<div id="what-if"')


@pytest.mark.parametrize("person", ["bob", "carol"])
def test_roles_only_admins_ask(cast: Cast, browser: Browser, person: str) -> None:
    client = browser(getattr(cast, person))
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, data=ASKED).status_code == 403


def test_what_the_vendor_is_told_is_not_the_account_s(cast: Cast, browser: Browser) -> None:
    """Beyond the largest plan the vendor hears of it."""
    account = cast.account("Large", "standard", "80-users")
    admin = cast.member(account, "Lena", Role.ADMIN)
    text = words(browser(admin).post(PAGE, data=ASKED | {"users": "90"}).text)
    assert "Over the limit of 80 seats" in text
    assert "is over its largest plan" not in text


def test_busy(cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "PATIENCE_SECONDS", 0.01)
    with simulation._alone:
        answer = browser(cast.alice).post(PAGE, data=ASKED)
    assert answer.status_code == 503
    assert "Ask again in a few seconds" in answer.text


@pytest.mark.usefixtures("limited")
def test_ten_a_minute(cast: Cast, browser: Browser) -> None:
    """Whatever was asked: each of them keeps a lock."""
    client = browser(cast.alice)
    statuses = [client.post(PAGE, data={}).status_code for _ in range(11)]
    assert statuses == [422] * 10 + [429]
    assert client.get(PAGE).status_code == 200
    assert browser(cast.mallory).post(PAGE, data={}).status_code == 422
