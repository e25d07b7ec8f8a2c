"""The account's billing history in human words, from the trail that every command leaves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import formatting
from portal.billing.rules import describe
from portal.billing.rules.counting import Metric, amount_of
from portal.billing.rules.period import Interval
from portal.models import AuditEntry, InvoiceReason

Details = Mapping[str, Any]
CONFIRMED = "plan.change_confirmed"
ENTRIES_PER_EVENT = 3


@dataclass(frozen=True)
class Event:
    """One thing that happened, as `ui.timeline` shows it."""

    at: datetime
    title: str
    detail: str = ""
    tone: str = "neutral"
    plan: str | None = None


def recent(session: Session, account_id: int, *, limit: int) -> list[Event]:
    """The latest plan changes, episodes, renewals and failed payments, newest first.

    The entries that belong to one plan change (confirmed, invoiced, changed) are one event.
    """
    statement = (
        select(AuditEntry.at, AuditEntry.action, AuditEntry.actor, AuditEntry.details)
        .where(AuditEntry.account_id == account_id, AuditEntry.action.in_([*WORDS, CONFIRMED]))
        # By id, which runs like the position: so no database reads through all of a busy account.
        .order_by(AuditEntry.id.desc())
        .limit(ENTRIES_PER_EVENT * limit)
    )
    events: list[Event] = []
    for entry in session.execute(statement):
        _take(events, *entry)
    return events[:limit]


def _take(events: list[Event], at: datetime, action: str, actor: Details, details: Details) -> None:
    """Add an entry to the events that came after it."""
    if action == CONFIRMED:
        # What followed was done by the portal, but it was this person's wish.
        if events and events[-1].plan == details["plan"]:
            events[-1] = replace(events[-1], detail=_by(actor, events[-1].detail))
        return
    if _is_told_already(events, at, action, details):
        return
    title, detail, tone = WORDS[action](details)
    plan = details.get("after") or details.get("plan")
    events.append(Event(at, title, _by(actor, detail), tone, plan))


def _is_told_already(events: list[Event], at: datetime, action: str, details: Details) -> bool:
    """A plan change tells of its invoice, and a failed one of its declined payment."""
    if action == "invoice.issued":
        return bool(details["reason"] != InvoiceReason.RENEWAL)
    return action == "payment.declined" and bool(events) and events[-1].at == at


def _by(actor: Details, detail: str) -> str:
    """Names the person who did it; what the portal did by itself goes without saying."""
    if actor["kind"] == "system":
        return detail
    return f"{detail} By {actor['name']}." if detail else f"By {actor['name']}."


Words = tuple[str, str, str]


def _opened(details: Details) -> Words:
    return "The account was opened", "", "neutral"


def _plan_changed(details: Details) -> Words:
    plan, before, reason = details["after"], details.get("before"), details["reason"]
    paid = f"Paid {details['paid']}." if "paid" in details else ""
    match reason:
        case "initial":
            return f"{plan} began", paid, "good"
        case "auto_upgrade":
            return f"Automatic upgrade from {before} to {plan}", paid, "warn"
        case "downgrade":
            return f"Downgrade from {before} to {plan}", "As scheduled.", "neutral"
        case _ if before == plan:
            every = describe.every(Interval(details["interval"]))
            return f"{plan} is charged {every} from now on", paid, "good"
        case _:
            return f"Upgrade from {before} to {plan}", paid, "good"


def _change_failed(details: Details) -> Words:
    return f"{details['plan']} did not begin", _sentence(details["reason"]), "bad"


def _downgrade_scheduled(details: Details) -> Words:
    on = formatting.date(datetime.fromisoformat(details["on"]))
    return f"Downgrade to {details['plan']} scheduled", f"For {on}.", "neutral"


def _downgrade_withdrawn(details: Details) -> Words:
    return f"Downgrade to {details['plan']} withdrawn", "", "neutral"


def _episode_opened(details: Details) -> Words:
    return f"Over the limit of {_limit(details)}", _standing(details), "warn"


def _warned(details: Details) -> Words:
    which = {1: "First", 2: "Second", 3: "Third"}[details["number"]]
    deadline = formatting.date_time(datetime.fromisoformat(details["deadline"]))
    return f"{which} warning by email", f"Automatic upgrade announced for {deadline}.", "warn"


def _episode_closed(details: Details) -> Words:
    if details["outcome"] == "resolved":
        return "Within the limit again", _sentence(details["reason"]), "good"
    return "The warnings ended", _sentence(details["reason"].replace("_", " ")), "neutral"


def _parked(details: Details) -> Words:
    return "The automatic upgrade is on hold", "Nothing is charged; the vendor was told.", "neutral"


def _renewed(details: Details) -> Words:
    due, total = details["due"], details["total"]
    of_it = "" if due == total else f", {due} of it after the credit balance"
    return "The plan was renewed", f"{total} by invoice {details['number']}{of_it}.", "neutral"


def _declined(details: Details) -> Words:
    return f"A payment of {details['amount']} was declined", "Nothing was charged.", "bad"


def _ended(details: Details) -> Words:
    return "The subscription ended", _sentence(details["reason"]), "bad"


def _limit(details: Details) -> str:
    return amount_of(Metric(details["metric"]), details["limit"])


def _standing(details: Details) -> str:
    metric = Metric(details["metric"])
    return f"{amount_of(metric, details['used'])} in use."


def _sentence(text: str) -> str:
    """A reason as it was kept, begun and ended like a sentence."""
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "." if text else ""


WORDS: dict[str, Callable[[Details], Words]] = {
    "account.opened": _opened,
    "plan.changed": _plan_changed,
    "plan.change_failed": _change_failed,
    "plan.downgrade_scheduled": _downgrade_scheduled,
    "plan.downgrade_withdrawn": _downgrade_withdrawn,
    "episode.opened": _episode_opened,
    "episode.warned": _warned,
    "episode.closed": _episode_closed,
    "episode.parked": _parked,
    "invoice.issued": _renewed,
    "payment.declined": _declined,
    "subscription.ended": _ended,
}
