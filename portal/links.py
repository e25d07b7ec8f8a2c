"""Addresses for emails, built from the configured address and never from a request's Host."""

from flask import current_app, url_for


def outside_url(endpoint: str, **values: str) -> str:
    """The whole address of a page, as it is reached from outside."""
    base: str = current_app.config["PORTAL"].base_url
    return base + url_for(endpoint, _external=False, **values)
