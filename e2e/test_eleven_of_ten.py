"""Eleven people on ten seats, three ways, each foretold by `flask simulate` before it happens.

One account goes through them all, with ten people at the beginning and end of each: upgraded and
taken back, put right on the fourth day, and never beyond its seats at all.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from e2e import acts
from e2e.acts import Company, row
from e2e.conftest import Portal
from e2e.foretold import came_since, foretell, is_as_told, newest_bill

TEN, TWENTY = "Standard, 10 users", "Standard, 20 users"
NAMES = ("ada", "ben", "cleo", "dan", "eve", "finn", "gwen", "hal", "ivy", "kit")
ELEVENTH = "Kit"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def admin(somebody: Callable[..., Page]) -> Page:
    return somebody()


@pytest.fixture(scope="module")
def company(admin: Page, portal: Portal) -> Company:
    """Ten of its ten seats are taken; Kit, who had one, is deactivated."""
    company = acts.sign_up(admin, plan=TEN)
    for name in NAMES:
        portal.add_user(company.email(name), company.name, "member")
    take_away(admin)
    acts.until_sent(admin, company.admin)
    return company


def test_upgraded_and_taken_back(admin: Page, company: Company, portal: Portal) -> None:
    """Three emails, five days, the upgrade and its reasons; then all of it taken back."""
    admin.goto("/account")
    plan = admin.get_by_role("region", name="Your plan")
    paid, began = plan.get_by_text("Paid from").inner_text(), acts.clock_of(admin)
    told = foretell(portal, company, began + 7 * DAY, "--users", "+1")
    (bill,) = told.bills
    upgrade_at = told.at("plan.changed")

    bring_back(admin)
    admin.goto("/account")
    first = acts.to_the_next_thing(admin, "the daily check")
    second = acts.to_the_next_thing(admin, "the second warning")
    third = acts.to_the_next_thing(admin, "the third warning")
    assert (second - first) // DAY == 2
    assert (third - second) // DAY == 2
    for written_at in (first, second, third):
        email = acts.open_email(admin, company.admin, "seats", acts.day(written_at))
        expect(email).to_contain_text(f"we charge {bill.due}")
        expect(email).to_contain_text(f"{acts.day(upgrade_at)}, {upgrade_at:%H:%M}")
    admin.goto("/account")
    assert acts.to_the_next_thing(admin, "the auto-upgrade") == upgrade_at
    expect(plan).to_contain_text(TWENTY)
    assert told.plan_in_the_end == TWENTY

    is_as_told(came_since(admin, company, began), told.emails)
    assert newest_bill(admin) == bill
    why = admin.get_by_role("region", name="Why the plan was upgraded automatically")
    expect(why.get_by_role("listitem")).to_have_count(3)
    expect(why.get_by_role("listitem").filter(has_text="11 of 10 seats")).to_have_count(3)

    take_away(admin)
    admin.goto("/account")
    admin.get_by_role("link", name="Take the upgrade back").click()
    expect(admin.get_by_role("region", name="What follows")).to_contain_text(
        f"Comes back {bill.due}"
    )
    admin.get_by_role("button", name="Take the upgrade back").click()
    expect(admin.get_by_role("heading", name="The upgrade is taken back")).to_be_visible()
    admin.get_by_role("link", name="Credit note").click()
    expect(admin.get_by_role("region", name="Credited to you")).to_contain_text(bill.due)
    expect(acts.open_email(admin, company.admin, "Taken back:")).to_contain_text(bill.due)
    admin.goto("/account")
    expect(plan).to_contain_text(TEN)
    expect(plan).to_contain_text(paid)


def test_put_right_on_the_fourth_day(admin: Page, company: Company, portal: Portal) -> None:
    """Two of the emails that were foretold, one of relief, and nothing charged or changed."""
    admin.goto("/account")
    began, bill = acts.clock_of(admin), newest_bill(admin)
    left_alone = foretell(portal, company, began + 7 * DAY, "--users", "+1")
    assert left_alone.plan_in_the_end == TWENTY

    bring_back(admin)
    admin.goto("/account")
    acts.to_the_next_thing(admin, "the daily check")
    acts.to_the_next_thing(admin, "the second warning")
    acts.move_clock(admin, "+1 day")
    fourth_day = acts.clock_of(admin)
    put_right = foretell(portal, company, fourth_day + 5 * DAY, "--users", "-1")
    assert put_right.bills == []
    take_away(admin)
    acts.move_clock(admin, "+5 days")

    is_as_told(came_since(admin, company, began), left_alone.emails[:2] + put_right.emails)
    assert put_right.emails[0].subject.startswith("All is well")
    assert newest_bill(admin) == bill
    admin.goto("/account")
    expect(admin.get_by_role("region", name="Your plan")).to_contain_text(TEN)
    expect(admin.get_by_role("region", name="Over the limit")).to_have_count(0)


def test_never_beyond_the_seats(admin: Page, company: Company, portal: Portal) -> None:
    """The hard cap: nobody comes in as the eleventh, so nothing is written and nothing charged."""
    admin.goto("/account/when-seats-run-out")
    admin.get_by_role("radio", name="Never go beyond the seats").check()
    admin.get_by_role("button", name="Save this choice").click()
    acts.said(admin, "nobody can be added beyond your seats")
    began, bill = acts.clock_of(admin), newest_bill(admin)
    within_a_week = ("--to", (began + 7 * DAY).isoformat())
    refused = portal.refused("simulate", company.name, *within_a_week, "--users", "+1")
    told = foretell(portal, company, began + 7 * DAY)
    assert told.facts["happenings"] == []
    assert "Nothing happens." in told.text

    admin.goto("/users")
    row(admin, ELEVENTH).get_by_role("button", name="Reactivate").click()
    alert = admin.get_by_role("alert").filter(has_text="Nobody was added")
    expect(alert).to_contain_text("All 10 seats are taken")
    assert "All 10 seats are taken" in refused
    expect(alert.get_by_role("link", name="Change the plan")).to_be_visible()
    acts.move_clock(admin, "+5 days")

    assert came_since(admin, company, began) == []
    assert newest_bill(admin) == bill
    admin.goto("/account")
    expect(acts.used(admin, "seats")).to_have_text("10 of 10")


def bring_back(admin: Page) -> None:
    """Give the eleventh access again, having read what that starts."""
    admin.goto("/users")
    row(admin, ELEVENTH).get_by_role("button", name="Reactivate").click()
    question = admin.get_by_role("alert")
    expect(question).to_contain_text("11 of 10 seats")
    question.get_by_role("button").first.click()
    expect(row(admin, ELEVENTH)).to_contain_text("Deactivate")


def take_away(admin: Page) -> None:
    """Make room: the eleventh leaves."""
    admin.goto("/users")
    row(admin, ELEVENTH).get_by_text("Deactivate").first.click()
    row(admin, ELEVENTH).get_by_role("button", name="Deactivate").click()
    expect(row(admin, ELEVENTH)).to_contain_text("Reactivate")
