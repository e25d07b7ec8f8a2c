"""How counts went, and statuses in an order and colours of one's own: also without scripts."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from e2e import acts
from e2e.looks import are_in_order


@pytest.fixture(scope="module")
def page(somebody: Callable[..., Page]) -> Page:
    found = somebody(java_script_enabled=False)
    acts.sign_up(found)
    acts.bring_in(found, [f"Client {letter},Client" for letter in "ABC"] + ["Lea,Lead"])
    return found


def test_a_count_leads_to_its_rows_and_to_how_it_went(page: Page) -> None:
    page.goto("/account")
    clients = page.get_by_role("region", name="Usage").locator("[data-metric=clients]")
    expect(clients).to_contain_text("297 left")
    page.get_by_role("link", name="The last 90 days").click()

    picture = page.get_by_role("img", name="Clients from")
    expect(picture).to_contain_text("In use: 3")
    expect(picture).to_contain_text("Limit: 300")
    panel = page.get_by_role("region", name="Clients")
    panel.get_by_text("The same as a table").click()
    expect(panel.get_by_role("row").nth(1)).to_contain_text("300")

    panel.get_by_role("link", name="What is not").click()
    expect(page.get_by_role("row", name="Lea")).to_contain_text("not counted: lead")
    expect(page.get_by_role("row", name="Client A")).to_be_hidden()


def test_users_are_shown_by_whether_they_are_counted(page: Page) -> None:
    page.goto("/account")
    page.get_by_role("region", name="Usage").get_by_role("link", name="Not counted").first.click()
    expect(page.get_by_text("Everybody takes a seat.")).to_be_visible()
    page.get_by_role("link", name="Counted", exact=True).click()
    expect(page.get_by_role("row", name="counted: active Admin")).to_be_visible()


def test_statuses_are_put_in_order_and_coloured_by_keyboard(page: Page) -> None:
    page.goto("/clients/statuses")
    for name in ("First", "Second"):
        page.get_by_role("textbox", name="Name").last.fill(name)
        page.get_by_role("button", name="Add status").click()
    page.get_by_role("button", name="Move Second up").press("Enter")
    expect(page.get_by_text("Second was moved up.")).to_be_visible()
    expect(page.get_by_role("button", name="Move Second up")).to_be_disabled()
    own = (
        page.locator("tbody th")
        .filter(has_text="First")
        .or_(page.locator("tbody th").filter(has_text="Second"))
    )
    expect(own).to_have_text(["Second", "First"])

    change = page.get_by_role("row", name="First").locator("summary", has_text="Change")
    change.press("Enter")
    page.get_by_role("row", name="First").get_by_label("violet").check()
    page.get_by_role("row", name="First").get_by_role("button", name="Save").click()
    expect(page.get_by_text("The status was changed.")).to_be_visible()
    expect(page.locator(".status.tone-violet").filter(has_text="First")).to_be_visible()


def test_the_pages_are_in_order(page: Page) -> None:
    are_in_order(page, "/account/usage", "/clients/statuses", "/users?counted=no")
