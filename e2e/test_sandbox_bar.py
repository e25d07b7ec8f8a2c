"""The bar of the sandbox's clock: days pass, what falls due is done, and the page shows it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from e2e import acts


@pytest.fixture(scope="module")
def page(somebody: Callable[..., Page]) -> Page:
    """My Account on the first day of a cycle."""
    page = somebody()
    acts.sign_up(page)
    return page


def test_a_day_and_five_days(page: Page) -> None:
    main = page.get_by_role("main")
    expect(main).to_contain_text("in 30 days")
    acts.move_clock(page, "+1 day")
    expect(main).to_contain_text("in 29 days")
    acts.move_clock(page, "+5 days")
    expect(main).to_contain_text("in 24 days")


def test_to_the_next_thing(page: Page) -> None:
    """The renewal is next: there at its instant, it is done, charged and told."""
    renews_at = acts.to_the_next_thing(page, "the renewal")

    main, renews_again_at = page.get_by_role("main"), renews_at + timedelta(days=30)
    expect(main).to_contain_text(f"Renewal, {acts.day(renews_at)}")
    expect(main).to_contain_text(f"$50.00 on {acts.day(renews_again_at)}, in 30 days")
    assert acts.instant_in(page.locator(".clockbar-next time")) == renews_again_at


def test_from_a_page_that_is_open_elsewhere(page: Page) -> None:
    """The bar leads back to the page it was on."""
    page.goto("/clients")
    acts.move_clock(page, "+1 day")
    expect(page).to_have_url("/clients")
    expect(page.get_by_role("heading", name="Clients", exact=True)).to_be_visible()
