"""Who invoices are made out to: a mistyped tax id, the right one, and the tax that follows."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from e2e import acts


@pytest.fixture(scope="module")
def admin(somebody: Callable[..., Page]) -> Page:
    page = somebody()
    acts.sign_up(page)
    return page


def test_a_mistyped_tax_id(admin: Page) -> None:
    """What is wrong stands at its field, and nothing that was typed is lost."""
    admin.goto("/account")
    admin.get_by_role("navigation", name="Billing").get_by_role(
        "link", name="Billing details"
    ).click()
    admin.get_by_label("Country").select_option(label="Germany")
    admin.get_by_label("Address").fill("1 Example Street\n10000 Example")
    admin.get_by_label("Tax id").fill("DE123456789")
    admin.get_by_role("button", name="Save details").click()

    tax_id = admin.get_by_role("textbox", name="Tax id")
    expect(tax_id).to_have_attribute("aria-invalid", "true")
    expect(tax_id).to_have_accessible_description(re.compile("like DE123456788"))
    expect(tax_id).to_have_value("DE123456789")
    expect(admin.get_by_label("Address")).to_have_value("1 Example Street\n10000 Example")


def test_what_follows_from_the_right_one(admin: Page) -> None:
    """invoice.tax: with a tax id the customer accounts for it, without one it is charged."""
    save(admin, tax_id="DE 123456788")
    expect(tax(admin)).to_contain_text("None. The invoice says:")
    expect(admin.get_by_label("Tax id")).to_have_value("DE123456788")
    save(admin, tax_id="")
    expect(tax(admin)).to_contain_text("VAT 19 %")


def test_a_quote_shows_it(admin: Page) -> None:
    """charge.quote-is-charge: tax on both signed lines, and in every later charge.

    Until now there was none, and a credit carries the tax of what it credits: 100.00 + 19.00
    less 50.00.
    """
    costs = acts.open_quote(admin, acts.LARGER)
    assert acts.sums(costs.locator(".sum")) == [
        f"{acts.LARGER} $100.00",
        f"Unused time on {acts.SMALL} −$50.00",
        "VAT 19 % $19.00",
        "Due now $69.00",
    ]
    expect(costs).to_contain_text("$119.00 every 30 days")
    costs.get_by_role("button", name="Pay $69.00 and upgrade").click()
    expect(admin.get_by_role("heading", name=f"You are on {acts.LARGER}")).to_be_visible()
    invoice = acts.newest_invoice(admin)
    expect(invoice).to_contain_text("10000 Example")
    assert "Paid $69.00" in acts.sums(invoice.locator(".sum").first)


def test_the_history_tells_of_it(admin: Page) -> None:
    admin.goto("/account/history?kind=details")
    rows = admin.get_by_role("region", name="History").locator("tbody tr")
    expect(rows).to_have_count(2)


def save(admin: Page, *, tax_id: str) -> None:
    admin.goto("/billing")
    admin.get_by_label("Country").select_option(label="Germany")
    admin.get_by_label("Address").fill("1 Example Street\n10000 Example")
    admin.get_by_label("Tax id").fill(tax_id)
    admin.get_by_role("button", name="Save details").click()
    expect(admin.get_by_text("The billing details are saved.")).to_be_visible()


def tax(admin: Page) -> Locator:
    return admin.get_by_role("complementary", name="Tax on your next invoice")
