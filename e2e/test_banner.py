"""The banner on pages that are open already: it comes, says what changes, and goes, by itself.

Ann looks at invoices and at My Account all the while, Abe at the clients; so does Mo, a Member, and
Bea, the billing contact, at invoices. The Admin who signed up works: five of five seats are taken.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from e2e import acts
from e2e.acts import LARGER, Company, row, without_reload
from e2e.conftest import Portal

BANNER = "#over-limit-banner"
STREAM = "**/live/events"
WHY, AGREED = "We are talking about your contract.", "The contract stays as it is."
LATER = "You asked for time until the new budget."
DAY = timedelta(days=1)
PROMISED_MS = 1_000


@dataclass(frozen=True)
class Present:
    """Who is here: `admin` works and moves the clock; the Admins of `lookers`, one of them on My
    Account too, and the `others` only look."""

    company: Company
    admin: Page
    lookers: tuple[Page, ...]
    account: Page
    others: tuple[Page, ...]

    def read(self, *words: str) -> None:
        """Each looking Admin's page says it in its banner, and nobody else's says anything."""
        for word in words:
            for page in self.lookers:
                expect(page.locator(BANNER)).to_contain_text(word)
            expect(over_limit(self.account)).to_contain_text(word)
        for page in self.others:
            expect(page.locator(BANNER)).to_have_count(0)
            expect(page.locator("body")).not_to_contain_text("Over the limit")

    def read_nothing(self, *, within_ms: int = 5_000) -> None:
        for page in self.lookers:
            expect(page.locator(f"{BANNER} p")).to_have_count(0, timeout=within_ms)
        expect(over_limit(self.account)).to_have_count(0, timeout=within_ms)


@pytest.fixture(scope="module")
def present(somebody: Callable[..., Page], portal: Portal) -> Iterator[Present]:
    admin = somebody()
    company = acts.sign_up(admin)
    people = {"ann": "admin", "abe": "admin", "mo": "member", "mia": "member", "bea": "billing"}
    for name, role in {**people, "max": "member"}.items():
        portal.add_user(company.email(name), company.name, role)
    deactivate(admin, "Max")
    places = {"ann": "/invoices", "abe": "/clients", "mo": "/clients", "bea": "/invoices"}
    pages = {name: somebody() for name in places}
    for name, page in pages.items():
        acts.sign_in(page, company.email(name))
    account = pages["ann"].context.new_page()
    for page, path in (
        *((pages[name], path) for name, path in places.items()),
        (account, "/account"),
    ):
        if page is pages["bea"]:
            page.goto(path)
        else:
            with page.expect_response(STREAM):
                page.goto(path)
    here = (pages["ann"], pages["abe"], account, pages["mo"], pages["bea"])
    with without_reload(*here):
        yield Present(company, admin, here[:2], account, here[3:])


def test_it_comes_when_the_episode_opens(present: Present) -> None:
    """over.starts: not with the sixth person, but with the check that finds six."""
    present.read_nothing()
    admin = present.admin
    admin.goto("/users")
    row(admin, "Max").get_by_role("button", name="Reactivate").click()
    admin.get_by_role("alert").get_by_role("button").first.click()
    expect(row(admin, "Max")).to_contain_text("Deactivate")
    admin.goto("/account")
    acts.to_the_next_thing(admin, "the daily check")
    present.read("6 of 5 seats", f"your plan moves to {LARGER}")


def test_it_says_what_the_vendor_says(present: Present, portal: Portal) -> None:
    """On hold, going on, put off: on open pages at once, on the episode's and in the history."""
    company, admin = present.company, present.admin
    portal.flask("episodes", "hold", company.name, "--reason", WHY)
    present.read("The automatic upgrade is on hold: nothing is charged", WHY)
    admin.goto("/invoices")
    admin.get_by_role("link", name="See why, and the ways out").click()
    expect(admin.get_by_role("main")).to_contain_text("On hold")
    happened = admin.get_by_role("region", name="What happened")
    expect(happened).to_contain_text(WHY)

    with without_reload(admin):
        portal.flask("episodes", "release", company.name, "--reason", AGREED)
        present.read(f"your plan moves to {LARGER}")
        expect(happened).to_contain_text(AGREED)
        later = acts.clock_of(admin) + 12 * DAY
        until = f"{later:%Y-%m-%d} 12:00"
        portal.flask("episodes", "extend", company.name, "--to", until, "--reason", LATER)
        present.read(f"{acts.day(later)}, 12:00")
        expect(happened).to_contain_text(LATER)
        expect(admin.get_by_role("region", name="What follows")).to_contain_text(acts.day(later))
    admin.goto("/account/history")
    for reason in (WHY, AGREED, LATER):
        expect(admin.get_by_role("region", name="History")).to_contain_text(reason)


def test_it_is_gone_the_moment_it_is_fixed(present: Present) -> None:
    """over.fixed-in-time."""
    present.read("6 of 5 seats")
    deactivate(present.admin, "Max")
    present.read_nothing(within_ms=PROMISED_MS)


def deactivate(admin: Page, name: str) -> None:
    admin.goto("/users")
    row(admin, name).get_by_text("Deactivate").first.click()
    row(admin, name).get_by_role("button", name="Deactivate").click()
    expect(row(admin, name)).to_contain_text("Reactivate")


def over_limit(page: Page) -> Locator:
    return page.get_by_role("region", name="Over the limit")
