"""Jobs the worker is given in tests."""

import os
import sys

from flask import current_app

from portal.extensions import db


def report(note: str) -> None:
    loaded = "weasyprint" in sys.modules
    unshared = db.engine.pool.checkedin() == 0
    name = current_app.name
    print(f"{note} in {name} by {os.getpid()}: loaded={loaded} unshared={unshared}", flush=True)
