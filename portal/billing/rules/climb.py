"""How far a metric that only warns has climbed, and which of its emails is due.

80 %, 100 % and over: one email at each level of a climb, for the highest newly reached
below 75 %: the climb is over, and the next one is told anew
"""

from __future__ import annotations

from collections.abc import Collection

from portal.billing.rules.counting import Level, level

ENDS_BELOW_PERCENT = 75
LEVELS = (Level.NEAR, Level.FULL, Level.OVER)


def is_climbing(used: int, limit: int | None) -> bool:
    """Whether a climb that was told goes on: nothing used, or without a limit, it is over."""
    return limit is not None and used > 0 and used * 100 >= limit * ENDS_BELOW_PERCENT


def newly_reached(used: int, limit: int | None, told: Collection[Level]) -> Level | None:
    """The level to tell of; None below 80 %, and where this climb told of it or a higher one."""
    if not is_climbing(used, limit):
        return None
    reached = level(used, limit)
    if reached not in LEVELS:
        return None
    highest = max((LEVELS.index(each) for each in told), default=-1)
    return reached if LEVELS.index(reached) > highest else None
