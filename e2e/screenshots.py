"""The pictures of the README, from the example: `pytest e2e/screenshots.py` writes them anew."""

import io
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from e2e import acts
from e2e.conftest import ROOT

IMAGES = ROOT / "docs" / "images"
# One account is over its seats, so that every page has something to say; the other pays tax.
OVER, TAXED = "ruth.harbour@example.com", "greta.fern@example.com"
MOST_BYTES = 200_000
COLOURS = 256


def account(page: Page) -> None:
    page.goto("/account")


def add_ons(page: Page) -> None:
    """The quote of some seats, beside the next tier."""
    page.goto("/account/add-ons")
    page.get_by_label("1 seat").fill("2")
    page.get_by_role("button", name="See the price").click()
    expect(page.get_by_role("region", name="What it costs")).to_be_visible()
    page.evaluate("document.activeElement.blur()")


def invoice(page: Page) -> None:
    acts.newest_invoice(page)


@pytest.mark.parametrize(
    ("name", "person", "open_page"),
    [
        ("account", OVER, account),
        ("add-ons", OVER, add_ons),
        ("invoice", TAXED, invoice),
    ],
)
def test_picture(
    somebody: Callable[..., Page], name: str, person: str, open_page: Callable[[Page], None]
) -> None:
    page = somebody(viewport={"width": 1280, "height": 960}, color_scheme="light")
    acts.sign_in(page, person, acts.EXAMPLE_PASSWORD)
    open_page(page)
    expect(page.get_by_role("main")).to_be_visible()

    small = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS)
    IMAGES.mkdir(exist_ok=True)
    small.save(IMAGES / f"{name}.png", optimize=True)
    assert (IMAGES / f"{name}.png").stat().st_size < MOST_BYTES
