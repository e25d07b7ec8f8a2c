"""The people of an account: who is in, in which role, who is invited, and joining."""

from flask import Blueprint

bp = Blueprint("users", __name__)

from portal.blueprints.users import inviting, joining, managing  # noqa: E402, F401
