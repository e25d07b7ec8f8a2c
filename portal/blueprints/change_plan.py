"""Pages of change plan."""

from flask import Blueprint

bp = Blueprint("change_plan", __name__)
