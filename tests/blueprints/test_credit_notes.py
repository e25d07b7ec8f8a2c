"""The pages of credit notes: who sees what, what they say, and the PDF as it was stored."""

import hashlib
import io
import re
from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader

from portal import document_store
from portal.billing import people
from portal.billing.gateways import Answer, Outcome
from portal.billing.gateways.sandbox import SandboxGateway
from portal.billing.rules import describe
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.jobs import schedule
from portal.models import CreditNote, CreditNoteDocument, RefundTo, User
from portal.papers import making
from tests.blueprints.pages import in_order, without_tokens, words
from tests.cast import Cast
from tests.credit_stories import credit, newest, unpaid

Browser = Callable[[User | None], FlaskClient]
PAGES = ("/credit-notes/{number}", "/credit-notes/{number}.pdf")
HTMX = {"HX-Request": "true"}


@pytest.fixture
def note(cast: Cast) -> CreditNote:
    """Acme's first $100.00, given back, and its PDF made."""
    made = credit(cast, newest(cast.acme))
    making.make_credit_note(made.id)
    return made


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    ("person", "status"), [("alice", 200), ("carol", 200), ("bob", 403), ("nobody", 303)]
)
def test_roles_server_side(
    cast: Cast, browser: Browser, note: CreditNote, page: str, person: str, status: int
) -> None:
    client = browser(getattr(cast, person, None))
    assert client.get(page.format(number=note.number_text)).status_code == status


@pytest.mark.parametrize("page", PAGES)
def test_another_accounts_credit_note_is_not_there(
    cast: Cast, browser: Browser, note: CreditNote, page: str
) -> None:
    client = browser(cast.mallory)
    foreign = client.get(page.format(number=note.number_text))
    unknown = client.get(page.format(number="CN-2026-999999"))
    assert foreign.status_code == unknown.status_code == 404
    found = without_tokens(foreign.text).replace(note.number_text, "CN-2026-999999")
    assert found == without_tokens(unknown.text)


@pytest.mark.parametrize("number", ["%00", "%ff", "x" * 3000, "INV-2026-000001", "CN-2026-1"])
def test_a_number_that_is_none_is_not_there(cast: Cast, browser: Browser, number: str) -> None:
    client = browser(cast.alice)
    for page in PAGES:
        assert client.get(page.format(number=number)).status_code == 404


def test_invoice_explains_itself_of_a_credit_note(cast: Cast, browser: Browser) -> None:
    """16 March: an upgrade of $100.00 − $25.00. It is given back two days later."""
    cast.let_pass(days=15)
    cast.change_plan(cast.other, cast.price("standard", "10-users"))
    cast.let_pass(days=2)
    note = credit(cast, newest(cast.other))
    client = browser(cast.mallory)

    before = words(client.get(f"/credit-notes/{note.number_text}").text)
    schedule.run_due()
    after = words(client.get(f"/credit-notes/{note.number_text}").text)

    in_order(
        before,
        "Invoice INV-2026-000003",
        "Credit note CN-2026-000001",
        "Corrects invoice INV-2026-000003 of 16 Mar 2026",
        "The PDF is being made.",
        "Credited to you",
        "$75.00",
        "Issued on 18 Mar 2026.",
        "$75.00 back to Test card ending 4242.",
        "$75.00 is on its way to Test card ending 4242.",
        "Charged by mistake",
        "Standard, 10 users",
        "$100.00 charged, given back in full",
        "Unused time on Standard, 5 users",
        "−$25.00",
        "Credited $75.00",
    )
    assert "$75.00 was sent back to Test card ending 4242 on 18 Mar 2026." in after
    assert "Download PDF" in after


def test_a_refund_that_was_declined_says_where_the_money_is(
    cast: Cast, browser: Browser, note: CreditNote, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = Answer(Outcome.DECLINED, message="The card is closed.")
    monkeypatch.setattr(SandboxGateway, "refund", lambda *_: refused)
    schedule.run_due()
    text = words(browser(cast.carol).get(f"/credit-notes/{note.number_text}").text)
    assert (
        "$100.00 could not be sent back to Test card ending 4242: The card is closed."
        " On 1 Mar 2026 it was added to your credit balance instead."
    ) in text


def test_the_invoice_and_the_list_name_their_credit_notes(
    cast: Cast, browser: Browser, note: CreditNote
) -> None:
    client = browser(cast.carol)
    number = note.invoice.number_text
    link = f'href="/credit-notes/{note.number_text}"'
    page, listed = client.get(f"/invoices/{number}").text, client.get("/invoices").text
    assert link in page
    assert link in listed
    in_order(words(page), "Credited since", note.number_text, "Charged by mistake", "$100.00")
    assert f"Credited: $100.00 by {note.number_text}" in words(listed)


def test_an_invoice_that_was_credited_asks_for_no_payment(cast: Cast, browser: Browser) -> None:
    account = unpaid(cast)
    credit(cast, newest(account))
    (uma,) = people.members(db.session(), account.id)
    client = browser(uma.user)
    page = words(client.get(f"/invoices/{newest(account).number_text}").text)
    assert "$0.00 Nothing is left to pay: it was credited" in page
    assert "Pay $" not in page
    assert "Credited" in words(client.get("/invoices").text)


def test_an_invoice_that_was_paid_and_credited_says_what_was_paid(
    cast: Cast, browser: Browser, note: CreditNote
) -> None:
    page = words(browser(cast.carol).get(f"/invoices/{note.invoice.number_text}").text)
    in_order(page, "$100.00 Paid on 1 Mar 2026", "Total $100.00 Paid $100.00", "Credited since")


def test_an_invoice_of_which_a_part_was_credited_first_says_what_was_paid(
    cast: Cast, browser: Browser
) -> None:
    """Two lines, $50.00 and $5.00: only what was left of them was collected."""
    account = cast.account("Unpaid", "standard", "5-users", card="card_declines_later")
    uma = cast.member(account, "Uma", Role.ADMIN)
    cast.buy(account, seat=1)
    cast.let_pass(days=31)
    row = newest(account)
    client, url = browser(uma), f"/invoices/{row.number_text}"
    plan, seat = (row.money(line.amount_minor) for line in row.lines)
    total, left, less = (describe.money(each) for each in (row.due, plan, -seat))

    credit(cast, row, 2)

    sums = f"Total {total} Credited {less}"
    in_order(words(client.get(url).text), "Not paid yet", f"{sums} Amount due {left}")
    cast.use_card(account, "card_pays")
    seen = re.search(r'name="seen" value="([^"]*)"', client.get(url).text)
    assert seen
    client.post(f"{url}/payment", data={"seen": unescape(seen[1])})
    in_order(words(client.get(url).text), f"{left} Paid on", f"{sums} Paid {left}")


def test_the_pdf_is_the_file_that_was_stored(
    cast: Cast, browser: Browser, note: CreditNote
) -> None:
    answer = browser(cast.carol).get(f"/credit-notes/{note.number_text}.pdf")
    document = db.session.get_one(CreditNoteDocument, note.id)
    assert hashlib.sha256(answer.data).hexdigest() == document.sha256
    assert answer.data == document_store.read(document.sha256)
    assert document.template == "credit_note_v1"
    assert answer.headers["Content-Disposition"] == f"attachment; filename={note.number_text}.pdf"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    text = PdfReader(io.BytesIO(answer.data)).pages[0].extract_text()
    assert "Credit for invoice INV-2026-000001" in text


def test_while_there_is_no_pdf_the_page_says_so_and_waits(cast: Cast, browser: Browser) -> None:
    note = credit(cast, newest(cast.acme), to=RefundTo.BALANCE)
    client, url = browser(cast.alice), f"/credit-notes/{note.number_text}"
    waiting = client.get(f"{url}.pdf")
    assert (waiting.status_code, waiting.headers["Retry-After"]) == (409, "5")
    assert f"Credit note {note.number_text} is issued and final" in words(waiting.text)
    region = client.get(url, headers=HTMX).text
    assert region.strip().startswith('<div id="credit-note-document"')
    assert 'hx-trigger="every 1s"' in region
    schedule.run_due()
    assert "hx-trigger" not in client.get(url, headers=HTMX).text


def test_a_damaged_file_is_not_handed_out(
    app: Flask, cast: Cast, browser: Browser, note: CreditNote
) -> None:
    document = db.session.get_one(CreditNoteDocument, note.id)
    folder = app.config["PORTAL"].documents
    (folder / document.sha256[:2] / document.sha256).write_bytes(b"other")
    answer = browser(cast.carol).get(f"/credit-notes/{note.number_text}.pdf")
    assert answer.status_code == 500
    assert "The credit note itself is complete on its page" in words(answer.text)
