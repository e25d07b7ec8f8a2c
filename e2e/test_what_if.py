"""What happens if I add people: the page foretells, with nothing sent, what then happens."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from e2e import acts
from e2e.acts import LARGER, Company
from e2e.conftest import Portal

PAGE = "/account/what-if"
# The first of a process has all statements and templates to prepare.
SLOW_MS = 15_000


@pytest.fixture(scope="module")
def admin(somebody: Callable[..., Page]) -> Page:
    return somebody()


@pytest.fixture(scope="module")
def company(admin: Page, portal: Portal) -> Company:
    """Four of its five seats are taken."""
    company = acts.sign_up(admin)
    for person in ("ben", "cleo", "dan"):
        portal.add_user(company.email(person), company.name, "member")
    # The receipt would be the first email that the page foretells.
    acts.until_sent(admin, company.admin)
    return company


def test_what_if_is_told_and_nothing_is_done(admin: Page, company: Company) -> None:
    """time.simulate: from the users page; three emails to read, the upgrade, and its sums."""
    admin.goto("/users")
    admin.get_by_role("link", name="What happens if I add 3 people?").click()
    expect(admin.get_by_label("People")).to_have_value("3")
    admin.get_by_role("button", name="See what happens").click()

    answer = admin.get_by_role("region", name=re.compile("^From "))
    expect(answer).to_contain_text("Over the limit of 5 seats", timeout=SLOW_MS)
    expect(answer.get_by_text("Email: ").first).to_be_visible()
    expect(answer).to_contain_text(f"to {LARGER}")
    expect(answer.get_by_role("row", name="Seats")).to_contain_text("4 of 5")
    expect(answer.get_by_role("row", name="Seats")).to_contain_text("7 of 10")
    expect(answer.get_by_role("heading").first).to_be_focused()
    text = answer.locator(".mail-text").first
    expect(text).not_to_be_visible()
    answer.get_by_text("Read it").first.click()
    expect(text).to_contain_text("uses 7 seats")
    answer.get_by_text("How it is worked out").first.click()
    expect(answer).to_contain_text("Unused time on")

    expect(acts.emails(admin, company.admin).filter(has_text="seats")).to_have_count(0)
    admin.goto("/account")
    expect(admin.get_by_role("main")).to_contain_text("4 of 5")


def test_bad_input_is_told_at_its_field(admin: Page, company: Company) -> None:
    admin.goto(PAGE)
    admin.get_by_label("People").fill("-9")
    admin.get_by_role("button", name="See what happens").click()
    expect(admin.get_by_text("There are only 4 seats: take away at most that.")).to_be_visible()
    expect(admin.get_by_label("People")).to_have_value("-9")
    expect(admin.get_by_label("People")).to_be_focused()


def test_without_scripts_on_a_phone(
    admin: Page, company: Company, somebody: Callable[..., Page]
) -> None:
    page = somebody(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    acts.sign_in(page, company.admin)
    page.goto(f"{PAGE}?users=2")
    page.get_by_role("button", name="See what happens").click()
    answer = page.get_by_role("region", name=re.compile("^From "))
    expect(answer).to_contain_text("6 of 10", timeout=SLOW_MS)
    answer.get_by_text("Read it").first.click()
    expect(answer.locator(".mail-text").first).to_be_visible()
