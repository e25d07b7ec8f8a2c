"""A count that one person changes moves on the pages of the others, without a reload."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from e2e import acts
from e2e.acts import row, said, used

PROMISED_MS = 1_000


@dataclass(frozen=True)
class Watched:
    """Somebody who works in the client list, and two others who only look."""

    working: Page
    account: Page
    clients: Page

    def shows(self, figures: str) -> None:
        """Every page says the same, those of the others within the second promised."""
        expect(used(self.working, "clients")).to_have_text(figures)
        expect(used(self.account, "clients")).to_have_text(figures, timeout=PROMISED_MS)
        expect(used(self.clients, "clients")).to_have_text(figures, timeout=PROMISED_MS)


@pytest.fixture(scope="module")
def watched(somebody: Callable[..., Page]) -> Iterator[Watched]:
    working, member = somebody(), somebody()
    company = acts.sign_up(working)
    acts.invite(working, company.email("watching"), "Member")
    acts.accept(member, company.email("watching"), name="Wanda Watching")
    acts.bring_in(working, [f"Client {letter},Client" for letter in "ABCDEF"])
    account = somebody()
    acts.sign_in(account, company.admin)
    for page, path in ((account, "/account"), (member, "/clients"), (working, "/clients")):
        with page.expect_response("**/live/events"):
            page.goto(path)
    seen = Watched(working, account, member)
    seen.shows("6 of 300")
    with acts.without_reload(account, member):
        yield seen


def test_suspended_one_by_one(watched: Watched) -> None:
    page = watched.working
    row(page, "Client A").get_by_role("button", name="Suspend").click()
    expect(row(page, "Client A")).to_contain_text("Suspended")
    watched.shows("5 of 300")

    row(page, "Client B").get_by_role("button", name="Suspend").click()
    watched.shows("4 of 300")

    for name in ("Client A", "Client B"):
        row(page, name).get_by_role("button", name="Bring back").click()
        expect(row(page, name)).not_to_contain_text("Suspended")
    watched.shows("6 of 300")


def test_deleted_and_undone(watched: Watched) -> None:
    page = watched.working
    row(page, "Client C").get_by_role("button", name="Delete").click()
    watched.shows("5 of 300")
    row(page, "Client C").get_by_role("button", name="Undo").click()
    watched.shows("6 of 300")


def test_many_at_once(watched: Watched) -> None:
    page = watched.working
    for name in ("Client A", "Client C", "Client E"):
        row(page, name).get_by_role("checkbox").check()
    expect(page.locator(".bulk-chosen")).to_have_text("3 chosen")
    page.locator("[data-bulk-bar]").get_by_role("button", name="Suspend").click()
    watched.shows("3 of 300")

    expect(said(page, "3 clients suspended.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    watched.shows("6 of 300")
