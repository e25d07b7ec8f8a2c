"""Invoice numbers: 1 to N in each series, in the order in which they were given."""

from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.billing.rules.invoicing import number_text
from portal.billing.verification.wrong import Wrong
from portal.models import Invoice, InvoiceSeries


def number_gaps(session: Session) -> Iterator[Wrong]:
    """Each number follows the one before it; none is missing, none is there twice."""
    before = func.lag(Invoice.number, 1, 0).over(
        partition_by=Invoice.series, order_by=(Invoice.number, Invoice.id)
    )
    numbers = select(Invoice.series, Invoice.number, before.label("before")).subquery()
    statement = select(numbers).where(numbers.c.number != numbers.c.before + 1)
    for series, number, previous in session.execute(statement):
        yield Wrong(f"series {series}", f"{number} after {previous}", str(previous + 1))


def last_numbers(session: Session) -> Iterator[Wrong]:
    """The counter of a series stands at its last number."""
    last = func.coalesce(func.max(Invoice.number), 0)
    statement = (
        select(InvoiceSeries.key, InvoiceSeries.last_number, last)
        .outerjoin(Invoice, Invoice.series == InvoiceSeries.key)
        .group_by(InvoiceSeries.key, InvoiceSeries.last_number)
        .having(InvoiceSeries.last_number != last)
    )
    for series, found, expected in session.execute(statement):
        yield Wrong(f"last number of series {series}", str(found), str(expected))


def number_order(session: Session) -> Iterator[Wrong]:
    """Later invoices have higher numbers."""
    before = func.lag(Invoice.id, 1, 0).over(partition_by=Invoice.series, order_by=Invoice.number)
    rows = select(Invoice.number_text, Invoice.id, before.label("before")).subquery()
    statement = select(rows.c.number_text).where(rows.c.id < rows.c.before)
    for (number,) in session.execute(statement):
        yield Wrong(f"invoice {number}", "issued before the number below it", "issued after it")


def number_texts(session: Session) -> Iterator[Wrong]:
    """The number people see is the number that is counted."""
    statement = select(Invoice.number_text, Invoice.series, Invoice.number).order_by(Invoice.id)
    for text, series, number in session.execute(statement.execution_options(yield_per=500)):
        prefix, _, year = series.rpartition("-")
        expected = number_text(prefix, int(year), number)
        if text != expected:
            yield Wrong(f"invoice {number} of series {series}", text, expected)
