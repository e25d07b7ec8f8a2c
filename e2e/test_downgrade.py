"""A downgrade is scheduled, people join, and it no longer fits: the plan goes on, and all know."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from e2e import acts
from e2e.acts import LARGER, SMALL, Company
from e2e.conftest import Portal

JOINING = ("ben", "cleo", "dan", "eve", "fay")


@pytest.fixture(scope="module")
def admin(somebody: Callable[..., Page]) -> Page:
    return somebody()


@pytest.fixture(scope="module")
def company(admin: Page) -> Company:
    return acts.sign_up(admin, plan=LARGER)


def test_scheduled_and_withdrawn(admin: Page, company: Company) -> None:
    """charge.downgrade: nothing is charged, and it can be taken back."""
    schedule(admin)
    expect(admin.get_by_role("main")).to_contain_text("Nothing was charged")

    admin.get_by_role("button", name="Withdraw the change").click()
    expect(admin.get_by_text("The downgrade is withdrawn")).to_be_visible()
    expect(admin.get_by_role("region", name="Your plan")).not_to_contain_text("scheduled")


def test_it_is_foretold_that_it_stopped_fitting(
    admin: Page, company: Company, portal: Portal
) -> None:
    """charge.downgrade: what has to go is said before the day, with what follows otherwise."""
    schedule(admin)
    admin.goto("/account")
    plan = admin.get_by_role("region", name="Your plan")
    expect(plan).to_contain_text(f"{SMALL} is scheduled")
    expect(plan).to_contain_text("$50.00 every 30 days")

    for person in JOINING:
        portal.add_user(company.email(person), company.name, "member")
    admin.goto("/account")
    expect(plan).to_contain_text("remove 1 seat before then")
    expect(plan).to_contain_text(f"or {LARGER} renews at $100.00")


def test_the_plan_goes_on(admin: Page, company: Company) -> None:
    """charge.downgrade: checked again at the renewal; the email says why it was not made."""
    acts.to_the_next_thing(admin, "the scheduled downgrade")

    plan = admin.get_by_role("region", name="Your plan")
    expect(plan).to_contain_text(LARGER)
    expect(plan).not_to_contain_text("scheduled")
    told = acts.open_email(admin, company.admin, f"The change to {SMALL} was not made")
    expect(told).to_contain_text(f"{SMALL} no longer fits: 1 seat too many")
    expect(told).to_contain_text(f"your plan goes on as it was: {LARGER}")
    invoice = acts.newest_invoice(admin)
    assert acts.sums(invoice.locator(".sum").first) == ["Total $100.00", "Paid $100.00"]
    admin.goto("/account/history")
    expect(admin.get_by_role("region", name="History")).to_contain_text(f"{SMALL} did not begin")


def schedule(admin: Page) -> None:
    costs = acts.open_quote(admin, SMALL)
    expect(costs).to_contain_text("Nothing is charged now")
    costs.get_by_role("button", name="Schedule the downgrade").click()
    expect(admin.get_by_role("heading", name=f"{SMALL} is scheduled")).to_be_visible()
