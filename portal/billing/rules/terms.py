"""What is bought: a plan with its add-ons, each at the price version it is bought at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.billing.rules import describe
from portal.billing.rules.counting import Limits, Metric
from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle, Interval
from portal.billing.rules.tax import Tax


@dataclass(frozen=True)
class PlanTerms:
    """One plan at one price version.

    `family` and `tier` are keys, `position` is the tier's place in its family, from 0. `price` is
    what this price version costs per `interval`. `comparable` is the tier's list price of today
    at the monthly interval, in the currency of `price`: plans are compared by it, so that two
    intervals, or an old price and a new one, never make a dearer plan look like the cheaper.
    """

    price_id: int
    name: str
    family: str
    tier: str
    position: int
    interval: Interval
    price: Money
    comparable: Money
    limits: Limits

    @property
    def currency(self) -> str:
        return self.price.currency


@dataclass(frozen=True)
class AddOnTerms:
    """One add-on at one price version: `holds` more of `metric` for `price` per interval, each."""

    price_id: int
    key: str
    name: str
    metric: Metric
    holds: int
    price: Money


@dataclass(frozen=True)
class Item:
    """So many of one add-on; `quantity` is above zero."""

    add_on: AddOnTerms
    quantity: int

    @property
    def price(self) -> Money:
        return self.add_on.price * self.quantity

    @property
    def text(self) -> str:
        """As in "2 × 1 seat"."""
        return f"{describe.number(self.quantity)} {describe.TIMES} {self.add_on.name}"


@dataclass(frozen=True)
class Basket:
    """A plan and the add-ons beside it: what one cycle is charged for."""

    plan: PlanTerms
    add_ons: tuple[Item, ...] = ()

    @property
    def price(self) -> Money:
        """What a whole cycle costs, before tax."""
        return sum((item.price for item in self.add_ons), self.plan.price)

    @property
    def limits(self) -> Limits:
        """What the plan and its add-ons hold together; None stays unlimited."""
        return limits_with(self.plan.limits, self.add_ons)


@dataclass(frozen=True)
class Charged:
    """A line that charged part of the running cycle and has not been given back.

    `amount` is before tax, `tax` what the line carried, `period` the part of the cycle it paid
    for. `line_id` is the row's, `after_line_id` that of its last credit where it was given back
    before and a credit note took that back.
    """

    line_id: int
    name: str
    amount: Money
    tax: Tax
    period: Cycle
    after_line_id: int | None = None


@dataclass(frozen=True)
class Running:
    """A subscription in its cycle: what runs, what of it renews, and what the cycle was charged.

    `charged` are the cycle's lines as they were invoiced, before credit balance was applied.
    """

    basket: Basket
    renewing: Basket
    cycle: Cycle
    charged: tuple[Charged, ...]

    @property
    def terms(self) -> PlanTerms:
        return self.basket.plan


def limits_with(limits: Limits, add_ons: Sequence[Item]) -> Limits:
    """A plan's limits with what add-ons hold on top."""
    together = dict(limits)
    for item in add_ons:
        limit = together[item.add_on.metric]
        if limit is not None:
            together[item.add_on.metric] = limit + item.add_on.holds * item.quantity
    return together
