"""The changes of a catalog in words, each under the heading it is told under."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from portal.billing.rules import describe
from portal.billing.rules.catalog_changes import (
    Added,
    Altered,
    Change,
    Priced,
    Removed,
    Reordered,
    Unpriced,
)
from portal.billing.rules.catalog_entries import LIMITS, Entry, Kind, Value
from portal.billing.rules.counting import Metric, amount_of
from portal.billing.rules.period import Interval

METRICS = {name: metric for metric, name in LIMITS.items()}


class Heading(StrEnum):
    """In the order in which they are told."""

    NEW = "New"
    CHANGED = "Changed"
    PRICES = "Prices"
    HIDDEN = "Hidden from new purchases"
    SOLD_AGAIN = "Sold again"
    TAX = "Tax"


def heading(change: Change) -> Heading:
    if change.entry.ref.kind is Kind.TAX_RATE:
        return Heading.TAX
    match change:
        case Added():
            return Heading.NEW
        case Priced() | Unpriced():
            return Heading.PRICES
        case Altered(name="hidden"):
            return Heading.HIDDEN if change.after else Heading.SOLD_AGAIN
        case _:
            return Heading.CHANGED


def sentence(change: Change) -> str:
    """As in "Standard, 5 users, every 30 days: $50.00 → $55.00, version 2"; no full stop."""
    label = change.entry.label
    match change:
        case Added(entry):
            return f"{label}: {'; '.join(filter(None, _described(entry)))}"
        case Altered(name="hidden"):
            return label
        case Altered():
            return f"{label}: {_alteration(change)}"
        case Priced() | Unpriced():
            return f"{label}, {describe.every(change.interval)}: {_pricing(change)}"
        case Removed():
            return f"{label}: no longer taxed, was {_rate(change.entry)}"
        case Reordered():
            return f"{label}: stands in another place among its like"


def _described(entry: Entry) -> Iterator[str]:
    """What is worth telling of something new."""
    fields = entry.fields
    match entry.ref.kind:
        case Kind.VENDOR:
            yield str(fields["name"])
        case Kind.TAX_RATE:
            yield _rate(entry)
        case Kind.FAMILY:
            yield "a new family of plans"
        case Kind.TIER:
            yield ", ".join(_field(entry, name) for name in LIMITS.values())
        case Kind.ADD_ON:
            yield f"{_field(entry, 'quantity')} more"
    yield from _prices(entry)
    yield "hidden" if fields.get("hidden") else ""


def _prices(entry: Entry) -> Iterator[str]:
    for interval in Interval:
        amounts = [money for (each, _), money in entry.prices.items() if each is interval]
        if amounts:
            yield f"{describe.listing([*map(describe.money, amounts)])} {describe.every(interval)}"


def _pricing(change: Priced | Unpriced) -> str:
    if isinstance(change, Unpriced):
        return f"no longer sold in {change.before.currency}, was {describe.money(change.before)}"
    if change.before is None:
        return f"now sold at {describe.money(change.after)}"
    step = f"{describe.money(change.before)} → {describe.money(change.after)}"
    return f"{step}, version {change.version}"


def _alteration(change: Altered) -> str:
    match change.before, change.after:
        case (tuple() as before, tuple() as after) if change.name == "features":
            return f"features: {_features(before, after)}"
        case (dict() as before, dict() as after):
            return f"over a limit, {_policies(before, after)}"
        case _:
            was, now = _field(change.was, change.name), _field(change.entry, change.name)
            name = "" if change.name in METRICS else _NAMES.get(change.name, change.name) + " "
            return f"{name}{now}, was {was}"


def _features(before: tuple[str, ...], after: tuple[str, ...]) -> str:
    told = [f"new “{line}”" for line in after if line not in before]
    told += [f"without “{line}”" for line in before if line not in after]
    return ", ".join(told) or "in another order"


def _policies(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    changed = [name for name in after if after[name] != before.get(name)]
    return ", ".join(f"{name}: {after[name]}, was {before.get(name)}" for name in changed)


def _field(entry: Entry, name: str) -> str:
    """The value of a field, as it is told."""
    value = entry.fields[name]
    if name in METRICS:
        return _limit(METRICS[name], value)
    if name == "quantity":
        return _limit(Metric(str(entry.fields["metric"])), value)
    if name == "basis_points":
        return describe.percent(_whole(value))
    if name == "reverse_charge":
        return "for businesses with a tax id" if value else "for nobody"
    if isinstance(value, tuple):
        return f"“{', '.join(value)}”"
    return f"“{value}”" if value else "empty"


def _limit(metric: Metric, value: Value) -> str:
    return f"unlimited {metric}" if value is None else amount_of(metric, _whole(value))


def _rate(entry: Entry) -> str:
    fields = entry.fields
    rate = f"{fields['name']} {describe.percent(_whole(fields['basis_points']))}"
    return f"{rate}, reverse charge" if fields["reverse_charge"] else rate


def _whole(value: Value) -> int:
    if not isinstance(value, int):
        raise TypeError(f"a whole number was expected, not {value!r}")
    return value


_NAMES = {
    "basis_points": "rate",
    "reverse_charge": "reverse charge",
    "tax_id": "tax id",
    "quantity": "holds",
}
