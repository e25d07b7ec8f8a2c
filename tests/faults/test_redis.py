"""Redis hands the work out and nothing more: losing it loses no work and does none twice."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy import func, select

from portal import queue
from portal.config import Settings
from portal.extensions import db
from portal.jobs import outbox_items, scheduler
from portal.models import Invoice, Notice, OutboxItem, OutboxState, Work
from tests.cast import Cast, FixedClock
from tests.redis_server import RedisServer

PAGE_SECONDS = 3.0


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def settings(settings: Settings, redis_server: RedisServer) -> Settings:
    return replace(settings, redis_url=redis_server.url)


@pytest.fixture(autouse=True)
def _no_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(outbox_items.HANDLERS, Work.INVOICE_PDF, lambda _invoice_id: None)


def test_f1_work_whose_job_was_lost_is_handed_out_again(
    app: Flask, cast: Cast, redis_server: RedisServer
) -> None:
    """A worker killed just after taking a job leaves it nowhere in Redis; the row is still due."""
    assert scheduler.tick() > 0
    redis_server.client().flushall()
    assert waiting() > 0

    scheduler.tick()
    work_off(app)

    assert waiting() == 0


def test_f2_two_schedulers_hand_out_twice_and_it_is_done_once(
    app: Flask, cast: Cast, clock: FixedClock, redis_server: RedisServer
) -> None:
    clock.advance(days=30)
    for _scheduler in range(2):
        scheduler.tick()
        work_off(app)
        redis_server.client().flushall()
        scheduler.tick()
    work_off(app)

    assert invoices(cast) == 2
    receipts = select(func.count(Notice.id)).where(
        Notice.name == "invoice_issued", Notice.recipient == cast.alice.email
    )
    assert db.session.execute(receipts).scalar_one() == 1


def test_f2_a_scheduler_that_was_away_misses_nothing(
    app: Flask, cast: Cast, clock: FixedClock
) -> None:
    """Back after 65 days, the renewals of days 30 and 60 are found due, one after the other."""
    clock.advance(days=65)
    for _tick in range(6):
        scheduler.tick()
        work_off(app)

    assert invoices(cast) == 3


def test_pages_answer_and_work_goes_on_without_redis(
    app: Flask, cast: Cast, browser, redis_server: RedisServer
) -> None:
    redis_server.stop()
    alice = browser(cast.alice)
    began = time.monotonic()

    assert alice.get("/clients").status_code == 200
    added = alice.post("/clients", data={"name": "Müller & Söhne", "status": ""})
    assert added.status_code < 500
    assert time.monotonic() - began < PAGE_SECONDS

    redis_server.start()
    scheduler.tick()
    work_off(app)
    assert waiting() == 0


def work_off(app: Flask) -> None:
    """What a worker process does until its queue is empty."""
    connection = queue.connect(app.config["PORTAL"].redis_url)
    jobs = Queue(queue.NAME, connection=connection, serializer=JSONSerializer)
    SimpleWorker([jobs], connection=connection, serializer=JSONSerializer).work(burst=True)
    db.session.rollback()


def waiting() -> int:
    statement = select(func.count(OutboxItem.id)).where(OutboxItem.state == OutboxState.WAITING)
    return db.session.execute(statement).scalar_one()


def invoices(cast: Cast) -> int:
    statement = select(func.count(Invoice.id)).where(Invoice.account_id == cast.acme.id)
    return db.session.execute(statement).scalar_one()
