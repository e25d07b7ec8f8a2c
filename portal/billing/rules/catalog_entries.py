"""What a catalog speaks of, as a list: one entry for each thing, with what is kept of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from portal.billing.rules.catalog_values import AddOn, Catalog, Family, Price, Tier
from portal.billing.rules.counting import Metric
from portal.billing.rules.money import Money
from portal.billing.rules.period import Interval

Value = str | int | bool | None | tuple[str, ...] | dict[str, str]
PriceKey = tuple[Interval, str]

LIMITS = {Metric.SEATS: "seats", Metric.CLIENTS: "clients", Metric.STORAGE: "storage_bytes"}


class Kind(StrEnum):
    VENDOR = "vendor"
    TAX_RATE = "tax_rate"
    FAMILY = "family"
    TIER = "tier"
    ADD_ON = "add_on"


@dataclass(frozen=True)
class Ref:
    """What names a thing for good: its kind and its keys, such as ("standard", "5-users")."""

    kind: Kind
    keys: tuple[str, ...] = ()

    @property
    def family(self) -> Ref:
        """The family that a tier or an add-on is of; of a family itself."""
        return Ref(Kind.FAMILY, self.keys[:1])

    @property
    def row(self) -> tuple[Kind, tuple[str, ...]]:
        """What it stands in a row with: the families, or the tiers or add-ons of one."""
        return self.kind, self.keys[:-1]


@dataclass(frozen=True)
class Entry:
    """A thing with its fields by the names they are kept under, and its current prices.

    `versions` are the latest ever sold, of what is on record. `place` is where it stands among
    its like, from 0.
    """

    ref: Ref
    label: str
    fields: Mapping[str, Value]
    place: int = 0
    prices: Mapping[PriceKey, Money] = field(default_factory=dict)
    versions: Mapping[PriceKey, int] = field(default_factory=dict)


def entries(catalog: Catalog) -> Iterator[Entry]:
    """What a catalog file says, each family before what is in it."""
    yield _vendor(catalog)
    for rate in catalog.tax_rates:
        fields: dict[str, Value] = {
            "name": rate.name,
            "basis_points": rate.basis_points,
            "reverse_charge": rate.reverse_charge,
        }
        yield Entry(Ref(Kind.TAX_RATE, (rate.country,)), rate.country, fields)
    for family in catalog.families:
        yield _family(family)
        yield from (_tier(family, tier) for tier in family.tiers)
        yield from (_add_on(family, add_on) for add_on in family.add_ons)


def _vendor(catalog: Catalog) -> Entry:
    vendor = catalog.vendor
    fields: dict[str, Value] = {
        "name": vendor.name,
        "email": vendor.email,
        "address": vendor.address,
        "country": vendor.country,
        "tax_id": vendor.tax_id,
        "policies": {metric.value: policy.value for metric, policy in catalog.policies.items()},
    }
    return Entry(Ref(Kind.VENDOR), "The vendor", fields)


def _family(family: Family) -> Entry:
    fields: dict[str, Value] = {
        "name": family.name,
        "features": family.features,
        "hidden": family.hidden,
    }
    return Entry(Ref(Kind.FAMILY, (family.key,)), family.name, fields, family.position)


def _tier(family: Family, tier: Tier) -> Entry:
    fields: dict[str, Value] = {
        "name": tier.name,
        **{name: tier.limits[metric] for metric, name in LIMITS.items()},
        "features": tier.features,
        "hidden": tier.hidden,
    }
    ref = Ref(Kind.TIER, (family.key, tier.key))
    label = f"{family.name}, {tier.name}"
    return Entry(ref, label, fields, tier.position, _by_key(tier.prices))


def _add_on(family: Family, add_on: AddOn) -> Entry:
    fields: dict[str, Value] = {
        "name": add_on.name,
        "metric": add_on.metric,
        "quantity": add_on.quantity,
        "hidden": add_on.hidden,
    }
    ref = Ref(Kind.ADD_ON, (family.key, add_on.key))
    label = f"{family.name}, add-on {add_on.name}"
    return Entry(ref, label, fields, add_on.position, _by_key(add_on.prices))


def _by_key(prices: Iterable[Price]) -> dict[PriceKey, Money]:
    return {(price.interval, price.money.currency): price.money for price in prices}
