"""Whether this process lives, and whether the portal can do its work; no detail for strangers."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from functools import cache

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, Response, current_app
from sqlalchemy import func, select

from portal import clock
from portal.extensions import db
from portal.models import ClockState, OutboxItem, OutboxState
from portal.web.access import requires
from portal.web.permissions import Permission

bp = Blueprint("health", __name__)

LATE_AFTER = timedelta(minutes=10)
LEAST_DISK_BYTES = 200_000_000


@bp.get("/healthz")
@requires(Permission.PUBLIC)
def alive() -> Response:
    """This process answers."""
    return Response("ok\n", mimetype="text/plain")


@bp.get("/readyz")
@requires(Permission.PUBLIC)
def ready() -> Response:
    """200 when what the pages and the worker need is there, else 503; the log says what isn't."""
    problems = [problem for check in CHECKS if (problem := _outcome(check)) is not None]
    if not problems:
        return Response("ready\n", mimetype="text/plain")
    current_app.logger.error("not ready: %s", "; ".join(problems))
    return Response("not ready\n", 503, mimetype="text/plain")


def _outcome(check: Callable[[], str | None]) -> str | None:
    try:
        return check()
    except Exception as error:
        return f"{check.__name__.strip('_')} can't be looked at: {type(error).__name__}"


def _migrations() -> str | None:
    """Also says whether the database answers."""
    found = set(MigrationContext.configure(db.session.connection()).get_current_heads())
    return None if found == _heads() else "the database is not migrated to this version"


def _scheduler() -> str | None:
    if clock.target() is not None:
        return None
    latest_at = db.session.scalar(select(ClockState.latest_at))
    if latest_at is not None and clock.now() - latest_at <= LATE_AFTER:
        return None
    return f"the scheduler has not looked for work since {latest_at}"


def _outbox() -> str | None:
    if clock.target() is not None:
        return None
    oldest_at = db.session.scalar(
        select(func.min(OutboxItem.next_at)).where(OutboxItem.state == OutboxState.WAITING)
    )
    if oldest_at is None or clock.now() - oldest_at <= LATE_AFTER:
        return None
    return f"work that was due at {oldest_at} still waits"


def _disk() -> str | None:
    folder = current_app.config["PORTAL"].data
    free = shutil.disk_usage(folder).free
    return None if free >= LEAST_DISK_BYTES else f"only {free} bytes are free in {folder}"


@cache
def _heads() -> frozenset[str]:
    return frozenset(ScriptDirectory(str(current_app.config["PORTAL"].migrations)).get_heads())


CHECKS = (_migrations, _scheduler, _outbox, _disk)
