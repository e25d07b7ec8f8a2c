"""HTML to PDF. Importing this module imports WeasyPrint, which no web process needs.

Whatever a document holds, nothing is fetched for it but the files named in ASSETS: no network,
no file of this machine, no attachment. The same page gives the same bytes in every process.

What bounds the memory and the time of it stands in `rendering`, which runs it.
"""

from functools import cache
from pathlib import Path
from typing import Any

from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

from portal.papers import archival, font_folders
from portal.papers.page import A4, LETTER, SHEET, Page

PORTAL = Path(__file__).parents[1]
FONTS = PORTAL / "static/fonts"
SHEETS = PORTAL / "templates/pdf"
ASSETS = {f"asset:{path.name}": path for path in sorted(FONTS.glob("*.ttf"))}
# Every letter that nearly every page has, in every cut: what is drawn once needs no loading again.
SAMPLE = Page(
    html="<html lang=en><title>Sample</title><h1>{0}</h1><p>{0}</p><p><strong>{0}</strong></p>"
    "<table><tr><th class=label>{0}<td class=money>{0}</table></html>".format(
        "".join(chr(code) for code in range(33, 127) if chr(code) not in "<>&")
    ),
    sheet=SHEET,
    paper=A4,
    identifier="sample",
)


SIZES = {
    A4: "size: A4; margin: 18mm 20mm 22mm",
    LETTER: "size: letter; margin: 18mm 22.95mm 22mm",
}
FORMER: list[tuple[CSS, FontConfiguration]] = []


class NotAnAsset(ValueError):
    """A document asked for something that is not one of ours."""


class AssetsOnly(URLFetcher):
    """Hands out the files in ASSETS and refuses everything else, before looking at it."""

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        if url not in ASSETS:
            raise NotAnAsset(url[:200])
        return URLFetcherResponse(url, ASSETS[url].read_bytes())


def pdf(page: Page) -> bytes:
    """The PDF of a page: PDF/A-3, tagged, with its XML inside if it has any."""
    style, fonts = prepared(page.sheet)
    document = HTML(string=page.html, url_fetcher=AssetsOnly()).render(
        stylesheets=[style, of_paper(page.paper)],
        font_config=fonts,
        pdf_variant=archival.VARIANT,
    )
    return archival.write(document, page)


def warm_up() -> None:
    """Load what every page needs: most of the time of a first one, spent once per process."""
    for paper in (A4, LETTER):
        of_paper(paper)
    pdf(SAMPLE)


def font_folder(sheet: str) -> Path | None:
    """Where the fonts of a prepared sheet lie while this process lives."""
    folder: Path | None = prepared(sheet)[1]._folder
    return folder


def load_fonts_anew(sheet: str, folder: Path) -> None:
    """Find the fonts of a sheet once more, in this process, with their files in `folder`."""
    font_folders.use(folder)
    # Let go of, the former ones would take their files with them, which others still use.
    FORMER.append(prepared(sheet))
    prepared.cache_clear()
    prepared(sheet)


@cache
def prepared(sheet: str) -> tuple[CSS, FontConfiguration]:
    """A parsed sheet and its fonts: half of the time of a first page, spent once per process."""
    fonts = FontConfiguration()
    # One of its own: it takes the folder along when it is let go of.
    fonts._folder = font_folders.new()
    text = (SHEETS / sheet).read_text(encoding="utf-8")
    return CSS(string=text, font_config=fonts, url_fetcher=AssetsOnly()), fonts


@cache
def of_paper(paper: str) -> CSS:
    """The size of a page, "A4" or "Letter", with margins that leave 170 mm between them."""
    return CSS(string=f"@page {{ {SIZES[paper]} }}", url_fetcher=AssetsOnly())
