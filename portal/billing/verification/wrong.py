"""A row that is wrong, and how rows are named so that an operator finds them."""

from datetime import datetime
from typing import NamedTuple

from portal.billing.rules import describe
from portal.billing.rules.money import Money


class Wrong(NamedTuple):
    """Which row it is, what it says, and what it must say."""

    subject: str
    found: str
    expected: str


def account_name(name: str, public_id: str) -> str:
    return f"{name} ({public_id})"


def amount(minor: int | None, currency: str) -> str:
    """An amount as people read it; the sums of a database may come as another kind of number."""
    return describe.money(Money(int(minor or 0), currency))


def instant(at: datetime | None) -> str:
    return "never" if at is None else at.isoformat(timespec="seconds").replace("+00:00", "Z")
