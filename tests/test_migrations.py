"""The migrated schema is the one the models describe, on either database."""

from collections.abc import Iterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from sqlalchemy import ClauseElement, Connection, inspect, text

from portal.extensions import db

MADE = "made_from_the_models"
# Written by Alembic, for Alembic.
NO_MODEL = {"alembic_version"}


@pytest.fixture
def connection(app: Flask) -> Iterator[Connection]:
    with db.engine.connect() as connection:
        yield connection


def test_autogenerate_finds_nothing_to_do(connection: Connection) -> None:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    assert compare_metadata(context, db.metadata) == []


def test_every_constraint_is_as_the_models_say(connection: Connection) -> None:
    """Alembic looks neither at checks nor at the condition of a partial index."""
    migrated = _rules(connection, None)
    _make_from_models(connection)
    assert migrated == _rules(connection, MADE)


def _make_from_models(connection: Connection) -> None:
    """All tables once more, beside the migrated ones."""
    if connection.dialect.name == "sqlite":
        connection.execute(text(f"ATTACH ':memory:' AS {MADE}"))
    else:
        connection.execute(text(f"CREATE SCHEMA {MADE}"))
    translated = connection.execution_options(schema_translate_map={None: MADE})
    db.metadata.create_all(translated)


def _rules(connection: Connection, schema: str | None) -> dict[str, dict[str, Any]]:
    """For each table, what its columns, keys, checks and indexes ask of a row."""
    inspector = inspect(connection)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"])
                for column in inspector.get_columns(table, schema=schema)
            },
            "primary key": inspector.get_pk_constraint(table, schema=schema),
            "checks": _by_name(inspector.get_check_constraints(table, schema=schema)),
            "unique": _by_name(inspector.get_unique_constraints(table, schema=schema)),
            "foreign keys": _by_name(inspector.get_foreign_keys(table, schema=schema)),
            "indexes": _by_name(inspector.get_indexes(table, schema=schema)),
        }
        for table in set(inspector.get_table_names(schema=schema)) - NO_MODEL
    }


def _by_name(found: list[Any]) -> dict[str, dict[str, Any]]:
    named = {each["name"]: _plain(each) for each in found}
    assert len(named) == len(found), f"twice the same name: {found}"
    return named


def _plain(found: Any) -> Any:
    """With the conditions of indexes as text, and without the schema the table is in."""
    if isinstance(found, dict):
        return {key: _plain(value) for key, value in found.items() if key != "referred_schema"}
    return str(found) if isinstance(found, ClauseElement) else found
