"""What every response carries, and what is refused before a view runs."""

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, Response, abort, request
from werkzeug.middleware.proxy_fix import ProxyFix

from portal.config import Settings

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-src 'self'",
        "manifest-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: over https the CSRF check needs to see that a form came from here.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(),"
        " gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()"
    ),
}
HTTPS_ONLY = "max-age=63072000; includeSubDomains"
FOR_EVER = "public, max-age=31536000, immutable"


def init_app(app: Flask, settings: Settings) -> None:
    """Put the headers on every response, and the content's hash into every static address."""
    if settings.proxy_hops:
        hops = settings.proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, hops, hops, hops)  # type: ignore[method-assign]

    @app.before_request
    def _refuse_zero_bytes() -> None:
        """No address holds one, and PostgreSQL can't even look for it."""
        if "\0" in request.path:
            abort(404)

    @app.after_request
    def _add_headers(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if settings.is_https:
            response.headers["Strict-Transport-Security"] = HTTPS_ONLY
        if request.endpoint == "static" and "v" in request.args and response.status_code < 400:
            response.headers["Cache-Control"] = FOR_EVER
        else:
            response.headers.setdefault("Cache-Control", "no-store")
            response.vary.update(("Cookie", "HX-Request"))
        return response

    @app.url_defaults
    def _name_content(endpoint: str, values: dict[str, object]) -> None:
        if endpoint == "static" and app.static_folder:
            digest = _digest(Path(app.static_folder) / str(values["filename"]))
            values.setdefault("v", digest)


@cache
def _digest(path: Path) -> str | None:
    if not path.is_file():
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
