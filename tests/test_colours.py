"""The colours of statuses: names people can tell apart, light and dark enough in both themes."""

import re
from itertools import combinations
from pathlib import Path

import pytest

from portal.billing.statuses import COLOURS

CSS = (Path(__file__).parent.parent / "portal" / "static" / "css" / "app.css").read_text()
TONES = re.compile(r"((?:\.tone-\w+(?:, )?)+) \{ --tone: light-dark\((#\w{6}), (#\w{6})\)")
SURFACE = re.search(r"--surface: light-dark\((#\w{6}), (#\w{6})\)", CSS)
LIGHT, DARK = 0, 1
# WCAG 2: what text needs, which is more than a dot does.
READABLE = 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("colour", COLOURS)
def test_a_colour_is_seen_on_the_page(colour: str, theme: int) -> None:
    assert SURFACE
    assert contrast(tones()[colour][theme], SURFACE.groups()[theme]) >= READABLE


def test_no_two_are_the_same() -> None:
    known = tones()
    for one, other in combinations(COLOURS, 2):
        assert known[one] != known[other]


def tones() -> dict[str, tuple[str, str]]:
    return {
        name.removeprefix(".tone-"): (light, dark)
        for names, light, dark in TONES.findall(CSS)
        for name in names.split(", ")
    }


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
