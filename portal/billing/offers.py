"""What is on offer to an account: every plan sold today, seen from where it is."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from portal.billing import plan_changes, price_list, subscriptions, usage
from portal.billing.rules import plan_change as rules
from portal.billing.rules.counting import Fit, fit
from portal.billing.rules.period import Interval
from portal.billing.rules.plan_change import Direction
from portal.billing.rules.terms import Basket
from portal.models import Account, Price


@dataclass(frozen=True)
class Offer:
    """A plan on the Change Plan page, with the add-ons that would go along.

    `direction` is which way it goes, `fit` whether today's usage fits it. `to_remove_first` is
    what has to go before an account without a plan can begin with it: "" where nothing has to.
    """

    price: Price
    basket: Basket
    direction: Direction
    fit: Fit
    is_cheapest_fitting: bool
    to_remove_first: str


def seen_from(session: Session, account: Account, interval: Interval) -> list[Offer]:
    """Every plan sold today at an interval, seen from where the account is."""
    subscription = subscriptions.live(session, account.id)
    current = price_list.terms(session, subscription.price) if subscription else None
    used = usage.counts(session, account.id)
    prices = price_list.offered(session, currency=account.currency, interval=interval)
    terms = price_list.all_terms(session, prices)
    best = rules.cheapest_fitting((terms[price.id] for price in prices), used)
    found = []
    for price in prices:
        carried = price_list.carried_over(session, subscription, price)
        basket = price_list.basket(session, price, carried) if carried else Basket(terms[price.id])
        found.append(
            Offer(
                price,
                basket,
                rules.direction(current, basket.plan),
                fit(used, basket.limits),
                best is not None and best.price_id == price.id,
                "" if current else _to_remove_first(session, used, basket),
            )
        )
    return found


def _to_remove_first(session: Session, used: usage.Counts, basket: Basket) -> str:
    return plan_changes.fit_of_upgraded(session, used, basket.limits).to_remove
