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


def test_sign_out(page: Page) -> None:
    acts.sign_out(page)

    page.goto("/clients")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
