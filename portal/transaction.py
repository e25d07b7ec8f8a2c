"""The only place that commits. What must leave after a commit leaves after it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from flask import current_app
from sqlalchemy import event
from sqlalchemy.orm import Session

from portal.engine import WRITES
from portal.extensions import db

OPEN = "portal_transaction_open"
AFTER_COMMIT = "portal_after_commit"
AT_HAND = "portal_at_hand"
# In a session of which nothing is kept: numbers for its rows that no kept row has.
SIMULATED = "portal_simulated"


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
    session.connection(execution_options={WRITES: True})
    session.info[OPEN] = True
    session.info[AFTER_COMMIT] = []
    session.info[AT_HAND] = []
    try:
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
