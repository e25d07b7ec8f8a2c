"""What people read of an over-limit episode: why it ended, why it stopped, what else is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from portal.billing.rules.counting import Metric
from portal.billing.rules.overage import ParkReason
from portal.language import gettext as _
from portal.language import look_up, message

CLOSED_BECAUSE: Mapping[str, str] = {
    "within_limit": message("What was over its limit is within it again: nothing is charged."),
    "plan_changed": message("The plan was changed."),
    "plan_cancelled": message(
        "The plan was cancelled, so it isn't moved to a larger one by itself."
    ),
    "subscription_ended": message("The plan ended."),
    "no_auto_upgrade": message("The plan isn't moved to a larger one by itself any more."),
    "offer_changed": message(
        "The plan or price that was announced is no longer what is sold: nothing is"
        " charged, and the warnings begin anew."
    ),
    "upgraded": message("The plan moved to the next larger one."),
    "answered_by_another": message(
        "The upgrade for another limit answered this one too: it was charged once."
    ),
}
PARKED_BECAUSE: Mapping[str, str] = {
    ParkReason.MAIL_REFUSED: message("No Admin could be reached by email."),
    ParkReason.NOBODY_TO_WARN: message("There was no Admin to write to."),
    ParkReason.TOP_TIER: message("There is no larger plan to move to."),
    ParkReason.WARNED_TOO_CLOSELY: message(
        "The emails about it came too close together to upgrade on them."
    ),
    ParkReason.NOT_PAID: message("The upgrade could not be paid, however often it was tried."),
    ParkReason.AMOUNT_KEPT_RISING: message(
        "What the upgrade costs rose again each time it had been told."
    ),
}
AMOUNT_CHANGED = message(
    "The amount has changed since: as your plan, its add-ons, your tax and your credit balance are"
    " now, the upgrade costs more than we wrote. So it isn't made on the day that we named."
)

OVER_TOO: Mapping[tuple[Metric, ...], str] = {
    (Metric.SEATS,): message(
        "Seats are over their limit too: one upgrade answers both, and it is charged once."
    ),
    (Metric.CLIENTS,): message(
        "Clients are over their limit too: one upgrade answers both, and it is charged once."
    ),
    (Metric.STORAGE,): message(
        "Storage is over its limit too: one upgrade answers both, and it is charged once."
    ),
    (Metric.SEATS, Metric.CLIENTS): message(
        "Seats and clients are over their limits too: one upgrade answers all, and it is charged"
        " once."
    ),
    (Metric.SEATS, Metric.STORAGE): message(
        "Seats and storage are over their limits too: one upgrade answers all, and it is charged"
        " once."
    ),
    (Metric.CLIENTS, Metric.STORAGE): message(
        "Clients and storage are over their limits too: one upgrade answers all, and it is charged"
        " once."
    ),
}


def closed_because(reason: str | None) -> str:
    """Why an episode ended, from its key; "" where nothing more can be said."""
    return look_up(CLOSED_BECAUSE.get(reason or "", ""))


def parked_because(reason: str | None) -> str:
    """Why an episode waits for the vendor, from its key; "" where nothing more can be said."""
    return look_up(PARKED_BECAUSE.get(reason or "", ""))


def over_too(others: Sequence[Metric]) -> str:
    """What makes two announcements one upgrade; "" where nothing else is over its limit."""
    return _(OVER_TOO[tuple(sorted(others, key=list(Metric).index))]) if others else ""
