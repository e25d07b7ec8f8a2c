"""Everything by keyboard: the way past the menu, and never a lost place."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from e2e import acts
from e2e.acts import row

MOST_TABS = 60
OUTLINE = """element => element.matches(":focus-visible")
    && getComputedStyle(element).outlineStyle !== "none"
    && parseFloat(getComputedStyle(element).outlineWidth) > 0"""


@pytest.fixture(scope="module")
def page(somebody: Callable[..., Page]) -> Page:
    page = somebody(reduced_motion="reduce")
    acts.sign_up(page)
    acts.bring_in(page, ["Client A,Client", "Client B,Client"])
    return page


def test_past_the_menu(page: Page) -> None:
    page.goto("/account")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    is_seen_in_focus(skip)
    expect(skip).to_be_in_viewport()

    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("main").locator(":focus")).to_have_count(1)


def test_a_row_that_changes_keeps_the_place(page: Page) -> None:
    page.goto("/clients")
    row(page, "Client A").get_by_role("button", name="Suspend").focus()
    page.keyboard.press("Enter")
    bring_back = row(page, "Client A").get_by_role("button", name="Bring back")
    is_seen_in_focus(bring_back)

    page.keyboard.press("Enter")
    is_seen_in_focus(row(page, "Client A").get_by_role("button", name="Suspend"))


def test_from_a_plan_to_its_price_and_back(page: Page) -> None:
    page.goto("/account/change-plan")
    page.get_by_role("link", name=f"See the price of {acts.LARGER}").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=acts.LARGER)).to_be_focused()

    page.get_by_role("link", name="Keep my plan").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Change plan")).to_be_focused()


def test_buying_an_add_on(page: Page) -> None:
    """From the number to the confirmation, with nothing but Tab, digits and Enter."""
    page.goto("/account/add-ons")
    page.get_by_label("1 seat").focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="2 × 1 seat")).to_be_focused()

    tab_to(page, page.get_by_role("button", name="Pay $20.00 and add"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="You have 2 × 1 seat")).to_be_visible()


def test_letting_an_add_on_go(page: Page) -> None:
    page.goto("/account/add-ons")
    tab_to(page, page.get_by_label("How many 1 seat go on"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="What you have")).to_contain_text("1 goes on")


def test_cancelling_and_keeping_the_plan(page: Page) -> None:
    page.goto("/account")
    tab_to(page, page.get_by_role("link", name="Cancel the plan"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name=f"Cancel {acts.SMALL}"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your plan is cancelled: it ends on")).to_be_visible()

    tab_to(page, page.get_by_role("button", name="Keep my plan"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("The cancellation is withdrawn")).to_be_visible()


def tab_to(page: Page, element: Locator) -> None:
    """Press Tab until the element has the focus, as somebody without a mouse does."""
    expect(element).to_be_visible()
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if element.evaluate("element => element === document.activeElement"):
            break
    is_seen_in_focus(element)


def is_seen_in_focus(element: Locator) -> None:
    expect(element).to_be_focused()
    assert element.evaluate(OUTLINE), "the focus can be seen"
