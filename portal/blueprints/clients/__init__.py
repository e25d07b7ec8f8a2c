"""The client list: looking, changing one or many, statuses, documents, bringing in and
taking out."""

from flask import Blueprint

bp = Blueprint("clients", __name__)

from portal.blueprints.clients import (  # noqa: E402, F401
    changes,
    documents,
    editing,
    listing,
    statuses,
    transfer,
)
