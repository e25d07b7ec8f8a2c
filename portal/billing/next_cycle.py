"""What the next cycle is charged for, as things stand: asked by who renews and who foretells."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from portal.billing import intentions, price_list, situations, subscriptions, usage
from portal.billing.rules.counting import Fit, Metric, Usage, fit
from portal.billing.rules.terms import Basket, Item
from portal.models import PlanChange, Price, Subscription


@dataclass(frozen=True)
class NextCycle:
    """What runs after the running cycle, and why not what was asked for.

    `downgrade` begins with it; `unfit_downgrade` was to begin but usage no longer fits it, with
    `misfit` saying what is too much. `kept` are add-ons that were to go, but are in use: `missing`
    says what would be too much without them.
    """

    price: Price
    basket: Basket
    downgrade: PlanChange | None = None
    unfit_downgrade: PlanChange | None = None
    misfit: Fit | None = None
    missing: Fit | None = None
    kept: tuple[Item, ...] = ()


def of(session: Session, subscription: Subscription) -> NextCycle | None:
    """What the running cycle is followed by; None when the subscription ends with it."""
    return following(session, subscription, situations.scheduled(session, subscription.account_id))


def following(
    session: Session, subscription: Subscription, change: PlanChange | None
) -> NextCycle | None:
    """The same for who knows already which change is scheduled."""
    if subscription.cancelled_at is not None:
        return None
    if change is None:
        return _with_what_renews(session, subscription)
    used = usage.counts(session, subscription.account_id)
    smaller = price_list.basket(session, change.to_price, intentions.add_ons_of(change))
    fitting = fit(used, smaller.limits)
    if fitting.fits:
        return NextCycle(change.to_price, smaller, downgrade=change)
    renewed = _with_what_renews(session, subscription)
    return replace(renewed, unfit_downgrade=change, misfit=fitting)


def without(subscription: Subscription, basket: Basket, used: Usage) -> Fit:
    """Whether usage fits without the add-ons that don't renew: of their metrics, not of others."""
    going = {row.price.add_on.metric for row in subscription.add_ons if row.renewing < row.quantity}
    return fit_of(going, basket, used)


def fit_of(metrics: Collection[Metric], basket: Basket, used: Usage) -> Fit:
    """Whether usage fits into the limits of these metrics, whatever it is of others."""
    unlimited: dict[Metric, int | None] = dict.fromkeys(Metric)
    return fit(used, unlimited | {metric: basket.limits[metric] for metric in metrics})


def _with_what_renews(session: Session, subscription: Subscription) -> NextCycle:
    renewing = subscriptions.renewing(session, subscription)
    if all(row.renewing == row.quantity for row in subscription.add_ons):
        return NextCycle(subscription.price, renewing)
    used = usage.counts(session, subscription.account_id)
    fitting = without(subscription, renewing, used)
    if fitting.fits:
        return NextCycle(subscription.price, renewing)
    short = {shortfall.metric for shortfall in fitting.shortfalls}
    rows = [row for row in subscription.add_ons if row.price.add_on.metric in short]
    kept = tuple(
        Item(price_list.add_on_terms(row.price), row.quantity - row.renewing)
        for row in rows
        if row.renewing < row.quantity
    )
    wanted = {
        row.add_on_price_id: row.quantity if row in rows else row.renewing
        for row in subscription.add_ons
    }
    basket = price_list.basket(session, subscription.price, wanted)
    return NextCycle(subscription.price, basket, missing=fitting, kept=kept)
