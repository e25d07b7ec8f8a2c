"""Billing intervals and cycles: whole days of 24 hours, in UTC, whatever the calendar does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

DAY = timedelta(days=1)


class Interval(StrEnum):
    MONTHLY = "monthly"
    YEARLY = "yearly"

    @property
    def days(self) -> int:
        return 30 if self is Interval.MONTHLY else 365


@dataclass(frozen=True)
class Cycle:
    """The time a charge pays for: from `start_at` up to, not including, `end_at`.

    Both are aware UTC instants, a whole number of days apart; anything else raises ValueError.
    `now` may be in any zone, but must be aware.
    """

    start_at: datetime
    end_at: datetime

    def __post_init__(self) -> None:
        for instant in (self.start_at, self.end_at):
            if instant.utcoffset() != timedelta(0):
                raise ValueError(f"a cycle is kept in UTC, not as {instant.isoformat()}")
        length = self.end_at - self.start_at
        if length < DAY or length % DAY:
            raise ValueError(f"a cycle lasts whole days, not {length}")

    @classmethod
    def starting(cls, start_at: datetime, interval: Interval) -> Cycle:
        return cls(start_at, start_at + interval.days * DAY)

    @property
    def days(self) -> int:
        return (self.end_at - self.start_at) // DAY

    def next(self) -> Cycle:
        """The cycle of the same length that starts exactly where this one ends."""
        return Cycle(self.end_at, self.end_at + self.days * DAY)

    def contains(self, now: datetime) -> bool:
        return self.start_at <= now < self.end_at

    def days_gone(self, now: datetime) -> int:
        """Whole days gone by since the start, 0 to `days`; a day that is not over is not gone."""
        return min(max((now - self.start_at) // DAY, 0), self.days)

    def unused_days(self, now: datetime) -> int:
        return self.days - self.days_gone(now)

    def unused(self, now: datetime) -> Cycle | None:
        """The part made of the unused days; None when no day is left."""
        start_at = self.start_at + self.days_gone(now) * DAY
        return Cycle(start_at, self.end_at) if start_at < self.end_at else None

    def day_ends_at(self, now: datetime) -> datetime:
        """When the day of the cycle that is running at `now` is over; at most `end_at`."""
        return min(self.start_at + (self.days_gone(now) + 1) * DAY, self.end_at)
