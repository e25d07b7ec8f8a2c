"""over.revert: six people on five seats are upgraded, one leaves, and the upgrade is taken back."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from e2e import acts
from e2e.acts import LARGER, SMALL, Company
from e2e.conftest import Portal
from e2e.looks import are_in_order


@pytest.fixture(scope="module")
def admin(somebody: Callable[..., Page]) -> Page:
    return somebody()


@pytest.fixture(scope="module")
def company(admin: Page, portal: Portal) -> Company:
    """Upgraded by itself, a week after the sixth person came."""
    company = acts.sign_up(admin)
    for person in ("ben", "cleo", "dan", "eve", "fay"):
        portal.add_user(company.email(person), company.name, "member")
    admin.goto("/account")
    acts.move_clock(admin, "+5 days", "+1 day", "+1 day")
    return company


def test_the_email_leads_to_it_and_the_page_says_what_has_to_go(
    admin: Page, company: Company
) -> None:
    acts.open_email(admin, company.admin, f"Your plan is now {LARGER}")
    admin.frame_locator("iframe").get_by_role("link", name="See what comes back").click()

    expect(admin.get_by_role("heading", name="Take the upgrade back")).to_be_visible()
    page = admin.get_by_role("main")
    expect(page).to_contain_text(f"{SMALL} doesn't hold what is in use. 6 of 5 seats: 1 too many")
    expect(page).to_contain_text("Remove 1 person first")
    expect(admin.get_by_role("button", name="Take the upgrade back")).to_have_count(0)
    are_in_order(admin, admin.url)
    page.get_by_role("link", name="Remove users").click()
    fay = acts.row(admin, "Fay")
    fay.get_by_text("Deactivate").first.click()
    fay.get_by_role("button", name="Deactivate").click()
    expect(fay).to_contain_text("Reactivate")


def test_taken_back(admin: Page, company: Company) -> None:
    """All it cost comes back, the small plan runs in its old cycle, the next charge is its own."""
    invoice = acts.newest_invoice(admin)
    cost = invoice.get_by_role("region", name="Payment").locator(".figure").inner_text()
    invoice.get_by_role("link", name="Take the upgrade back").click()
    follows = admin.get_by_role("region", name="What follows")
    expect(follows).to_contain_text(f"Comes back {cost}")
    expect(follows).to_contain_text(SMALL)
    expect(follows).to_contain_text("Nothing.")
    are_in_order(admin, admin.url)

    admin.get_by_role("button", name="Take the upgrade back").click()

    expect(admin.get_by_role("heading", name="The upgrade is taken back")).to_be_visible()
    expect(admin.get_by_role("main")).to_contain_text(cost)
    are_in_order(admin, admin.url)
    admin.goto("/account")
    plan = admin.get_by_role("region", name="Your plan")
    expect(plan).to_contain_text(SMALL)
    expect(plan).to_contain_text("$50.00 on")
    expect(admin.get_by_role("link", name="Take the upgrade back")).to_have_count(0)


def test_everybody_can_see_what_happened(admin: Page, company: Company) -> None:
    admin.goto("/account/history")
    history = admin.get_by_role("region", name="History")
    expect(history).to_contain_text(f"Automatic upgrade to {LARGER} taken back")
    told = acts.open_email(admin, company.admin, "Taken back:")
    expect(told).to_contain_text(f"It is {SMALL} again")
    expect(told).to_contain_text(re.compile(r"The next charge is\s+\$50\.00"))
