"""What going over a limit would lead to, told before it is done."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from portal.billing import episodes, overages, price_list, projections, subscriptions, usage
from portal.billing.rules import describe, episode_words, overage
from portal.billing.rules.counting import Metric, of_limit
from portal.billing.rules.money import Money
from portal.billing.rules.roles import Role
from portal.language import gettext as _
from portal.language import message
from portal.models import Account, Subscription

# The daily check goes from account to account: it comes to none of them on the stroke of its hour,
# so a deadline of full hours is an hour later than the stroke's would be. What is foretold says so.
REACHED_AFTER = timedelta(seconds=1)

ON_HOLD = message(
    "You are over already, and the automatic upgrade is on hold: nothing is charged until the"
    " vendor has looked at it."
)
OVER_ALREADY = message("You are over already, and nothing follows by itself.")
LEFT_TO_VENDOR = message("Nothing is charged until the vendor has looked at it.")
NO_LARGER_PLAN = message(
    "There is no larger plan: the vendor will get in touch. Nothing is charged."
)
NO_UPGRADE = message("Nothing is charged for it; a larger plan gives you more room.")
LATE = message(
    "You are over already: you were to move to %(plan)s on %(date)s. That is late, and is still"
    " made for %(amount)s unless you are back within the limit before."
)
ANNOUNCED = message(
    "You are over already: as the emails say, on %(date)s you move to %(plan)s and are charged"
    " %(amount)s."
)
IF_IT_STAYS = message(
    "If it stays so, you get three emails, and on %(date)s you move to %(plan)s and are charged"
    " %(amount)s."
)


@dataclass(frozen=True)
class _Coming:
    """An automatic upgrade ahead: when, to what, for how much, and whether emails said so."""

    deadline_at: datetime
    plan: str
    charge: Money
    is_announced: bool


def foretell(
    session: Session,
    account: Account,
    metric: Metric,
    change: int,
    *,
    now: datetime,
    reader: Role,
) -> str | None:
    """What adding `change` would start, in sentences; None where it stays within the limit.

    Where it would be refused the sentences say so, and what can be done instead. Plan and amount
    are for Admins: a Member reads what it comes to, and that they will hear.
    """
    row = usage.of(session, account.id)[metric]
    count, limit = row.used + change, row.limit_value
    if limit is None or count <= limit:
        return None
    opening = _("This takes you to %(standing)s.", standing=of_limit(metric, count, limit))
    refused = overages.refusal(session, account, metric)
    if refused is not None:
        return f"{opening} {refused}"
    stopped = _stopped(session, account, metric)
    if stopped is not None:
        return f"{opening} {stopped}"
    coming = _announced(session, account, metric)
    if coming is None:
        subscription = subscriptions.live(session, account.id)
        if not overages.would_open_at(session, subscription, metric, count, limit):
            return f"{opening} {_(NO_UPGRADE)}"
        coming = _coming(session, account, subscription, now)
    if coming is None:
        return f"{opening} {_(NO_LARGER_PLAN)}"
    if reader is not Role.ADMIN:
        told = _("If it stays so, your Admins are told by email what follows.")
        return f"{opening} {told}"
    return f"{opening} {_told(account, coming, now)}"


def _told(account: Account, coming: _Coming, now: datetime) -> str:
    """When the plan moves where, and for how much."""
    sentence = IF_IT_STAYS
    if coming.deadline_at <= now:
        sentence = LATE
    elif coming.is_announced:
        sentence = ANNOUNCED
    day = coming.deadline_at.astimezone(ZoneInfo(account.time_zone)).date()
    amount = describe.money(coming.charge)
    return _(sentence, plan=coming.plan, date=describe.date(day), amount=amount)


def _stopped(session: Session, account: Account, metric: Metric) -> str | None:
    """Why nothing follows by itself, of an account that is over already; None where it does."""
    for episode in episodes.open_of(session, account.id, metric):
        if episode.held_at is not None:
            return _(ON_HOLD)
        if not episode.is_going_on:
            why = episode_words.parked_because(episode.parked_reason)
            return f"{_(OVER_ALREADY)} {why} {_(LEFT_TO_VENDOR)}"
    return None


def _announced(session: Session, account: Account, metric: Metric) -> _Coming | None:
    """What the open episode's last email told: going further over changes none of it."""
    for episode in episodes.open_of(session, account.id, metric):
        target = episode.warnings[-1].target_price if episode.warnings else None
        deadline_at = episode.deadline_at
        if target is not None and deadline_at is not None:
            charge = Money(episode.due_minor or 0, account.currency)
            return _Coming(deadline_at, target.plan_name, charge, True)
    return None


def _coming(
    session: Session, account: Account, subscription: Subscription | None, now: datetime
) -> _Coming | None:
    """What would follow if the account went over now; None where there is no larger plan."""
    target = price_list.upgrade_by_itself(session, subscription.price) if subscription else None
    if subscription is None or target is None:
        return None
    check_at = overage.next_check_at(now) + REACHED_AFTER
    deadline_at = overage.deadline_to_tell((), check_at)
    terms = projections.quote_at(session, account, subscription, target, deadline_at)
    return _Coming(deadline_at, terms.target.name, terms.due_now, False)
