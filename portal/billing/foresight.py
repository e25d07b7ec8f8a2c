"""What going over a limit would lead to, told before it is done."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from portal.billing import episodes, overages, price_list, projections, subscriptions, usage
from portal.billing.rules import describe, overage
from portal.billing.rules.counting import Metric, amount_of
from portal.billing.rules.money import Money
from portal.billing.rules.policies import Policy
from portal.billing.rules.roles import Role
from portal.models import Account, Vendor

ON_HOLD = (
    "You are over already, and the automatic upgrade is on hold: nothing is charged until the"
    " vendor has looked at it."
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
    count = row.used + change
    if row.limit_value is None or count <= row.limit_value:
        return None
    opening = f"This takes you to {_figure(metric, count)} of {amount_of(metric, row.limit_value)}."
    refused = overages.refusal(session, account, metric)
    if refused is not None:
        return f"{opening} {refused}"
    if _is_on_hold(session, account, metric):
        return f"{opening} {ON_HOLD}"
    coming = _announced(session, account, metric) or _coming(session, account, metric, now)
    if coming is None:
        return f"{opening} {_without_upgrade(session, metric)}"
    if reader is not Role.ADMIN:
        return f"{opening} If it stays so, your Admins are told by email what follows."
    what = (
        f"on {coming.deadline_at.astimezone(ZoneInfo(account.time_zone)):%-d %b %Y} you move to"
        f" {coming.plan} and are charged {describe.money(coming.charge)}."
    )
    if coming.is_announced:
        return f"{opening} You are over already: as the emails say, {what}"
    return f"{opening} If it stays so, you get three emails, and {what}"


def _figure(metric: Metric, count: int) -> str:
    """Rounded up where it is bytes: a little too much is not shown as just enough."""
    if metric is Metric.STORAGE:
        return describe.storage(count, round_up=True)
    return describe.number(count)


def _is_on_hold(session: Session, account: Account, metric: Metric) -> bool:
    """Whether the account is over already, and the vendor is to look before anything follows."""
    return any(not each.is_going_on for each in episodes.open_of(session, account.id, metric))


def _announced(session: Session, account: Account, metric: Metric) -> _Coming | None:
    """What the open episode's last email told: going further over changes none of it."""
    for episode in episodes.open_of(session, account.id, metric):
        target = episode.warnings[-1].target_price if episode.warnings else None
        deadline_at = episode.deadline_at
        if target is not None and deadline_at is not None:
            charge = Money(episode.due_minor or 0, account.currency)
            return _Coming(deadline_at, target.plan_name, charge, True)
    return None


def _coming(session: Session, account: Account, metric: Metric, now: datetime) -> _Coming | None:
    """What would follow if the account went over now; None where nothing is charged."""
    subscription = subscriptions.live(session, account.id)
    if subscription is None or _policy(session, metric) is not Policy.AUTO_UPGRADE:
        return None
    target = price_list.next_tier(session, subscription.price)
    if target is None:
        return None
    deadline_at = overage.deadline_to_tell((), overage.next_check_at(now))
    terms = projections.quote_at(session, account, subscription, target, deadline_at)
    return _Coming(deadline_at, terms.target.name, terms.due_now, False)


def _without_upgrade(session: Session, metric: Metric) -> str:
    if _policy(session, metric) is Policy.AUTO_UPGRADE:
        return "There is no larger tier: the vendor will get in touch. Nothing is charged."
    return "Nothing is charged for it; a larger plan gives you more room."


def _policy(session: Session, metric: Metric) -> Policy:
    return session.get_one(Vendor, 1).policy(metric)
