"""How connections behave, so that no update is ever lost.

SQLite: a transaction that will write takes the write lock at its first statement
(BEGIN IMMEDIATE); otherwise two of them could read the same row and one update would vanish
or fail half-way. PostgreSQL: time limits on locks and statements; the rest is row locks. Who only
reads says so to the server, which then refuses to write.
"""

import sqlite3
from contextlib import suppress
from functools import cache
from typing import Any

from flask_sqlalchemy.session import Session
from psycopg import Connection as PsycopgConnection
from psycopg import Error as PsycopgError
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection

# Of a connection that is to write, and of a session whose transaction is to be kept.
WRITES = "portal_writes"
OPEN = "portal_transaction_open"
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


class ReadingSession(Session):
    """A session whose transactions can't write on PostgreSQL, but those `transaction()` opens."""

    def get_bind(
        self,
        mapper: Any | None = None,
        clause: Any | None = None,
        bind: Engine | Connection | None = None,
        **_more: Any,
    ) -> Engine | Connection:
        """There is one database, whatever is asked for."""
        engine = bind or self._db.engine
        if self.info.get(OPEN) or engine.dialect.name != "postgresql":
            return engine
        return _reader(engine.engine)


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


@event.listens_for(Engine, "rollback")
def _end_reading(connection: Connection) -> None:
    """End what has only read by COMMIT: at a ROLLBACK psycopg forgets the statements it had the
    server prepare, and each would be planned anew at the next request."""
    if connection.invalidated:  # the server is gone, and nothing is left to be ended
        return
    own: Any = connection.connection.dbapi_connection
    if not isinstance(own, PsycopgConnection) or not own.read_only:
        return
    if own.info.transaction_status is TransactionStatus.INTRANS:
        # SQLAlchemy's own ROLLBACK comes next, and says what is wrong if something is.
        with suppress(PsycopgError):
            own.commit()


@cache
def _reader(engine: Engine) -> Engine:
    """The same engine, whose transactions the server holds to reading."""
    return engine.execution_options(postgresql_readonly=True)
