"""Counts and limits of every account against the rows behind them."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.billing import usage
from portal.billing.rules.counting import Metric
from portal.billing.subscriptions import LIVE
from portal.billing.verification.wrong import Wrong, account_name
from portal.models import Account, Price, Subscription, Tier, Usage

Row = tuple[int, str, str]


def counts(session: Session) -> Iterator[Wrong]:
    """The count that is kept is the count of the rows, for every metric."""
    for account_id, name, public_id in _accounts(session):
        kept = usage.counts(session, account_id)
        for metric, counted in usage.recount(session, account_id).items():
            if kept.get(metric) != counted:
                subject = f"{metric} of {account_name(name, public_id)}"
                yield Wrong(subject, str(kept.get(metric, "no count")), str(counted))


def limits(session: Session) -> Iterator[Wrong]:
    """The limits that are kept are those of the plan that is running."""
    statement = (
        select(Account.name, Account.public_id, Usage.metric, Usage.limit_value, Tier)
        .join(Usage, Usage.account_id == Account.id)
        .join(Subscription, Subscription.account_id == Account.id)
        .join(Price, Price.id == Subscription.price_id)
        .join(Tier, Tier.id == Price.tier_id)
        .where(Subscription.status.in_(LIVE))
        .order_by(Account.id, Usage.metric)
        .execution_options(yield_per=500)
    )
    for name, public_id, metric, limit, tier in session.execute(statement):
        planned = tier.limits[Metric(metric)]
        if limit != planned:
            subject = f"limit of {metric} of {account_name(name, public_id)}"
            yield Wrong(subject, _limit(limit), _limit(planned))


def _accounts(session: Session) -> Iterator[Row]:
    statement = select(Account.id, Account.name, Account.public_id).order_by(Account.id)
    yield from session.execute(statement.execution_options(yield_per=500))


def _limit(value: int | None) -> str:
    return "unlimited" if value is None else str(value)
