"""The account's running subscription, in the terms of the rules."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.billing import invoices
from portal.billing.rules.period import Interval
from portal.billing.rules.plan_change import PlanTerms, Running
from portal.models import Price, Subscription, SubscriptionStatus

LIVE = (SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)


def live(session: Session, account_id: int) -> Subscription | None:
    """The account's subscription, unless it has none or it ended."""
    statement = select(Subscription).where(
        Subscription.account_id == account_id, Subscription.status.in_(LIVE)
    )
    return session.scalars(statement).one_or_none()


def running(session: Session, subscription: Subscription) -> Running:
    """Plan, cycle and what the cycle was charged, for the rules to reckon with."""
    return Running(
        terms=terms(session, subscription.price),
        cycle=subscription.cycle,
        charged=invoices.plan_line_of(session, subscription).money,
    )


def terms(session: Session, price: Price) -> PlanTerms:
    """A price version as the rules see it, comparable by today's monthly list price."""
    return PlanTerms(
        price_id=price.id,
        name=price.plan_name,
        family=price.tier.family.key,
        tier=price.tier.key,
        position=price.tier.position,
        interval=price.interval,
        price=price.money,
        comparable=(_monthly(session, price) or price).money,
    )


def offered(session: Session, *, currency: str, interval: Interval | None = None) -> list[Price]:
    """Prices that can be bought today, in the order of families and tiers."""
    statement = (
        select(Price)
        .where(Price.currency == currency, Price.retired_at.is_(None))
    )
    if interval is not None:
        statement = statement.where(Price.interval == interval)
    prices = [
        price
        for price in session.scalars(statement)
        if not (price.tier.hidden or price.tier.family.hidden)
    ]
    return sorted(prices, key=lambda p: (p.tier.family.position, p.tier.position, p.interval))


def next_tier(session: Session, price: Price) -> Price | None:
    """The next tier of the same family at the same interval; None at the top."""
    candidates = [
        offer
        for offer in offered(session, currency=price.currency, interval=price.interval)
        if offer.tier.family_id == price.tier.family_id
        and offer.tier.position > price.tier.position
    ]
    return min(candidates, key=lambda offer: offer.tier.position, default=None)


def _monthly(session: Session, price: Price) -> Price | None:
    statement = select(Price).where(
        Price.tier_id == price.tier_id,
        Price.currency == price.currency,
        Price.interval == Interval.MONTHLY,
        Price.retired_at.is_(None),
    )
    return session.scalars(statement).one_or_none()
