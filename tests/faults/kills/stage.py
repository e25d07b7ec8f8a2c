"""The portal as the killed processes run it: its database, its clock, a mail server, a browser.

Only what stands outside the portal is a stand-in, and what is slow without mattering here: the
drawing of a PDF and the hashing of a password.
"""

import json
import logging
import mmap
import os
import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from flask_mail import Message
from sqlalchemy import create_engine, text
from werkzeug.test import TestResponse

from portal import clock, create_app, outbox, passwords
from portal.clock import EXTENSION
from portal.config import MailSettings, Settings
from portal.extensions import db, limiter
from portal.jobs import schedule
from portal.mail import mail_server
from portal.models.types import EPOCH, MICROSECOND
from portal.papers import rendering
from portal.web import principals
from tests.cast import START, Cast, sign_in
from tests.conftest import Databases
from tests.faults.kills import points

PORTAL = Path(__file__).parents[3] / "portal"
# Where there is one, a folder that no disk is behind: a kill leaves it as it is.
MEMORY = next((str(path) for path in [Path("/dev/shm")] if path.is_dir()), None)  # noqa: S108
FORM_VALUE = r'name="{}"[^>]*value="([^"]*)"'
Told = tuple[int, str | None]
A_VISIT = timedelta(days=7)


class SharedClock:
    """The portal's clock, kept where no process takes it along when it is killed."""

    def __init__(self, at: datetime) -> None:
        self._memory = mmap.mmap(-1, 8)
        self.at = at

    @property
    def at(self) -> datetime:
        return EPOCH + int.from_bytes(self._memory[:8], "big") * MICROSECOND

    @at.setter
    def at(self, instant: datetime) -> None:
        self._memory[:8] = ((instant - EPOCH) // MICROSECOND).to_bytes(8, "big")

    def now(self) -> datetime:
        return self.at

    def advance(self, **by: float) -> None:
        self.at += timedelta(**by)


class MailServer:
    """Takes every email, and keeps what it took in a file: killing a sender changes nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self, message: Message) -> str:
        points.reach("before the mail server takes it")
        line = json.dumps([message.msgId, message.recipients, message.subject]) + "\n"
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(handle, line.encode())
        os.close(handle)
        points.reach(points.ACCEPTED)
        return "250 taken"

    def taken(self) -> list[list[Any]]:
        """[Message-ID, recipients, subject] of every email, as often as it came."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text().splitlines()]


@dataclass
class Person:
    """Somebody at a browser. What a browser asks for runs in a context of its own."""

    client: FlaskClient

    def field(self, path: str, name: str) -> str:
        """The value of a form's field on a page."""
        page = self.client.get(path)
        found = re.search(FORM_VALUE.format(name), page.text)
        assert found, f"{page.status_code}: no field {name} on {path}"
        return found[1]

    def post(self, path: str, **fields: str) -> Told:
        answer: TestResponse = self.client.post(path, data=fields)
        assert answer.status_code < 500, answer.text
        return answer.status_code, answer.headers.get("Location")


class Stage:
    """One app on one database, of which copies are kept to start from."""

    def __init__(self, server: str, folder: Path) -> None:
        self.folder, self.databases = folder, _Copies(server, folder)
        self.clock, self.mail = SharedClock(START), MailServer(folder / "data" / "taken")
        self.databases.prepare()
        self.databases.copy("cast", "portal")
        self.app = self._make_app()
        self.errors: list[str] = []
        self.app.logger.handlers = [_Kept(self.errors)]

    @contextmanager
    def context(self) -> Iterator[Cast]:
        """The portal from inside, as a worker is."""
        with self.app.app_context():
            yield Cast(self.app, self.clock)  # type: ignore[arg-type]
            db.session.remove()

    def person(self, name: str) -> Person:
        client = FlaskClient(self.app, self.app.response_class)
        with self.context() as cast:
            sign_in(client, getattr(cast, name))
        return Person(client)

    def stranger(self) -> Person:
        return Person(FlaskClient(self.app, self.app.response_class))

    def command(self, *words: str) -> list[Told]:
        """What the operator types. Typed again it may be refused: nobody is answered otherwise."""
        result = self.app.test_cli_runner().invoke(args=words)
        assert isinstance(result.exception, SystemExit | None), result.exception
        return []

    def work(self) -> None:
        """What a worker does until nothing is due."""
        with self.context():
            schedule.run_due()

    def work_until(self, instant: datetime) -> None:
        """Let time go by to `instant`, unless it is later already: stopping at what falls due."""
        self.work()
        while self.clock.at < instant:
            with self.context():
                due_at = schedule.next_at()
            self.clock.at = min(due_at or instant, instant)
            self.work()

    def keep(self, name: str) -> datetime:
        """Copy the database as it is now; returns the hour."""
        self.close()
        self.databases.copy("portal", name)
        shutil.rmtree(self.folder / f"data of {name}", ignore_errors=True)
        shutil.copytree(self.folder / "data", self.folder / f"data of {name}")
        return self.clock.at

    def put_back(self, name: str, at: datetime) -> None:
        """Start again from a copy, and from the hour at which it was made."""
        self.databases.copy(name, "portal")
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        shutil.copytree(self.folder / f"data of {name}", self.folder / "data")
        self.clock.at = at

    def close(self) -> None:
        """Let go of the database, so that it can be copied and replaced."""
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def strike(self) -> None:
        """The end: nothing is left on the database server."""
        self.close()
        self.databases.drop()

    def _make_app(self) -> Flask:
        (self.folder / "data").mkdir(exist_ok=True)
        passwords.hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        mail_server.transmit = self.mail.take
        rendering.pdf = lambda page: page.html.encode()
        # However long the killing takes, it is one visit: nobody is noted to be here still.
        principals.SEEN_AGAIN_AFTER = A_VISIT
        settings = Settings(
            data=self.folder / "data",
            database_url=self.databases.url,
            mail=MailSettings(server="mail.example.com"),
            charges_floor=1_000_000,
            session_idle_minutes=A_VISIT // timedelta(minutes=1),
            session_hours=A_VISIT // timedelta(hours=1),
        )
        app = create_app(settings, self.clock)
        app.config.update(TESTING=True, WTF_CSRF_ENABLED=False, RATELIMIT_ENABLED=False)
        limiter.enabled = False
        assert app.extensions[EXTENSION] is self.clock
        return app


def let_leases_run_out() -> None:
    """A lease runs out by the wall's hour: from now on, in this process, that is later."""
    shift, real = outbox.LEASE + timedelta(seconds=1), clock.wall_now
    clock.wall_now = lambda: real() + shift


def of_the_code() -> int:
    """A number that is another whenever the portal's code is: what a part is chosen by."""
    code = (path.read_bytes() for path in sorted(PORTAL.rglob("*.py")))
    return zlib.crc32(b"".join(code))


class _Copies(Databases):
    """The same databases as the tests', copied over one connection that stays open."""

    def __init__(self, server: str, folder: Path) -> None:
        super().__init__(server, folder)
        engine = create_engine(server, isolation_level="AUTOCOMMIT") if server else None
        self.connection = engine.connect() if engine else None
        self.made = {"empty", "cast"}

    def copy(self, template: str, name: str) -> None:
        if self.connection is None:
            self._copy(template, name)
            return
        self.made.add(name)
        self._drop(name)
        new, old = self._name(name), self._name(template)
        create = f'CREATE DATABASE "{new}" TEMPLATE "{old}" STRATEGY FILE_COPY'
        self.connection.execute(text(create))

    def drop(self) -> None:
        for name in self.made if self.connection else ():
            self._drop(name)

    def _drop(self, name: str) -> None:
        assert self.connection is not None
        drop = f'DROP DATABASE IF EXISTS "{self._name(name)}" WITH (FORCE)'
        self.connection.execute(text(drop))


class _Kept(logging.Handler):
    """Keeps what the portal logs as an error."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__(logging.ERROR)
        self.errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        self.errors.append(self.format(record))
