"""What people are told by email when a metric that only warns climbs to its limit."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.billing.rules import describe
from portal.billing.rules.counting import Metric, amount_of, over_by
from portal.billing.rules.roles import Role
from portal.language import gettext as _
from portal.mail import notice_facts, notices, spoken
from portal.mail.notices import Message
from portal.mail.usage_places import COUNTED_AT
from portal.models import Account, ClimbAlert, Notice


@spoken.to_account
def climbed(
    session: Session, account: Account, alert: ClimbAlert, *, plan: str, now: datetime
) -> list[Notice]:
    """To each active Admin: how much is used of what, what is left, and that nothing is charged.

    `plan` is the name of the plan whose limit it is.
    """
    message = Message("usage_climbed", account, _facts(alert, plan) | {"written_at": now})
    return notices.write(session, message, notices.people(session, account, Role.ADMIN), now=now)


def _facts(alert: ClimbAlert, plan: str) -> dict[str, Any]:
    left = max(alert.limit_value - alert.used, 0)
    return {
        **notice_facts.standing(alert.metric, alert.used, alert.limit_value),
        "metric": alert.metric.value,
        "level": alert.level.value,
        "percent": alert.used * 100 // max(alert.limit_value, 1),
        "left": amount_of(alert.metric, left),
        "left_words": _left(alert.metric, left),
        "excess": amount_of(alert.metric, over_by(alert.used, alert.limit_value), round_up=True),
        "plan": plan,
        "counted_path": COUNTED_AT[alert.metric],
    }


def _left(metric: Metric, left: int) -> str:
    if metric is Metric.SEATS:
        return describe.counted(left, "%(num)s seat is left.", "%(num)s seats are left.")
    if metric is Metric.CLIENTS:
        return describe.counted(left, "%(num)s client is left.", "%(num)s clients are left.")
    return _("%(amount)s of storage is left.", amount=describe.storage(left))
