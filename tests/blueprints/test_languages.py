"""The language of the pages, and the choice of the documents' language."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.extensions import db
from portal.language import LANGUAGES
from portal.models import Account, AuditEntry, User
from portal.papers import making
from portal.transaction import transaction
from tests.blueprints.pages import in_order, words
from tests.cast import Cast
from tests.credit_stories import newest

Browser = Callable[[User | None], FlaskClient]
DETAILS = {
    "company": "Acme",
    "address": "",
    "country": "US",
    "tax_id": "",
    "po_number": "",
    "invoice_emails": "",
}
ELSEWHERE = [
    "https://evil.example/account",
    "http://localhost//evil.example",
    "http://localhost/%09/evil.example",
    "http://localhost/\\evil.example",
    "http://localhost/no-such-page",
    "http://localhost/logout",
    "javascript:alert(1)",
    "",
]


@pytest.fixture(autouse=True)
def _quick_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "render", lambda invoice: making.Files(invoice.number.encode()))


def test_a_page_is_in_the_language_the_browser_asks_for(cast: Cast, browser: Browser) -> None:
    """And caches are told that it depends on that."""
    german = browser(None).get("/login", headers={"Accept-Language": "fr, de;q=0.8, en;q=0.5"})
    assert '<html lang="de"' in german.text
    assert "Accept-Language" in german.headers["Vary"]
    french = browser(None).get("/login", headers={"Accept-Language": "fr"})
    assert '<html lang="en"' in french.text


@pytest.mark.parametrize("path", ["/login", "/signup", "/no-such-page", "/i/no-such-link"])
def test_every_open_page_has_the_switch_at_its_foot(
    cast: Cast, browser: Browser, path: str
) -> None:
    has_switch(browser(None).get(path).text)


@pytest.mark.parametrize("path", ["/account", "/clients", "/invoices", "/billing", "/no-such-page"])
def test_every_page_of_an_account_has_it_too(cast: Cast, browser: Browser, path: str) -> None:
    has_switch(browser(cast.alice).get(path).text)


def test_a_choice_holds_against_the_browser_s_wish_and_leads_back(
    cast: Cast, browser: Browser
) -> None:
    """Chosen on a narrowed list: the same list, in German, and so is every page after it."""
    client = browser(cast.alice)
    answer = choose(client, "de", "http://localhost/invoices?q=INV")
    assert (answer.status_code, answer.location) == (303, "/invoices?q=INV")
    english = {"Accept-Language": "en"}
    assert '<html lang="de"' in client.get("/account", headers=english).text
    assert '<html lang="de"' in client.get("/no-such-page", headers=english).text
    choose(client, "en", "http://localhost/account")
    assert '<html lang="en"' in client.get("/account", headers={"Accept-Language": "de"}).text


def test_the_choice_outlasts_signing_in_and_out(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    choose(client, "de", "http://localhost/account")
    client.post("/logout")
    assert '<html lang="de"' in client.get("/login").text


@pytest.mark.parametrize("left", ELSEWHERE)
def test_the_switch_never_leads_to_another_site(cast: Cast, browser: Browser, left: str) -> None:
    answer = choose(browser(cast.alice), "de", left)
    assert (answer.status_code, answer.location) == (303, "/")


@pytest.mark.parametrize("wish", ["fr", "xx", "", "de\0"])
def test_a_language_that_pages_are_not_complete_in_changes_nothing(
    cast: Cast, browser: Browser, wish: str
) -> None:
    client = browser(cast.alice)
    assert choose(client, wish, "http://localhost/account").status_code == 303
    assert '<html lang="en"' in client.get("/account").text


def test_the_switch_needs_its_csrf_token(app: Flask, cast: Cast, browser: Browser) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    client = browser(cast.alice)
    assert choose(client, "de", "http://localhost/account").status_code == 400
    assert '<html lang="en"' in client.get("/account").text


def test_an_admin_chooses_the_language_of_documents_on_record(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    page = client.get("/billing").text
    assert "documents issued before stay as they are" in page
    assert all(f'value="{tag}">{name}</option>' in page for tag, name in LANGUAGES.items())
    assert client.post("/billing", data=DETAILS | {"language": "fr"}).status_code == 303
    assert account(cast).language == "fr"
    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "billing_details.changed")
    ).one()
    assert entry.details["changed"] == {"language": ["en", "fr"]}
    in_order(
        words(client.get("/account/history").text),
        "Language of invoices and emails: English → Français.",
    )


def test_roles_server_side_a_billing_contact_sees_the_language_and_can_t_change_it(
    cast: Cast, browser: Browser
) -> None:
    client = browser(cast.carol)
    in_order(words(client.get("/billing").text), "Language of invoices and emails English")
    assert client.post("/billing", data=DETAILS | {"language": "fr"}).status_code == 403
    assert account(cast).language == "en"


def test_an_unknown_language_is_told_and_what_was_typed_stays(cast: Cast, browser: Browser) -> None:
    answer = browser(cast.alice).post(
        "/billing", data=DETAILS | {"language": "xx", "po_number": "7"}
    )
    assert answer.status_code == 422
    assert 'value="7"' in answer.text
    assert account(cast).language == "en"


def test_a_form_that_says_nothing_of_the_language_leaves_it(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    client.post("/billing", data=DETAILS | {"language": "nl"})
    client.post("/billing", data=DETAILS | {"po_number": "7"})
    assert (account(cast).language, account(cast).billing.po_number) == ("nl", "7")


def test_charge_quote_is_charge_in_the_documents_language_on_a_page_in_another(
    cast: Cast, browser: Browser
) -> None:
    """The page speaks German, the quote on it and the invoice that follows French."""
    with transaction() as session:
        locked = session.get_one(Account, cast.acme.id)
        locked.language = "fr"
    client = browser(cast.alice)
    choose(client, "de", "http://localhost/account")
    price = cast.price("standard", "20-users")
    cast.clock.advance(days=15)
    page = client.get(f"/account/change-plan/{price.id}").text
    assert '<html lang="de"' in page
    in_order(words(page), "Plein tarif pour 30 jours", "15 jours sur 30 × 100,00 $US")
    cast.change_plan(cast.acme, price)
    invoice = newest(cast.acme)
    assert invoice.language == "fr"
    assert invoice.lines[0].explanation == "Plein tarif pour 30 jours : 180,00\xa0$US"
    shown = words(client.get(f"/invoices/{invoice.number_text}").text)
    in_order(shown, "Plein tarif pour 30 jours", "15 jours sur 30 × 100,00 $US")


def has_switch(page: str) -> None:
    """English is spoken, German a button with its own language; both after what the page says."""
    foot = page[page.index("</main>") :]
    assert '<span lang="en" aria-current="true">English</span>' in foot
    assert '<button name="language" value="de" lang="de">Deutsch</button>' in foot
    assert 'action="/language"' in foot


def choose(client: FlaskClient, language: str, left: str):
    return client.post("/language", data={"language": language}, headers={"Referer": left})


def account(cast: Cast) -> Account:
    db.session.expire_all()
    return db.session.get_one(Account, cast.acme.id)
