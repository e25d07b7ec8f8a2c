"""Answering with a file to be saved: whatever is in it, a browser runs and fetches nothing."""

from collections.abc import Iterator

from flask import Response, stream_with_context

from portal import clock

HEADERS = {"Content-Security-Policy": "default-src 'none'; sandbox"}


def csv(name: str, text: Iterator[str]) -> Response:
    """Text as it comes, under a name with today's date: "clients-2026-03-31.csv"."""
    response = Response(stream_with_context(text), mimetype="text/csv", headers=HEADERS)
    day = clock.now().date().isoformat()
    response.headers["Content-Disposition"] = f'attachment; filename="{name}-{day}.csv"'
    return response
