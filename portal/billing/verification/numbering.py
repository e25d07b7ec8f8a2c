"""Numbers of invoices and credit notes: 1 to N in each series, in the order they were given."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select, union_all
from sqlalchemy.orm import Session

from portal.billing import series
from portal.billing.rules.invoicing import number_text
from portal.billing.verification.wrong import Wrong
from portal.models import CreditNote, Invoice, InvoiceSeries

# What is numbered, what it is called, and what its series begin with.
NUMBERED: tuple[tuple[Any, str, str], ...] = (
    (Invoice, "invoice", series.INVOICES),
    (CreditNote, "credit note", series.CREDIT_NOTES),
)


def number_gaps(session: Session) -> Iterator[Wrong]:
    """Each number follows the one before it; none is missing, none is there twice."""
    for table, _name, _prefix in NUMBERED:
        before = func.lag(table.number, 1, 0).over(
            partition_by=table.series, order_by=(table.number, table.id)
        )
        numbers = select(table.series, table.number, before.label("before")).subquery()
        statement = select(numbers).where(numbers.c.number != numbers.c.before + 1)
        for key, number, previous in session.execute(statement):
            yield Wrong(f"series {key}", f"{number} after {previous}", str(previous + 1))


def last_numbers(session: Session) -> Iterator[Wrong]:
    """The counter of a series stands at its last number."""
    tables = (table for table, _name, _prefix in NUMBERED)
    given = union_all(*(select(table.series, table.number) for table in tables)).subquery()
    last = func.coalesce(func.max(given.c.number), 0)
    statement = (
        select(InvoiceSeries.key, InvoiceSeries.last_number, last)
        .outerjoin(given, given.c.series == InvoiceSeries.key)
        .group_by(InvoiceSeries.key, InvoiceSeries.last_number)
        .having(InvoiceSeries.last_number != last)
    )
    for key, found, expected in session.execute(statement):
        yield Wrong(f"last number of series {key}", str(found), str(expected))


def number_order(session: Session) -> Iterator[Wrong]:
    """What was issued later has a higher number."""
    for table, name, _prefix in NUMBERED:
        before = func.lag(table.id, 1, 0).over(partition_by=table.series, order_by=table.number)
        rows = select(table.number_text, table.id, before.label("before")).subquery()
        statement = select(rows.c.number_text).where(rows.c.id < rows.c.before)
        for (number,) in session.execute(statement):
            found = "issued before the number below it"
            yield Wrong(f"{name} {number}", found, "issued after it")


def number_texts(session: Session) -> Iterator[Wrong]:
    """The number people see is the number that is counted, in the series of its year."""
    for table, name, prefix in NUMBERED:
        statement = select(table.number_text, table.series, table.number, table.issued_at)
        rows = session.execute(statement.order_by(table.id).execution_options(yield_per=500))
        for text, key, number, issued_at in rows:
            expected = number_text(prefix, issued_at.year, number)
            if text != expected or key != f"{prefix}-{issued_at.year}":
                yield Wrong(f"{name} {number} of series {key}", text, expected)
