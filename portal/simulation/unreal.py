"""Where a simulation takes place: one transaction that is rolled back, in a context of its own.

Each `transaction()` inside is a savepoint of it, so whatever the real code commits is gone at the
end. Clock, gateways and database session belong to this application context: other threads of the
process, and the request that asked, go on with the real ones.

On SQLite the transaction holds the write lock. On PostgreSQL it locks the account, and nothing
that others wait for: rows get ids, and documents numbers, that no kept row ever has, so neither
a sequence nor a series is moved.
"""

import itertools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import current_app, g
from sqlalchemy import Insert, event, inspect, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Mapper, ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.util import ScopedRegistry

from portal import clock
from portal.billing.gateways import PaymentGateway
from portal.collecting import gateways
from portal.engine import WRITES
from portal.extensions import db
from portal.mail import enclosures
from portal.models import Account, Episode, OutboxItem, Subscription, Usage, Work
from portal.simulation.stand_ins import MovedClock
from portal.transaction import SIMULATED, assert_outside

# Beyond all ids that are given, within what a column holds; two at once begin far from each other.
FIRST_ID = 1_000_000_000
BLOCKS, BLOCK = 100_000, 10_000
# What can fall due in a simulation: nothing is rendered or removed, and nobody else's work is done.
WORK = (Work.NOTICE, Work.PAYMENT, Work.REFUND)


@contextmanager
def world(account_id: int, time: MovedClock, gateway: PaymentGateway) -> Iterator[MovedClock]:
    """Everything inside is done by `time`, asks `gateway`, sees what falls due at this account
    only, and is rolled back at the end, whatever happens. The account is locked. Gives `time`."""
    assert_outside()
    zone = g.get("time_zone")
    with current_app.app_context(), db.engine.connect() as connection:
        g.time_zone = zone
        clock.go_by(time)
        gateways.ask_instead(gateway)
        with _rolled_back(connection, account_id) as session:
            # Another one than Flask-SQLAlchemy's, which knows engines only.
            sessions: ScopedRegistry[Any] = db.session.registry
            sessions.set(session)
            enclosures.suppose_made(session, account_id, now=time.now())
            session.commit()
            yield time


@contextmanager
def _rolled_back(connection: Connection, account_id: int) -> Iterator[Session]:
    connection.execution_options(**{WRITES: True})
    outer = connection.begin()
    try:
        # Before the first savepoint, which would take the lock with it when it is rolled back.
        connection.execute(
            select(Account.id).where(Account.id == account_id).with_for_update(key_share=True)
        )
        with _session(connection, account_id) as session:
            yield session
    finally:
        outer.rollback()


@contextmanager
def _session(connection: Connection, account_id: int) -> Iterator[Session]:
    ids = itertools.count(FIRST_ID + secrets.randbelow(BLOCKS) * BLOCK)
    session = Session(
        bind=connection, join_transaction_mode="create_savepoint", info={SIMULATED: ids}
    )
    _free_leases(connection, account_id)
    _confine(session, account_id)
    _number_rows(session, ids)
    with session:
        yield session


def _free_leases(connection: Connection, account_id: int) -> None:
    """What somebody is doing at this moment is done here as if by us."""
    connection.execute(
        update(OutboxItem)
        .where(OutboxItem.account_id == account_id, OutboxItem.lease_until.is_not(None))
        .values(lease_until=None)
    )


def _confine(session: Session, account_id: int) -> None:
    """Let queries for what falls due find this account's rows only."""
    conditions = {
        OutboxItem: (OutboxItem.account_id == account_id) & OutboxItem.work.in_(WORK),
        Episode: Episode.account_id == account_id,
        Subscription: Subscription.account_id == account_id,
        Usage: Usage.account_id == account_id,
    }
    only = [
        with_loader_criteria(model, condition, propagate_to_loaders=False)
        for model, condition in conditions.items()
    ]

    @event.listens_for(session, "do_orm_execute")
    def _see(state: ORMExecuteState) -> None:
        if state.is_select and not state.is_column_load and not state.is_relationship_load:
            state.statement = state.statement.options(*only)


def _number_rows(session: Session, ids: Iterator[int]) -> None:
    """Give each row its id here: a database's sequence would keep what it gave."""

    @event.listens_for(session, "before_flush")
    def _number(flushed: Session, _context: object, _instances: object) -> None:
        for state in sorted(map(inspect, flushed.new), key=lambda state: state.insert_order):
            if _has_id(state.mapper) and state.object.id is None:
                state.object.id = next(ids)

    @event.listens_for(session, "do_orm_execute")
    def _number_insert(state: ORMExecuteState) -> None:
        statement, mapper = state.statement, state.bind_mapper
        if isinstance(statement, Insert) and mapper is not None and _has_id(mapper):
            state.statement = statement.values(id=next(ids))


def _has_id(mapper: Mapper[Any]) -> bool:
    """Whether the database would number the rows."""
    keys = mapper.primary_key
    return len(keys) == 1 and keys[0].name == "id" and keys[0].default is None
