"""Many pages of one person, one after the other and side by side: none waits for a stream, and none
is refused one. A refusal (503) would fail the journey by itself."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Response, expect

from e2e import acts
from e2e.acts import row, used

STREAM = "**/live/events"
# More than one person may hold in a process, and than a browser has connections to one site.
LOOKED_AT, OPEN = 40, 9
PLACES = ("/invoices", "/users", "/clients", "/account")
PAGE_MS = 5_000
SET_HIDDEN = """hidden => {
  Object.defineProperty(document, "hidden", {get: () => hidden, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture(scope="module")
def page(somebody: Callable[..., Page]) -> Page:
    page = somebody()
    acts.sign_up(page)
    acts.bring_in(page, ["Ada,Client", "Ben,Client"])
    return page


def test_whoever_goes_quickly_from_page_to_page_is_never_refused(page: Page) -> None:
    answers: list[int] = []

    def note(answer: Response) -> None:
        if answer.url.endswith("/live/events"):
            answers.append(answer.status)

    page.on("response", note)
    for number in range(LOOKED_AT):
        with page.expect_response(STREAM):
            page.goto(PLACES[number % len(PLACES)])
    assert answers == [200] * LOOKED_AT


def test_pages_that_nobody_sees_keep_no_connection(page: Page) -> None:
    """Nine are open, eight of them behind the ninth; whichever is looked at again is right."""
    page.goto("/clients")
    expect(used(page, "clients")).to_have_text("2 of 300")
    hide(page)
    behind = [page]
    for _ in range(OPEN - 2):
        behind.append(page.context.new_page())
        with behind[-1].expect_response(STREAM):
            behind[-1].goto("/clients", timeout=PAGE_MS)
        hide(behind[-1])
    ahead = page.context.new_page()
    ahead.goto("/clients", timeout=PAGE_MS)
    row(ahead, "Ada").get_by_role("button", name="Suspend").click()
    expect(used(ahead, "clients")).to_have_text("1 of 300")

    expect(used(page, "clients")).to_have_text("2 of 300")
    show(page)
    expect(used(page, "clients")).to_have_text("1 of 300")
    for other in (*behind[1:], ahead):
        other.close()


def hide(page: Page) -> None:
    """As when another tab comes to the front."""
    page.evaluate(SET_HIDDEN, True)


def show(page: Page) -> None:
    page.evaluate(SET_HIDDEN, False)
