"""HTML to PDF. Importing this module imports WeasyPrint, which no web process needs.

Whatever a document holds, nothing is fetched for it but the files named in ASSETS: no network,
no file of this machine, no attachment. The same HTML gives the same bytes in every process.

There is no memory or processor limit here on purpose. A limit set on a process stays on it, and
this code also runs in processes that live on. What bounds a rendering is the size of the text
let into it, and the time limit of the job that it is part of, which runs in a process of its own.
"""

from functools import cache
from pathlib import Path
from typing import Any

from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

PORTAL = Path(__file__).parents[1]
ASSETS = {f"asset:{path.name}": path for path in sorted((PORTAL / "static/fonts").glob("*.ttf"))}
# Tagged for screen readers, with language and title: 20 ms and 3 kB more.
VARIANT = "pdf/ua-1"


class NotAnAsset(ValueError):
    """A document asked for something that is not one of ours."""


class AssetsOnly(URLFetcher):
    """Hands out the files in ASSETS and refuses everything else, before looking at it."""

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        if url not in ASSETS:
            raise NotAnAsset(url[:200])
        return URLFetcherResponse(url, ASSETS[url].read_bytes())


def pdf(html: str, *, sheet: str, identifier: str) -> bytes:
    """The PDF of a page set with a style sheet of templates/pdf.

    `identifier` becomes the file's own id; its dates are the page's `dcterms` metadata.
    """
    style, fonts = prepared(sheet)
    page = HTML(string=html, url_fetcher=AssetsOnly())
    content: bytes = page.write_pdf(
        stylesheets=[style],
        font_config=fonts,
        pdf_variant=VARIANT,
        pdf_identifier=identifier.encode(),
    )
    return content


@cache
def prepared(sheet: str) -> tuple[CSS, FontConfiguration]:
    """A parsed sheet and its fonts: half of the time of a first page, spent once per process."""
    fonts = FontConfiguration()
    text = (PORTAL / "templates/pdf" / sheet).read_text(encoding="utf-8")
    return CSS(string=text, font_config=fonts, url_fetcher=AssetsOnly()), fonts
