"""From when on an email to several people counts as told."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

# Somebody whose mail server only ever puts off holds up the others no longer than this.
PUT_OFF_AT_MOST = timedelta(hours=24)


def told_at(taken: Collection[datetime], *, is_waited_for: bool, now: datetime) -> datetime | None:
    """The instant from which on an email counts; None while it doesn't, or where nobody got it.

    `taken` are the acceptances by mail servers, `is_waited_for` says that one has no final answer
    yet. It counts from the last acceptance; where one is waited for, from when the first is a day
    old and somebody looks: `now`, so that what follows comes later, never sooner.
    """
    if not taken:
        return None
    if not is_waited_for:
        return max(taken)
    return now if now >= min(taken) + PUT_OFF_AT_MOST else None
