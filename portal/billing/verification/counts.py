"""Counts and limits of every account against the rows behind them."""

from collections.abc import Collection, Iterator

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from portal.billing import usage
from portal.billing.rules.counting import Metric
from portal.billing.subscriptions import IS_LIVE
from portal.billing.verification.wrong import Wrong, account_name
from portal.models import (
    Account,
    AddOn,
    AddOnPrice,
    Price,
    Subscription,
    SubscriptionAddOn,
    Tier,
    Usage,
)

BATCH = 500


def counts(session: Session) -> Iterator[Wrong]:
    """The count that is kept is the count of the rows, for every metric."""
    for accounts in _accounts(session):
        kept = _kept(session, accounts.keys())
        for account_id, fresh in usage.recount(session, accounts.keys()).items():
            for metric, counted in fresh.items():
                found = kept.get((account_id, metric))
                if found != counted:
                    subject = f"{metric} of {accounts[account_id]}"
                    yield Wrong(subject, "no count" if found is None else str(found), str(counted))


def limits(session: Session) -> Iterator[Wrong]:
    """The limits that are kept are those of the running plan and its add-ons together."""
    held = (
        select(
            SubscriptionAddOn.subscription_id,
            AddOn.metric,
            func.sum(SubscriptionAddOn.quantity * AddOn.quantity).label("more"),
        )
        .join(AddOnPrice, AddOnPrice.id == SubscriptionAddOn.add_on_price_id)
        .join(AddOn, AddOn.id == AddOnPrice.add_on_id)
        .group_by(SubscriptionAddOn.subscription_id, AddOn.metric)
        .subquery()
    )
    planned = case(
        (Usage.metric == Metric.SEATS, Tier.seats),
        (Usage.metric == Metric.CLIENTS, Tier.clients),
        else_=Tier.storage_bytes,
    )
    sold = planned + func.coalesce(held.c.more, 0)
    statement = (
        select(Account.name, Account.public_id, Usage.metric, Usage.limit_value, sold)
        .join(Usage, Usage.account_id == Account.id)
        .join(Subscription, Subscription.account_id == Account.id)
        .join(Price, Price.id == Subscription.price_id)
        .join(Tier, Tier.id == Price.tier_id)
        .outerjoin(
            held,
            and_(held.c.subscription_id == Subscription.id, held.c.metric == Usage.metric),
        )
        .where(IS_LIVE, Usage.limit_value.is_distinct_from(sold))
        .order_by(Account.id, Usage.metric)
    )
    for name, public_id, metric, found, expected in session.execute(statement):
        subject = f"limit of {metric} of {account_name(name, public_id)}"
        yield Wrong(subject, _limit(found), _limit(expected))


def _accounts(session: Session) -> Iterator[dict[int, str]]:
    """All accounts by id and as people know them, some hundreds at a time."""
    statement = select(Account.id, Account.name, Account.public_id).order_by(Account.id)
    for rows in session.execute(statement.execution_options(yield_per=BATCH)).partitions():
        yield {account_id: account_name(name, public) for account_id, name, public in rows}


def _kept(session: Session, account_ids: Collection[int]) -> dict[tuple[int, str], int]:
    statement = select(Usage.account_id, Usage.metric, Usage.used).where(
        Usage.account_id.in_(account_ids)
    )
    return {(account_id, metric): used for account_id, metric, used in session.execute(statement)}


def _limit(value: int | None) -> str:
    return "unlimited" if value is None else str(value)
