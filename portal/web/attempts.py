"""How often a password may be tried: per email, per browser address, without locking anyone out.
And how often an account may try to pay, so that nobody finds out here which cards work.

Of passwords failures count. A browser that has signed in as somebody before has a count of its own
for that email, so that a stranger's guesses never keep the owner out. Right ones count too, but by
address and far more loosely: each costs the work of a hash.

A failure is counted once it is answered. So that nobody tries hundreds at the same instant, before
the first is counted, few of a kind are worked on at once.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from functools import wraps
from ipaddress import IPv6Address, IPv6Network, ip_address
from threading import Lock
from typing import Any

from flask import Flask, Response, current_app, g, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from itsdangerous import BadData
from werkzeug.exceptions import TooManyRequests

from portal.billing.people import normal_email
from portal.extensions import limiter
from portal.web.access import find_principal, required_permission
from portal.web.forms import clean_text
from portal.web.signing import signer

View = Callable[..., ResponseReturnValue]

COOKIE = "portal-known"
SALT = "known-browser"
COOKIE_SECONDS = 365 * 24 * 3600
GUESSES = "5 per minute; 20 per hour"
AT_ONCE = 5
NETWORK_BITS = 64
UNDER_WAY = "attempts_under_way"

_under_way: Counter[str] = Counter()
_lock = Lock()


def init_app(app: Flask) -> None:
    """Attempts are over when all of their answer is worked out, counting included."""

    @app.teardown_request
    def _end(_error: BaseException | None) -> None:
        for key in g.pop(UNDER_WAY, ()):
            with _lock:
                _under_way[key] -= 1
                if not _under_way[key]:
                    del _under_way[key]


def failed(response: Response) -> bool:
    return response.status_code == 422


def note_decline() -> None:
    """The answer to this request tells somebody that a payment was declined."""
    g.payment_declined = True


def declined(_response: Response) -> bool:
    return bool(g.get("payment_declined"))


def opened(response: Response) -> bool:
    return response.status_code in (204, 303)


def recognise(response: Response, email: str) -> Response:
    """Note in this browser that it has signed in with that email."""
    response.set_cookie(
        COOKIE,
        signer(SALT).dumps(_digest(email)),
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


def _account_key() -> str:
    found = find_principal()
    return f"account {found.account_id}" if found else _address_key()


def _is_refused() -> bool:
    """Whether the role may not do it, which is answered 403: a Member who tries uses up nothing of
    what the account's Admins may try."""
    found = find_principal()
    needed = required_permission(current_app.view_functions.get(request.endpoint or ""))
    return found is not None and needed is not None and not found.may(needed)


def _link_key() -> str:
    return _digest(str((request.view_args or {}).get("token")))


def _knows(digest: str) -> bool:
    try:
        return bool(signer(SALT).loads(request.cookies.get(COOKIE, "")) == digest)
    except BadData:
        return False


def _address_key() -> str:
    """Where a browser is: of IPv6 the network, as whoever has one address there has all of it."""
    written = request.remote_addr or ""
    try:
        address = ip_address(written)
    except ValueError:
        return written
    if not isinstance(address, IPv6Address):
        return written
    network = IPv6Network((address, NETWORK_BITS), strict=False)
    return str(address.ipv4_mapped or network)


def _digest(text: str) -> str:
    """What is counted by: no address ends up where attempts are counted.

    Read as the forms read it: what they leave out of an email makes it no other one.
    """
    email = normal_email(clean_text(text) or "")
    return hashlib.sha256(email.encode()).hexdigest()[:32]


def to_pay(view: View) -> View:
    """Attempts to pay, of everybody in an account together: all of them, and the declined ones."""
    counted: View = _all_to_pay(_declined_to_pay(view))
    return counted


def _few_at_once(key_func: Callable[[], str]) -> Callable[[View], View]:
    """Refuse to begin an attempt while as many of its key are under way in this process."""

    def declare(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            if request.method == "POST":
                _begin(key_func())
            return view(*args, **kwargs)

        return guarded

    return declare


def _begin(key: str) -> None:
    with _lock:
        if _under_way[key] >= AT_ONCE:
            raise TooManyRequests(retry_after=1)
        _under_way[key] += 1
    g.setdefault(UNDER_WAY, []).append(key)


def of_email(view: View) -> View:
    """Guesses at the password of the email in the form; and from an address, right ones too."""
    counted: View = _proofs_from_address(_of_email(view))
    return _few_at_once(_email_key)(counted)


def of_user(view: View) -> View:
    """Guesses at the password of who is signed in."""
    counted: View = _of_user(view)
    return _few_at_once(_user_key)(counted)


def of_link(view: View) -> View:
    """Guesses at the password of whom a link was sent to."""
    counted: View = _of_link(view)
    return _few_at_once(_link_key)(counted)


# Of everybody in an account together.
OF_ACCOUNT: dict[str, Any] = {"key_func": _account_key, "exempt_when": _is_refused}

_of_email = limiter.shared_limit(
    GUESSES, scope="password", key_func=_email_key, methods=["POST"], deduct_when=failed
)
# All of an office of more people than the largest plan has seats sign in from one address at nine.
_proofs_from_address = limiter.shared_limit(
    "120 per 15 minutes", scope="proofs", key_func=_address_key, methods=["POST"]
)
_of_user = limiter.limit(GUESSES, key_func=_user_key, methods=["POST"], deduct_when=failed)
_of_link = limiter.limit(GUESSES, key_func=_link_key, methods=["POST"], deduct_when=failed)
from_address = limiter.limit(
    "30 per minute", key_func=_address_key, methods=["POST"], deduct_when=failed
)
resets_of_email = limiter.limit("3 per hour", key_func=_any_browser_email_key, methods=["POST"])
resets_from_address = limiter.limit("10 per hour", key_func=_address_key, methods=["POST"])
_all_to_pay = limiter.shared_limit("60 per hour", scope="to-pay", **OF_ACCOUNT)
_declined_to_pay = limiter.shared_limit(
    "10 per hour", scope="declined", **OF_ACCOUNT, deduct_when=declined
)
new_accounts = limiter.limit(
    "20 per hour", key_func=_address_key, methods=["POST"], deduct_when=opened
)
invitations = limiter.limit("60 per hour", key_func=_user_key, methods=["POST"])
# Reading a file of thousands of lines, or writing one, keeps a process busy for a second or two.
bulk_files = limiter.limit("20 per minute", key_func=_user_key)
public_invoices = limiter.limit("60 per minute", key_func=_address_key)
invoice_addresses = limiter.limit("30 per minute", key_func=_address_key)
# Whoever has one may hand it on: so many are no oversight.
invoice_links = limiter.limit("30 per hour", **OF_ACCOUNT, methods=["POST"])
# Emails to people who did not ask for them, as far as the mail server knows.
emails_again = limiter.shared_limit(
    "30 per hour", scope="emails-again", **OF_ACCOUNT, methods=["POST"]
)
documents = limiter.limit("120 per minute", key_func=_user_key)
# A worker makes each, while emails and payments wait for one.
files_of_invoices = limiter.shared_limit(
    "60 per hour", scope="files-of-invoices", **OF_ACCOUNT, methods=["POST"]
)
# Each locks the account, and on SQLite the database, for a part of a second.
simulations = limiter.limit("10 per minute; 100 per hour", **OF_ACCOUNT, methods=["POST"])
