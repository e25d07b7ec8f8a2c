"""What going over a limit would lead to, told before it is done."""

from datetime import datetime

from sqlalchemy.orm import Session

from portal.billing import projections, subscriptions, usage
from portal.billing.rules import describe, overage
from portal.billing.rules.counting import Metric, amount_of
from portal.billing.rules.plan_change import Quote
from portal.billing.rules.policies import Policy
from portal.billing.rules.roles import Role
from portal.models import Account, Vendor


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
    opening = f"This takes you to {count:,} of {amount_of(metric, row.limit_value)}."
    terms, deadline_at = _coming_upgrade(session, account, metric, now)
    if terms is None or deadline_at is None:
        return f"{opening} {_without_upgrade(session, metric)}"
    if reader is not Role.ADMIN:
        return f"{opening} If it stays so, your Admins are told by email what follows."
    when = f"{deadline_at.astimezone(terms.zone):%-d %b %Y}"
    charge = describe.money(terms.due_now)
    return (
        f"{opening} If it stays so, you get three emails, and on {when} you move to"
        f" {terms.target.name} and are charged {charge}."
    )


def _coming_upgrade(
    session: Session, account: Account, metric: Metric, now: datetime
) -> tuple[Quote | None, datetime | None]:
    """Where the account would be taken if it went over now, and when; Nones where nowhere."""
    subscription = subscriptions.live(session, account.id)
    if subscription is None or _policy(session, metric) is not Policy.AUTO_UPGRADE:
        return None, None
    target = subscriptions.next_tier(session, subscription.price)
    if target is None:
        return None, None
    deadline_at = overage.deadline_to_tell((), overage.next_check_at(now))
    return projections.quote_at(session, account, subscription, target, deadline_at), deadline_at


def _without_upgrade(session: Session, metric: Metric) -> str:
    if _policy(session, metric) is Policy.AUTO_UPGRADE:
        return "There is no larger tier: the vendor will get in touch. Nothing is charged."
    return "Nothing is charged for it; a larger plan gives you more room."


def _policy(session: Session, metric: Metric) -> Policy:
    return session.get_one(Vendor, 1).policy(metric)
