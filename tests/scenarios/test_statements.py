"""What a plan change asks of the database: two short transactions, each of few statements."""

from itertools import groupby
from typing import Any

import pytest
from sqlalchemy import event

from portal.extensions import db
from tests.cast import Cast, FixedClock

MOST_STATEMENTS = 25


@pytest.mark.parametrize("tier", ["20-users", "80-users"])
def test_a_plan_change_is_written_with_few_statements(
    cast: Cast, clock: FixedClock, tier: str
) -> None:
    clock.advance(days=3)
    price = cast.price("standard", tier)
    transactions: list[list[str]] = [[]]

    def said(*arguments: Any) -> None:
        transactions[-1].append(arguments[2])

    def ended(_connection: Any) -> None:
        transactions.append([])

    for name, listener in (("before_cursor_execute", said), ("commit", ended), ("rollback", ended)):
        event.listen(db.engine, name, listener)
    cast.change_plan(cast.acme, price)
    for name, listener in (("before_cursor_execute", said), ("commit", ended), ("rollback", ended)):
        event.remove(db.engine, name, listener)

    writing = [each for each in transactions if any("INSERT INTO" in text for text in each)]
    for statements in writing:
        # SQLite takes rows that need their ids one by one, PostgreSQL all of a table at once.
        asked = [text for text, _ in groupby(statements) if not text.startswith("BEGIN")]
        assert len(asked) <= MOST_STATEMENTS, "\n".join(asked)
