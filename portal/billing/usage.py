"""The counts of an account: kept in the transaction that changes the rows behind them.

The account's lock comes first in every command, so a count never misses a change made at the
same time; `recount` is how `flask verify` checks it.
"""

from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.billing.rules.counting import Metric, is_counted, takes_seat
from portal.billing.rules.roles import Role
from portal.models import Client, ClientStatus, Membership, Usage

Counts = dict[Metric, int]


def of(session: Session, account_id: int) -> dict[Metric, Usage]:
    """The account's usage rows by metric."""
    rows = session.scalars(select(Usage).where(Usage.account_id == account_id))
    return {row.metric: row for row in rows}


def counts(session: Session, account_id: int) -> Counts:
    """How much of each metric the account uses, as the rules take it."""
    return {metric: row.used for metric, row in of(session, account_id).items()}


def open_for(session: Session, account_id: int) -> None:
    """Begin counting for a new account: nothing used, nothing allowed yet."""
    session.add_all(
        Usage(account_id=account_id, metric=metric, used=0, limit_value=0) for metric in Metric
    )


def add(session: Session, account_id: int, metric: Metric, change: int) -> Usage:
    """Change a count by what the same transaction changed in the rows; returns the usage."""
    row = session.get_one(Usage, (account_id, metric))
    row.used += change
    return row


def set_limits(session: Session, account_id: int, limits: Mapping[Metric, int | None]) -> None:
    """The account is on another plan: its limits, None for unlimited."""
    for metric in Metric:
        session.get_one(Usage, (account_id, metric)).limit_value = limits[metric]


def recount(session: Session, account_id: int) -> Counts:
    """The counts worked out afresh from the rows."""
    return {
        Metric.SEATS: _seats(session, account_id),
        Metric.CLIENTS: _clients(session, account_id),
        Metric.STORAGE: 0,
    }


def _seats(session: Session, account_id: int) -> int:
    with_seat = [role for role in Role if takes_seat(role, active=True)]
    statement = select(func.count(Membership.id)).where(
        Membership.account_id == account_id,
        Membership.deactivated_at.is_(None),
        Membership.role.in_(with_seat),
    )
    return session.execute(statement).scalar_one()


def _clients(session: Session, account_id: int) -> int:
    statement = (
        select(ClientStatus.built_in, func.count(Client.id))
        .join(Client, Client.status_id == ClientStatus.id)
        .where(Client.account_id == account_id, Client.deleted_at.is_(None))
        .group_by(ClientStatus.id, ClientStatus.built_in)
    )
    rows = session.execute(statement)
    return sum(count for built_in, count in rows if is_counted(built_in))
