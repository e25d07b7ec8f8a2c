"""A time between two days, as an address or a form writes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from flask import request

from portal.language import gettext as _
from portal.language import message
from portal.web import formatting

LONGEST_DATE = 20
NOT_A_DATE = message("Write a date like 2026-03-31.")
WRONG_WAY = message("This is before the first date: choose a later one.")
NOTHING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Dates:
    """Two days as they were written, "" for none; both are part of the time between them.

    `problems` are sentences by field. The time is from `since_at` on and before `before_at`, by the
    clocks of the account; None where no day was written.
    """

    first: str
    last: str
    since_at: datetime | None
    before_at: datetime | None
    problems: dict[str, str]


@dataclass(frozen=True)
class Period:
    """Dates of which both are there, unless there are `problems`."""

    first: str
    last: str
    since_at: datetime
    before_at: datetime
    problems: dict[str, str]

    @property
    def address(self) -> dict[str, str]:
        return {"from": self.first, "to": self.last}


def dates(first: str = "", last: str = "") -> Dates:
    """What the address says; these days where it says nothing."""
    first = request.args.get("from", "").strip()[:LONGEST_DATE] or first
    last = request.args.get("to", "").strip()[:LONGEST_DATE] or last
    since, before = _midnight(first), _midnight(last, days_later=1)
    problems = {
        name: _(NOT_A_DATE)
        for name, written, read in (("from", first, since), ("to", last, before))
        if written and read is None
    }
    if since and before and before <= since:
        problems["to"] = _(WRONG_WAY)
    return Dates(first, last, since, before, problems)


def asked(today: date) -> Period:
    """What the address says; this year so far where it says nothing."""
    found = dates(f"{today.year}-01-01", today.isoformat())
    since, before = found.since_at or NOTHING, found.before_at or NOTHING
    return Period(found.first, found.last, since, before, found.problems)


def _midnight(written: str, days_later: int = 0) -> datetime | None:
    """When a day begins in the account's zone; None where none is written."""
    try:
        day = date.fromisoformat(written) + timedelta(days=days_later)
        return datetime.combine(day, time.min, formatting.zone_of(None)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
