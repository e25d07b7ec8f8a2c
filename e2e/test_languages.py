"""The language of pages is chosen at the foot of each, also without scripts."""

import pytest
from playwright.sync_api import Browser, Page, expect

from e2e import acts
from e2e.conftest import Portal
from e2e.looks import PHONE, are_in_order

ADMIN = "ruth.harbour@example.com"


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_page_turns_german_where_it_is_and_english_again(
    browser: Browser, portal: Portal, scripts: bool
) -> None:
    context = browser.new_context(
        base_url=portal.url, viewport=PHONE, java_script_enabled=scripts, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto("/login")
    switch(page, "Deutsch")
    expect(page.get_by_role("button", name="Anmelden")).to_be_visible()
    switch(page, "English")
    acts.sign_in(page, ADMIN, acts.EXAMPLE_PASSWORD)
    page.goto("/invoices?q=INV")
    switch(page, "Deutsch")
    expect(page).to_have_url(f"{portal.url}/invoices?q=INV")
    expect(page.get_by_role("heading", name="Rechnungen", level=1)).to_be_visible()
    if scripts:
        are_in_order(page, "/login", "/invoices?q=INV", "/billing")
    context.close()


def switch(page: Page, language: str) -> None:
    """By keyboard: the button is reached and pressed without a mouse."""
    button = page.get_by_role("button", name=language)
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text(language, exact=True)).to_have_attribute("aria-current", "true")
