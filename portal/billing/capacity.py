"""More room, two ways: add-ons for the days left, or the next tier, with what both cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from portal.billing import add_ons, plan_changes, price_list
from portal.billing.rules.catalog_cover import Offer, cheapest_cover
from portal.billing.rules.counting import Limits, Metric
from portal.billing.rules.money import Money
from portal.billing.rules.terms import Item
from portal.models import Account, AddOnPrice, Price, Subscription


@dataclass(frozen=True)
class Way:
    """One way to more room: what is due now, what every cycle costs more than today (both before
    tax and credit balance), and the limits it leads to."""

    due_now: Money
    more_per_cycle: Money
    limits: Limits


@dataclass(frozen=True)
class Comparison:
    """The next tier beside the add-ons that would hold as much.

    `items` are those add-ons and `by_add_ons` what they cost; both are None where no add-ons
    reach that far. The tier is reckoned without the add-ons that run today.
    """

    tier: Price
    by_tier: Way
    items: tuple[Item, ...] | None
    by_add_ons: Way | None


def compare(
    session: Session, account: Account, subscription: Subscription, *, now: datetime
) -> Comparison | None:
    """The next tier against the add-ons for the same capacity.

    None at the top tier, and while nothing has a price: the account is parked, or a cycle that is
    over waits for its renewal.
    """
    tier = price_list.next_tier(session, subscription.price)
    if tier is None or account.parked_at is not None or subscription.cycle_end_at <= now:
        return None
    sold = price_list.add_ons_for(session, subscription.price)
    wanted = _covering(subscription.price.tier.limits, tier.tier.limits, sold)
    by_add_ons, items = None, None
    if wanted is not None:
        items = price_list.basket(session, subscription.price, wanted).add_ons
        by_add_ons = way_by_add_ons(session, account, wanted, now=now)
    upgrade = plan_changes.quote(session, account, tier, add_ons={}, now=now)
    more = tier.money - subscription.price.money
    by_tier = Way(max(upgrade.draft.subtotal, Money.zero(tier.currency)), more, tier.tier.limits)
    return Comparison(tier, by_tier, items, by_add_ons)


def way_by_add_ons(
    session: Session, account: Account, wanted: Mapping[int, int], *, now: datetime
) -> Way:
    """What so many of each add-on price cost now and every cycle. RuleBroken as for a quote."""
    terms = add_ons.quote(session, account, wanted, now=now, within_bounds=False)
    nothing = Money.zero(account.currency)
    more = sum((item.price for item in terms.bought), nothing)
    return Way(terms.draft.subtotal, more, terms.basket.limits)


def _covering(lower: Limits, upper: Limits, sold: list[AddOnPrice]) -> dict[int, int] | None:
    """How many of which add-on price hold what the upper tier holds more; None where none do."""
    wanted: dict[int, int] = {}
    for metric in Metric:
        below, above = lower[metric], upper[metric]
        if below is None or above == below:
            continue
        offers = {
            Offer(str(price.id), price.add_on.quantity, price.amount_minor): price.id
            for price in sold
            if price.add_on.metric is metric
        }
        if above is None or not offers:
            return None
        for offer, count in cheapest_cover(above - below, list(offers)):
            wanted[offers[offer]] = count
    return wanted
