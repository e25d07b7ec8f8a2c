"""The pages of invoices, of paying and of billing details in German: nothing stays English."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask.testing import FlaskClient

from portal import file_store, language
from portal.billing import accounts, tax_ids
from portal.billing.gateways.sandbox import CARDS
from portal.billing.rules.roles import Role
from portal.billing.tax_ids import TaxIdRefused
from portal.document_store import DocumentMissing
from portal.extensions import db
from portal.jobs import schedule
from portal.models import Account, InvoiceExport, RefundTo, User
from portal.papers import making
from portal.transaction import transaction
from tests.blueprints.pages import in_order, words
from tests.cast import Cast
from tests.credit_stories import credit, newest
from tests.in_german import ASKED, english_in
from tests.payment_stories import pay_now

Browser = Callable[[User | None], FlaskClient]
DETAILS = {"company": "Berlin GmbH", "country": "DE", "tax_id": "", "po_number": ""}
# What people and the vendor wrote stays as they wrote it.
AS_WRITTEN = {"Charged by mistake"}


@pytest.fixture(autouse=True)
def _quick_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        making, "render", lambda paper: making.Files(paper.number.encode(), b"<Invoice/>")
    )


@pytest.fixture
def berlin(cast: Cast) -> Account:
    """On 10 users for $100.00 since 1 March, its documents in German."""
    account = cast.account("Berlin", None)
    with transaction() as session:
        accounts.lock(session, account.id).language = "de"
    cast.use_card(account, "card_pays")
    cast.subscribe(account, cast.price("standard", "10-users"))
    return account


@pytest.fixture
def berta(cast: Cast, berlin: Account, browser: Browser) -> FlaskClient:
    client = browser(cast.member(berlin, "Berta", Role.ADMIN))
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = ASKED["Accept-Language"]
    return client


def read(client: FlaskClient, path: str, status: int = 200) -> str:
    """A page whose every word is German; what is on it."""
    page = client.get(path)
    assert page.status_code == status
    return german(page.text)


def german(page: str) -> str:
    assert '<html lang="de"' in page
    assert english_in(page) - AS_WRITTEN == set()
    assert "%(" not in page
    # What was done is told above the main part.
    return words(page.replace("<main", "<div"))


# --- Invoices and credit notes -------------------------------------------------------------------


def test_the_list_and_its_totals(cast: Cast, berlin: Account, berta: FlaskClient) -> None:
    number, note = newest(berlin).number_text, credit(cast, newest(berlin)).number_text
    shown = read(berta, "/invoices")
    in_order(shown, "Berechnet 100,00 $", "Gutgeschrieben −100,00 $", "Bezahlt 100,00 $")
    in_order(shown, f"{note} 1. März 2026", f"Berichtigt {number}", "Gutschrift", "−100,00 $")
    assert "2 Rechnungen und Gutschriften" in shown
    for state in ("open", "past_due", "paid", "credited", "void", "replaced", "credit_notes"):
        read(berta, f"/invoices?state={state}")
    assert "1 Rechnung" in read(berta, "/invoices?state=paid")


@pytest.mark.parametrize(
    "typed", ["100,00 $", "100,00", "100", "100.00", "$100.00", "0.100,00", "−100,00 $"]
)
def test_an_amount_is_found_as_german_writes_it(
    berlin: Account, berta: FlaskClient, typed: str
) -> None:
    found = berta.get("/invoices", query_string={"q": typed}).text
    assert (newest(berlin).number_text in words(found)) is (typed != "0.100,00")


def test_an_invoice_explains_itself(cast: Cast, berlin: Account, berta: FlaskClient) -> None:
    number = newest(berlin).number_text
    page = f"/invoices/{number}"
    in_order(read(berta, page), f"Rechnung {number}", "Das PDF wird erstellt.")
    making.make(newest(berlin).id)
    credit(cast, newest(berlin), to=RefundTo.BALANCE)
    schedule.run_due()
    shown = read(berta, page)
    in_order(shown, "Bezahlt", "100,00 $", "per Testkarte mit Endziffern 4242", "Wofür")
    in_order(shown, "Wird alle 30 Tage berechnet.", "Wie es weitergeht", "Leistung", "Gesamt")
    in_order(shown, "Seither gutgeschrieben", "Versand", "Aussteller", "Rechnungsempfänger")
    in_order(shown, "XML (UBL 2.1), für Buchhaltungssoftware", "Links für Personen ohne Anmeldung")


def test_an_invoice_that_was_not_paid(cast: Cast, berlin: Account, berta: FlaskClient) -> None:
    """A declined attempt was kept in English, and is told in German."""
    cast.use_card(berlin, "card_declines")
    cast.let_pass(days=31)
    invoice = newest(berlin)
    shown = read(berta, f"/invoices/{invoice.number_text}")
    in_order(shown, "Überfällig", "Wird per Testkarte mit Endziffern 0002 eingezogen.")
    in_order(shown, "100,00 $ jetzt bezahlen", "Testkarte mit Endziffern 0002: Die Karte wurde")
    in_order(shown, "Die Zahlung wird am", "noch einmal versucht.")
    pay_now(berta, invoice)
    told = "Testkarte mit Endziffern 0002: Die Karte wurde abgelehnt. Es wurde nichts abgebucht."
    assert told in read(berta, f"/invoices/{invoice.number_text}")
    in_order(
        read(berta, "/account/payment-method"),
        f"100,00 $ der Rechnung {invoice.number_text} sind nicht bezahlt",
        "Sie zahlen mit Testkarte mit Endziffern 0002",
    )


def test_a_credit_note_says_where_the_money_goes(
    cast: Cast, berlin: Account, berta: FlaskClient
) -> None:
    note = credit(cast, newest(berlin))
    making.make_credit_note(note.id)
    page = f"/credit-notes/{note.number_text}"
    in_order(read(berta, page), "100,00 $ als Rückzahlung (Testkarte mit Endziffern 4242).")
    schedule.run_due()
    shown = read(berta, page)
    in_order(shown, f"Gutschrift {note.number_text}", "Ihnen gutgeschrieben", "Wohin das Geld geht")
    in_order(shown, "100,00 $ wurden am", "zurückgezahlt (Testkarte mit Endziffern 4242).")


def test_pages_about_files_that_cannot_be_had(
    berlin: Account, berta: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = newest(berlin).number_text
    assert f"Rechnung {number} anzeigen" in read(berta, f"/invoices/{number}.pdf", 409)
    making.make(newest(berlin).id)

    def missing(_sha256: str) -> bytes:
        raise DocumentMissing("gone")

    def silent(_sha256: str) -> bytes:
        raise file_store.StoreFailed("silent")

    monkeypatch.setattr("portal.document_store.read", missing)
    assert "lässt sich nicht lesen" in read(berta, f"/invoices/{number}.pdf", 500)
    monkeypatch.setattr("portal.document_store.read", silent)
    assert "gerade nicht erreichbar" in read(berta, f"/invoices/{number}.xml", 503)


# --- Links, downloads, statements, checks --------------------------------------------------------


def test_a_link_and_what_it_shows(berlin: Account, berta: FlaskClient) -> None:
    number = newest(berlin).number_text
    making.make(newest(berlin).id)
    found = re.search(r'name="token" value="([^"]+)"', berta.get(f"/invoices/{number}").text)
    assert found
    form = {"token": unescape(found[1]), "days": "30"}
    made = berta.post(f"/invoices/{number}/links", data=form).text
    assert "Kopieren Sie ihn jetzt: Er wird nicht noch einmal gezeigt." in german(made)
    address = re.search(r'value="http[^"]*?(/i/[^"]+)"', made)
    assert address
    in_order(read(berta, address[1]), f"Rechnung {number}", "Bezahlt am", "Ausgestellt am")
    assert "einmal zuletzt am" in read(berta, f"/invoices/{number}/links")
    read(berta, "/invoices/links")
    assert "Dieser Link führt zu keiner Rechnung" in read(berta, "/i/nowhere", 404)
    refused = berta.post(f"/invoices/{number}/links", data=form | {"token": "x"})
    assert "Dieses Formular kann nicht mehr verwendet werden." in german(refused.text)


def test_a_file_of_a_year_has_a_german_name(berlin: Account, berta: FlaskClient) -> None:
    assert "Noch keine Dateien" in read(berta, "/invoices/exports")
    refused = berta.post("/invoices/exports", data={})
    assert "Wählen Sie mindestens eine Rechnung oder Gutschrift." in german(refused.text)
    berta.post("/invoices/exports?year=2026&state=past_due", data={"all": "matching"})
    berta.post("/invoices/exports?year=2026&state=paid", data={"all": "matching"})
    assert "Wird erstellt" in read(berta, "/invoices/exports")
    schedule.run_due()
    shown = read(berta, "/invoices/exports")
    in_order(shown, "Rechnungen von 2026 · Bezahlt", "Als ZIP", "von Berta", "Herunterladen")
    export = db.session.query(InvoiceExport).one()
    file = berta.get(f"/invoices/exports/{export.public_id}/file")
    assert "rechnungen-von-2026-bezahlt.zip" in file.headers["Content-Disposition"]


def test_a_statement_of_account(berlin: Account, berta: FlaskClient) -> None:
    number = newest(berlin).number_text
    shown = read(berta, "/invoices/statement?from=2026-03-01&to=2026-03-31")
    in_order(shown, "Kontoauszug", "Offen am", "0,00 $", "Berechnet 100,00 $", "Bezahlt −100,00 $")
    in_order(shown, "Zu Beginn offen", f"Rechnung {number}", "Zahlung")
    in_order(shown, f"Testkarte mit Endziffern 4242, für Rechnung {number}")
    problem = read(berta, "/invoices/statement?from=soon&to=2026-03-31", 422)
    assert "Von: Schreiben Sie ein Datum wie 2026-03-31." in problem
    berta.post("/invoices/statement?from=2026-03-01&to=2026-03-31")
    assert db.session.query(InvoiceExport).one().title.startswith("Kontoauszug, 1. März 2026 bis")


def test_a_file_is_checked(berlin: Account, berta: FlaskClient) -> None:
    making.make(newest(berlin).id)
    document = newest(berlin).document
    assert document is not None
    number = newest(berlin).number_text
    read(berta, "/invoices/check")
    found = read(berta, f"/invoices/check?sha256={document.sha256}")
    assert f"Das ist das PDF der Rechnung {number}" in found
    assert "hier nicht ausgestellt" in read(berta, f"/invoices/check?sha256={'0' * 64}")
    assert "Ein SHA-256 hat 64 Ziffern" in read(berta, "/invoices/check?sha256=12", 422)
    nothing = berta.post("/invoices/check", data={})
    assert "Wählen Sie zuerst eine Datei." in german(nothing.text)


def test_the_credit_balance(cast: Cast, berlin: Account, berta: FlaskClient) -> None:
    assert "Noch keine Bewegungen" in read(berta, "/account/balance")
    note = credit(cast, newest(berlin), to=RefundTo.BALANCE).number_text
    cast.let_pass(days=31)
    shown = read(berta, "/account/balance")
    in_order(shown, "Guthaben jetzt", f"Verrechnet mit {newest(berlin).number_text}", "−100,00 $")
    in_order(shown, f"Gutgeschrieben mit {note}", "2 Bewegungen")


# --- Billing details and ways to pay -------------------------------------------------------------


def test_billing_details_and_their_refusals(
    cast: Cast, berlin: Account, berta: FlaskClient, browser: Browser
) -> None:
    in_order(
        read(berta, "/billing"), "Rechnungsdaten", "Unternehmen", "Steuernummer", "Bestellnummer"
    )
    wrong = {"address": "1\n2\n3\n4\n5\n6", "tax_id": "DE123456789", "invoice_emails": "x"}
    refused = berta.post("/billing", data=DETAILS | wrong)
    assert refused.status_code == 422
    shown = german(refused.text)
    in_order(shown, "Verwenden Sie höchstens 5 Zeilen; das sind 6.")
    assert "„x“ ist keine E-Mail-Adresse" in shown
    berta.post("/billing", data=DETAILS | {"invoice_emails": "books@example.com"})
    in_order(read(berta, "/billing"), "Die Rechnungsdaten sind gespeichert.", "Nicht bestätigt")
    berta.post("/billing/my-invoices", data={"wants": "yes"})
    assert "Das war schon so." in read(berta, "/billing")
    carl = browser(cast.member(berlin, "Carl", Role.BILLING))
    carl.environ_base["HTTP_ACCEPT_LANGUAGE"] = "de"
    assert "Ein Admin des Kontos kann sie ändern." in read(carl, "/billing")


@pytest.mark.parametrize(
    ("typed", "country", "said"),
    [
        ("DE123456789", "DE", "Diese Steuernummer hat einen Tippfehler"),
        ("DE1234", "DE", "Geben Sie die des Landes ein (Deutschland), zum Beispiel DE123456788."),
        ("FR12345678221", "DE", "eines anderen Landes (Frankreich), gewählt ist: Deutschland."),
        ("?", "AF", "Schreiben Sie die Steuernummer (Afghanistan) mit 4 bis 32 Buchstaben"),
    ],
)
def test_a_tax_id_is_refused_in_german(typed: str, country: str, said: str) -> None:
    with language.speaking("de"), pytest.raises(TaxIdRefused) as refused:
        tax_ids.check(typed, country)
    assert said in str(refused.value)


def test_each_way_to_pay(berta: FlaskClient) -> None:
    page = berta.get("/account/payment-method").text
    german(page)
    for card in CARDS.values():
        assert f"Testkarte mit Endziffern {card.label[-4:]}: " in page
    berta.post("/account/payment-method", data={"card": "card_declines_later"})
    told = "Sie zahlen ab jetzt per Testkarte mit Endziffern 0341."
    assert told in read(berta, "/account/payment-method")
    refused = berta.post("/account/payment-method", data={"card": "none"})
    assert "Wählen Sie eine der Testkarten." in german(refused.text)
