"""Reading pages as a person does, and bringing an account where a page has something to say."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from portal.audit import SYSTEM
from portal.billing import accounts, overages
from portal.billing.rules.counting import Metric
from portal.extensions import db
from portal.models import Account
from portal.transaction import transaction


def words(html: str) -> str:
    """What a person reads: no tags, single spaces."""
    main = html[html.find("<main") :] if "<main" in html else html
    text = re.sub(r"<option.*?</option>|<[^>]+>", " ", main, flags=re.DOTALL)
    text = re.sub(r"\s+([.,:])", r"\1", re.sub(r"\s+", " ", text))
    return text.replace("&#39;", "'")


def without_tokens(html: str) -> str:
    """The page as it is for everybody: a token tells its form and the second it was made."""
    return re.sub(r'name="csrf_token" value="[^"]*"|"X-CSRFToken": "[^"]*"', "", html)


def in_order(text: str, *parts: str) -> None:
    """Each part is in the text, one after the other."""
    position = 0
    for part in parts:
        found = text.find(part, position)
        assert found >= 0, f"{part!r} is missing after {text[max(0, position - 80) : position]!r}"
        position = found + len(part)


def use(account: Account, metric: Metric, change: int) -> None:
    """Count more of a metric, or less, without the rows behind it."""
    with transaction() as session:
        overages.count_changed(
            session,
            accounts.lock(session, account.id),
            metric,
            change,
            now=account.created_at,
            actor=SYSTEM,
        )


@contextmanager
def queries() -> Iterator[list[str]]:
    """The statements that are sent to the database meanwhile."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement != "BEGIN":
            asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
