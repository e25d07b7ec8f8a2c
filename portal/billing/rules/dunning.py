"""When an invoice that was not paid is tried again, and when a gateway that kept silent is asked.

A renewal that was declined is tried again 3, 5 and 7 days after it was first tried; after the
last of these the subscription ends. Of a bank transfer that did not arrive by its day, its payer
is reminded at the same distances.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from portal.billing.rules.period import DAY

RETRY_AFTER = (3 * DAY, 5 * DAY, 7 * DAY)
LAST_RETRY = len(RETRY_AFTER)
# How long a customer may take to authenticate.
AUTHENTICATION_TIME = timedelta(hours=1)
# After 5 minutes and an hour, then daily up to five times.
ASK_AFTER = (timedelta(minutes=5), timedelta(hours=1), DAY, DAY, DAY, DAY, DAY)


def retry_at(retry: int, first_tried_at: datetime, now: datetime) -> datetime | None:
    """When automatic attempt `retry` (1 to 3) is made; None where there is no such attempt.

    Where its own day has gone by, because nobody worked or the gateway was silent, it is made a
    day from now, so that attempts never pile up.
    """
    if retry > LAST_RETRY:
        return None
    own = first_tried_at + RETRY_AFTER[retry - 1]
    return own if own > now else now + DAY


def is_ahead(retry: int, first_tried_at: datetime, now: datetime) -> bool:
    """Whether the own day of automatic attempt `retry` is still to come; the first has none."""
    return 0 < retry <= LAST_RETRY and now < first_tried_at + RETRY_AFTER[retry - 1]


def ask_at(times_asked: int, now: datetime) -> datetime | None:
    """When a gateway that did not answer is asked again; None once it was asked often enough."""
    return now + ASK_AFTER[times_asked] if times_asked < len(ASK_AFTER) else None
