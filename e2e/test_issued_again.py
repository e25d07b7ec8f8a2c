"""An invoice that names the wrong company, issued again with the right one by an Admin."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from e2e import acts
from e2e.looks import are_in_order

RIGHT_NAME = "Journey Holding"


@pytest.fixture(scope="module")
def admin(somebody: Callable[..., Page]) -> Page:
    page = somebody()
    acts.sign_up(page)
    return page


@pytest.fixture(scope="module")
def number(admin: Page) -> str:
    """Of the invoice for the beginning, which the page of invoices has."""
    admin.goto("/invoices")
    return admin.locator("main tbody th[scope=row] a").first.inner_text()


def test_with_the_same_details_there_is_nothing_to_issue(admin: Page, number: str) -> None:
    admin.goto(f"/invoices/{number}")
    admin.get_by_role("link", name="issue this invoice again").click()
    main = admin.get_by_role("main")
    expect(main).to_contain_text("It can't be issued again now")
    expect(main.get_by_role("button", name="Issue again")).to_have_count(0)
    are_in_order(admin, f"/invoices/{number}/reissue")


def test_what_would_be_different_stands_beside_what_is(admin: Page, number: str) -> None:
    admin.goto("/billing")
    admin.get_by_label("Company").fill(RIGHT_NAME)
    admin.get_by_role("button", name="Save details").click()
    expect(admin.get_by_text("The billing details are saved")).to_be_visible()
    admin.goto(f"/invoices/{number}/reissue")
    expect(row(admin, "Company")).to_contain_text(re.compile(r"Journey \d+"))
    expect(row(admin, "Company")).to_contain_text(f"{RIGHT_NAME} New")
    expect(row(admin, "Country")).not_to_contain_text("New")
    expect(admin.get_by_role("main")).to_contain_text("$50.00 in all. Nothing is charged")
    are_in_order(admin, f"/invoices/{number}/reissue")


def test_a_new_one_takes_its_place(admin: Page, number: str) -> None:
    """What was issued stays as it was, taken back in full; the new one is paid with its money."""
    admin.get_by_role("button", name="Issue again with today's details").click()
    main = admin.get_by_role("main")
    expect(admin.get_by_text(re.compile(rf"Invoice INV-.* replaces {number}\."))).to_be_visible()
    expect(main).to_contain_text(RIGHT_NAME)
    expect(main).to_contain_text("$50.00")
    replacing = admin.url.rsplit("/", 1)[1]
    assert replacing != number
    are_in_order(admin, f"/invoices/{replacing}")

    admin.goto(f"/invoices/{number}")
    expect(main).not_to_contain_text(RIGHT_NAME)
    expect(main.get_by_role("link", name=replacing).first).to_be_visible()
    main.get_by_role("link", name=re.compile("^CN-")).first.click()
    expect(admin.get_by_role("heading", level=1)).to_contain_text("CN-")
    expect(main).to_contain_text(number)
    are_in_order(admin, admin.url)


def test_it_can_be_done_once(admin: Page, number: str) -> None:
    admin.goto(f"/invoices/{number}/reissue")
    expect(admin.get_by_role("main")).to_contain_text("It can't be issued again here")
    expect(admin.get_by_role("button", name="Issue again")).to_have_count(0)


def row(admin: Page, name: str) -> Locator:
    return admin.get_by_role("row", name=re.compile(f"^{name}"))
