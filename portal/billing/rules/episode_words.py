"""What people read of an over-limit episode: why it ended, why it stopped, what else is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from portal.billing.rules import describe
from portal.billing.rules.counting import Metric
from portal.billing.rules.overage import ParkReason

CLOSED_BECAUSE: Mapping[str, str] = {
    "within_limit": "What was over its limit is within it again: nothing is charged.",
    "plan_changed": "The plan was changed.",
    "plan_cancelled": "The plan was cancelled, so it isn't moved to a larger one by itself.",
    "subscription_ended": "The plan ended.",
    "no_auto_upgrade": "The plan isn't moved to a larger one by itself any more.",
    "offer_changed": "The plan or price that was announced is no longer what is sold: nothing is"
    " charged, and the warnings begin anew.",
    "upgraded": "The plan moved to the next larger one.",
    "answered_by_another": "The upgrade for another limit answered this one too: it was charged"
    " once.",
}
PARKED_BECAUSE: Mapping[str, str] = {
    ParkReason.MAIL_REFUSED: "No Admin could be reached by email.",
    ParkReason.NOBODY_TO_WARN: "There was no Admin to write to.",
    ParkReason.TOP_TIER: "There is no larger plan to move to.",
    ParkReason.WARNED_TOO_CLOSELY: "The emails about it came too close together to upgrade on"
    " them.",
    ParkReason.NOT_PAID: "The upgrade could not be paid, however often it was tried.",
    ParkReason.AMOUNT_KEPT_RISING: "What the upgrade costs rose again each time it had been told.",
}
AMOUNT_CHANGED = (
    "The amount has changed since: as your plan, its add-ons, your tax and your credit balance are"
    " now, the upgrade costs more than we wrote. So it isn't made on the day that we named."
)


def closed_because(reason: str | None) -> str:
    """Why an episode ended, from its key; "" where nothing more can be said."""
    return CLOSED_BECAUSE.get(reason or "", "")


def parked_because(reason: str | None) -> str:
    """Why an episode waits for the vendor, from its key; "" where nothing more can be said."""
    return PARKED_BECAUSE.get(reason or "", "")


def over_too(others: Sequence[Metric]) -> str:
    """What makes two announcements one upgrade; "" where nothing else is over its limit."""
    if not others:
        return ""
    first, *rest = (metric.value for metric in others)
    names = describe.listing([first.capitalize(), *rest])
    are_over = "are over their limits" if rest else "are over their limit"
    if not rest and others[0] is Metric.STORAGE:
        are_over = "is over its limit"
    answered = "all" if rest else "both"
    return f"{names} {are_over} too: one upgrade answers {answered}, and it is charged once."
