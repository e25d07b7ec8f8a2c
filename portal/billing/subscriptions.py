"""The account's running subscription, in the terms of the rules."""

from collections.abc import Sequence

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
    return all_terms(session, [price])[price.id]


def all_terms(session: Session, prices: Sequence[Price]) -> dict[int, PlanTerms]:
    """The terms of several price versions, by the id of the price."""
    monthly = _monthly_prices(session, prices)
    return {
        price.id: PlanTerms(
            price_id=price.id,
            name=price.plan_name,
            family=price.tier.family.key,
            tier=price.tier.key,
            position=price.tier.position,
            interval=price.interval,
            price=price.money,
            comparable=monthly.get((price.tier_id, price.currency), price).money,
        )
        for price in prices
    }


def offered(session: Session, *, currency: str, interval: Interval | None = None) -> list[Price]:
    """Prices that can be bought today, in the order of families and tiers."""
    statement = select(Price).where(Price.currency == currency, Price.retired_at.is_(None))
    if interval is not None:
        statement = statement.where(Price.interval == interval)
    prices = [
        price
        for price in session.scalars(statement)
        if not (price.tier.hidden or price.tier.family.hidden)
    ]
    return sorted(prices, key=lambda p: (p.tier.family.position, p.tier.position, p.interval))


def listed(session: Session, price: Price) -> Price | None:
    """What is sold today in place of a price version: itself, its successor, or nothing."""
    if price.tier.hidden or price.tier.family.hidden:
        return None
    statement = select(Price).where(
        Price.tier_id == price.tier_id,
        Price.interval == price.interval,
        Price.currency == price.currency,
        Price.retired_at.is_(None),
    )
    return session.scalars(statement).one_or_none()


def next_tier(session: Session, price: Price) -> Price | None:
    """The next tier of the same family at the same interval; None at the top."""
    candidates = [
        offer
        for offer in offered(session, currency=price.currency, interval=price.interval)
        if offer.tier.family_id == price.tier.family_id
        and offer.tier.position > price.tier.position
    ]
    return min(candidates, key=lambda offer: offer.tier.position, default=None)


def _monthly_prices(session: Session, prices: Sequence[Price]) -> dict[tuple[int, str], Price]:
    """Today's monthly list price of each tier and currency among `prices`."""
    listed = {(p.tier_id, p.currency): p for p in prices if _is_monthly_list_price(p)}
    missing = {price.tier_id for price in prices if (price.tier_id, price.currency) not in listed}
    if missing:
        statement = select(Price).where(
            Price.tier_id.in_(missing),
            Price.interval == Interval.MONTHLY,
            Price.retired_at.is_(None),
        )
        listed |= {(price.tier_id, price.currency): price for price in session.scalars(statement)}
    return listed


def _is_monthly_list_price(price: Price) -> bool:
    return price.interval is Interval.MONTHLY and price.retired_at is None
