"""The addresses that templates write: those that are the same on each page are worked out once."""

from functools import lru_cache
from typing import Any

from flask import Flask, request

# Of files the content's hash is part of the address, so a file that changed has another one.
STATIC = "static"
MOST = 500


def init_app(app: Flask) -> None:
    """Give templates a `url_for` that remembers: of pages that take no parameters, and of files."""

    @lru_cache(MOST)
    def kept(_prefix: str, endpoint: str, filename: str | None) -> str:
        return app.url_for(endpoint) if filename is None else app.url_for(STATIC, filename=filename)

    def url_for(endpoint: str, **values: Any) -> str:
        # Below a prefix that a proxy says, all addresses begin with it.
        prefix = request.script_root
        if endpoint == STATIC and values.keys() == {"filename"}:
            return kept(prefix, endpoint, values["filename"])
        if values or endpoint.startswith("."):
            return app.url_for(endpoint, **values)
        return kept(prefix, endpoint, None)

    app.jinja_env.globals["url_for"] = url_for
