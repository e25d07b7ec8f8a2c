"""Having an invoice issued again: who may, what is shown first, and that it is done once."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask.testing import FlaskClient

from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import Invoice, User
from tests.blueprints.pages import in_order, words
from tests.cast import Cast
from tests.correction_stories import reissue, void
from tests.credit_stories import change_details, newest, unpaid

Browser = Callable[[User | None], FlaskClient]
ACME = "INV-2026-000001"
PAGE = f"/invoices/{ACME}/reissue"


@pytest.mark.parametrize(
    ("person", "status"),
    [("alice", 200), ("carol", 403), ("bob", 403), ("mallory", 404), ("nobody", 303)],
)
def test_roles_server_side(cast: Cast, browser: Browser, person: str, status: int) -> None:
    client = browser(getattr(cast, person, None))
    assert client.get(PAGE).status_code == status
    assert client.post(PAGE, data={"seen": "x"}).status_code == {200: 409}.get(status, status)
    assert db.session.query(Invoice).count() == 2


def test_both_details_are_shown_first(cast: Cast, browser: Browser) -> None:
    change_details(cast.acme, company="Acme <b>Holding</b>", country="CA")

    page = browser(cast.alice).get(PAGE)

    in_order(
        words(page.text),
        "What would be different",
        "Company Acme Acme &lt;b&gt;Holding&lt;/b&gt; New",
        "Country United States Canada New",
        "Tax id none none PO number none none",
        "Lines, amounts and tax stay as they are, $100.00 in all.",
        "Issue again with today",
    )


def test_it_is_issued_again_once(cast: Cast, browser: Browser) -> None:
    """charge.once: the same form sent twice leads to the same invoice."""
    change_details(cast.acme, company="Acme Holding")
    client = browser(cast.alice)
    form = {"seen": _seen(client)}

    answers = [client.post(PAGE, data=form) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert {answer.location for answer in answers} == {"/invoices/INV-2026-000003"}
    assert db.session.query(Invoice).count() == 3
    shown = words(client.get("/invoices/INV-2026-000003").text)
    in_order(shown, f"Replaces invoice {ACME} of 1 Mar 2026", "Paid on 1 Mar 2026", "Acme Holding")
    former = words(client.get(f"/invoices/{ACME}").text)
    in_order(
        former,
        "Replaced by invoice INV-2026-000003",
        "Total $100.00 Credited −$100.00 To pay $0.00",
        "Credited since",
    )
    assert "Amount due" not in former
    assert "issue this invoice again" not in former
    listed = words(client.get("/invoices?state=replaced").text)
    assert ACME in listed
    assert "INV-2026-000003" not in listed.partition("Credited by")[0]


def test_details_that_changed_meanwhile_are_shown_instead(cast: Cast, browser: Browser) -> None:
    change_details(cast.acme, company="Acme Holding")
    client = browser(cast.alice)
    form = {"seen": _seen(client)}
    change_details(cast.acme, company="Acme Group")

    answer = client.post(PAGE, data=form)

    assert answer.status_code == 409
    in_order(words(answer.text), "The details have changed since you looked", "Acme Group New")
    assert db.session.query(Invoice).count() == 2


def test_the_same_details(cast: Cast, browser: Browser) -> None:
    """They are to be corrected first: the page leads there."""
    page = browser(cast.alice).get(PAGE)
    assert page.status_code == 200
    assert "carries today's billing details already" in words(page.text)
    assert 'href="/billing"' in page.text
    assert 'name="seen"' not in page.text


def test_another_tax_leads_to_the_vendor(cast: Cast, browser: Browser) -> None:
    change_details(cast.acme, country="DE")
    page = browser(cast.alice).get(PAGE)
    assert "the tax of invoice INV-2026-000001 would be another" in words(page.text)
    assert 'href="mailto:' in page.text
    assert 'name="seen"' not in page.text


def test_another_tax_is_told_in_one_sentence(cast: Cast, browser: Browser) -> None:
    account = cast.account("Paris", None)
    change_details(account, country="FR")
    admin = cast.member(account, "paule", Role.ADMIN)
    cast.subscribe(account, cast.price("standard", "5-users"))
    change_details(account, tax_id="FR12345678221")

    number = newest(account).number_text
    page = words(browser(admin).get(f"/invoices/{number}/reissue").text)

    after = "Reverse charge: the customer accounts for the tax"
    assert f"would be another ({after} instead of VAT 20 %), and so would" in page


def test_the_same_rate_in_another_country_leads_to_the_vendor(cast: Cast, browser: Browser) -> None:
    """20 % in France and 20 % in Austria: no cent moves, but it would be another state's tax."""
    account = cast.account("Paris", None)
    change_details(account, country="FR")
    admin = cast.member(account, "paule", Role.ADMIN)
    cast.subscribe(account, cast.price("standard", "5-users"))
    change_details(account, country="AT")

    number = newest(account).number_text
    page = browser(admin).get(f"/invoices/{number}/reissue")

    assert "that would be another country's" in words(page.text)
    assert 'name="seen"' not in page.text


def test_the_invoice_says_how_to_get_a_corrected_one(cast: Cast, browser: Browser) -> None:
    admin = browser(cast.alice).get(f"/invoices/{ACME}").text
    reader = words(browser(cast.carol).get(f"/invoices/{ACME}").text)

    assert f'href="{PAGE}"' in admin
    assert "An Admin can correct them and issue this invoice again: Alice." in reader


def test_a_former_invoice_leads_to_the_one_that_is_valid(cast: Cast, browser: Browser) -> None:
    change_details(cast.acme, company="Acme Holding")
    reissue(cast, newest(cast.acme))
    page = browser(cast.alice).get(PAGE)
    assert "was replaced by INV-2026-000003 already" in words(page.text)
    assert 'href="/invoices/INV-2026-000003"' in page.text


def test_a_void_invoice_says_so(cast: Cast, browser: Browser) -> None:
    account = unpaid(cast)
    admin = db.session.query(User).filter_by(name="Uma").one()
    invoice = newest(account)
    void(cast, invoice)
    client = browser(admin)

    page = words(client.get(f"/invoices/{invoice.number_text}").text)

    in_order(
        page,
        "Void",
        "$0.00 Nothing is to be paid: this invoice is void",
        "Total $50.00 Credited −$50.00 To pay $0.00",
    )
    assert "Pay $" not in page
    assert "Amount due" not in page
    assert invoice.number_text in words(client.get("/invoices?state=void").text)
    account_page = words(client.get("/account").text)
    in_order(account_page, "Latest invoices", invoice.number_text, "Void")
    assert "is not paid" not in account_page
    history = words(client.get("/account/history").text)
    assert f"Invoice {invoice.number_text} voided" in history


def test_a_shared_invoice_that_is_void_asks_for_nothing(cast: Cast, browser: Browser) -> None:
    account = unpaid(cast)
    admin = browser(db.session.query(User).filter_by(name="Uma").one())
    number = newest(account).number_text
    shared = _shared(admin, number)
    in_order(words(browser(None).get(shared).text), "Not paid yet", "Amount due $50.00")

    void(cast, newest(account))

    page = words(browser(None).get(shared).text)
    in_order(page, "Nothing is to be paid: this invoice is void", "To pay $0.00")
    assert "Amount due" not in page


def test_the_credit_note_of_one_that_was_issued_again(cast: Cast, browser: Browser) -> None:
    change_details(cast.acme, company="Acme Holding")
    reissue(cast, newest(cast.acme))
    page = words(browser(cast.alice).get("/credit-notes/CN-2026-000001").text)
    assert "All of it stands for invoice INV-2026-000003, which replaces INV-2026-000001" in page


def _shared(client: FlaskClient, number: str) -> str:
    """The path of a link to the invoice, made on its page."""
    token = re.search(r'name="token" value="([^"]+)"', client.get(f"/invoices/{number}").text)
    assert token
    form = {"token": unescape(token[1]), "days": "30"}
    made = client.post(f"/invoices/{number}/links", data=form)
    found = re.search(r'id="new-link" value="http[^"]*?(/i/[^"]+)"', made.text)
    assert found
    return found[1]


def _seen(client: FlaskClient) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', client.get(PAGE).text)
    assert found
    return found[1]
