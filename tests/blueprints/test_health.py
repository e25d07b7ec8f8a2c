"""Alive and ready: what a load balancer and an operator's alarm ask, and strangers may see."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from portal import clock as the_clock
from portal import outbox
from portal.blueprints import health
from portal.extensions import db
from portal.models import OutboxState, User, Work
from portal.transaction import transaction
from tests.cast import FixedClock

Browser = Callable[[User | None], FlaskClient]


@pytest.fixture
def ticking(app: Flask) -> None:
    """The scheduler has just looked for work."""
    with transaction():
        the_clock.note_passing()


@pytest.fixture
def client(browser: Browser) -> FlaskClient:
    return browser(None)


def test_the_process_is_alive(app: Flask, client: FlaskClient) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


@pytest.mark.usefixtures("ticking")
def test_ready(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.text) == (200, "ready\n")


def test_not_ready_before_the_scheduler_ever_ran(client: FlaskClient) -> None:
    assert_not_ready(client)


@pytest.mark.usefixtures("ticking")
def test_not_ready_when_the_scheduler_is_away(client: FlaskClient, clock: FixedClock) -> None:
    clock.advance(minutes=10)
    assert client.get("/readyz").status_code == 200
    clock.advance(seconds=1)
    assert_not_ready(client)


@pytest.mark.usefixtures("ticking")
def test_not_ready_when_work_waits_too_long(client: FlaskClient, clock: FixedClock) -> None:
    with transaction() as session:
        long_ago = clock.now() - timedelta(minutes=11)
        item = outbox.put(session, Work.NOTICE, 1, account_id=None, at=long_ago)
    item_id = item.id
    assert_not_ready(client)
    with transaction() as session:
        outbox.settle(session.get_one(outbox.OutboxItem, item_id), at=clock.now())
    assert client.get("/readyz").status_code == 200


@pytest.mark.usefixtures("ticking")
def test_work_that_was_given_up_is_not_waiting(client: FlaskClient, clock: FixedClock) -> None:
    with transaction() as session:
        long_ago = clock.now() - timedelta(days=2)
        outbox.put(session, Work.NOTICE, 1, account_id=None, at=long_ago).state = OutboxState.DEAD
    assert client.get("/readyz").status_code == 200


def test_a_moving_sandbox_clock_is_no_alarm(client: FlaskClient, clock: FixedClock) -> None:
    with transaction():
        the_clock.state().target_at = clock.now() + timedelta(days=5)
    assert client.get("/readyz").status_code == 200


@pytest.mark.usefixtures("ticking")
def test_not_ready_on_an_unmigrated_database(client: FlaskClient) -> None:
    with transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    assert_not_ready(client)


@pytest.mark.usefixtures("ticking")
def test_not_ready_when_the_disk_is_full(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "LEAST_DISK_BYTES", 10**18)
    assert_not_ready(client)


def test_not_ready_without_a_database(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is alive all the same, and says no word of what is wrong."""

    def unreachable(*_: object, **__: object) -> None:
        raise OSError("could not connect to 10.1.2.3")

    monkeypatch.setattr(type(db.session()), "connection", unreachable)
    assert_not_ready(client)
    assert client.get("/healthz").status_code == 200


def assert_not_ready(client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "not ready\n")
