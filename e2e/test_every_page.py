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
# The part of a page that a link or a button on it leads to, and both by their names in German.
ANSWERS = {"See the price": "What it costs", "See what happens": "From "}
IN_GERMAN = {
    "See the price": "Preis",
    "What it costs": "Was es kostet",
    "See what happens": "Ansehen, was geschieht",
    "From ": "Vom ",
    "Add documents": "Dokumente hinzufügen",
}
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


@pytest.fixture(
    scope="module",
    params=[(DESK, "en"), (PHONE, "en"), (PHONE, "de")],
    ids=["desk", "phone", "phone-in-german"],
)
def screen(request: pytest.FixtureRequest, browser: Browser, portal: Portal) -> Iterator[Screen]:
    viewport, language = request.param
    look = {"viewport": viewport, "reduced_motion": "reduce", "base_url": portal.url}
    contexts = [browser.new_context(**look) for _ in range(2)]
    shown = Screen(*(context.new_page() for context in contexts), troubles=[])
    for page in (shown.inside, shown.outside):
        listen(page, shown.troubles)
    acts.sign_in(shown.inside, ADMIN, acts.EXAMPLE_PASSWORD)
    for context in contexts:
        context.set_extra_http_headers({"Accept-Language": language})
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
    is_german = page.locator("html").get_attribute("lang") == "de"
    names = IN_GERMAN if is_german else {name: name for name in IN_GERMAN}
    if link == "first":
        page.locator("main tbody th[scope=row] a").first.click()
        expect(page).not_to_have_url(path)
    elif link == "of a client":
        page.locator("main tbody td:is([data-label=Client], [data-label=Kunde]) a").first.click()
        expect(page.get_by_label(names["Add documents"])).to_be_visible()
    elif link:
        if path == "/account/add-ons":
            page.get_by_label("1 seat").fill("1")
        name, answer = names[link], names[ANSWERS[link]]
        page.get_by_role("link", name=name).or_(page.get_by_role("button", name=name)).first.click()
        expect(page.get_by_role("region", name=answer)).to_be_visible()
