"""Signing what a browser or a link carries and brings back.

Made with today's SECRET_KEY; what a former one signed is still accepted. Each `salt` is a
purpose: what is signed for one is worth nothing for another.
"""

from flask import current_app
from itsdangerous import URLSafeSerializer, URLSafeTimedSerializer


def signer(salt: str) -> URLSafeSerializer:
    """Signs and reads JSON values; reading anything else raises itsdangerous.BadData."""
    return URLSafeSerializer(_keys(), salt=salt)


def timed_signer(salt: str) -> URLSafeTimedSerializer:
    """The same, where what was signed holds for a time."""
    return URLSafeTimedSerializer(_keys(), salt=salt)


def _keys() -> list[str]:
    """The one that signs comes last."""
    config = current_app.config
    return [*config["SECRET_KEY_FALLBACKS"], config["SECRET_KEY"]]
