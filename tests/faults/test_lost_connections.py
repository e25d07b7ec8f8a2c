"""A database server that ends connections, as at its restart: what was asked fails as such, and the
next question is answered; nothing else breaks on the way."""

import threading
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import OperationalError

from portal.display import account_overview as overview
from portal.extensions import db
from portal.jobs import scheduler
from portal.models import Account
from portal.transaction import transaction
from tests.cast import Cast, sign_in
from tests.conftest import KIND

pytestmark = pytest.mark.skipif(KIND != "postgresql", reason="SQLite has no server")
IDS = select(Account.id)


def test_a_page_that_was_reading(app: Flask, cast: Cast) -> None:
    db.session.execute(IDS).all()
    end_connections(app)
    with pytest.raises(OperationalError):
        db.session.execute(IDS).all()
    db.session.rollback()
    assert db.session.execute(IDS).all()


def test_a_page_that_had_read_all_it_needed(app: Flask, cast: Cast) -> None:
    db.session.execute(IDS).all()
    end_connections(app)
    with pytest.raises(OperationalError):
        db.session.rollback()
    db.session.rollback()
    assert db.session.execute(IDS).all()


def test_a_command_says_what_went_wrong(app: Flask, cast: Cast) -> None:
    def command() -> None:
        with transaction() as session:
            session.execute(IDS).all()
            end_connections(app)
            session.execute(IDS).all()

    with pytest.raises(OperationalError):
        command()
    with transaction() as session:
        assert session.execute(IDS).all()


def test_a_page_is_answered_and_the_next_one_too(
    app: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not the tests' own, which shares their application context: each page has one, as on a server.
    client, answers, real = FlaskClient(app, app.response_class), list[int](), overview.standing
    sign_in(client, cast.alice)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    ended = threading.Event()

    def standing(*arguments: Any, **options: Any) -> Any:
        if not ended.is_set():
            ended.set()
            end_connections(app)
        return real(*arguments, **options)

    monkeypatch.setattr(overview, "standing", standing)

    def ask() -> None:
        answers.extend(client.get("/account").status_code for _ in range(3))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert answers[0] in (500, 503)
    assert answers[1:] == [200, 200]


def test_the_scheduler_goes_on(app: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = list[bool]()
    stop = threading.Event()

    def tick() -> int:
        if len(ticks) == 3:
            stop.set()
        db.session.execute(IDS).all()
        ticks.append(not ticks)
        if len(ticks) == 1:
            end_connections(app)
            db.session.execute(IDS).all()
        return 0

    monkeypatch.setattr(scheduler, "tick", tick)
    monkeypatch.setattr(scheduler, "EVERY_SECONDS", 0.01)
    monkeypatch.setattr(scheduler.threading, "Event", lambda: stop)
    monkeypatch.setattr(scheduler.signal, "signal", lambda *_: None)
    scheduler.run()
    assert len(ticks) == 4


def end_connections(app: Flask) -> None:
    """End every other connection to the database, as its administrator can."""
    engine = create_engine(app.config["SQLALCHEMY_DATABASE_URI"])
    with engine.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        )
    engine.dispose()
