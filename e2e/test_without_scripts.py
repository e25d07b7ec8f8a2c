"""Every page does its work in a browser that runs no scripts."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from e2e import acts
from e2e.acts import row, said, used


@pytest.fixture(scope="module")
def page(somebody: Callable[..., Page]) -> Page:
    return somebody(java_script_enabled=False)


def test_sign_up(page: Page) -> None:
    company = acts.sign_up(page)

    expect(page.get_by_role("main")).to_contain_text(company.name)
    expect(page.get_by_role("main")).to_contain_text("$50.00 every 30 days")


def test_sign_up_with_another_interval(page: Page) -> None:
    """The prices of a yearly plan are shown by a button of their own, and what is typed stays."""
    page.goto("/signup")
    page.get_by_label("Company").fill("Typed Before")
    page.get_by_label("Every 365 days").check()
    page.get_by_role("button", name="Show these prices").click()

    expect(page.get_by_label("Company")).to_have_value("Typed Before")
    expect(row(page, acts.SMALL)).to_contain_text("$480.00")


def test_one_client_from_added_to_undone(page: Page) -> None:
    page.goto("/clients/new")
    page.get_by_role("textbox", name="Name").fill("Nora No-Script")
    page.get_by_role("button", name="Add client").click()
    page.goto("/clients")
    expect(used(page, "clients")).to_have_text("1 of 300")

    for act, done, count in (
        ("Suspend", "suspended", 0),
        ("Bring back", "brought back", 1),
        ("Delete", "deleted", 0),
    ):
        row(page, "Nora No-Script").get_by_role("button", name=act).click()
        expect(said(page, f"Nora No-Script {done}.")).to_be_visible()
        expect(used(page, "clients")).to_have_text(f"{count} of 300")
    expect(row(page, "Nora No-Script")).to_be_hidden()

    page.get_by_role("button", name="Undo").click()
    expect(used(page, "clients")).to_have_text("1 of 300")
    expect(row(page, "Nora No-Script")).to_be_visible()


def test_import_search_and_a_change_of_many(page: Page) -> None:
    acts.bring_in(page, ["Ida Import,Client", "Ivo Import,Client", "Lea Import,Lead"])
    page.goto("/clients")
    expect(used(page, "clients")).to_have_text("3 of 300")

    page.get_by_label("Search by name or email").fill("import")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("navigation", name="Pages")).to_contain_text("3 clients")
    expect(row(page, "Nora No-Script")).to_be_hidden()

    for name in ("Ida Import", "Ivo Import"):
        row(page, name).get_by_role("checkbox").check()
    page.locator("[data-bulk-bar]").get_by_role("button", name="Suspend").click()
    expect(said(page, "2 clients suspended.")).to_be_visible()
    expect(used(page, "clients")).to_have_text("1 of 300")


def test_change_plan(page: Page) -> None:
    page.goto("/account/change-plan")
    page.get_by_role("link", name=f"See the price of {acts.LARGER}").click()
    page.get_by_role("button", name="Pay $50.00 and upgrade").click()

    expect(page.get_by_role("heading", name=f"You are on {acts.LARGER}")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("Paid $50.00")
    page.goto("/clients")
    expect(used(page, "clients")).to_have_text("1 of 600")


def test_add_ons(page: Page) -> None:
    """Bought from a plain form, and let go from another."""
    page.goto("/account/add-ons")
    page.get_by_label("100 clients").fill("1")
    page.get_by_role("button", name="See the price").click()
    page.get_by_role("button", name="Pay $12.00 and add").click()
    expect(page.get_by_role("heading", name="You have 1 × 100 clients")).to_be_visible()

    page.goto("/account/add-ons")
    page.get_by_label("How many 100 clients go on").fill("0")
    page.get_by_role("button", name="Keep this many").click()
    expect(page.get_by_role("region", name="What you have")).to_contain_text("1 goes on")
    page.goto("/account")
    expect(used(page, "clients")).to_have_text("1 of 700")


def test_authentication_at_the_bank(page: Page) -> None:
    """To the bank's page and back, by plain redirects."""
    page.goto("/account/add-ons")
    page.get_by_label("5 GB").fill("1")
    page.get_by_role("button", name="See the price").click()
    acts.pay_with(page, "3155")
    page.get_by_role("button", name="Pay $5.00 and add").click()
    expect(page.get_by_role("heading", name="Authenticate a payment")).to_be_visible()
    page.get_by_role("button", name="Authenticate").click()
    expect(page.get_by_role("heading", name="You have 1 × 5 GB")).to_be_visible()


def test_payment_method_and_billing_details(page: Page) -> None:
    acts.change_card(page, "4242")
    expect(page.get_by_role("main")).to_contain_text("Test card ending 4242")
    page.goto("/billing")
    page.get_by_label("PO number").fill("PO 7")
    page.get_by_role("button", name="Save details").click()
    expect(page.get_by_text("The billing details are saved.")).to_be_visible()


def test_cancel_and_keep(page: Page) -> None:
    page.goto("/account/cancellation")
    page.get_by_role("button", name=f"Cancel {acts.LARGER}").click()
    expect(page.get_by_text("Your plan is cancelled: it ends on")).to_be_visible()
    page.get_by_role("button", name="Keep my plan").click()
    expect(page.get_by_text("The cancellation is withdrawn")).to_be_visible()


def test_sign_out(page: Page) -> None:
    acts.sign_out(page)

    page.goto("/clients")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
