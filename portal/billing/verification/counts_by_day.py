"""The counts by day, and the emails written about them, against the counts of today."""

from collections.abc import Iterator

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from portal.billing.rules import climb
from portal.billing.verification.wrong import Wrong, account_name
from portal.models import Account, ClimbAlert, Usage, UsageDay


def counts_by_day(session: Session) -> Iterator[Wrong]:
    """The latest day says what the count and the limit are now."""
    latest = (
        select(UsageDay.account_id, UsageDay.metric, func.max(UsageDay.day).label("day"))
        .group_by(UsageDay.account_id, UsageDay.metric)
        .subquery()
    )
    statement = (
        select(Account.name, Account.public_id, Usage, UsageDay)
        .join(Usage, Usage.account_id == Account.id)
        .outerjoin(
            latest,
            and_(latest.c.account_id == Usage.account_id, latest.c.metric == Usage.metric),
        )
        .outerjoin(
            UsageDay,
            and_(
                UsageDay.account_id == Usage.account_id,
                UsageDay.metric == Usage.metric,
                UsageDay.day == latest.c.day,
            ),
        )
        .where(
            or_(
                UsageDay.used.is_distinct_from(Usage.used),
                UsageDay.limit_value.is_distinct_from(Usage.limit_value),
            )
        )
        .order_by(Account.id, Usage.metric)
    )
    for name, public_id, kept, day in session.execute(statement):
        subject = f"{kept.metric} of {account_name(name, public_id)} by day"
        yield Wrong(subject, _standing(day) if day else "no day", _standing(kept))


def climbs_told(session: Session) -> Iterator[Wrong]:
    """A climb goes on only while the count is not far below its limit."""
    statement = (
        select(Account.name, Account.public_id, ClimbAlert, Usage)
        .join(Account, Account.id == ClimbAlert.account_id)
        .join(
            Usage,
            and_(Usage.account_id == ClimbAlert.account_id, Usage.metric == ClimbAlert.metric),
        )
        .where(ClimbAlert.ended_at.is_(None))
        .order_by(ClimbAlert.id)
    )
    for name, public_id, alert, kept in session.execute(statement):
        if not climb.is_climbing(kept.used, kept.limit_value):
            subject = f"climb of {alert.metric} of {account_name(name, public_id)}"
            yield Wrong(subject, f"going on at {_standing(kept)}", "ended")


def _standing(row: Usage | UsageDay) -> str:
    limit = "unlimited" if row.limit_value is None else str(row.limit_value)
    return f"{row.used} of {limit}"
