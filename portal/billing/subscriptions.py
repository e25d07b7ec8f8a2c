"""The account's running subscription, in the terms of the rules."""

from collections.abc import Mapping

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, joinedload

from portal.billing import cycle_lines, price_list
from portal.billing.rules.counting import Metric
from portal.billing.rules.terms import Basket, Item, Running, limits_with
from portal.models import Subscription, SubscriptionStatus
from portal.models.types import spelt_out
from portal.transaction import read_once

LIVE = (SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)
IS_LIVE = spelt_out(Subscription.status, *LIVE)
# Built once: what most pages and commands ask first.
OF_ACCOUNT = (
    select(Subscription)
    .options(joinedload(Subscription.add_ons))
    .where(Subscription.account_id == bindparam("account_id"), IS_LIVE)
)


def live(session: Session, account_id: int) -> Subscription | None:
    """The account's subscription, unless it has none or it ended."""

    def ask() -> Subscription | None:
        return session.scalars(OF_ACCOUNT, {"account_id": account_id}).unique().one_or_none()

    return read_once(session, ("subscription", account_id), ask)


def running(session: Session, subscription: Subscription) -> Running:
    """What runs, what renews, the cycle and what it was charged, for the rules to reckon with."""
    return Running(
        basket=basket(session, subscription),
        renewing=renewing(session, subscription),
        cycle=subscription.cycle,
        charged=cycle_lines.charged(session, subscription),
    )


def basket(session: Session, subscription: Subscription) -> Basket:
    """The plan and the add-ons of the running cycle, at the prices they were bought at."""
    return Basket(price_list.terms(session, subscription.price), _items(subscription))


def renewing(session: Session, subscription: Subscription) -> Basket:
    """What is charged again when the cycle ends, if nothing is scheduled."""
    items = (
        Item(price_list.add_on_terms(row.price), row.renewing)
        for row in subscription.add_ons
        if row.renewing
    )
    return Basket(price_list.terms(session, subscription.price), tuple(items))


def limits(subscription: Subscription) -> Mapping[Metric, int | None]:
    """What plan and add-ons hold together, by metric; None is unlimited."""
    return limits_with(subscription.price.tier.limits, _items(subscription))


def _items(subscription: Subscription) -> tuple[Item, ...]:
    return tuple(
        Item(price_list.add_on_terms(row.price), row.quantity) for row in subscription.add_ons
    )
