"""The only place that commits. What must leave after a commit leaves after it."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from flask import current_app
from sqlalchemy import event
from sqlalchemy.orm import Session, make_transient_to_detached
from sqlalchemy.orm.util import identity_key

from portal.engine import OPEN, WRITES
from portal.extensions import db

AFTER_COMMIT = "portal_after_commit"
AT_HAND = "portal_at_hand"
READ, MOST_KEPT = "portal_read", 100
# In a session of which nothing is kept: numbers for its rows that no kept row has.
SIMULATED = "portal_simulated"

Answer = TypeVar("Answer")
Entity = TypeVar("Entity")


class InsideTransaction(RuntimeError):
    """A foreign call was about to be made while rows were locked."""


@contextmanager
def transaction() -> Iterator[Session]:
    """One unit of work: commits at the end, or rolls back and forgets what was to leave.

    Ends the read transaction a page may have begun, so that what is read in here is what the
    locks protect. Doesn't nest: an operation never decides when its work becomes final.
    """
    session = db.session()
    if session.info.get(OPEN):
        raise RuntimeError("a transaction is open already")
    session.rollback()
    session.info[OPEN] = True
    session.info[AFTER_COMMIT] = []
    session.info[AT_HAND] = []
    try:
        session.connection(execution_options={WRITES: True})
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        session.info[AFTER_COMMIT] = []
        raise
    finally:
        session.info[OPEN] = False
        del session.info[AT_HAND]
    hints = session.info.pop(AFTER_COMMIT)
    if SIMULATED not in session.info:
        _let_leave(hints)


class _Rehearsed(Exception):
    """Ends a rehearsal; never seen outside."""


@contextmanager
def rehearsal() -> Iterator[Session]:
    """One unit of work that is always rolled back: what would happen, found by the real code."""
    with suppress(_Rehearsed), transaction() as session:
        yield session
        raise _Rehearsed


@event.listens_for(Session, "loaded_as_persistent")
@event.listens_for(Session, "pending_to_persistent")
def _keep_at_hand(session: Session, row: object) -> None:
    """A row that was read is not read again: a session forgets what nothing else refers to."""
    if AT_HAND in session.info:
        session.info[AT_HAND].append(row)


def as_loaded(session: Session, model: type[Entity], values: dict[str, Any]) -> Entity:
    """The row as the session holds it; else made of all its `values`, which were read with
    something else in this same transaction, as if the session had loaded it."""
    held = session.identity_map.get(identity_key(model, values["id"]))
    if held is not None:
        return held
    row = model(**values)
    make_transient_to_detached(row)
    session.add(row)
    return row


def read_once(session: Session, question: Hashable, ask: Callable[[], Answer]) -> Answer:
    """What `ask` answers, asked once while the session only reads: a page and what stands around
    it want to know the same. Whoever writes asks anew each time."""
    if session.info.get(OPEN) or SIMULATED in session.info:
        return ask()
    kept: dict[Hashable, Any] = session.info.setdefault(READ, {})
    if question not in kept:
        if len(kept) >= MOST_KEPT:
            # No page: a command that goes through all accounts, and needs none of them again.
            kept.clear()
        kept[question] = ask()
    answer: Answer = kept[question]
    return answer


@event.listens_for(Session, "after_transaction_end")
def _forget_what_was_read(session: Session, _transaction: object) -> None:
    session.info.pop(READ, None)


def after_commit(session: Session, action: Callable[[], object]) -> None:
    """Do `action` once the running transaction is committed, and not at all if it isn't.

    For hints only (wake a worker, tell open pages): a crash between the commit and the action
    loses it, and nothing may depend on it.
    """
    session.info[AFTER_COMMIT].append(action)


def is_simulated() -> bool:
    """Whether nothing of what is done here is kept in the end (`portal.simulation`): nothing may
    leave then, and nobody outside is asked anything."""
    return SIMULATED in db.session().info


def assert_outside() -> None:
    """Raise unless no transaction is open: networks and files are slow, and locks don't wait."""
    if db.session().info.get(OPEN):
        raise InsideTransaction("a foreign call inside a transaction")
    db.session().rollback()


def _let_leave(actions: list[Callable[[], object]]) -> None:
    for action in actions:
        try:
            action()
        except Exception:
            current_app.logger.warning("a hint after a commit was lost", exc_info=True)
