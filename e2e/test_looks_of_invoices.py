"""How the pages about invoices look: pictures are kept in `looks`.

Their portal runs in this process, on the tests' clock, so that no date, number or hash moves; the
browser's requests are handed to it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from playwright.sync_api import Browser, Page, Route

from e2e.looks import DESK, PHONE
from tests import conftest
from tests.cast import Cast, sign_in
from tests.paper_stories import Papers, papers
from tests.pictures import difference, looks_as_kept

LOOKS = Path(__file__).parent / "looks"
ORIGIN = "http://localhost"
# Two points a pixel, drawn four times as fine: how letters are fitted to pixels matters less.
POINTS, DRAWN = 2, 2
WEIGHTS = {"400": "Regular", "500": "Medium", "600 700": "SemiBold"}
# Machines have fonts of their own; this one comes with the project.
FONT = "".join(
    f'@font-face {{ font-family: "Looks"; font-weight: {weight};'
    f' src: url("/static/fonts/IBMPlexSans-{name}.ttf"); }}'
    for weight, name in WEIGHTS.items()
) + "".join(
    f':root {{ --pico-font-family{purpose}: "Looks" !important; }}'
    for purpose in ("", "-sans-serif", "-monospace")
)
# Else letters are as wide as a machine's way of fitting them to pixels makes them.
FONT += "* { text-rendering: geometricPrecision !important; }"
# Other versions of the libraries make files of other bytes.
SETTLED = """async () => {
    for (const code of document.querySelectorAll("code"))
        if (/^[0-9a-f]{64}$/.test(code.textContent)) code.textContent = "0123".repeat(16);
    await document.fonts.ready;
}"""
PAGES: dict[str, Callable[[Papers], str]] = {
    "invoice": lambda papers: f"/invoices/{papers.upgrade.number_text}",
    "credit-note": lambda papers: f"/credit-notes/{papers.credit_note.number_text}",
    "invoices": lambda papers: "/invoices",
    "statement": lambda papers: "/invoices/statement",
}
SCREENS: dict[str, dict[str, Any]] = {
    "desk-light": {"viewport": DESK, "color_scheme": "light"},
    "phone-dark": {"viewport": PHONE, "color_scheme": "dark"},
}
# A word less, letters larger, thinner or of another font, a column or a block elsewhere, no panel.
CHANGES = (
    "document.querySelector('#sent .muted').firstChild.textContent = 'Who gets is on '",
    "document.querySelector('main .explanation, main .cell-note').textContent = ''",
    "document.querySelector('table').style.fontSize = '1.07em'",
    "document.querySelector('h1').style.fontSize = '1.1em'",
    "document.querySelector('h1').style.fontWeight = '400'",
    "document.body.style.fontFamily = 'serif'",
    "document.querySelector('td').style.paddingLeft = '8px'",
    "document.querySelector('.panel').style.paddingTop = '4px'",
    "document.querySelector('.panel').style.background = 'none'",
    "document.querySelector('table tbody tr').remove()",
)

place, database_url, settings = conftest.place, conftest.database_url, conftest.settings
clock, app, cast = conftest.clock, conftest.app, conftest.cast


@pytest.fixture
def all_papers(cast: Cast) -> Papers:
    """An account with every kind of document."""
    return papers(cast)


@pytest.mark.parametrize("screen", SCREENS)
def test_pages_look_as_kept(
    browser: Browser, cast: Cast, all_papers: Papers, screen: str, tmp_path: Path
) -> None:
    troubles = []
    with window(browser, cast, all_papers, **SCREENS[screen]) as page:
        for name, path in PAGES.items():
            page.goto(path(all_papers))
            try:
                looks_as_kept(picture_of(page), LOOKS / f"{name}-{screen}.png", tmp_path)
            except AssertionError as trouble:
                troubles.append(str(trouble))
    assert not troubles, "\n".join(troubles)


def test_a_plain_screen_passes_and_small_changes_are_seen(
    browser: Browser, cast: Cast, all_papers: Papers
) -> None:
    """In the dark, where letters stand out less."""
    path = PAGES["invoice"](all_papers)
    with window(browser, cast, all_papers, **SCREENS["phone-dark"]) as page:
        page.goto(path)
        kept = picture_of(page)
        unseen = []
        for change in CHANGES:
            page.reload()
            page.evaluate(change)
            if not difference(kept, picture_of(page)):
                unseen.append(change)
    assert unseen == []
    with window(browser, cast, all_papers, drawn=1, **SCREENS["phone-dark"]) as page:
        page.goto(path)
        assert difference(kept, picture_of(page, drawn=1)) == ""


@contextmanager
def window(
    browser: Browser,
    cast: Cast,
    all_papers: Papers,
    *,
    drawn: int = DRAWN,
    locale: str = "en-US",
    **options: Any,
) -> Iterator[Page]:
    """A window of the account's Admin, `drawn` times as fine as its points."""
    client = cast.app.test_client()
    sign_in(client, all_papers.reader)
    context = browser.new_context(
        base_url=ORIGIN,
        device_scale_factor=drawn,
        reduced_motion="reduce",
        locale=locale,
        **options,
    )
    context.route("**/*", lambda route: answer(cast, client, route))
    yield context.new_page()
    context.close()


def answer(cast: Cast, client: FlaskClient, route: Route) -> None:
    """What the portal in this process answers; pages aren't kept up to date meanwhile."""
    asked = route.request
    if asked.headers.get("accept") == "text/event-stream":
        route.abort()
        return
    with cast.app.app_context():
        path = asked.url.removeprefix(ORIGIN)
        said = client.open(path, method=asked.method, headers=asked.headers)
    body = said.data + FONT.encode() if "/app.css" in path else said.data
    headers = {name: value for name, value in said.headers if name != "Content-Length"}
    route.fulfill(status=said.status_code, headers=headers, body=body)


def picture_of(page: Page, *, drawn: int = DRAWN) -> Image.Image:
    """All of a page, at half its width."""
    page.evaluate(SETTLED)
    shot = Image.open(BytesIO(page.screenshot(full_page=True, animations="disabled")))
    return shot.convert("L").reduce(POINTS * drawn)
