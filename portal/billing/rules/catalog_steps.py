"""What each step from a tier to the next has to be: larger, dearer, better value than add-ons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import gcd

from portal.billing.rules import describe
from portal.billing.rules.catalog_values import AddOn, AddOnPrice, Family, Price, Tier
from portal.billing.rules.counting import Metric, amount_of
from portal.billing.rules.money import Money
from portal.billing.rules.period import Interval


@dataclass(frozen=True)
class Step:
    """From one tier of a family to the next."""

    family: Family
    lower: Tier
    upper: Tier

    @property
    def names(self) -> tuple[str, str]:
        return f"{self.family.name}, {self.lower.name}", f"{self.family.name}, {self.upper.name}"


@dataclass(frozen=True)
class Offer:
    """An add-on at one interval and currency: so much capacity for so many minor units."""

    name: str
    quantity: int
    amount: int


def step_problems(family: Family, currencies: Sequence[str]) -> Iterator[tuple[int, str]]:
    """What is wrong with the family's steps, each with the place of the upper tier.

    Limits and prices that could not be read are left out of the comparison.
    """
    for lower, upper in pairwise(family.tiers):
        step = Step(family, lower, upper)
        for reason in _wrong_with(step, currencies):
            yield upper.position, reason


def _wrong_with(step: Step, currencies: Sequence[str]) -> Iterator[str]:
    yield from _doubles(step)
    for interval in Interval:
        for currency in currencies:
            lower = _amount(step.lower.prices, interval, currency)
            upper = _amount(step.upper.prices, interval, currency)
            if lower is not None and upper is not None:
                yield from _dearer(step, interval, lower, upper)
                yield from _better_value(step, interval, upper - lower)


def _doubles(step: Step) -> Iterator[str]:
    lower_name, upper_name = step.names
    grows = False
    readable = [m for m in Metric if m in step.lower.limits and m in step.upper.limits]
    for metric in readable:
        lower, upper = step.lower.limits[metric], step.upper.limits[metric]
        if _size(upper) < _size(lower):
            yield (
                f"catalog.doubles: {upper_name} holds {_limit(metric, upper)}, less than the "
                f"{_limit(metric, lower)} of {lower_name} before it."
            )
        grows |= _size(upper) != _size(lower)
    if len(readable) == len(Metric) and not grows:
        yield f"catalog.doubles: {upper_name} holds no more than {lower_name} before it."


def _dearer(step: Step, interval: Interval, lower: Money, upper: Money) -> Iterator[str]:
    if upper <= lower:
        lower_name, upper_name = step.names
        yield (
            f"{upper_name} costs {describe.money(upper)} ({interval}), not more than "
            f"{lower_name} before it at {describe.money(lower)}: put tiers in order of price."
        )


def _better_value(step: Step, interval: Interval, difference: Money) -> Iterator[str]:
    bought = _add_ons_for(step, interval, difference.currency)
    if bought is None:
        return
    amount = sum(offer.amount * count for offer, count in bought)
    cost = Money(amount, difference.currency)
    if cost < difference:
        lower_name, upper_name = step.names
        shopping = describe.listing([f"{count} × “{offer.name}”" for offer, count in bought])
        yield (
            f"catalog.better-value: from {lower_name} to {upper_name} ({interval}, "
            f"{difference.currency}) costs {describe.money(difference)} more, but the same as "
            f"add-ons ({shopping}) only {describe.money(cost)}: the step is "
            f"{describe.money(difference - cost)} too dear, or the add-ons too cheap."
        )


def _add_ons_for(step: Step, interval: Interval, currency: str) -> list[tuple[Offer, int]] | None:
    """The cheapest add-ons that reach the upper tier's limits; None where none can."""
    bought: list[tuple[Offer, int]] = []
    for metric in Metric:
        if metric not in step.lower.limits or metric not in step.upper.limits:
            return None
        lower, upper = step.lower.limits[metric], step.upper.limits[metric]
        if _size(upper) <= _size(lower):
            continue
        offers = _offers(step.family.add_ons, metric, interval, currency)
        if upper is None or lower is None or not offers:
            return None
        bought += cheapest_cover(upper - lower, offers)
    return bought or None


def cheapest_cover(need: int, offers: Sequence[Offer]) -> list[tuple[Offer, int]]:
    """How many of each offer hold at least `need` for the least money.

    All but a few are of the offer with the lowest price per unit: of q or more others (q its
    quantity), some always add up to a multiple of q and could be exchanged for it. So only the
    rest, of q × the largest quantity, is searched.
    """
    unit = gcd(*(offer.quantity for offer in offers))
    best = min(offers, key=lambda offer: Fraction(offer.amount, offer.quantity))
    largest = max(offer.quantity for offer in offers)
    searched = (best.quantity // unit) * largest
    in_bulk = max(need - searched, 0) // best.quantity
    rest = _searched_cover(-(-(need - in_bulk * best.quantity) // unit), unit, offers)
    counts = [(o, rest.count(o) + (in_bulk if o is best else 0)) for o in offers]
    return [(offer, count) for offer, count in counts if count]


def _searched_cover(units: int, unit: int, offers: Sequence[Offer]) -> list[Offer]:
    cost = [0]
    choice: list[Offer] = []
    for size in range(1, units + 1):
        costs = [cost[max(size - o.quantity // unit, 0)] + o.amount for o in offers]
        cost.append(min(costs))
        choice.append(offers[costs.index(cost[-1])])
    bought: list[Offer] = []
    while units > 0:
        bought.append(choice[units - 1])
        units -= bought[-1].quantity // unit
    return bought


def _offers(
    add_ons: Iterable[AddOn], metric: Metric, interval: Interval, currency: str
) -> list[Offer]:
    found = []
    for add_on in add_ons:
        amount = _amount(add_on.prices, interval, currency)
        if add_on.metric is metric and amount is not None:
            found.append(Offer(add_on.name, add_on.quantity, amount.amount))
    return found


def _amount(
    prices: Iterable[Price | AddOnPrice], interval: Interval, currency: str
) -> Money | None:
    for price in prices:
        if price.interval is interval and price.money.currency == currency:
            return price.money
    return None


def _size(limit: int | None) -> tuple[bool, int]:
    return (True, 0) if limit is None else (False, limit)


def _limit(metric: Metric, limit: int | None) -> str:
    return f"unlimited {metric}" if limit is None else amount_of(metric, limit)
