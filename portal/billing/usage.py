"""The counts of an account: kept in the transaction that changes the rows behind them.

The account's lock comes first in every command, so a count never misses a change made at the
same time; `recount` is how `flask verify` checks it.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Date,
    Select,
    Table,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from portal.billing.rules.counting import Metric, is_counted, takes_seat
from portal.billing.rules.roles import Role
from portal.billing.rules.usage_forecast import DayCount
from portal.models import Client, ClientStatus, Document, Membership, Usage, UsageDay
from portal.transaction import read_once

Counts = dict[Metric, int]
DAY = timedelta(days=1)
DAYS = cast(Table, UsageDay.__table__)
# Built once, as is HISTORY below: they are asked for wherever counts are drawn.
OF_ACCOUNT = select(Usage).where(Usage.account_id == bindparam("account_id"))


def of(session: Session, account_id: int) -> dict[Metric, Usage]:
    """The account's usage rows by metric."""

    def ask() -> dict[Metric, Usage]:
        rows = session.scalars(OF_ACCOUNT, {"account_id": account_id})
        return {row.metric: row for row in rows}

    return read_once(session, ("usage", account_id), ask)


def counts(session: Session, account_id: int) -> Counts:
    """How much of each metric the account uses, as the rules take it."""
    return {metric: row.used for metric, row in of(session, account_id).items()}


def history(
    session: Session, account_id: int, *, since: date, until: date
) -> dict[Metric, list[DayCount]]:
    """Count and limit of every metric at the end of each day (UTC) from `since` to `until`.

    A metric whose counting began later has only the days since then.
    """
    kept: dict[Metric, list[DayCount]] = {metric: [] for metric in Metric}
    asked = {"account_id": account_id, "since": since, "until": until}
    for metric, day, used, limit in session.execute(HISTORY, asked):
        kept[metric].append(DayCount(day, used, limit))
    return {metric: _day_by_day(counts, since, until) for metric, counts in kept.items()}


def open_for(session: Session, account_id: int, *, now: datetime) -> None:
    """Begin counting for a new account: nothing used, nothing allowed yet."""
    rows = [Usage(account_id=account_id, metric=metric, used=0, limit_value=0) for metric in Metric]
    session.add_all(rows)
    _keep_day(session, rows, now)


def add(session: Session, account_id: int, metric: Metric, change: int, *, now: datetime) -> Usage:
    """Change a count by what the same transaction changed in the rows; returns the usage."""
    row = session.get_one(Usage, (account_id, metric))
    if change:
        row.used += change
        _keep_since(row, now)
        _keep_day(session, [row], now)
    return row


def set_limits(
    session: Session, account_id: int, limits: Mapping[Metric, int | None], *, now: datetime
) -> list[Usage]:
    """The account is on another plan: its limits, None for unlimited. Returns the usage of each
    metric whose limit is another now."""
    rows = (session.get_one(Usage, (account_id, metric)) for metric in Metric)
    changed = [row for row in rows if row.limit_value != limits[row.metric]]
    for row in changed:
        row.limit_value = limits[row.metric]
        _keep_since(row, now)
    _keep_day(session, changed, now)
    return changed


def recount(session: Session, account_ids: Collection[int]) -> dict[int, Counts]:
    """The counts of these accounts worked out afresh from the rows."""
    seats, clients = _seats(session, account_ids), _clients(session, account_ids)
    storage = _storage(session, account_ids)
    return {
        account_id: {
            Metric.SEATS: seats.get(account_id, 0),
            Metric.CLIENTS: clients[account_id],
            Metric.STORAGE: storage.get(account_id, 0),
        }
        for account_id in account_ids
    }


def _keep_since(row: Usage, now: datetime) -> None:
    """Since when more is in use than the limit, without a moment within it."""
    if not row.is_over:
        row.over_since = None
    elif row.over_since is None:
        row.over_since = now


def _keep_day(session: Session, rows: Sequence[Usage], now: datetime) -> None:
    """Write the usage down as that of the day, in place of what the day said before."""
    if not rows:
        return
    insert = postgresql_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    statement = insert(DAYS).values([_as_of_day(row, now.date()) for row in rows])
    new = statement.excluded
    session.execute(
        statement.on_conflict_do_update(
            index_elements=list(DAYS.primary_key),
            set_={"used": new.used, "limit_value": new.limit_value},
        )
    )


def _as_of_day(row: Usage, today: date) -> dict[str, Any]:
    # Whoever waited for the lock over midnight comes after those who began their day before it.
    latest = select(func.coalesce(func.max(DAYS.c.day), literal(today, Date))).where(
        DAYS.c.account_id == row.account_id, DAYS.c.metric == row.metric, DAYS.c.day > today
    )
    return {
        "account_id": row.account_id,
        "metric": row.metric,
        "day": latest.scalar_subquery(),
        "used": row.used,
        "limit_value": row.limit_value,
    }


def _history() -> Select[Metric, date, int, int | None]:
    return (
        select(UsageDay.metric, UsageDay.day, UsageDay.used, UsageDay.limit_value)
        .where(
            UsageDay.account_id == bindparam("account_id"),
            UsageDay.day <= bindparam("until"),
            or_(*(_holding_since(metric) for metric in Metric)),
        )
        .order_by(UsageDay.day)
    )


def _holding_since(metric: Metric) -> ColumnElement[bool]:
    """The rows of a metric from the one on that held when "since" ended."""
    since = bindparam("since", type_=Date)
    first = (
        select(func.coalesce(func.max(UsageDay.day), since))
        .where(
            UsageDay.account_id == bindparam("account_id"),
            UsageDay.metric == metric,
            UsageDay.day <= since,
        )
        .scalar_subquery()
    )
    return and_(UsageDay.metric == metric, UsageDay.day >= first)


def _day_by_day(kept: Sequence[DayCount], since: date, until: date) -> list[DayCount]:
    """Every day for itself: those without a row of their own carry on the one before."""
    days: list[DayCount] = []
    ends = [count.day for count in kept[1:]] + [until + DAY]
    for count, end in zip(kept, ends, strict=False):
        day = max(count.day, since)
        while day < end:
            days.append(replace(count, day=day))
            day += DAY
    return days


def _seats(session: Session, account_ids: Collection[int]) -> dict[int, int]:
    with_seat = [role for role in Role if takes_seat(role, active=True)]
    statement = (
        select(Membership.account_id, func.count(Membership.id))
        .where(
            Membership.account_id.in_(account_ids),
            Membership.deactivated_at.is_(None),
            Membership.role.in_(with_seat),
        )
        .group_by(Membership.account_id)
    )
    return dict(session.execute(statement).all())


def _clients(session: Session, account_ids: Collection[int]) -> Counter[int]:
    statement = (
        select(Client.account_id, ClientStatus.built_in, func.count(Client.id))
        .join(ClientStatus, ClientStatus.id == Client.status_id)
        .where(Client.account_id.in_(account_ids), Client.deleted_at.is_(None))
        .group_by(Client.account_id, ClientStatus.built_in)
    )
    counted: Counter[int] = Counter()
    for account_id, built_in, count in session.execute(statement):
        if is_counted(built_in):
            counted[account_id] += count
    return counted


def _storage(session: Session, account_ids: Collection[int]) -> dict[int, int]:
    statement = (
        select(Document.account_id, func.sum(Document.size_bytes))
        .join(Client, Client.id == Document.client_id)
        .where(
            Document.account_id.in_(account_ids),
            Document.deleted_at.is_(None),
            Client.deleted_at.is_(None),
        )
        .group_by(Document.account_id)
    )
    return {account_id: int(size) for account_id, size in session.execute(statement)}


HISTORY = _history()
