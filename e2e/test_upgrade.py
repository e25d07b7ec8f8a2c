"""Half way through a cycle an Admin doubles the plan: what is shown, charged and printed agree."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pypdf
import pytest
from playwright.sync_api import Page, expect

from e2e import acts
from e2e.acts import LARGER, SMALL
from e2e.conftest import Portal

FULL_PRICE, CREDIT, DUE = "$100.00", "−$25.00", "$75.00"
# Others' invoices of the days gone by may come first.
PDF_MS = 60_000


@pytest.fixture(scope="module")
def admin(somebody: Callable[..., Page]) -> Page:
    return somebody()


@pytest.fixture(scope="module")
def bookkeeper(somebody: Callable[..., Page], admin: Page) -> Page:
    """The billing contact of an account that is 15 days into its cycle."""
    page, company = somebody(), acts.sign_up(admin)
    acts.invite(admin, company.email("books"), "Billing contact")
    acts.accept(page, company.email("books"), name="Bo Books")
    admin.goto("/account")
    acts.move_clock(admin, "+5 days", "+5 days", "+5 days")
    return page


def test_what_it_costs_is_said_before(admin: Page, bookkeeper: Page) -> None:
    """charge.quote-is-charge: due now as two signed lines and a sum, then the next charge."""
    admin.goto("/account/change-plan")
    admin.get_by_role("link", name=f"See the price of {LARGER}").click()
    costs = admin.get_by_role("region", name="What it costs")
    lines = costs.locator(".sum tr")

    expect(lines).to_have_count(3)
    expect(lines.nth(0)).to_contain_text(LARGER)
    expect(lines.nth(0).locator("td")).to_have_text(FULL_PRICE)
    expect(lines.nth(1)).to_contain_text("15 of 30 days")
    expect(lines.nth(1).locator("td")).to_have_text(CREDIT)
    expect(lines.nth(2).locator("td")).to_have_text(DUE)
    next_at = acts.day(acts.clock_of(admin) + timedelta(days=30))
    expect(costs).to_contain_text(f"{FULL_PRICE} on {next_at}")
    expect(costs).to_contain_text(f"{FULL_PRICE} every 30 days")


def test_the_invoice_comes_with_its_pdf(
    admin: Page, bookkeeper: Page, portal: Portal, tmp_path: Path
) -> None:
    """charge.upgrade, invoice.pdf: the bookkeeper's page shows the PDF when it is there."""
    with portal.worker_busy():
        admin.get_by_role("button", name=f"Pay {DUE} and upgrade").click()
        expect(admin.get_by_role("heading", name=f"You are on {LARGER}")).to_be_visible()
        expect(admin.get_by_role("main")).to_contain_text(f"Paid {DUE}")
        bookkeeper.goto("/invoices")
        bookkeeper.get_by_role("rowheader").first.get_by_role("link").click()
        expect(bookkeeper.get_by_text("The PDF is being made.", exact=True)).to_be_visible()
    with acts.without_reload(bookkeeper):
        ready = bookkeeper.get_by_role("link", name="Download PDF")
        expect(ready).to_be_visible(timeout=PDF_MS)

    shown = bookkeeper.get_by_role("main").inner_text()
    says_it_all(shown)
    with bookkeeper.expect_download() as download:
        ready.click()
    download.value.save_as(tmp_path / "invoice.pdf")
    printed = text_of(tmp_path / "invoice.pdf")
    says_it_all(printed)
    assert amounts(printed) == amounts(shown)


def test_a_billing_contact_changes_nothing(bookkeeper: Page) -> None:
    """roles.server-side: refused, not only hidden."""
    for path in ("/account/change-plan", "/users", "/clients"):
        answer = bookkeeper.goto(path)
        assert answer is not None
        assert answer.status == 403, path
    bookkeeper.goto("/account")
    expect(bookkeeper.get_by_role("main")).to_contain_text(LARGER)
    expect(bookkeeper.get_by_role("link", name="Change plan")).to_be_hidden()


def says_it_all(text: str) -> None:
    """The new plan in full, the unused half of the old one, and what was paid."""
    words = " ".join(text.split())
    unused = f"15 of 30 days × $50.00 = {CREDIT}"
    for said in (LARGER, FULL_PRICE, f"Unused time on {SMALL}", unused, DUE):
        assert said in words, said


def amounts(text: str) -> set[str]:
    return set(re.findall(r"−?\$[\d,]+\.\d\d", text))


def text_of(pdf: Path) -> str:
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(pdf).pages)
