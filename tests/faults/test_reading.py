"""What only reads: PostgreSQL refuses to let it write, its statements stay prepared, and what a
page asks twice is asked once."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text, update
from sqlalchemy.exc import InternalError
from sqlalchemy.orm import Session

from portal import clock
from portal.billing import accounts, subscriptions
from portal.engine import OPEN
from portal.extensions import db
from portal.models import Account, ClockState, User
from portal.transaction import MOST_KEPT, READ, read_once, transaction
from tests.cast import Cast
from tests.conftest import KIND

DAY = 24 * 3600 * 1_000_000
on_postgresql = pytest.mark.skipif(KIND != "postgresql", reason="SQLite has no such transactions")


@on_postgresql
def test_nothing_is_written_outside_a_unit_of_work(cast: Cast) -> None:
    account_id = cast.acme.id
    with pytest.raises(InternalError, match="read-only transaction"):
        db.session.execute(update(Account).values(name="Written by a page"))
    db.session.rollback()
    with transaction() as session:
        session.execute(update(Account).values(name="Written by a command"))
    assert db.session.get_one(Account, account_id).name == "Written by a command"


@on_postgresql
def test_statements_stay_prepared_from_page_to_page(cast: Cast) -> None:
    """psycopg has one prepared at its sixth time, and forgets all of them at a ROLLBACK."""
    account_id = cast.acme.id
    for _ in range(8):
        subscriptions.live(db.session(), account_id)
        db.session.rollback()
    prepared = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE :what")
    what = {"what": "%FROM subscription %"}
    assert db.session.execute(prepared, what).scalar_one() == 1


def test_a_failed_statement_leaves_nothing_open(cast: Cast) -> None:
    with pytest.raises(Exception, match="no_such_table"):
        db.session.execute(text("SELECT * FROM no_such_table"))
    db.session.rollback()
    assert db.session.execute(text("SELECT 1")).scalar_one() == 1


class Counting:
    """A question that says how often it was asked."""

    asked = 0

    def __call__(self) -> int:
        self.asked += 1
        return self.asked


def test_a_question_is_asked_once_while_reading(cast: Cast) -> None:
    session, question = db.session(), Counting()
    assert [read_once(session, "how often", question) for _ in range(3)] == [1, 1, 1]
    assert read_once(session, "another", question) == 2


def test_what_was_read_is_forgotten_with_its_transaction(cast: Cast) -> None:
    session, question = db.session(), Counting()
    subscriptions.live(session, cast.acme.id)
    read_once(session, "how often", question)
    session.rollback()
    subscriptions.live(session, cast.acme.id)
    assert read_once(session, "how often", question) == 2


def test_who_writes_asks_anew_each_time(cast: Cast) -> None:
    question = Counting()
    read_once(db.session(), "how often", question)
    with transaction() as session:
        assert session.info[OPEN]
        assert [read_once(session, "how often", question) for _ in range(2)] == [2, 3]


def test_who_asks_about_everything_keeps_little(cast: Cast) -> None:
    session, question = db.session(), Counting()
    for number in range(10 * MOST_KEPT):
        read_once(session, number, question)
    assert question.asked == 10 * MOST_KEPT
    assert len(session.info[READ]) <= MOST_KEPT


def test_a_command_goes_by_the_clock_as_it_is_after_the_lock(
    app: Flask, cast: Cast, browser: Callable[[User], FlaskClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for it while the sandbox clock goes beyond the cycle's end cancels too late."""
    monkeypatch.setitem(app.extensions, clock.EXTENSION, clock.SandboxClock())
    ends_at = subscriptions.live(db.session(), cast.acme.id).cycle_end_at
    with transaction():
        before = ends_at - timedelta(minutes=1) - clock.wall_now()
        clock.state().offset_us = before // timedelta(microseconds=1)
    client, lock = browser(cast.alice), accounts.lock

    def waited_for(session: Session, account_id: int) -> Account:
        session.execute(update(ClockState).values(offset_us=ClockState.offset_us + DAY))
        return lock(session, account_id)

    monkeypatch.setattr(accounts, "lock", waited_for)
    answer = client.post("/account/cancellation")
    db.session.rollback()
    assert answer.status_code == 409
    assert subscriptions.live(db.session(), cast.acme.id).cancelled_at is None
