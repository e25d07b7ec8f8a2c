"""Coming in: sign-in, sign-up, choosing an account, passwords."""

from flask import Blueprint

bp = Blueprint("auth", __name__)

from portal.blueprints.auth import arriving, passwords, sign_in, sign_up  # noqa: E402, F401
