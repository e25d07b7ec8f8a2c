"""Every page on a desk and on a phone, in light and dark: nothing broken, nothing out of reach."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from e2e import acts
from e2e.conftest import Portal, listen
from e2e.looks import DESK, PHONE, is_in_order

# In the example the one that is over its seats, so that its pages have the most to show.
ADMIN = "ruth.harbour@example.com"
PLACES = (
    "/account",
    "/account/usage",
    "/account/change-plan",
    "/account/change-plan > See the price",
    "/clients",
    "/clients?q=nobody-is-called-this",
    "/clients > first",
    "/clients/new",
    "/clients/import",
    "/clients/statuses",
    "/clients/documents",
    "/clients/documents > of a client",
    "/users",
    "/invoices",
    "/invoices?q=nothing-says-this",
    "/invoices > first",
    "/invoices/check",
    "/invoices/check?sha256=0",
    "/invoices/exports",
    "/invoices/links",
    "/invoices/statement",
    "/invoices/statement?from=2020-01-01&to=2020-01-02",
    "/billing",
    "/account/history",
    "/account/history?kind=details",
    "/account/balance",
    "/account/add-ons",
    "/account/add-ons > See the price",
    "/account/cancellation",
    "/account/what-if",
    "/account/what-if?users=3 > See what happens",
    "/account/when-seats-run-out",
    "/account/payment-method",
    "/dev/mailbox",
    "/dev/mailbox > first",
    "/dev/components",
)
# The part of a page that a link or a button on it leads to.
ANSWERS = {"See the price": "What it costs", "See what happens": "From "}
OPEN_PLACES = (
    *("/login", "/signup", "/forgot-password", "/no-such-page"),
    *("/i/no-such-link", "/invoice-address/no-such-link"),
)


@dataclass(frozen=True)
class Screen:
    """Somebody who is signed in and somebody who isn't, and what their browsers complain of."""

    inside: Page
    outside: Page
    troubles: list[str]


@pytest.fixture(scope="module", params=[DESK, PHONE], ids=["desk", "phone"])
def screen(request: pytest.FixtureRequest, browser: Browser, portal: Portal) -> Iterator[Screen]:
    look = {"viewport": request.param, "reduced_motion": "reduce", "base_url": portal.url}
    contexts = [browser.new_context(**look) for _ in range(2)]
    shown = Screen(*(context.new_page() for context in contexts), troubles=[])
    for page in (shown.inside, shown.outside):
        listen(page, shown.troubles)
    acts.sign_in(shown.inside, ADMIN, acts.EXAMPLE_PASSWORD)
    yield shown
    for context in contexts:
        context.close()


@pytest.mark.parametrize("place", PLACES)
def test_signed_in(screen: Screen, place: str) -> None:
    screen.troubles.clear()  # axe tries out styles, which the policy of the page before refused
    go(screen.inside, place)
    is_in_order(screen.inside, screen.troubles)


@pytest.mark.parametrize("place", OPEN_PLACES)
def test_signed_out(screen: Screen, place: str) -> None:
    screen.troubles.clear()
    screen.outside.goto(place)
    is_in_order(screen.outside, screen.troubles)


def go(page: Page, place: str) -> None:
    """Open a page by its path, or by a link on it: "path > name of the link"."""
    path, _, link = place.partition(" > ")
    page.goto(path)
    if link == "first":
        page.locator("main tbody th[scope=row] a").first.click()
        expect(page).not_to_have_url(path)
    elif link == "of a client":
        page.locator("main tbody td[data-label=Client] a").first.click()
        expect(page.get_by_label("Add documents")).to_be_visible()
    elif link:
        if path == "/account/add-ons":
            page.get_by_label("1 seat").fill("1")
        page.get_by_role("link", name=link).or_(page.get_by_role("button", name=link)).first.click()
        expect(page.get_by_role("region", name=ANSWERS[link])).to_be_visible()
