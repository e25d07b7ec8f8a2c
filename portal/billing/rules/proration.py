"""What the unused part of a paid cycle is worth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle


@dataclass(frozen=True)
class UnusedTime:
    """`credit` (zero or more) = `charged` × `days_unused` ÷ `days_in_cycle`, rounded once."""

    days_unused: int
    days_in_cycle: int
    charged: Money
    credit: Money


def unused_time(charged: Money, cycle: Cycle, now: datetime) -> UnusedTime:
    """The credit for the days of `cycle` not used at `now`.

    `charged` is what the cycle was really charged at, before any credit balance was applied to
    it; a negative one raises ValueError. A day that is not over is not used.
    """
    if charged.is_negative:
        raise ValueError("a cycle is never charged less than nothing")
    days_unused = cycle.unused_days(now)
    credit = charged.share(days_unused, cycle.days)
    return UnusedTime(days_unused, cycle.days, charged, credit)
