"""Counts and limits of every account against the rows behind them."""

from collections.abc import Iterator

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from portal.billing import usage
from portal.billing.rules.counting import Metric
from portal.billing.subscriptions import LIVE
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
    beside = and_(held.c.subscription_id == Subscription.id, held.c.metric == Usage.metric)
    statement = (
        select(Account, Usage.metric, Usage.limit_value, Tier, func.coalesce(held.c.more, 0))
        .join(Usage, Usage.account_id == Account.id)
        .join(Subscription, Subscription.account_id == Account.id)
        .join(Price, Price.id == Subscription.price_id)
        .join(Tier, Tier.id == Price.tier_id)
        .outerjoin(held, beside)
        .where(Subscription.status.in_(LIVE))
        .order_by(Account.id, Usage.metric)
        .execution_options(yield_per=500)
    )
    for account, metric, limit, tier, more in session.execute(statement):
        planned = tier.limits[Metric(metric)]
        sold = None if planned is None else planned + int(more)
        if limit != sold:
            subject = f"limit of {metric} of {account_name(account.name, account.public_id)}"
            yield Wrong(subject, _limit(limit), _limit(sold))


def _accounts(session: Session) -> Iterator[Row]:
    statement = select(Account.id, Account.name, Account.public_id).order_by(Account.id)
    yield from session.execute(statement.execution_options(yield_per=500))


def _limit(value: int | None) -> str:
    return "unlimited" if value is None else str(value)
