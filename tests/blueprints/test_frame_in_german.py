"""What stands around every page, coming in, users and errors in German: nothing stays English."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal import language
from portal.billing import people
from portal.billing.rules.counting import seat_reason
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import Account, User
from tests.blueprints.pages import words
from tests.cast import Cast
from tests.in_german import ASKED, english_in

Browser = Callable[[User | None], FlaskClient]
OF_NOBODY = ["/login", "/signup", "/password-reset", "/password-reset/spent", "/invitations/spent"]
OF_AN_ADMIN = [
    "/users", "/users?counted=no", "/users?counted=yes", "/account/password", "/accounts",
    "/dev/mailbox?to=nobody@example.com",
]  # fmt: skip
DORA = {"email": "dora@example.com", "role": "member"}
ERRORS = {403: "Ihre Rolle umfasst das nicht", 404: "Hier ist nichts"}


@pytest.fixture
def alice(cast: Cast, browser: Browser) -> FlaskClient:
    return browser(cast.alice)


def is_german(page: TestResponse, status: int = 200) -> str:
    assert page.status_code == status
    assert '<html lang="de"' in page.text
    assert english_in(page.text) == set()
    assert "%(" not in page.text
    return words(page.text)


@pytest.mark.parametrize("path", OF_NOBODY)
def test_coming_in_is_german(cast: Cast, browser: Browser, path: str) -> None:
    page = browser(None).get(path, headers=ASKED)
    is_german(page, 404 if path.endswith("spent") else 200)


@pytest.mark.parametrize("path", OF_AN_ADMIN)
def test_users_and_one_s_own_pages_are_german(cast: Cast, alice: FlaskClient, path: str) -> None:
    alice.post("/users/invitations", data=DORA, headers=ASKED)
    cast.leave(cast.acme, cast.bob)
    is_german(alice.get(path, headers=ASKED))


def test_the_frame_is_german(alice: FlaskClient) -> None:
    page = alice.get("/users", headers=ASKED).text
    for said in ("Mein Konto", "Kunden", "Benutzer", "Rechnungen", "Abmelden", "Passwort ändern"):
        assert f">{said}<" in page
    assert 'aria-label="Hauptnavigation"' in page
    assert "Zum Inhalt springen" in page


def test_users_say_roles_and_seats_in_german(alice: FlaskClient) -> None:
    said = words(alice.get("/users", headers=ASKED).text)
    assert "Admin gezählt: aktiver Admin" in said
    assert "Rechnungskontakt nicht gezählt: Rechnungskontakt" in said


def test_count_seats_explained_in_german() -> None:
    with language.speaking("de"):
        assert seat_reason(Role.MEMBER, True) == "gezählt: aktives Mitglied"
        assert seat_reason(Role.ADMIN, False) == "nicht gezählt: deaktiviert"


def test_what_is_done_with_users_is_said_in_german(cast: Cast, alice: FlaskClient) -> None:
    invited = alice.post("/users/invitations", data=DORA, headers=ASKED, follow_redirects=True)
    is_german(invited)
    assert "dora@example.com ist eingeladen." in invited.text
    again = alice.post("/users/invitations", data=DORA, headers=ASKED)
    assert "Diese Adresse ist bereits eingeladen" in is_german(again, 422)
    bob = _place(cast.acme, cast.bob)
    left = alice.post(f"/users/{bob}/deactivation", headers=ASKED, follow_redirects=True)
    is_german(left)
    assert "Bob hat keinen Zugang mehr." in left.text
    me = _place(cast.acme, cast.alice)
    kept = alice.post(f"/users/{me}/deactivation", headers=ASKED)
    is_german(kept, 409)
    assert "Ein Konto behält immer mindestens einen aktiven Admin." in kept.text


def test_going_over_the_seats_is_asked_in_german(cast: Cast, alice: FlaskClient) -> None:
    cast.members(cast.acme, 8)
    page = alice.post("/users/invitations", data=DORA, headers=ASKED)
    said = is_german(page)
    assert "Mit dora@example.com sind mehr Personen dabei oder eingeladen" in said
    assert "Trotzdem einladen" in said


def test_a_refused_sign_in_says_why_in_german(cast: Cast, browser: Browser) -> None:
    wrong = {"email": "alice@example.com", "password": "nonsense"}
    page = browser(None).post("/login", data=wrong, headers=ASKED)
    assert "E-Mail-Adresse und Passwort passen nicht zusammen." in is_german(page, 422)
    empty = browser(None).post("/login", data={}, headers=ASKED)
    assert "Geben Sie Ihr Passwort ein." in is_german(empty, 422)


def test_a_refused_sign_up_says_why_in_german(cast: Cast, browser: Browser) -> None:
    form = {"email": "ada", "password": "short", "company": "x" * 121}
    said = is_german(browser(None).post("/signup", data=form, headers=ASKED), 422)
    assert "Bitte prüfen Sie Ihre Eingaben" in said
    assert "Verwenden Sie höchstens 120 Zeichen." in said
    assert "Schreiben Sie eine E-Mail-Adresse wie name@example.com." in said
    assert "Wählen Sie ein Land." in said


@pytest.mark.parametrize(
    ("tag", "said"), [("de", "Keine gültige Auswahl."), ("en", "Not a valid choice.")]
)
def test_what_forms_say_by_themselves_is_said_in_the_page_s_language(
    browser: Browser, tag: str, said: str
) -> None:
    form = {"country": "ZZ", "company": "Ada Ltd"}
    page = browser(None).post("/signup", data=form, headers={"Accept-Language": tag})
    assert said in words(page.text)


def test_countries_are_named_and_sorted_in_german(browser: Browser) -> None:
    page = browser(None).get("/signup", headers=ASKED).text
    places = [page.find(f">{name}<") for name in ("Ägypten", "Belgien", "Österreich", "Zypern")]
    assert places == sorted(places)
    assert -1 not in places


@pytest.mark.parametrize(("path", "status"), [("/users", 403), ("/nowhere", 404)])
def test_errors_are_german(cast: Cast, browser: Browser, path: str, status: int) -> None:
    said = is_german(browser(cast.bob).get(path, headers=ASKED), status)
    assert ERRORS[status] in said
    fragment = browser(cast.bob).get(path, headers=ASKED | {"HX-Request": "true"})
    assert ERRORS[status] in fragment.text


def test_a_form_that_is_too_old_is_refused_in_german(cast: Cast, app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    try:
        page = app.test_client().post("/login", data={}, headers=ASKED)
    finally:
        app.config["WTF_CSRF_ENABLED"] = False
    assert "Dieses Formular ist zu alt oder kam von anderswo." in is_german(page, 400)


def _place(account: Account, user: User) -> str:
    found = people.membership_in(db.session(), account.id, user.id)
    assert found is not None
    return found.public_id
