"""A time between two days, as an address or a form writes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from flask import request

from portal import formatting

LONGEST_DATE = 20
NOT_A_DATE = "Write a date like 2026-03-31."
WRONG_WAY = "This is before the first date: choose a later one."


@dataclass(frozen=True)
class Period:
    """Days as they were written; both are part of it. `problems` are sentences by field; without
    any, it is from `since_at` on and before `before_at`, by the clocks of the account."""

    first: str
    last: str
    since_at: datetime
    before_at: datetime
    problems: dict[str, str]

    @property
    def address(self) -> dict[str, str]:
        return {"from": self.first, "to": self.last}


def asked(today: date) -> Period:
    """What the address says; this year so far where it says nothing."""
    first = request.args.get("from", "").strip()[:LONGEST_DATE] or f"{today.year}-01-01"
    last = request.args.get("to", "").strip()[:LONGEST_DATE] or today.isoformat()
    since, before = _midnight(first), _midnight(last, days_later=1)
    problems = {
        name: NOT_A_DATE for name, read in (("from", since), ("to", before)) if read is None
    }
    if since and before and before <= since:
        problems["to"] = WRONG_WAY
    nothing = datetime(1970, 1, 1, tzinfo=UTC)
    return Period(first, last, since or nothing, before or nothing, problems)


def _midnight(written: str, days_later: int = 0) -> datetime | None:
    """When a day begins in the account's zone; None where none is written."""
    try:
        day = date.fromisoformat(written) + timedelta(days=days_later)
        return datetime.combine(day, time.min, formatting.zone_of(None)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
