"""What the comparison of pictures lets pass, and what it must see."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from PIL import Image

from portal.papers import making, rendering
from portal.papers.page import Page
from tests.invoice_examples import UPGRADE, invoice
from tests.pdf_pictures import needs_poppler, pages
from tests.pictures import KEEP, difference, looks_as_kept, reduced

STYLES = (
    "html { font-size: 10pt !important }",
    "h1 { font-size: 14pt !important }",
    "h2 { font-size: 8.5pt !important }",
    ".sums .due th { font-size: 12pt !important }",
    'html { font-family: "DejaVu Sans", sans-serif !important }',
    ".what { font-weight: 400 !important }",
    ".facts td { padding-right: 2mm !important }",
    ".lines .period { padding-left: 2mm !important }",
    ".parties { position: relative; top: 1mm }",
    ".lines th, .lines td { border: 0 !important }",
    "html { background: #f9f9f9 }",
)

pytestmark = needs_poppler


@pytest.fixture
def kept(app: Flask) -> Image.Image:
    """The upgrade's only page."""
    return as_kept()


@pytest.mark.parametrize(
    "by",
    [
        ("pdftocairo",),
        ("pdftocairo", "-antialias", "none"),
        ("pdftoppm", "-aa", "no"),
        ("pdftoppm", "-aaVector", "no"),
        ("pdftoppm", "-thinlinemode", "solid"),
    ],
    ids=" ".join,
)
def test_another_way_of_drawing_passes(kept: Image.Image, by: tuple[str, ...]) -> None:
    """Poppler has two that share little, each with smoothing and without."""
    assert difference(kept, picture_of(invoice_pdf(), by=by)) == ""


@pytest.mark.parametrize(("right", "down"), [(0.5, 0), (0, 0.5), (0.5, 0.5), (1, 0), (0, 1)])
def test_a_pixel_aside_passes(kept: Image.Image, right: float, down: float) -> None:
    assert difference(kept, moved(kept, right, down)) == ""


def test_a_line_lower_is_seen(kept: Image.Image) -> None:
    """9 points at 1.45: 14 pixels. Three pixels are seen too."""
    assert "differs clearly" in difference(kept, moved(kept, 0, 14))
    assert "differs clearly" in difference(kept, moved(kept, 0, 3))
    assert "differs clearly" in difference(kept, moved(kept, 3, 0))


def test_a_missing_word_is_seen(kept: Image.Image) -> None:
    first, second = UPGRADE.lines
    shorter = replace(first, explanation="Full price for 30: $100.00")
    assert difference(kept, picture_of(invoice_pdf(lines=(shorter, second))))


def test_a_missing_line_is_seen(kept: Image.Image) -> None:
    assert difference(kept, picture_of(invoice_pdf(lines=UPGRADE.lines[:1])))


@pytest.mark.parametrize("style", STYLES)
def test_another_style_is_seen(
    kept: Image.Image, monkeypatch: pytest.MonkeyPatch, style: str
) -> None:
    """A size, a font or a weight, a column or a block elsewhere, no rules, a tinted page."""
    with_style(monkeypatch, style)
    assert difference(kept, picture_of(invoice_pdf()))


def test_another_paper_is_seen(kept: Image.Image) -> None:
    customer = replace(UPGRADE.customer, country="US")
    assert "large, not" in difference(kept, picture_of(invoice_pdf(customer=customer)))


def test_greys_of_the_kept_picture_pass(kept: Image.Image) -> None:
    assert difference(reduced(kept), kept) == ""


def test_what_was_kept_passes_and_else_it_is_shown_what_differs(
    kept: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "looks" / "page.png"
    monkeypatch.delenv(KEEP, raising=False)
    with pytest.raises(AssertionError, match="PORTAL_KEEP_LOOKS=1 keeps one"):
        looks_as_kept(kept, path, tmp_path)
    monkeypatch.setenv(KEEP, "1")
    looks_as_kept(kept, path, tmp_path)
    monkeypatch.delenv(KEEP)
    looks_as_kept(kept, path, tmp_path)
    with pytest.raises(AssertionError, match=r"page-difference\.png"):
        looks_as_kept(moved(kept, 0, 14), path, tmp_path)
    assert Image.open(tmp_path / "page.png").size == kept.size
    assert Image.open(tmp_path / "page-difference.png").width == 3 * kept.width


@cache
def as_kept() -> Image.Image:
    return picture_of(invoice_pdf())


def invoice_pdf(**changes: Any) -> bytes:
    return making.render(invoice(**changes)).pdf


def picture_of(pdf: bytes, *, by: tuple[str, ...] = ("pdftoppm",)) -> Image.Image:
    (only,) = pages(pdf, by=by)
    return only


def moved(picture: Image.Image, right: float, down: float) -> Image.Image:
    """With white where nothing was."""
    by = (1, 0, -right, 0, 1, -down)
    method, between = Image.Transform.AFFINE, Image.Resampling.BICUBIC
    return picture.transform(picture.size, method, by, between, fillcolor=255)


def with_style(monkeypatch: pytest.MonkeyPatch, style: str) -> None:
    """Documents are set with some lines more in their style."""
    as_it_is = rendering.pdf

    def styled(page: Page) -> bytes:
        html = page.html.replace("</head>", f"<style>{style}</style></head>")
        return as_it_is(replace(page, html=html))

    monkeypatch.setattr(rendering, "pdf", styled)
