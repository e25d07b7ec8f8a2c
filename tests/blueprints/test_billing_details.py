"""Billing details: who sees and changes them, what a form is answered with, what follows."""

from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from portal.billing import billing_details
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.jobs import renewals
from portal.models import AuditEntry, Invoice, Notice, User
from portal.papers import making
from tests.address_stories import agreed
from tests.blueprints.pages import in_order, words
from tests.cast import Cast, FixedClock

Browser = Callable[[User | None], FlaskClient]
FORM = {
    "company": "Acme Ltd",
    "address": "1 High Street\nBerlin",
    "country": "DE",
    "tax_id": "",
    "po_number": "",
    "invoice_emails": "",
}


@pytest.fixture(autouse=True)
def _quick_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "render", lambda invoice: making.Files(invoice.number.encode()))


@pytest.mark.parametrize(
    ("person", "reads", "writes"),
    [("alice", 200, 303), ("carol", 200, 403), ("bob", 403, 403), ("nobody", 303, 303)],
)
def test_roles_server_side(
    cast: Cast, browser: Browser, person: str, reads: int, writes: int
) -> None:
    client = browser(getattr(cast, person, None))
    assert client.get("/billing").status_code == reads
    answer = client.post("/billing", data=FORM)
    assert answer.status_code == writes
    changed = billing_details.of(cast.acme).company == "Acme Ltd"
    assert changed == (person == "alice")


def test_a_form_without_its_csrf_token_does_nothing(
    app: Flask, cast: Cast, browser: Browser
) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    assert browser(cast.alice).post("/billing", data=FORM).status_code == 400
    assert billing_details.of(cast.acme).company == "Acme"


def test_an_admin_changes_them(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    sent = FORM | {"tax_id": "de 123456788", "po_number": "PO-7", "invoice_emails": "b@example.com"}
    page = save(client, sent)
    assert "The billing details are saved. They are on invoices from the next one on." in page
    for value in ("Acme Ltd", "1 High Street\nBerlin", "DE123456788", "PO-7", "b@example.com"):
        assert value in page
    assert '<option selected value="DE">Germany' in page


def test_saving_without_a_change_writes_nothing(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    save(client, FORM)
    before = entries()
    assert "Nothing was changed." in save(client, FORM)
    assert entries() == before


def test_a_billing_contact_reads_them(cast: Cast, browser: Browser) -> None:
    save(browser(cast.alice), FORM | {"tax_id": "DE123456788"})
    page = browser(cast.carol).get("/billing").text
    in_order(
        words(page),
        "Company Acme Ltd",
        "Address 1 High Street Berlin",
        "Country Germany",
        "Tax id DE123456788",
        "PO number none",
        "Invoices also to no other address",
        "Tax on your next invoice",
    )
    assert 'action="/billing"' not in page[page.find("<main") :]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"company": ""}, "Enter the company's name as it stands on invoices."),
        ({"address": "1\n2\n3\n4\n5\n6"}, "Use at most 5 lines; this has 6."),
        ({"country": "XX"}, "Not a valid choice"),
        ({"tax_id": "DE123456789"}, "its check digits don't match the rest. Enter that of Germany"),
        ({"tax_id": "FR12345678221"}, "This is a tax id of France, and the country chosen is"),
        ({"po_number": "x" * 61}, "Use at most 60 characters"),
        ({"invoice_emails": "a@example.com\nnot one"}, "“not one” is no email address"),
        ({"invoice_emails": "a@example.com\na@example.com"}, "a@example.com is there twice"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(
    cast: Cast, browser: Browser, wrong: dict[str, str], said: str
) -> None:
    client = browser(cast.alice)
    answer = client.post("/billing", data=FORM | wrong)
    page = unescape(answer.text)
    assert answer.status_code == 422
    assert said in page
    [field] = wrong
    assert f'id="{field}-error"' in page
    assert "1 High Street\nBerlin" in page or field == "address"
    assert wrong[field] in page or field == "country"
    assert billing_details.of(cast.acme).company == "Acme"


def test_all_that_is_wrong_is_said_at_once(cast: Cast, browser: Browser) -> None:
    wrong = {"company": "", "country": "XX", "tax_id": "!", "invoice_emails": "no"}
    page = browser(cast.alice).post("/billing", data=FORM | wrong).text
    assert [field for field in wrong if f'id="{field}-error"' not in page] == []


def test_the_former_country_s_tax_id_is_caught(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    save(client, FORM | {"country": "MZ", "tax_id": "123456785"})
    sent = FORM | {"country": "CL", "tax_id": "123456785"}
    answer = client.post("/billing", data=sent)
    assert answer.status_code == 422
    assert "This is still the tax id for Mozambique. Enter the one for Chile" in answer.text


def test_what_is_typed_is_only_text(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    save(client, FORM | {"company": "<b>Søn</b>", "po_number": '"><script>'})
    for person in (cast.alice, cast.carol):
        page = browser(person).get("/billing").text
        assert "&lt;b&gt;Søn&lt;/b&gt;" in page
        assert "<b>Søn" not in page
        assert "<script>" not in page[page.find("<main") :]


def test_over_history_tells_each_change(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    save(client, FORM)
    text = words(client.get("/account/history?kind=details").text)
    in_order(
        text,
        "Billing details changed",
        "Company: Acme → Acme Ltd. Address: none → 1 High Street, Berlin."
        " Country: United States → Germany.",
        "Alice",
    )


# --- Tax -----------------------------------------------------------------------------------------


def test_invoice_tax_the_page_says_what_a_change_means_from_the_next_invoice_on(
    cast: Cast, browser: Browser
) -> None:
    """The vendor is in the United States and charges VAT in Germany, less with a valid tax id."""
    client = browser(cast.alice)
    assert "Tax on your next invoice None." in words(client.get("/billing").text)
    page = save(client, FORM)
    assert "Tax on them: VAT 19 %. Until now: None." in page
    assert "Tax on your next invoice VAT 19 %." in words(page)
    page = save(client, FORM | {"tax_id": "DE123456788"})
    reverse = "None. The invoice says: “Reverse charge: the customer accounts for the tax.”"
    assert f"Tax on them: {reverse} Until now: VAT 19 %." in page
    assert f"Tax on your next invoice {reverse}" in words(page)
    page = save(client, FORM | {"tax_id": "DE123456788", "po_number": "PO-8"})
    assert "Tax on them" not in page


def test_invoice_snapshot(cast: Cast, browser: Browser, clock: FixedClock) -> None:
    """An issued invoice stays as it is; the next one carries the new details and the tax."""
    client = browser(cast.alice)
    kept = snapshots()
    save(client, FORM | {"po_number": "PO-7"})
    assert snapshots() == kept
    first = words(client.get("/invoices/INV-2026-000001").text)
    assert "Billed to Acme" in first
    assert [new for new in ("Acme Ltd", "High Street", "PO-7") if new in first] == []
    clock.advance(days=30)
    renewals.renew(cast.acme.id)
    newest = newest_invoice(cast)
    assert newest.customer["name"] == "Acme Ltd"
    assert newest.customer["address"] == ["1 High Street", "Berlin"]
    assert newest.customer["country"] == "DE"
    assert newest.customer["po_number"] == "PO-7"
    assert (newest.subtotal_minor, newest.tax_minor, newest.total_minor) == (10000, 1900, 11900)
    assert snapshots()[: len(kept)] == kept


# --- Where invoices go ---------------------------------------------------------------------------


def test_an_invoice_is_emailed_to_the_addresses_as_well(cast: Cast, browser: Browser) -> None:
    """To each once: one of them is Alice's own, in other letters."""
    agreed(cast.acme, "books@example.com", cast.alice.email.upper())
    before = {notice.id for notice in receipts()}
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    sent = {notice.recipient: notice for notice in receipts() if notice.id not in before}
    assert set(sent) == {cast.alice.email, cast.carol.email, "books@example.com"}
    to_books = sent["books@example.com"]
    assert to_books.user_id is None
    assert to_books.subject == sent[cast.alice.email].subject
    text = " ".join(to_books.body_text.split())
    assert text.startswith("Hello, ")
    assert "You get this because Acme has its invoices sent to this address." in text
    assert "/invoices/" not in to_books.body_text + to_books.body_html
    assert "/invoices/" in sent[cast.alice.email].body_html


def test_my_account_and_the_invoices_lead_there(cast: Cast, browser: Browser) -> None:
    for person in (cast.alice, cast.carol):
        client = browser(person)
        for page in ("/account", "/invoices"):
            assert 'href="/billing"' in client.get(page).text


def test_nothing_of_another_account_is_on_the_page(cast: Cast, browser: Browser) -> None:
    save(browser(cast.alice), FORM)
    assert "Acme" not in browser(cast.mallory).get("/billing").text


def test_an_account_without_a_plan_has_them_too(cast: Cast, browser: Browser) -> None:
    account = cast.account("Empty", None)
    client = browser(cast.member(account, "Eve", Role.ADMIN))
    assert 'value="Empty"' in client.get("/billing").text
    assert "The billing details are saved." in save(client, FORM)


def save(client: FlaskClient, sent: dict[str, str]) -> str:
    """Save and follow to the page as it is then."""
    answer = client.post("/billing", data=sent)
    assert (answer.status_code, answer.location) == (303, "/billing"), words(answer.text)
    return unescape(client.get("/billing").text)


def entries() -> int:
    return db.session.scalar(select(func.count()).select_from(AuditEntry)) or 0


def snapshots() -> list[tuple[int, str]]:
    db.session.rollback()
    statement = select(Invoice.total_minor, Invoice.customer).order_by(Invoice.id)
    return [(total, str(customer)) for total, customer in db.session.execute(statement)]


def newest_invoice(cast: Cast) -> Invoice:
    statement = (
        select(Invoice)
        .where(Invoice.account_id == cast.acme.id)
        .order_by(Invoice.id.desc())
        .limit(1)
    )
    return db.session.scalars(statement).one()


def receipts() -> list[Notice]:
    db.session.rollback()
    return list(db.session.scalars(select(Notice).where(Notice.name == "invoice_issued")))
