"""Runs of numbers without gaps: one for invoices and one for credit notes, each by the year."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from portal.models import InvoiceSeries
from portal.transaction import SIMULATED

INVOICES = "INV"
CREDIT_NOTES = "CN"


def next_number(session: Session, prefix: str, now: datetime) -> tuple[str, int]:
    """The key of the year's series and its next number, locked until the transaction ends.

    A counter row instead of a sequence: a transaction that rolls back gives its number back. In a
    simulation nobody has to wait for it: the number is one that is never given.
    """
    key = f"{prefix}-{now.year}"
    if SIMULATED in session.info:
        _open(session, key)
        return key, next(session.info[SIMULATED])
    number = _count_up(session, key)
    if number is None:
        _open(session, key)
        number = _count_up(session, key)
    if number is None:
        raise LookupError(f"the series {key} is not there")
    return key, number


def _count_up(session: Session, key: str) -> int | None:
    """The next number; None where the year's series has not begun."""
    statement = (
        update(InvoiceSeries)
        .where(InvoiceSeries.key == key)
        .values(last_number=InvoiceSeries.last_number + 1)
        .returning(InvoiceSeries.last_number)
    )
    return session.execute(statement).scalar_one_or_none()


def _open(session: Session, key: str) -> None:
    """Begin a series, unless another transaction does so at this instant."""
    insert = postgresql_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    session.execute(insert(InvoiceSeries).values(key=key, last_number=0).on_conflict_do_nothing())
