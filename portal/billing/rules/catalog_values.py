"""What a catalog file says, as values: what the vendor sells, in what order, at what price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from portal.billing.rules.counting import Limits, Metric
from portal.billing.rules.money import Money
from portal.billing.rules.period import Interval
from portal.billing.rules.policies import Policy
from portal.billing.rules.tax import Rate


@dataclass(frozen=True)
class Vendor:
    """`address` is a line each; `country` an ISO 3166 code such as "US"; `tax_id` may be ""."""

    name: str
    email: str
    address: tuple[str, ...]
    country: str
    tax_id: str


@dataclass(frozen=True)
class Price:
    """What a plan or an add-on costs at one interval, in one currency."""

    interval: Interval
    money: Money


@dataclass(frozen=True)
class Tier:
    """A plan in every interval and currency; storage limits are bytes, None is unlimited."""

    key: str
    name: str
    position: int
    limits: Limits
    features: tuple[str, ...]
    prices: tuple[Price, ...]
    hidden: bool


@dataclass(frozen=True)
class AddOn:
    """`quantity` more of `metric` (bytes for storage) on any tier of its family."""

    key: str
    name: str
    position: int
    metric: Metric
    quantity: int
    prices: tuple[Price, ...]
    hidden: bool


@dataclass(frozen=True)
class Family:
    """Tiers from the smallest to the largest. What is hidden can't be bought any more."""

    key: str
    name: str
    position: int
    features: tuple[str, ...]
    tiers: tuple[Tier, ...]
    add_ons: tuple[AddOn, ...]
    hidden: bool

    @property
    def offered_tiers(self) -> tuple[Tier, ...]:
        return () if self.hidden else tuple(tier for tier in self.tiers if not tier.hidden)

    @property
    def offered_add_ons(self) -> tuple[AddOn, ...]:
        return () if self.hidden else tuple(each for each in self.add_ons if not each.hidden)


@dataclass(frozen=True)
class Catalog:
    """`tax_rates` are by country, each once; a country without one is not taxed."""

    vendor: Vendor
    currencies: tuple[str, ...]
    policies: Mapping[Metric, Policy]
    tax_rates: tuple[Rate, ...]
    families: tuple[Family, ...]


def size(limit: int | None) -> tuple[bool, int]:
    """By which limits are compared: unlimited is more than any number."""
    return (True, 0) if limit is None else (False, limit)
