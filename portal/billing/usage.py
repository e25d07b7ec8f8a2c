"""The counts of an account: kept in the transaction that changes the rows behind them.

The account's lock comes first in every command, so a count never misses a change made at the
same time; `recount` is how `flask verify` checks it.
"""

from collections import Counter
from collections.abc import Collection, Mapping

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


def recount(session: Session, account_ids: Collection[int]) -> dict[int, Counts]:
    """The counts of these accounts worked out afresh from the rows."""
    seats, clients = _seats(session, account_ids), _clients(session, account_ids)
    return {
        account_id: {
            Metric.SEATS: seats.get(account_id, 0),
            Metric.CLIENTS: clients[account_id],
            Metric.STORAGE: 0,
        }
        for account_id in account_ids
    }


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
