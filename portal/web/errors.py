"""One table: what went wrong, and what the person is told."""

from flask import Flask, current_app, make_response, render_template
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from htmx_flask import request
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.exceptions import HTTPException, SecurityError, default_exceptions

from portal import clock
from portal.billing.rules import describe
from portal.billing.rules.errors import ReadOnly, RuleBroken
from portal.extensions import limiter
from portal.language import gettext as _
from portal.language import message
from portal.web.htmx import wants_fragment

TITLES = {
    400: message("The portal could not read that"),
    403: message("Your role doesn't include this"),
    404: message("There is nothing here"),
    405: message("That can't be done here"),
    409: message("This changed while you were looking at it"),
    413: message("That is too large"),
    422: message("Something needs correcting"),
    429: message("Too many attempts"),
    503: message("Busy for a moment"),
}
OTHER = message("That did not work")
PAGES = {400, 403, 404, 409, 413, 422, 429, 500, 503}
EXPIRED_FORM = message(
    "This form is too old or came from elsewhere. Load the page again and send it anew."
)
UNKNOWN_HOST = message("Ask for the portal by its own address.")
BUSY = message(
    "Somebody is changing this account right now. Nothing was done: try again in a moment."
)


def init_app(app: Flask) -> None:
    """Every refusal is a page in human words, or a fragment of one for htmx."""
    for code in default_exceptions:
        app.register_error_handler(code, _http_error)
    app.register_error_handler(SecurityError, _unknown_host)
    app.register_error_handler(CSRFError, lambda error: answer(400, _(EXPIRED_FORM)))
    app.register_error_handler(ReadOnly, lambda error: answer(403, str(error)))
    app.register_error_handler(RuleBroken, lambda error: answer(409, str(error)))
    app.register_error_handler(OperationalError, _database_busy)
    app.register_error_handler(DataError, _unstorable)


def answer(code: int, said: str | None = None, *, title: str = "") -> ResponseReturnValue:
    """The error page of `code`, or its fragment shown above the page that htmx is on; `title` is
    that of the fragment, where the one of the code says too little."""
    if wants_fragment():
        title = title or _(TITLES.get(code, OTHER))
        body = render_template("errors/_message.html", title=title, message=said or "")
        return body, code, {"HX-Retarget": "#error-message", "HX-Reswap": "outerHTML"}
    page = code if code in PAGES else (500 if code >= 500 else 400)
    return render_template(f"errors/{page}.html", message=said), code


def _http_error(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:
        return error
    if request.path.startswith("/static/"):
        return error
    response = make_response(answer(error.code, _when_again(error)))
    for name, value in error.get_headers():
        if name in ("Retry-After", "Allow"):
            response.headers[name] = value
    return response


def _when_again(error: HTTPException) -> str | None:
    """Of a limit that counts over minutes or hours: how long to wait. None for anything else."""
    limit = limiter.current_limit if isinstance(error, RateLimitExceeded) else None
    if limit is None:
        return None
    minutes = round((limit.reset_at - clock.wall_now().timestamp()) / 60)
    return describe.counted(
        max(minutes, 1),
        "To keep accounts safe, this can be tried only so often. Try again in a minute.",
        "To keep accounts safe, this can be tried only so often. Try again in %(num)s minutes.",
    )


def _unknown_host(_error: SecurityError) -> ResponseReturnValue:
    """Asked for by a name that isn't the portal's: no page, for its links would carry that name."""
    return _(UNKNOWN_HOST), 400, {"Content-Type": "text/plain; charset=utf-8"}


def _database_busy(error: OperationalError) -> ResponseReturnValue:
    """A lock that was not free in time: nothing was changed, so asking again is safe."""
    text = str(error.orig)
    if "database is locked" in text or "lock timeout" in text or "deadlock" in text:
        return answer(503, _(BUSY))
    raise error


def _unstorable(error: DataError) -> ResponseReturnValue:
    """Text or a number that no column takes, such as a zero byte: it came with the request."""
    current_app.logger.info("refused by the database: %s", error.orig)
    return answer(400)
