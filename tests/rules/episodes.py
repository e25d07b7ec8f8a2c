"""An episode that began on 22 November 2026, and warnings that went out on time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from portal.billing.rules.overage import EpisodeFacts, Warned
from portal.billing.rules.policies import Policy

HOUR, MINUTE, A_SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
OPENED = datetime(2026, 11, 22, 9, 20, tzinfo=UTC)


def at(days: int, hour: int, minute: int = 0) -> datetime:
    """An instant so many days after the episode's first."""
    return (OPENED + timedelta(days=days)).replace(hour=hour, minute=minute)


FIRST = Warned(1, deadline_at=at(5, 10), accepted_at=at(0, 9, 21))
SECOND = Warned(2, deadline_at=at(5, 10), accepted_at=at(2, 9, 22))
THIRD = Warned(3, deadline_at=at(5, 10), accepted_at=at(4, 9, 23))


def facts(*warnings: Warned, **more: object) -> EpisodeFacts:
    """11 users on a plan of 10, with a next tier to go to."""
    plain = EpisodeFacts(warnings=warnings, used=11, limit=10, policy=Policy.AUTO_UPGRADE)
    return replace(plain, **more)  # type: ignore[arg-type]
