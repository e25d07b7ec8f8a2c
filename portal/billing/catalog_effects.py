"""Whom a change of the catalog touches: who keeps what changed, who is over a new limit.

Everything is read after the rows of the catalog were changed, and before any account was.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, case, false, func, or_, select
from sqlalchemy.orm import Session, selectinload

from portal.billing import overages, price_list, subscriptions
from portal.billing.catalog_rows import OnRecord
from portal.billing.rules.catalog_changes import (
    Altered,
    Change,
    Priced,
    Unpriced,
    upgrading_from_now_on,
)
from portal.billing.rules.catalog_entries import LIMITS, Kind, Ref
from portal.billing.rules.counting import Metric, over_by
from portal.billing.rules.money import Money
from portal.models import (
    Account,
    AddOnPrice,
    Family,
    Price,
    Subscription,
    SubscriptionAddOn,
    Tier,
    Usage,
)

CAPACITY = frozenset({*LIMITS.values(), "metric", "quantity"})


@dataclass(frozen=True)
class Touched:
    """So many accounts have what changed; at `price`, where its price did."""

    accounts: int
    price: Money | None = None


@dataclass(frozen=True)
class Exceeded:
    """An account over a limit as it is after the change; `moves_to` is the plan that leads to.

    Counts and limits are bytes for storage; `limit_before` None is unlimited.
    """

    plan: str
    metric: Metric
    account: str
    account_id: str
    used: int
    limit: int
    limit_before: int | None
    moves_to: str | None

    @property
    def was_over(self) -> bool:
        return over_by(self.used, self.limit_before) > 0


def touched(session: Session, found: OnRecord, change: Change) -> list[Touched]:
    """Who keeps a former price or what is hidden now, or gets another limit at once."""
    match change:
        case Priced():
            return _at_former_prices(session, found, change, change.after.currency)
        case Unpriced():
            return _at_former_prices(session, found, change, change.before.currency)
        case Altered(name=name) if name in CAPACITY or (name == "hidden" and change.after):
            having = select(func.count(Subscription.id)).where(
                subscriptions.IS_LIVE, _has(found, change.entry.ref)
            )
            accounts = session.execute(having).scalar_one()
            return [Touched(accounts)] if accounts else []
    return []


def with_other_limits(session: Session, found: OnRecord, changes: Iterable[Change]) -> list[int]:
    """The accounts whose plan or add-ons hold more or less than before, by id."""
    resized = _resized(changes)
    if not resized:
        return []
    statement = select(Subscription.account_id).where(
        subscriptions.IS_LIVE, _has_any(found, resized)
    )
    return list(session.scalars(statement.order_by(Subscription.account_id)))


def exceeded(session: Session, found: OnRecord, changes: Sequence[Change]) -> list[Exceeded]:
    """Who is over a limit that changed, or over one that leads to an upgrade from now on."""
    resized, upgrading = _resized(changes), upgrading_from_now_on(changes)
    if not (resized or upgrading):
        return []
    of_interest = or_(_has_any(found, resized), Usage.metric.in_(upgrading))
    leads_to = cache(lambda price: price_list.upgrade_by_itself(session, price))
    told = []
    for subscription, row, account in session.execute(_above_their_plan().where(of_interest)):
        limit = subscriptions.limits(subscription)[row.metric]
        is_new = limit != row.limit_value or row.metric in upgrading
        if limit is not None and row.used > limit and is_new:
            leads_on = overages.would_open_at(session, subscription, row.metric, row.used, limit)
            target = leads_to(subscription.price) if leads_on else None
            told.append(_exceeded(subscription, row, account, limit, target))
    return told


def _at_former_prices(
    session: Session, found: OnRecord, change: Priced | Unpriced, currency: str
) -> list[Touched]:
    """Accounts by the price they keep, the latest first."""
    price: Any = Price if change.entry.ref.kind is Kind.TIER else AddOnPrice
    of: Any = price.tier_id if price is Price else price.add_on_id
    statement = (
        select(price.amount_minor, func.count(Subscription.id.distinct()))
        .select_from(Subscription)
        .where(
            subscriptions.IS_LIVE,
            of == found.id_of(change.entry.ref),
            price.interval == change.interval,
            price.currency == currency,
            price.retired_at.is_not(None),
        )
        .group_by(price.amount_minor)
        .order_by(func.max(price.version).desc())
    )
    if price is Price:
        statement = statement.join(Price, Price.id == Subscription.price_id)
    else:
        statement = statement.join(
            SubscriptionAddOn, SubscriptionAddOn.subscription_id == Subscription.id
        ).join(AddOnPrice, AddOnPrice.id == SubscriptionAddOn.add_on_price_id)
    return [
        Touched(accounts, Money(amount, currency))
        for amount, accounts in session.execute(statement)
    ]


def _exceeded(
    subscription: Subscription, row: Usage, account: Account, limit: int, target: Price | None
) -> Exceeded:
    return Exceeded(
        plan=subscription.price.plan_name,
        metric=row.metric,
        account=account.name,
        account_id=account.public_id,
        used=row.used,
        limit=limit,
        limit_before=row.limit_value,
        moves_to=target.plan_name if target else None,
    )


def _above_their_plan() -> Select[Subscription, Usage, Account]:
    """Accounts that use more than their plan alone holds, by plan; add-ons may hold the rest."""
    held = case(
        (Usage.metric == Metric.SEATS, Tier.seats),
        (Usage.metric == Metric.CLIENTS, Tier.clients),
        else_=Tier.storage_bytes,
    )
    return (
        select(Subscription, Usage, Account)
        .join(Usage, Usage.account_id == Subscription.account_id)
        .join(Account, Account.id == Subscription.account_id)
        .join(Price, Price.id == Subscription.price_id)
        .join(Tier, Tier.id == Price.tier_id)
        .join(Family, Family.id == Tier.family_id)
        .where(subscriptions.IS_LIVE, Usage.used > held)
        .order_by(Family.position, Tier.position, Usage.metric, Account.name, Account.id)
        .options(selectinload(Subscription.add_ons))
    )


def _resized(changes: Iterable[Change]) -> set[Ref]:
    """The plans and add-ons that hold more or less than before."""
    return {
        change.entry.ref
        for change in changes
        if isinstance(change, Altered) and change.name in CAPACITY
    }


def _has_any(found: OnRecord, refs: Iterable[Ref]) -> ColumnElement[bool]:
    return or_(false(), *(_has(found, ref) for ref in refs))


def _has(found: OnRecord, ref: Ref) -> ColumnElement[bool]:
    """Subscriptions to a plan, to any of a family, or with an add-on."""
    row_id = found.id_of(ref)
    if ref.kind is Kind.ADD_ON:
        having = (
            select(SubscriptionAddOn.subscription_id)
            .join(AddOnPrice, AddOnPrice.id == SubscriptionAddOn.add_on_price_id)
            .where(AddOnPrice.add_on_id == row_id)
        )
        return Subscription.id.in_(having)
    plans = select(Price.id).join(Tier, Tier.id == Price.tier_id)
    of = Tier.family_id if ref.kind is Kind.FAMILY else Tier.id
    return Subscription.price_id.in_(plans.where(of == row_id))
