"""The account's billing history in human words, from the trail that every command leaves.

`recent` is the short story for My Account; `entries` has all of it, `words` what is said.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.display.account_history.kinds import Details, spoken
from portal.display.account_history.words import ACTIONS
from portal.language import gettext as _
from portal.models import Account, AuditEntry, InvoiceReason

CONFIRMED = "plan.change_confirmed"
IN_BRIEF = [action for action, told in ACTIONS.items() if told.is_brief]
ENTRIES_PER_EVENT = 3


@dataclass(frozen=True)
class Event:
    """One thing that happened, as `ui.timeline` shows it."""

    at: datetime
    title: str
    detail: str = ""
    tone: str = "neutral"
    about: str | None = None


def recent(session: Session, account: Account, *, limit: int) -> list[Event]:
    """The latest changes of plan and details, episodes, charges and refunds, newest first.

    The entries that belong to one plan change (confirmed, invoiced, changed) are one event.
    """
    statement = (
        select(AuditEntry.at, AuditEntry.action, AuditEntry.actor, AuditEntry.details)
        .where(AuditEntry.account_id == account.id, AuditEntry.action.in_([*IN_BRIEF, CONFIRMED]))
        # By id, which runs like the position: so no database reads through all of a busy account.
        .order_by(AuditEntry.id.desc())
        .limit(ENTRIES_PER_EVENT * limit)
    )
    events: list[Event] = []
    for at, action, actor, details in session.execute(statement):
        _take(events, at, action, actor, spoken(details, account.currency))
    return events[:limit]


def _take(events: list[Event], at: datetime, action: str, actor: Details, details: Details) -> None:
    """Add an entry to the events that came after it."""
    if action == CONFIRMED:
        # What followed was done by the portal, but it was this person's wish.
        if events and events[-1].about == details["plan"]:
            events[-1] = replace(events[-1], detail=_by(actor, events[-1].detail))
        return
    if _is_told_already(events, at, action, details):
        return
    title, detail, tone = ACTIONS[action].words(details)
    about = details.get("after") or details.get("plan") or details.get("what")
    events.append(Event(at, title, _by(actor, detail), tone, about))


def _is_told_already(events: list[Event], at: datetime, action: str, details: Details) -> bool:
    """A plan change tells of its invoice, and a failed one of its declined payment."""
    if action == "invoice.issued":
        return bool(details["reason"] != InvoiceReason.RENEWAL)
    return action == "payment.declined" and bool(events) and events[-1].at == at


def _by(actor: Details, detail: str) -> str:
    """Names the person who did it; what the portal did by itself goes without saying."""
    if actor["kind"] == "system":
        return detail
    who = _("By %(name)s.", name=actor["name"])
    return f"{detail} {who}" if detail else who
