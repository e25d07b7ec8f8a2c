"""The pictures of the README, from the example: `pytest e2e/screenshots.py` writes them anew."""

import io
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from e2e import acts
from e2e.conftest import ROOT

IMAGES = ROOT / "docs" / "images"
# Of an account over its seats: every page has something to say.
ADMIN = "ruth.harbour@example.com"
PATHS = {"account": "/account", "change-plan": "/account/change-plan"}
MOST_BYTES = 200_000
COLOURS = 256


@pytest.mark.parametrize("name", PATHS)
def test_picture(somebody: Callable[..., Page], name: str) -> None:
    page = somebody(viewport={"width": 1280, "height": 960}, color_scheme="light")
    acts.sign_in(page, ADMIN, acts.EXAMPLE_PASSWORD)
    page.goto(PATHS[name])
    expect(page.get_by_role("main")).to_be_visible()

    small = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(COLOURS)
    IMAGES.mkdir(exist_ok=True)
    small.save(IMAGES / f"{name}.png", optimize=True)
    assert (IMAGES / f"{name}.png").stat().st_size < MOST_BYTES
