"""What every page is drawn with: navigation by role, the frame, and pages where much is broken."""

from collections.abc import Callable

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from portal.audit import SYSTEM
from portal.billing import accounts, people
from portal.billing.rules.roles import Role
from portal.models import User
from portal.transaction import transaction
from portal.web import page_context
from tests.cast import Cast

Browser = Callable[[User | None], FlaskClient]


@pytest.mark.parametrize(
    ("person", "page", "places"),
    [
        ("alice", "/account", ["/account", "/clients", "/users", "/invoices"]),
        ("carol", "/account", ["/account", "/invoices"]),
        ("bob", "/clients", ["/clients"]),
    ],
)
def test_navigation_by_role(
    cast: Cast, browser: Browser, person: str, page: str, places: list[str]
) -> None:
    text = navigation_of(browser(getattr(cast, person)).get(page).text)
    assert [part.split('"')[0] for part in text.split('href="')[1:]] == places
    assert f'href="{page}" aria-current="page"' in text


@pytest.mark.parametrize(
    "page", ["/account/change-plan", "/account/when-seats-run-out", "/account/what-if"]
)
def test_what_is_reached_from_there_belongs_to_my_account(
    cast: Cast, browser: Browser, page: str
) -> None:
    text = navigation_of(browser(cast.alice).get(page).text)
    assert 'href="/account" aria-current="page"' in text


def test_the_frame_says_who_is_where(cast: Cast, browser: Browser) -> None:
    page = browser(cast.alice).get("/account").text
    for said in ("Example Software Ltd", "Acme", "Alice", cast.alice.email, "Admin"):
        assert said in page
    assert "Switch account" not in page


def test_roles_many_accounts(cast: Cast, browser: Browser) -> None:
    """A bookkeeper sees both accounts by name, the one she is in marked, and switches."""
    with transaction() as session:
        other = accounts.lock(session, cast.other.id)
        people.add_member(
            session, other, cast.carol, Role.BILLING, now=cast.clock.now(), actor=SYSTEM
        )
    client = browser(cast.carol)
    client.post("/accounts", data={"account": cast.other.public_id})
    page = client.get("/account").text
    assert page.index(f'value="{cast.acme.public_id}"') < page.index(cast.other.public_id)
    assert f'value="{cast.other.public_id}" class="menu-item" aria-current="true"' in page
    answer = client.post("/accounts", data={"account": cast.acme.public_id})
    assert answer.status_code == 303
    assert "INV-2026-000001" in client.get("/account").text


def test_pages_without_an_account_know_the_vendor(app: Flask, browser: Browser) -> None:
    assert "Example Software Ltd" in browser(None).get("/login").text
    assert "Example Software Ltd" in browser(None).get("/nowhere").text


def test_an_error_page_keeps_the_frame(cast: Cast, browser: Browser) -> None:
    answer = browser(cast.bob).get("/account")
    assert answer.status_code == 403
    assert "Example Software Ltd" in answer.text


def test_an_error_page_is_drawn_without_a_database(
    app: Flask, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing the frame needs can be read: the page says its piece all the same."""

    def gone(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    for name in ("_frame", "_navigation", "sandbox_clock"):
        monkeypatch.setattr(page_context, name, gone)
    monkeypatch.setattr(page_context.access, "find_principal", gone)
    answer = browser(None).get("/nowhere")
    assert answer.status_code == 404
    assert "<h1" in answer.text


@pytest.mark.parametrize(
    ("host", "scheme", "told"),
    [
        ("localhost:8000", "http", False),
        ("127.0.0.1:8000", "http", False),
        ("[::1]:8000", "http", False),
        ("portal.localhost", "http", False),
        ("portal.example.com", "https", False),
        ("portal.example.com", "http", True),
        ("192.168.1.20:8000", "http", True),
    ],
)
def test_an_open_connection_is_told(
    app: Flask, browser: Browser, host: str, scheme: str, told: bool
) -> None:
    page = browser(None).get("/login", base_url=f"{scheme}://{host}").text
    assert ("Not encrypted" in page) is told


def test_templates_outside_a_request_have_no_frame(app: Flask) -> None:
    assert render_template_string("{{ frame is defined }}") == "False"


def navigation_of(page: str) -> str:
    return page[page.index('aria-label="Main"') : page.index("</nav>")]
