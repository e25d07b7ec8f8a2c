"""Runs migrations on the portal's database, SQLite or PostgreSQL, one process at a time."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import context
from sqlalchemy import Connection, TypeDecorator, text

from portal import models  # noqa: F401  (fills the metadata)
from portal.engine import WRITES
from portal.extensions import db

# Two processes that start at once must not migrate at once.
ADVISORY_LOCK = 7305119


def run() -> None:
    engine = db.engine
    writing = engine.connect().execution_options(**{WRITES: True})
    with writing as connection, _references_left_alone(connection), connection.begin():
        _lock(connection)
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_as_batch=True,
            compare_type=False,
            render_item=_render,
            transaction_per_migration=False,
        )
        context.run_migrations()
        _refuse_lost_references(connection)


@contextmanager
def _references_left_alone(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by making it anew, which would break every reference to it.

    It ignores the setting inside a transaction, so it is made before SQLAlchemy begins one.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


def _refuse_lost_references(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        lost = connection.execute(text("PRAGMA foreign_key_check")).all()
        if lost:
            raise RuntimeError(f"references to rows that aren't there: {lost[:10]}")


def _render(kind: str, item: object, _context: object) -> str | bool:
    """A migration names plain column types: it must not change when the portal's types do."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


def _lock(connection: Connection) -> None:
    """On SQLite the write lock of BEGIN IMMEDIATE is enough."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL lock_timeout = '60s'"))
        connection.execute(text("SET LOCAL statement_timeout = '0'"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))


run()
