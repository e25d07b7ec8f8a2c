"""What going over a limit would lead to, told before it is done."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from portal.billing import episodes, price_list, projections, subscriptions, usage
from portal.billing.rules import describe, overage
from portal.billing.rules.counting import Metric, amount_of
from portal.billing.rules.errors import FullWhileCancelled
from portal.billing.rules.money import Money
from portal.billing.rules.policies import Policy
from portal.billing.rules.roles import Role
from portal.models import Account, Vendor


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

    Plan and amount are for Admins: a Member reads what it comes to, and that they will hear.
    """
    row = usage.of(session, account.id)[metric]
    count = row.used + change
    if row.limit_value is None or count <= row.limit_value:
        return None
    opening = f"This takes you to {_figure(metric, count)} of {amount_of(metric, row.limit_value)}."
    if _is_held_to_limit(session, account, metric):
        return f"{opening} {FullWhileCancelled(metric.value)}"
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


def _is_held_to_limit(session: Session, account: Account, metric: Metric) -> bool:
    """Whether the plan was cancelled, and so isn't upgraded for more of the metric."""
    subscription = subscriptions.live(session, account.id)
    is_cancelled = subscription is not None and subscription.cancelled_at is not None
    return is_cancelled and _policy(session, metric) is Policy.AUTO_UPGRADE


def _announced(session: Session, account: Account, metric: Metric) -> _Coming | None:
    """What the open episode's last email told: going further over changes none of it."""
    for episode in episodes.open_of(session, account.id, metric):
        told = episode.warnings[-1] if episode.warnings else None
        if told is not None and told.target_price is not None:
            charge = Money(told.due_minor or 0, account.currency)
            return _Coming(told.deadline_at, told.target_price.plan_name, charge, True)
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
