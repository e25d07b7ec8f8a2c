"""Updates made at the same time: none is lost, none fails, nothing is billed twice."""

import multiprocessing
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine, func, select, text

from portal.billing import accounts, renewals
from portal.engine import WRITES
from portal.extensions import db
from portal.models import Invoice, InvoiceSeries
from portal.transaction import transaction
from tests.cast import Cast, FixedClock

PROCESSES = 4
EACH = 25
SPAWN = multiprocessing.get_context("spawn")


def test_f3_no_update_is_lost_on_sqlite(tmp_path: Path) -> None:
    """Four processes read a number, add one and write it back."""
    assert _count_up(tmp_path, writes=True) == PROCESSES * EACH


def test_f3_without_the_remedy_updates_are_lost_or_fail(tmp_path: Path) -> None:
    """The same with the plain BEGIN of a reading transaction: this is what the remedy is for."""
    assert _count_up(tmp_path, writes=False) < PROCESSES * EACH


def test_f4_six_workers_renew_one_cycle_once(
    app: Flask, cast: Cast, clock: FixedClock
) -> None:
    clock.advance(days=30)

    def renew() -> None:
        with app.app_context(), transaction() as session:
            account = accounts.lock(session, cast.acme.id)
            renewals.renew(session, account, now=clock.now())

    _at_once([renew] * 6)

    statement = select(func.count(Invoice.id)).where(Invoice.account_id == cast.acme.id)
    assert db.session.execute(statement).scalar_one() == 2


def test_f4_the_database_alone_refuses_a_second_invoice_for_a_cycle(cast: Cast) -> None:
    """With no lock and no check in the way, the constraint stands."""
    invoice = db.session.scalars(select(Invoice).where(Invoice.account_id == cast.acme.id)).one()
    columns = [c.name for c in Invoice.__table__.columns if c.name != "id"]
    copied = ", ".join(
        {"number": "number + 1000", "number_text": "number_text || 'x'"}.get(c, c) for c in columns
    )
    with pytest.raises(Exception, match=r"(?i)unique"), transaction() as session:
        session.execute(
            text(
                f"INSERT INTO invoice ({', '.join(columns)}) "  # noqa: S608
                f"SELECT {copied} FROM invoice WHERE id = {invoice.id}"
            )
        )


def test_f5_a_number_given_back_by_a_rollback_leaves_no_gap(
    app: Flask, cast: Cast, clock: FixedClock
) -> None:
    clock.advance(days=30)
    for account in (cast.acme, cast.other):
        with pytest.raises(RuntimeError, match="the process dies here"), transaction() as session:
            renewals.renew(session, accounts.lock(session, account.id), now=clock.now())
            raise RuntimeError("the process dies here")
        with transaction() as session:
            renewals.renew(session, accounts.lock(session, account.id), now=clock.now())

    numbers = list(db.session.scalars(select(Invoice.number).order_by(Invoice.number)))
    assert numbers == list(range(1, len(numbers) + 1))
    assert db.session.get_one(InvoiceSeries, "INV-2026").last_number == len(numbers)


def _at_once(actions: list[Callable[[], None]]) -> None:
    """Run all of them from a common start; the first failure is raised."""
    barrier, failures = threading.Barrier(len(actions)), list[BaseException]()

    def run(action: Callable[[], None]) -> None:
        barrier.wait()
        try:
            action()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    db.session.rollback()


def _count_up(folder: Path, *, writes: bool) -> int:
    url = f"sqlite:///{folder / 'count.sqlite3'}"
    engine = create_engine(url)
    with engine.connect().execution_options(**{WRITES: True}) as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))
        connection.commit()
    workers = [SPAWN.Process(target=add_many, args=(url, writes)) for _ in range(PROCESSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT n FROM counter")).scalar_one())


def add_many(url: str, writes: bool) -> None:
    """What each process does: read, add one, write back."""
    import portal.engine  # noqa: F401  (installs the recipe)

    engine = create_engine(url, connect_args={"timeout": 10})
    for _ in range(EACH):
        try:
            with engine.connect().execution_options(**{WRITES: writes}) as connection:
                number = connection.execute(text("SELECT n FROM counter")).scalar_one()
                connection.execute(text("UPDATE counter SET n = :n"), {"n": number + 1})
                connection.commit()
        except Exception:  # noqa: S110  (without the remedy an update fails or is lost)
            pass
