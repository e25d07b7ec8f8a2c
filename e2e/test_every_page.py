"""Every page on a desk and on a phone, in light and dark: nothing broken, nothing out of reach."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from e2e import acts
from e2e.conftest import Portal, listen

# In the example the one that is over its seats, so that its pages have the most to show.
ADMIN = "ruth.harbour@example.com"
PLACES = (
    "/account",
    "/account/change-plan",
    "/account/change-plan > See the price",
    "/clients",
    "/clients?q=nobody-is-called-this",
    "/clients > first",
    "/clients/new",
    "/clients/import",
    "/clients/statuses",
    "/users",
    "/invoices",
    "/invoices > first",
    "/billing",
    "/account/history",
    "/account/history?kind=details",
    "/account/balance",
    "/dev/mailbox",
    "/dev/mailbox > first",
    "/dev/components",
)
OPEN_PLACES = ("/login", "/signup", "/forgot-password", "/no-such-page")
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SERIOUS = ("serious", "critical")
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
ONLY_COLOURS = {"runOnly": ["color-contrast"]}


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
    elif link:
        page.get_by_role("link", name=link).first.click()
        expect(page.get_by_role("region", name="What it costs")).to_be_visible()


def is_in_order(page: Page, troubles: list[str]) -> None:
    expect(page.get_by_role("main")).to_be_visible()
    assert troubles == []
    assert page.title().strip(" ·")
    assert page.evaluate(TOO_WIDE) <= 0, "it scrolls sideways"
    page.emulate_media(color_scheme="light")
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, ONLY_COLOURS) == []


def violations(page: Page, options: dict[str, Any] | None = None) -> list[str]:
    """What axe finds that keeps somebody out, each with where it is."""
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary']}"
        for rule in found
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]
