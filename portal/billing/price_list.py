"""What can be bought, and at which price: plans and add-ons in the terms of the rules."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal.billing.rules.period import Interval
from portal.billing.rules.plan_change import Direction, direction
from portal.billing.rules.terms import AddOnTerms, Basket, Item, PlanTerms
from portal.models import AddOn, AddOnPrice, Family, Price, Subscription

# Built once: pages about plans, and every daily check, ask for them.
WITH_ID = select(Price).where(Price.id == bindparam("id"))
OFFERED = select(Price).where(
    Price.currency == bindparam("currency"),
    Price.interval.in_(bindparam("intervals", expanding=True)),
    Price.retired_at.is_(None),
)
ADD_ONS = (
    select(AddOnPrice)
    .join(AddOn, AddOn.id == AddOnPrice.add_on_id)
    .join(Family, Family.id == AddOn.family_id)
    .where(
        AddOn.family_id == bindparam("family_id"),
        AddOn.hidden.is_(False),
        Family.hidden.is_(False),
        AddOnPrice.interval == bindparam("interval"),
        AddOnPrice.currency == bindparam("currency"),
        AddOnPrice.retired_at.is_(None),
    )
    .order_by(AddOn.position)
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
            limits=price.tier.limits,
        )
        for price in prices
    }


def add_on_terms(price: AddOnPrice) -> AddOnTerms:
    """An add-on's price version as the rules see it."""
    add_on = price.add_on
    return AddOnTerms(
        price.id, add_on.key, add_on.name, add_on.metric, add_on.quantity, price.money
    )


def basket(session: Session, price: Price, add_ons: Mapping[int, int]) -> Basket:
    """A plan with so many of each add-on price (by id); none of one leaves it out."""
    wanted = {price_id: quantity for price_id, quantity in add_ons.items() if quantity > 0}
    return Basket(terms(session, price), _items(session, wanted))


def offered(session: Session, *, currency: str, interval: Interval | None = None) -> list[Price]:
    """Prices that can be bought today, in the order of families and tiers."""
    asked = {"currency": currency, "intervals": [interval] if interval else list(Interval)}
    prices = [price for price in session.scalars(OFFERED, asked) if is_listed(price)]
    return sorted(prices, key=lambda p: (p.tier.family.position, p.tier.position, p.interval))


def with_id(session: Session, price_id: int) -> Price | None:
    """A price version, whether it is sold or not."""
    return session.scalars(WITH_ID, {"id": price_id}).one_or_none()


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


def is_listed(price: Price) -> bool:
    """Whether a price version is what is sold today; at most one of its successors is."""
    return price.retired_at is None and not (price.tier.hidden or price.tier.family.hidden)


def next_tier(session: Session, price: Price) -> Price | None:
    """The next tier of the same family at the same interval; None at the top."""
    candidates = [
        offer
        for offer in offered(session, currency=price.currency, interval=price.interval)
        if offer.tier.family_id == price.tier.family_id
        and offer.tier.position > price.tier.position
    ]
    return min(candidates, key=lambda offer: offer.tier.position, default=None)


def upgrade_by_itself(session: Session, price: Price) -> Price | None:
    """What an automatic upgrade leads to; None at the top, and where the next tier is no dearer.

    That is so for a tier which is sold no more, at a price that was kept for long.
    """
    target = next_tier(session, price)
    if target is None:
        return None
    both = all_terms(session, [price, target])
    is_upgrade = direction(both[price.id], both[target.id]) is Direction.UPGRADE
    return target if is_upgrade else None


def add_ons_for(session: Session, price: Price) -> list[AddOnPrice]:
    """The add-ons sold today beside a plan: of its family, interval and currency, in order."""
    asked = {
        "family_id": price.tier.family_id,
        "interval": price.interval,
        "currency": price.currency,
    }
    return list(session.scalars(ADD_ONS, asked))


def carried_over(
    session: Session, subscription: Subscription | None, target: Price
) -> dict[int, int]:
    """How many of which add-on price go along when the account moves to `target`.

    What renews is bought anew from what is sold beside the target, by the add-on's key; an add-on
    that isn't sold there ends.
    """
    if subscription is None:
        return {}
    renewing: dict[str, int] = {}
    for row in subscription.add_ons:
        key = row.price.add_on.key
        renewing[key] = renewing.get(key, 0) + row.renewing
    if not any(renewing.values()):
        return {}
    sold = {price.add_on.key: price.id for price in add_ons_for(session, target)}
    return {sold[key]: count for key, count in renewing.items() if count and key in sold}


def _items(session: Session, wanted: Mapping[int, int]) -> tuple[Item, ...]:
    if not wanted:
        return ()
    rows = session.scalars(
        select(AddOnPrice).where(AddOnPrice.id.in_(wanted)).order_by(AddOnPrice.id)
    )
    return tuple(Item(add_on_terms(row), wanted[row.id]) for row in rows)


def _monthly_prices(session: Session, prices: Iterable[Price]) -> dict[tuple[int, str], Price]:
    """Today's monthly list price of each tier and currency among `prices`."""
    prices = list(prices)
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
