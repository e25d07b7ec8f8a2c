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
NOT_POSSIBLE = message("Choose a date from %(first)s to %(last)s.")
NOT_YET = message("This day is still to come: choose today or an earlier one.")
WRONG_WAY = message("This is before the first date: choose a later one.")
# With room on both sides for the hours of every zone.
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2999, 12, 31)
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
    """Dates of which both are there and over or today, unless there are `problems`.

    `is_cut` says that a later day was asked for than today, with which it ends now.
    """

    first: str
    last: str
    since_at: datetime
    before_at: datetime
    problems: dict[str, str]
    is_cut: bool = False

    @property
    def address(self) -> dict[str, str]:
        return {"from": self.first, "to": self.last}


def dates() -> Dates:
    """What the address says."""
    return _between(_written("from"), _written("to"), LAST_DAY)


def asked(today: date) -> Period:
    """What the address says, until today at most; where it says nothing, the year of the last day
    so far."""
    last = _written("to") or today.isoformat()
    end = _day(last) or today
    # What is owed on a day to come nobody knows yet.
    is_cut = today < end <= LAST_DAY
    if is_cut:
        end, last = today, today.isoformat()
    first = _written("from") or end.replace(month=1, day=1).isoformat()
    found = _between(first, last, today)
    since, before = found.since_at or NOTHING, found.before_at or NOTHING
    if found.problems:
        last = _written("to") or last
    return Period(first, last, since, before, found.problems, is_cut)


def _written(name: str) -> str:
    return request.args.get(name, "").strip()[:LONGEST_DATE]


def _between(first: str, last: str, latest: date) -> Dates:
    problems = {
        name: told
        for name, written in (("from", first), ("to", last))
        if written and (told := _problem(written, latest))
    }
    since = None if "from" in problems else _midnight(first)
    before = None if "to" in problems else _midnight(last, days_later=1)
    if since and before and before <= since:
        problems["to"] = _(WRONG_WAY)
    return Dates(first, last, since, before, problems)


def _problem(written: str, latest: date) -> str:
    """Why this is no day that can be asked for; "" where it is one."""
    day = _day(written)
    if day is None:
        return _(NOT_A_DATE)
    if not FIRST_DAY <= day <= LAST_DAY:
        possible = {"first": formatting.date(FIRST_DAY), "last": formatting.date(LAST_DAY)}
        return _(NOT_POSSIBLE, **possible)
    return _(NOT_YET) if day > latest else ""


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


def _midnight(written: str, days_later: int = 0) -> datetime | None:
    """When a day begins in the account's zone; None where none is written."""
    day = _day(written)
    if day is None:
        return None
    moved = day + timedelta(days=days_later)
    return datetime.combine(moved, time.min, formatting.zone_of(None)).astimezone(UTC)
