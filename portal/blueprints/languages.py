"""The language pages are drawn in, chosen at the foot of any of them."""

from urllib.parse import urlsplit

from flask import Blueprint, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from portal.web import languages
from portal.web.access import requires
from portal.web.permissions import Permission

bp = Blueprint("languages", __name__)


@bp.post("/language")
@requires(Permission.PUBLIC)
def choose() -> ResponseReturnValue:
    """Draw this browser's pages in another language, beginning with the one it was chosen on."""
    languages.choose(request.form.get("language", ""))
    return redirect(_page_left(), 303)


def _page_left() -> str:
    """The page the form was on, where it is one of the portal's own that can be asked for."""
    left = urlsplit(request.referrer or "")
    is_own = left.netloc == request.host
    if not is_own or not _is_page(left.path):
        return url_for("account.home")
    return f"{left.path}?{left.query}" if left.query else left.path


def _is_page(path: str) -> bool:
    try:
        current_app.url_map.bind("").match(path, method="GET")
    except HTTPException:
        return False
    return True
