"""Answering with a file to be saved: whatever is in it, a browser runs and fetches nothing."""

import unicodedata
from collections.abc import Iterator
from urllib.parse import quote

from flask import Response, stream_with_context

from portal import clock, language
from portal.billing.rules.document_files import safe_name
from portal.web import formatting

HEADERS = {"Content-Security-Policy": "default-src 'none'; sandbox"}


def csv(name: str, text: Iterator[str]) -> Response:
    """Text as it comes, under a name with the account's date: "clients-2026-03-31.csv"."""
    pieces = stream_with_context(_spoken(text, language.spoken()))
    response = Response(pieces, mimetype="text/csv", headers=HEADERS)
    day = formatting.local_day(clock.now()).isoformat()
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-{day}.csv"'
    return response


def names(name: str) -> dict[str, str]:
    """What a header says a file is called: letters beyond ASCII in a form of their own."""
    if name.isascii():
        return {"filename": name}
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return {"filename": safe_name(plain), "filename*": f"UTF-8''{quote(name, safe='')}"}


def _spoken(text: Iterator[str], tag: str) -> Iterator[str]:
    """In the language of the request, which is over by the time the text is sent."""
    while True:
        with language.speaking(tag):
            piece = next(text, None)
        if piece is None:
            return
        yield piece
