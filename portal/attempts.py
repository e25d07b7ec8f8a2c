"""How often a password may be tried: per email, per browser address, without locking anyone out.

Only failures count. A browser that has signed in as somebody before has a count of its own for
that email, so that a stranger's guesses never keep the owner out.
"""

import hashlib

from flask import Response, current_app, request
from flask_login import current_user
from itsdangerous import BadSignature, URLSafeSerializer

from portal.billing.people import normal_email
from portal.extensions import limiter

COOKIE = "portal-known"
COOKIE_SECONDS = 365 * 24 * 3600
GUESSES = "5 per minute; 20 per hour"


def failed(response: Response) -> bool:
    return response.status_code == 422


def opened(response: Response) -> bool:
    return response.status_code in (204, 303)


def recognise(response: Response, email: str) -> Response:
    """Note in this browser that it has signed in with that email."""
    response.set_cookie(
        COOKIE,
        _signer().dumps(_digest(email)),
        max_age=COOKIE_SECONDS,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )
    return response


def _email_key() -> str:
    digest = _digest(request.form.get("email", ""))
    return f"{digest}:{request.cookies[COOKIE]}" if _knows(digest) else digest


def _any_browser_email_key() -> str:
    return _digest(request.form.get("email", ""))


def _user_key() -> str:
    return str(current_user.user.id) if current_user.is_authenticated else "nobody"


def _link_key() -> str:
    return _digest(str((request.view_args or {}).get("token")))


def _knows(digest: str) -> bool:
    try:
        return bool(_signer().loads(request.cookies.get(COOKIE, "")) == digest)
    except BadSignature:
        return False


def _digest(text: str) -> str:
    """What is counted by: no address ends up where attempts are counted."""
    return hashlib.sha256(normal_email(text).encode()).hexdigest()[:32]


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or "", salt="known-browser")


of_email = limiter.shared_limit(
    GUESSES, scope="password", key_func=_email_key, methods=["POST"], deduct_when=failed
)
of_user = limiter.limit(GUESSES, key_func=_user_key, methods=["POST"], deduct_when=failed)
of_link = limiter.limit(GUESSES, key_func=_link_key, methods=["POST"], deduct_when=failed)
from_address = limiter.limit("30 per minute", methods=["POST"], deduct_when=failed)
resets_of_email = limiter.limit("3 per hour", key_func=_any_browser_email_key, methods=["POST"])
resets_from_address = limiter.limit("10 per hour", methods=["POST"])
new_accounts = limiter.limit("20 per hour", methods=["POST"], deduct_when=opened)
invitations = limiter.limit("60 per hour", key_func=_user_key, methods=["POST"])
