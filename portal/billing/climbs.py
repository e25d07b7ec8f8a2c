"""Metrics that only warn: an email when a count climbs to 80 % of its limit, to all, and over it.

`rules.climb` says which is due. Written in the transaction that changes the count or the limit,
so one bulk change sends one email: that of the highest level it reached.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from portal.audit import SYSTEM, record
from portal.billing import episode_facts, subscriptions, usage
from portal.billing.rules import climb, counting
from portal.billing.rules.counting import Metric, over_by
from portal.billing.rules.policies import Policy
from portal.mail import usage_notices
from portal.models import Account, ClimbAlert, Level, Subscription, Usage


def count_changed(
    session: Session, account: Account, row: Usage, change: int, *, now: datetime
) -> None:
    """Tell of the level the count reached by `change`; the account must be locked."""
    was_over = over_by(row.used - change, row.limit_value) > 0
    _keep_crossing(session, account, row, was_over=was_over, now=now)
    if climb.is_climbing(row.used, row.limit_value):
        _go_on(session, account, row, now=now)
    elif climb.is_climbing(row.used - change, row.limit_value):
        _end(session, row, now=now)


def set_limits(
    session: Session, account_id: int, limits: Mapping[Metric, int | None], *, now: datetime
) -> list[Usage]:
    """Give the account other limits, and tell of the level a count is at under a smaller one.

    Returns the usage of each metric whose limit changed. The account must be locked.
    """
    former = {m: session.get_one(Usage, (account_id, m)).limit_value for m in limits}
    changed = usage.set_limits(session, account_id, limits, now=now)
    account = session.get_one(Account, account_id)
    for row in changed:
        was_over = over_by(row.used, former[row.metric]) > 0
        _keep_crossing(session, account, row, was_over=was_over, now=now)
        if climb.is_climbing(row.used, row.limit_value):
            _go_on(session, account, row, now=now)
        elif climb.is_climbing(row.used, former[row.metric]):
            _end(session, row, now=now)
    return changed


def _keep_crossing(
    session: Session, account: Account, row: Usage, *, was_over: bool, now: datetime
) -> None:
    """Keep on the trail that a count went beyond its limit, or came back.

    Of seats each person's own entry says how many there are.
    """
    if row.is_over == was_over or row.metric is Metric.SEATS:
        return
    if subscriptions.live(session, account.id) is not None:
        facts = {"metric": row.metric, "used": row.used, "limit": row.limit_value}
        record(session, account, "usage.crossed", at=now, actor=SYSTEM, **facts)


def _go_on(session: Session, account: Account, row: Usage, *, now: datetime) -> None:
    if counting.level(row.used, row.limit_value) is counting.Level.OK:
        return
    if episode_facts.policy(session, row.metric) is not Policy.WARN:
        return
    reached = climb.newly_reached(row.used, row.limit_value, _told(session, row))
    subscription = subscriptions.live(session, account.id) if reached else None
    if reached is not None and subscription is not None:
        _tell(session, account, row, Level(reached.value), subscription, now=now)


def _tell(
    session: Session,
    account: Account,
    row: Usage,
    level: Level,
    subscription: Subscription,
    *,
    now: datetime,
) -> None:
    alert = ClimbAlert(
        account_id=account.id,
        metric=row.metric,
        level=level,
        used=row.used,
        limit_value=row.limit_value or 0,
        written_at=now,
    )
    session.add(alert)
    session.flush()
    plan = subscription.price.plan_name
    written = usage_notices.climbed(session, account, alert, plan=plan, now=now)
    record(
        session,
        account,
        "usage.climbed",
        at=now,
        actor=SYSTEM,
        metric=alert.metric,
        level=alert.level,
        used=alert.used,
        limit=alert.limit_value,
        recipients=[notice.recipient for notice in written],
    )


def _told(session: Session, row: Usage) -> list[counting.Level]:
    """The levels this climb told of so far."""
    statement = select(ClimbAlert.level).where(*_of_this_climb(row))
    return [counting.Level(level.value) for level in session.scalars(statement)]


def _end(session: Session, row: Usage, *, now: datetime) -> None:
    statement = update(ClimbAlert).where(*_of_this_climb(row)).values(ended_at=now)
    session.execute(statement)


def _of_this_climb(row: Usage) -> tuple[ColumnElement[bool], ...]:
    return (
        ClimbAlert.account_id == row.account_id,
        ClimbAlert.metric == row.metric,
        ClimbAlert.ended_at.is_(None),
    )
