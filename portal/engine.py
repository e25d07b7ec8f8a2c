"""How connections behave, so that no update is ever lost.

SQLite: a transaction that will write takes the write lock at its first statement
(BEGIN IMMEDIATE); otherwise two of them could read the same row and one update would vanish
or fail half-way. PostgreSQL: time limits on locks and statements; the rest is row locks.
"""

import sqlite3
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection

WRITES = "portal_writes"
SQLITE_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=10000",
    "trusted_schema=OFF",
)
POSTGRESQL_SETTINGS = (
    "-c lock_timeout=3s -c statement_timeout=10s -c idle_in_transaction_session_timeout=30s"
)


def options(url: str) -> dict[str, Any]:
    """Arguments of create_engine for `url`."""
    if url.startswith("sqlite"):
        return {}
    return {"connect_args": {"options": POSTGRESQL_SETTINGS}, "pool_pre_ping": True}


@event.listens_for(Engine, "connect")
def _prepare(connection: Any, _record: object) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None  # the begin below is ours, not the driver's
    for pragma in SQLITE_PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        writes = connection.get_execution_options().get(WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
