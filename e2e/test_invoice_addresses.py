"""An address that invoices are to be sent to: an Admin enters it, its reader agrees."""

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from e2e import acts
from e2e.looks import are_in_order

BOOKS = "books-of-a-journey@example.com"


@pytest.fixture(scope="module")
def admin(somebody: Callable[..., Page]) -> Page:
    page = somebody()
    acts.sign_up(page)
    return page


@pytest.fixture(scope="module")
def reader(somebody: Callable[..., Page]) -> Page:
    """Somebody without a sign-in, whose browser runs no scripts."""
    return somebody(java_script_enabled=False)


def test_an_admin_enters_it_and_sees_that_it_waits(admin: Page) -> None:
    admin.goto("/billing")
    admin.get_by_label("Send invoices also to").fill(BOOKS)
    admin.get_by_role("button", name="Save details").click()
    row = admin.get_by_role("row", name=BOOKS)
    expect(row).to_contain_text("Waiting for confirmation since")
    expect(row.get_by_role("button", name=f"Ask {BOOKS} to confirm")).to_be_visible()
    are_in_order(admin, "/billing")


def test_its_reader_agrees_by_the_email(admin: Page, reader: Page) -> None:
    acts.open_email(admin, BOOKS, "please confirm")
    link = admin.frame_locator("iframe").get_by_role("link", name="See and confirm")
    path = urlsplit(link.get_attribute("href") or "").path
    reader.goto(path)
    are_in_order(reader, path)
    reader.get_by_role("button", name="Send them here").click()
    expect(reader.get_by_role("main")).to_contain_text(f"{BOOKS} gets each invoice")
    are_in_order(reader, path)
    admin.goto("/billing")
    expect(admin.get_by_role("row", name=BOOKS)).to_contain_text("Gets them")


def test_and_ends_them_by_the_same_page(admin: Page, reader: Page) -> None:
    reader.get_by_role("button", name="Get no more of them").click()
    expect(reader.get_by_role("main")).to_contain_text(f"{BOOKS} gets no invoices of")
    admin.goto("/billing")
    expect(admin.get_by_role("row", name=BOOKS)).to_have_count(0)
