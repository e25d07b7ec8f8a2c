"""What a document may reach while it is set: our own fonts, and nothing else."""

import gc
import io
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pypdf import PdfReader
from weasyprint.urls import URLFetcher

from portal.papers import typesetting
from portal.papers.page import Page

SHEET = "invoice_v1.css"
SECRET = "the content of a file of this machine"
WAYS = {
    "attachment link": '<link rel="attachment" href="{url}">',
    "attachment anchor": '<a rel="attachment" href="{url}">here</a>',
    "image": '<img src="{url}">',
    "object": '<object data="{url}"></object>',
    "embed": '<embed src="{url}">',
    "style sheet": '<link rel="stylesheet" href="{url}">',
    "import": "<style>@import url({url});</style>",
    "background": '<p style="background: url({url})">text</p>',
    "list style": '<ul><li style="list-style-image: url({url})">text</li></ul>',
    "font": "<style>@font-face {{ font-family: x; src: url({url}) }} p {{ font: 9pt x }}</style>",
    "svg image": '<svg xmlns:xlink="http://www.w3.org/1999/xlink"><image href="{url}"/></svg>',
    "content": "<style>p::before {{ content: url({url}) }}</style><p>text</p>",
}


def test_every_way_to_a_file_of_the_machine_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    reader = set_with_all_ways(secret.as_uri())
    assert dict(reader.attachments) == {}
    assert SECRET not in text_of(reader)


def test_every_way_to_the_network_is_refused() -> None:
    with listening() as (url, asked):
        set_with_all_ways(url)
    assert asked == []


def test_without_the_refusal_the_same_page_calls_the_network(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(typesetting, "AssetsOnly", URLFetcher)
    with listening() as (url, asked):
        set_page(WAYS["image"].format(url=url))
    assert asked == ["/"]


def test_a_page_attaches_nothing_by_itself_even_where_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typesetting, "AssetsOnly", URLFetcher)
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    page = WAYS["attachment link"].format(url=secret.as_uri())
    assert dict(PdfReader(io.BytesIO(set_page(page))).attachments) == {}


@pytest.mark.parametrize(
    "url",
    [
        "asset:../../config.py",
        "asset:IBMPlexSans-Regular.ttf#x",
        "ASSET:IBMPlexSans-Regular.ttf",
        "data:text/plain,hello",
        "file:///etc/hostname",
        "//example.com/",
    ],
)
def test_only_the_exact_names_of_our_files_are_handed_out(url: str) -> None:
    with pytest.raises(typesetting.NotAnAsset):
        typesetting.AssetsOnly().fetch(url)


def test_letters_are_set_in_the_bundled_font_without_asking_the_machine_for_one() -> None:
    page = PdfReader(io.BytesIO(set_page("<p>Łódź, Ψηφιακή, Компания <strong>−€5</strong></p>")))
    assert fonts_of(page) == {"Plex", "Plex-Semi-Bold"}
    assert "Łódź, Ψηφιακή, Компания −€5" in text_of(page)


def test_a_sheet_that_is_loaded_anew_has_its_fonts() -> None:
    """The former one takes its folder along when it is let go of, and nobody else's."""
    set_page("<p>Before</p>")
    typesetting.prepared.cache_clear()
    gc.collect()
    assert fonts_of(PdfReader(io.BytesIO(set_page("<p>After</p>")))) == {"Plex"}


def test_processes_that_never_render_never_load_the_renderer() -> None:
    code = "import sys, portal.papers.making; sys.exit('weasyprint' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def fonts_of(page: PdfReader) -> set[str]:
    return {
        font["/BaseFont"].split("+")[-1]
        for font in page.pages[0]["/Resources"]["/Font"].values()  # type: ignore[index]
    }


def set_with_all_ways(url: str) -> PdfReader:
    page = "".join(way.format(url=url) for way in WAYS.values())
    return PdfReader(io.BytesIO(set_page(page)))


def set_page(body: str) -> bytes:
    html = f'<html lang="en"><title>Test</title><body>{body}</body></html>'
    return typesetting.pdf(Page(html, sheet=SHEET, paper="A4", identifier="test"))


def text_of(reader: PdfReader) -> str:
    return "\n".join(page.extract_text() for page in reader.pages)


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """A web server on this machine, and the paths it was asked for."""
    asked: list[str] = []

    class Remember(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Remember)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
