"""Addresses for emails, built from the configured address and never from a request's Host."""

from urllib.parse import urlsplit

from flask import current_app


def outside_url(endpoint: str, **values: str) -> str:
    """The whole address of a page, as it is reached from outside; also where nobody asks."""
    base: str = current_app.config["PORTAL"].base_url
    return base + current_app.url_map.bind(urlsplit(base).netloc).build(endpoint, values)
