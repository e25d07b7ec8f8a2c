"""One view, two answers: the whole page, or the regions of it that htmx asked to renew."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, redirect, render_template, session
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from htmx_flask import make_response, request
from jinja2_fragments.flask import render_block
from werkzeug.urls import iri_to_uri

COMPONENTS = "components/ui.html"
FLASHES = "components/_flashes.html"
ROOT_TAG = re.compile(r"\s*<(?P<tag>[a-z][\w-]*)(?P<attributes>[^>]*)>")
ROOT_ID = re.compile(r'\sid="([^"]+)"')
TABLE_PARTS = {"tr", "td", "th", "tbody", "thead", "tfoot"}


def register(app: Flask) -> None:
    """Make the macros of components/ui.html available as `ui` in every template and block."""
    app.jinja_env.globals["ui"] = _Components(app)
    app.after_request(_vary)


def page_or_fragment(
    template: str,
    fragment: str,
    oob: Iterable[str] = (),
    status: int = 200,
    **context: Any,
) -> Response:
    """The page for a browser, the named region for htmx, with other regions out of band.

    A region is a block of the template, or a template file of its own (`clients/_row.html`).
    The root element of a region carries an id; a block's id is its name with hyphens.
    Flashed messages travel with every fragment.
    """
    if not wants_fragment():
        return make_response(render_template(template, **context), status)
    parts = [_region(template, fragment, context)]
    parts += [out_of_band(_region(template, name, context)) for name in oob]
    if session.get("_flashes"):
        parts.append(render_template(FLASHES))
    return make_response("\n".join(parts), status)


def redirect_after(url: str) -> ResponseReturnValue:
    """Leave for another page after a form: 303, or HX-Redirect where htmx sent it."""
    if not is_local(url):
        raise ValueError("a redirect stays on this site")
    if request.htmx:
        # A header holds no letters beyond Latin ones; `redirect` sees to that by itself.
        return make_response("", 204, redirect=iri_to_uri(url))
    return redirect(url, 303)


def wants_fragment() -> bool:
    """Whether htmx asked for part of a page: not for boosted links or a restored page."""
    htmx = request.htmx
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def is_local(url: str) -> bool:
    """Whether a URL is a plain path of this site, safe to send a browser to."""
    if not url.startswith("/") or url.startswith("//") or "\\" in url:
        return False
    parts = urlsplit(url)
    return not parts.scheme and not parts.netloc and url.isprintable()


def out_of_band(html: str) -> str:
    """A region marked to replace the element of the same id, wherever it is on the page."""
    root = ROOT_TAG.match(html)
    if root is None or _id_of(html) is None:
        raise ValueError("a region begins with an element that has an id")
    end = root.end("tag")
    marked = f'{html[:end]} hx-swap-oob="true"{html[end:]}'
    return f"<template>{marked}</template>" if root["tag"] in TABLE_PARTS else marked


def _region(template: str, name: str, context: dict[str, Any]) -> str:
    if name.endswith(".html"):
        return render_template(name, **context).strip()
    html = render_block(template, name, **context).strip()
    if _id_of(html) != name.replace("_", "-"):
        raise ValueError(f"the region {name} begins with an element of the same id, in hyphens")
    return html


def _id_of(html: str) -> str | None:
    root = ROOT_TAG.match(html)
    found = ROOT_ID.search(root["attributes"]) if root else None
    return found[1] if found else None


def _vary(response: Response) -> Response:
    response.vary.add("HX-Request")
    return response


class _Components:
    """Looks macros up when they are used, so that an edited template needs no restart."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        environment = self._app.jinja_env
        return getattr(environment.get_template(COMPONENTS).module, name)
