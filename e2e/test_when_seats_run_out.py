"""Never beyond the seats: chosen, held to, and changed again; each page says what follows."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from e2e import acts, looks
from e2e.acts import Company
from e2e.conftest import Portal

PAGE = "/account/when-seats-run-out"


@pytest.fixture(scope="module")
def admin(somebody: Callable[..., Page]) -> Page:
    return somebody()


@pytest.fixture(scope="module")
def company(admin: Page, portal: Portal) -> Company:
    """Five of five seats are taken; Bea reads invoices and takes none."""
    company = acts.sign_up(admin)
    for name in ("mo", "max", "mia", "may"):
        portal.add_user(company.email(name), company.name, "member")
    portal.add_user(company.email("bea"), company.name, "billing")
    return company


def test_the_sign_up_page_says_the_rule(somebody: Callable[..., Page]) -> None:
    page = somebody()
    page.goto("/signup")
    rule = page.get_by_role("region", name="When seats run out")
    expect(rule).to_contain_text("three emails over five days")


def test_the_choice_is_read_and_made(admin: Page, company: Company) -> None:
    admin.goto("/account")
    admin.get_by_role("link", name="When seats run out").click()
    main = admin.get_by_role("main")
    expect(main).to_contain_text("(as it is now)")
    main.get_by_role("radio", name="Never go beyond the seats").check()
    main.get_by_role("button", name="Save this choice").click()
    acts.said(admin, "nobody can be added beyond your seats")
    expect(main).to_contain_text("Never go beyond the seats: chosen by Admin")
    looks.are_in_order(admin, PAGE)


def test_nobody_is_added_and_the_ways_out_are_links(admin: Page, company: Company) -> None:
    admin.goto("/users")
    expect(admin.get_by_role("main")).to_contain_text("nobody can be added beyond them")
    bea = acts.row(admin, "Bea")
    bea.get_by_label("Change the role of Bea").click()
    bea.get_by_role("radio", name="Member").check()
    bea.get_by_role("button", name="Save role").click()
    refused = admin.get_by_role("alert").filter(has_text="Nobody was added")
    expect(refused).to_contain_text("All 5 seats are taken")
    expect(refused.get_by_role("link", name="Change the plan")).to_be_visible()
    refused.get_by_role("link", name="When seats run out").click()
    expect(admin.get_by_role("heading", name="When seats run out")).to_be_visible()


def test_changed_again_people_are_let_in_with_what_follows(admin: Page, company: Company) -> None:
    admin.goto(PAGE)
    admin.get_by_role("radio", name="Let people in").check()
    admin.get_by_role("button", name="Save this choice").click()
    acts.said(admin, "people can be added beyond your seats")
    admin.goto("/users")
    bea = acts.row(admin, "Bea")
    bea.get_by_label("Change the role of Bea").click()
    bea.get_by_role("radio", name="Member").check()
    bea.get_by_role("button", name="Save role").click()
    asked = admin.get_by_role("alert").filter(has_text="Bea takes a seat beyond your plan")
    expect(asked).to_contain_text("6 of 5 seats")
    expect(asked).to_contain_text("you move to Standard, 10 users and are charged")
