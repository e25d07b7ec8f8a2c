"""What is asked for at the same time: nothing is billed twice, no number is lost."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from portal.billing import accounts, renewals
from portal.extensions import db
from portal.models import Invoice, InvoiceSeries
from portal.transaction import transaction
from tests.cast import Cast, FixedClock


def test_f4_six_workers_renew_one_cycle_once(app: Flask, cast: Cast, clock: FixedClock) -> None:
    clock.advance(days=30)
    account_id = cast.acme.id

    def renew() -> None:
        with app.app_context(), transaction() as session:
            account = accounts.lock(session, account_id)
            renewals.renew(session, account, now=clock.now())

    _at_once([renew] * 6)

    statement = select(func.count(Invoice.id)).where(Invoice.account_id == account_id)
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
        with pytest.raises(RuntimeError, match="the process dies here"):
            _renew_and_die(account.id, clock)
        with transaction() as session:
            renewals.renew(session, accounts.lock(session, account.id), now=clock.now())

    numbers = list(db.session.scalars(select(Invoice.number).order_by(Invoice.number)))
    assert numbers == list(range(1, len(numbers) + 1))
    assert db.session.get_one(InvoiceSeries, "INV-2026").last_number == len(numbers)


def _renew_and_die(account_id: int, clock: FixedClock) -> None:
    with transaction() as session:
        renewals.renew(session, accounts.lock(session, account_id), now=clock.now())
        raise RuntimeError("the process dies here")


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
