"""The cheapest add-ons that hold at least so much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd


@dataclass(frozen=True)
class Offer:
    """An add-on at one interval and currency: so much capacity for so many minor units."""

    name: str
    quantity: int
    amount: int


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
