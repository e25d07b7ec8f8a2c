"""The invoice pages: who sees what, what they say, and the PDF as it was stored."""

import hashlib
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select

from portal import document_store, outbox
from portal.audit import SYSTEM
from portal.billing import accounts, invoices, payments, renewals, subscriptions
from portal.billing.rules import invoicing
from portal.billing.rules.money import Money
from portal.billing.rules.period import Interval
from portal.billing.rules.roles import Role
from portal.collecting import collection
from portal.extensions import db
from portal.models import (
    Account,
    Invoice,
    InvoiceDocument,
    InvoiceReason,
    Payment,
    RefundTo,
    User,
    Work,
)
from portal.papers import making
from portal.transaction import transaction
from tests.blueprints.pages import in_order, without_tokens, words
from tests.cast import Cast, FixedClock
from tests.credit_stories import credit

Browser = Callable[[User | None], FlaskClient]
PAGES = ("/invoices", "/invoices/{number}", "/invoices/{number}.pdf")
HTMX = {"HX-Request": "true"}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    ("person", "status"), [("alice", 200), ("carol", 200), ("bob", 403), ("nobody", 303)]
)
def test_roles_server_side(
    cast: Cast, browser: Browser, page: str, person: str, status: int
) -> None:
    invoice = made(cast.acme)
    client = browser(getattr(cast, person, None))
    assert client.get(page.format(number=invoice.number_text)).status_code == status


@pytest.mark.parametrize("page", PAGES[1:])
def test_another_accounts_invoice_is_not_there(cast: Cast, browser: Browser, page: str) -> None:
    client = browser(cast.mallory)
    client.get("/invoices")
    number = made(cast.acme).number_text
    foreign = client.get(page.format(number=number))
    unknown = client.get(page.format(number="INV-2026-999999"))
    assert foreign.status_code == unknown.status_code == 404
    # Apart from the address that was asked for, which the page may repeat.
    found = without_tokens(foreign.text).replace(number, "INV-2026-999999")
    assert found == without_tokens(unknown.text)
    assert list(foreign.headers.keys()) == list(unknown.headers.keys())


@pytest.mark.parametrize("number", ["%00", "%ff", "x" * 3000, "..%2f..%2fetc", "INV-2026-1"])
def test_a_number_that_is_none_is_not_there(cast: Cast, browser: Browser, number: str) -> None:
    client = browser(cast.alice)
    for page in PAGES[1:]:
        assert client.get(page.format(number=number)).status_code == 404


def test_the_list_shows_only_the_accounts_own_invoices(cast: Cast, browser: Browser) -> None:
    text = browser(cast.mallory).get("/invoices").text
    assert invoice_of(cast.other).number_text in text
    assert invoice_of(cast.acme).number_text not in text


def test_the_list_is_newest_first_and_paged(
    cast: Cast, browser: Browser, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.blueprints.invoice_listing.PAGE_LENGTH", 2)
    first = invoice_of(cast.acme).number_text
    clock.advance(days=1)
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    clock.advance(days=1)
    cast.change_plan(cast.acme, cast.price("standard", "40-users"))
    last = invoice_of(cast.acme).number_text
    client = browser(cast.carol)
    page_1, page_2 = client.get("/invoices").text, client.get("/invoices?page=2").text
    assert page_1.index(last) < page_1.index("Change to Standard, 20 users")
    assert first not in page_1
    assert first in page_2
    assert last not in page_2
    assert client.get("/invoices?page=2", headers=HTMX).text.strip().startswith("<section")


@pytest.mark.parametrize("page", ["0", "-1", "x", "", "9" * 40])
def test_a_page_that_is_not_there_is_the_nearest_one(
    cast: Cast, browser: Browser, page: str
) -> None:
    answer = browser(cast.alice).get(f"/invoices?page={page}")
    assert answer.status_code == 200
    assert invoice_of(cast.acme).number_text in answer.text


def test_an_account_without_invoices_is_told_when_the_first_comes(
    cast: Cast, browser: Browser
) -> None:
    empty = cast.account("Empty", None)
    text = browser(cast.member(empty, "Erin", Role.ADMIN)).get("/invoices").text
    assert "No invoices yet" in text


def test_invoice_explains_itself(cast: Cast, browser: Browser, clock: FixedClock) -> None:
    """Unused time and new plan, each with its arithmetic, on the page and in the PDF."""
    clock.advance(days=15)
    cast.change_plan(cast.other, cast.price("standard", "10-users"))
    invoice = made(cast.other)
    page = browser(cast.mallory).get(f"/invoices/{invoice.number_text}").text
    said = (
        "Unused time on Standard, 5 users",
        "15 of 30 days × $50.00 = −$25.00",
        "Full price for 30 days: $100.00",
        "$75.00",
        "−$25.00",
        "16 Mar 2026",
        "15 Apr 2026",
        "every 30 days",
        "Test card ending 4242",
    )
    for text in (words(page), pdf_text(browser(cast.mallory), invoice)):
        assert [part for part in said if part not in text] == []
    assert "1st" not in page


def test_charge_dates_of_a_yearly_plan(cast: Cast, browser: Browser) -> None:
    yearly = cast.account("Yearly", None)
    cast.subscribe(yearly, cast.price("standard", "5-users", Interval.YEARLY))
    client = browser(cast.member(yearly, "Yara", Role.BILLING))
    text = client.get(f"/invoices/{invoice_of(yearly).number_text}").text
    assert "every 365 days" in text
    assert "1 Mar 2027" in text


def test_what_is_charged_next_is_what_the_account_page_says(cast: Cast, browser: Browser) -> None:
    """The balance covers the renewal: nothing is collected then."""
    invoice = invoice_of(cast.acme)
    credit(cast, invoice, to=RefundTo.BALANCE)
    client = browser(cast.alice)
    page = words(client.get(f"/invoices/{invoice.number_text}").text)
    less = "$100.00 less $100.00 from your credit balance"
    in_order(
        page,
        "What comes next",
        "Standard, 10 users, is charged next on 31 Mar 2026 at $0.00, and then every 30 days.",
        less,
    )
    in_order(words(client.get("/account").text), "Next charge $0.00 on 31 Mar 2026", less)


def test_what_is_charged_next_tells_of_add_ons(cast: Cast, browser: Browser) -> None:
    client, without = browser(cast.alice), invoice_of(cast.acme).number_text
    page = words(client.get(f"/invoices/{without}").text)
    assert "Standard, 10 users, is charged next on 31 Mar 2026 at $100.00" in page
    assert "less" not in page
    cast.buy(cast.acme, seat=1)
    page = words(client.get(f"/invoices/{invoice_of(cast.acme).number_text}").text)
    assert "Standard, 10 users, with add-ons, is charged next on 31 Mar 2026 at $1" in page


def test_dates_are_those_of_the_accounts_time_zone(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    """21:00 UTC on 1 March is already the second in Kiritimati, 14 hours ahead."""
    clock.advance(hours=12)
    account = cast.account("Far East", None)
    with transaction() as session:
        session.get_one(Account, account.id).time_zone = "Pacific/Kiritimati"
    cast.subscribe(account, cast.price("standard", "5-users"))
    client = browser(cast.member(account, "Kiri", Role.ADMIN))
    invoice = made(account)
    page = client.get(f"/invoices/{invoice.number_text}").text
    for text in (page, pdf_text(client, invoice), client.get("/invoices").text):
        assert "2 Mar 2026" in text
        assert "1 Mar 2026" not in text


def test_the_region_waits_for_the_pdf_and_becomes_its_link(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    invoice = invoice_of(cast.acme)
    client = browser(cast.carol)
    url = f"/invoices/{invoice.number_text}"
    waiting = client.get(url, headers=HTMX)
    assert waiting.status_code == 200
    assert waiting.text.strip().startswith('<div id="invoice-document"')
    assert "The PDF is being made" in waiting.text
    assert 'hx-trigger="every 1s"' in waiting.text
    assert f'href="{url}"' in waiting.text  # the way without JavaScript
    clock.advance(minutes=10)
    assert 'hx-trigger="every 15s"' in client.get(url, headers=HTMX).text
    making.make(invoice.id)
    ready = client.get(url, headers=HTMX).text
    assert f'href="{url}.pdf"' in ready
    assert "hx-trigger" not in ready


def test_a_pdf_that_is_not_made_yet_says_so(cast: Cast, browser: Browser) -> None:
    answer = browser(cast.carol).get(f"/invoices/{invoice_of(cast.acme).number_text}.pdf")
    assert answer.status_code == 409
    assert answer.headers["Retry-After"] == "5"
    assert "The PDF is being made" in answer.text


def test_invoice_pdf(cast: Cast, browser: Browser) -> None:
    """The same file every time, as an attachment that can do nothing."""
    invoice = made(cast.acme)
    client = browser(cast.carol)
    first, second = (client.get(f"/invoices/{invoice.number_text}.pdf") for _ in range(2))
    assert first.data == second.data
    document = db.session.get_one(InvoiceDocument, invoice.id)
    assert hashlib.sha256(first.data).hexdigest() == document.sha256
    assert (len(first.data), document.template) == (document.size_bytes, "invoice_v1")
    assert first.headers["Content-Type"] == "application/pdf"
    assert first.headers["Content-Disposition"] == f"attachment; filename={invoice.number_text}.pdf"
    assert first.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert first.headers["X-Content-Type-Options"] == "nosniff"
    assert first.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_bytes_that_are_not_the_stored_ones_are_not_served(
    app: Flask, cast: Cast, browser: Browser, damage: str
) -> None:
    invoice = made(cast.acme)
    document = db.session.get_one(InvoiceDocument, invoice.id)
    path = app.config["PORTAL"].documents / document.sha256[:2] / document.sha256
    if damage == "changed":
        path.write_bytes(path.read_bytes() + b" ")
        with pytest.raises(document_store.DocumentDamaged):
            document_store.read(document.sha256)
    else:
        path.unlink()
    answer = browser(cast.carol).get(f"/invoices/{invoice.number_text}.pdf")
    assert answer.status_code == 500
    assert not answer.data.startswith(b"%PDF")
    assert "The stored file can't be read" in answer.text


def test_a_declined_renewal_shows_each_attempt_and_the_next(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    clock.advance(days=30)
    with transaction() as session:
        account = accounts.lock(session, cast.acme.id)
        payments.set_method(
            session,
            account,
            gateway="sandbox",
            reference="card_declines",
            label="Test card ending 0002",
            now=clock.now(),
        )
        assert renewals.renew(session, account, now=clock.now())
    payment = db.session.scalars(select(Payment).order_by(Payment.id.desc())).first()
    assert payment is not None
    collection.carry(outbox.find(db.session(), Work.PAYMENT, payment.id).id)
    invoice = invoice_of(cast.acme)
    text = browser(cast.carol).get(f"/invoices/{invoice.number_text}").text
    assert "Past due" in text
    assert "The card was declined." in text
    retry_at = clock.now() + timedelta(days=3)
    assert f'tried again on <time datetime="{retry_at.isoformat()}">' in text


def test_invoice_evidence(cast: Cast, browser: Browser, clock: FixedClock) -> None:
    """The rule, the counts, the three emails and the one that moved the date, on the page and in
    the PDF."""
    evidence = {
        "rule": "Over the limit 5 days after the first of three emails: the next plan.",
        "metric": "seats",
        "used": 11,
        "limit": 10,
        "deadline_at": "2026-02-28T10:00:00+00:00",
        "warnings": [
            {
                "number": number,
                "used": 11,
                "limit": 10,
                "accepted_at": f"2026-02-{day}T10:00:00+00:00",
                "recipients": ["alice@example.com"],
            }
            for number, day in ((1, 23), (2, 25), (3, 27))
        ],
        "retold": [
            {
                "subject": "More time: the upgrade comes on 1 Mar 2026",
                "accepted_at": "2026-02-27T18:00:00+00:00",
                "recipients": ["bert@example.com"],
            }
        ],
    }
    invoice = auto_upgraded(cast.acme, clock, evidence)
    client = browser(cast.carol)
    page = client.get(f"/invoices/{invoice.number_text}").text
    said = (
        "Automatic upgrade to Standard, 10 users",
        evidence["rule"],
        "11 of 10 seats",
        "28 Feb 2026, 10:00 UTC",
        "23 Feb 2026, 10:00 UTC",
        "25 Feb 2026, 10:00 UTC",
        "27 Feb 2026, 10:00 UTC",
        "Warning 3",
        "Told again",
        "27 Feb 2026, 18:00 UTC",
        "More time: the upgrade comes on 1 Mar 2026",
    )
    for text in (page, pdf_text(client, invoice)):
        assert [part for part in said if part not in text] == []
    assert "alice@example.com" in page
    assert "bert@example.com" in page


def test_invoice_evidence_of_an_earlier_version_has_no_email_told_again(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    evidence = {
        "rule": "Over the limit.",
        "metric": "seats",
        "used": 11,
        "limit": 10,
        "deadline_at": "2026-02-28T10:00:00+00:00",
        "warnings": [],
    }
    invoice = auto_upgraded(cast.acme, clock, evidence)
    client = browser(cast.carol)
    page = client.get(f"/invoices/{invoice.number_text}").text
    for text in (page, pdf_text(client, invoice)):
        assert "Over the limit." in text
        assert "Told again" not in text


def test_a10_a_name_is_only_text(cast: Cast, browser: Browser) -> None:
    name = "<script>alert(1)</script> & Søn"
    account = cast.account(name, "standard", "5-users")
    client = browser(cast.member(account, "Ann", Role.ADMIN))
    invoice = made(account)
    page = client.get(f"/invoices/{invoice.number_text}").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Søn" in page
    assert name in pdf_text(client, invoice)


def auto_upgraded(account: Account, clock: FixedClock, evidence: dict[str, Any]) -> Invoice:
    """An invoice as an auto-upgrade issues it, with its PDF."""
    now = clock.now()
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        subscription = subscriptions.live(session, account.id)
        assert subscription is not None
        basket = subscriptions.basket(session, subscription)
        draft = invoicing.for_cycle(basket, subscription.cycle, Money.zero("USD"))
        occasion = invoices.Occasion(InvoiceReason.AUTO_UPGRADE, subscription.cycle, evidence)
        invoices.issue(session, locked, subscription, draft, occasion, now=now, actor=SYSTEM)
    return made(account)


def made(account: Account) -> Invoice:
    """The account's newest invoice, with its PDF."""
    making.make(invoice_of(account).id)
    return invoice_of(account)


def invoice_of(account: Account) -> Invoice:
    statement = (
        select(Invoice).where(Invoice.account_id == account.id).order_by(Invoice.id.desc()).limit(1)
    )
    return db.session.scalars(statement).one()


def pdf_text(client: FlaskClient, invoice: Invoice) -> str:
    content = client.get(f"/invoices/{invoice.number_text}.pdf").data
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
