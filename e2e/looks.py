"""Whether a page is in order: nothing broken, nothing out of reach, in light and in dark."""

from typing import Any
from urllib.parse import urljoin

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SERIOUS = ("serious", "critical")
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
ONLY_COLOURS = {"runOnly": ["color-contrast"]}


def is_in_order(page: Page, troubles: list[str]) -> None:
    expect(page.get_by_role("main")).to_be_visible()
    assert troubles == []
    assert page.title().strip(" ·")
    assert page.evaluate(TOO_WIDE) <= 0, "it scrolls sideways"
    page.emulate_media(color_scheme="light")
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, ONLY_COLOURS) == []


def are_in_order(page: Page, *paths: str) -> None:
    """Pages as whoever is signed in on `page` sees them, on a desk and on a phone.

    In windows of their own: axe tries out styles, which the policy of the page refuses.
    """
    browser, state = page.context.browser, page.context.storage_state()
    assert browser is not None
    for screen in (DESK, PHONE):
        context = browser.new_context(viewport=screen, reduced_motion="reduce", storage_state=state)
        window = context.new_page()
        for path in paths:
            window.goto(urljoin(page.url, path))
            is_in_order(window, [])
        context.close()


def violations(page: Page, options: dict[str, Any] | None = None) -> list[str]:
    """What axe finds that keeps somebody out, each with where it is."""
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary']}"
        for rule in found
        if rule["impact"] in SERIOUS
        for node in rule["nodes"]
    ]
