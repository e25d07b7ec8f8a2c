"""Nothing is wider than the room it has: at widths between a phone and a desk, and in German, whose
words are longer."""

from typing import Any

import pytest
from playwright.sync_api import Browser

from e2e import test_looks_of_invoices as looks
from e2e.test_looks_of_invoices import window
from portal.audit import Actor
from portal.billing import accounts, invoice_exports, invoice_links
from portal.billing.invoice_exports import Wish
from portal.models import ExportKind, Invoice
from portal.transaction import transaction
from tests.cast import Cast
from tests.paper_stories import Papers

place, database_url, settings = looks.place, looks.database_url, looks.settings
clock, app, cast, all_papers = looks.clock, looks.app, looks.cast, looks.all_papers

PAGES = (
    *("/account", "/account/history", "/account/usage", "/account/change-plan", "/account/add-ons"),
    *("/account/payment-method", "/billing", "/users", "/clients", "/invoices"),
    *("/invoices/exports", "/invoices/links", "/invoices/statement"),
)
TOO_WIDE = """() => [...document.querySelectorAll("body, main, .panel, .table-wrap")]
    .filter(part => part.scrollWidth > part.clientWidth)
    .map(part => `${part.className || part.tagName}: ${part.scrollWidth} in ${part.clientWidth}`)"""
PHONE, TABLET, SMALL_DESK = 390, 768, 1024


@pytest.mark.parametrize(
    ("locale", "width"),
    [("de-DE", PHONE), ("de-DE", TABLET), ("de-DE", SMALL_DESK), ("en-US", SMALL_DESK)],
)
def test_everything_has_room(
    browser: Browser, cast: Cast, all_papers: Papers, locale: str, width: int
) -> None:
    screen: dict[str, Any] = {"viewport": {"width": width, "height": 900}}
    number = all_papers.upgrade.number_text
    note = all_papers.credit_note.number_text
    _fill(cast, all_papers)
    with window(browser, cast, all_papers, drawn=1, locale=locale, **screen) as page:
        troubles = {}
        for path in (*PAGES, f"/invoices/{number}", f"/credit-notes/{note}"):
            answer = page.goto(path)
            assert answer is not None
            assert answer.ok
            if parts := page.evaluate(TOO_WIDE):
                troubles[path] = parts
    assert troubles == {}


def _fill(cast: Cast, papers: Papers) -> None:
    """A file was asked for and a link made, so that their lists have rows."""
    number, now = papers.upgrade.number_text, cast.clock.now()
    with transaction() as session:
        account = accounts.lock(session, papers.account.id)
        reader = Actor("user", papers.reader.name, papers.reader.id)
        wish = Wish(ExportKind.ARCHIVE, "2026", [number])
        invoice_exports.ask(session, account, wish, "once", now=now, actor=reader)
        invoice = session.get_one(Invoice, papers.upgrade.id)
        invoice_links.make(session, account, invoice, "token", 30, now=now, actor=reader)
