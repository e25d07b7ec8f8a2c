"""The client list: looking, changing one or many, statuses, bringing in and taking out."""

from flask import Blueprint

bp = Blueprint("clients", __name__)

from portal.blueprints.clients import (  # noqa: E402, F401
    changes,
    editing,
    listing,
    statuses,
    transfer,
)
