"""What a catalog file changes of what is on record.

Both sides become lists of entries, one for each thing that the catalog speaks of; comparing them
gives the changes as values. Prices are never edited: another amount is another version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from portal.billing.rules.catalog_entries import LIMITS, Entry, Kind, Ref, Value, entries
from portal.billing.rules.catalog_values import Catalog, size
from portal.billing.rules.counting import Metric
from portal.billing.rules.money import Money
from portal.billing.rules.period import Interval
from portal.billing.rules.policies import Policy


@dataclass(frozen=True)
class Added:
    entry: Entry


@dataclass(frozen=True)
class Altered:
    """A field of an entry is another; `was` is the entry before."""

    entry: Entry
    was: Entry
    name: str

    @property
    def before(self) -> Value:
        return self.was.fields[self.name]

    @property
    def after(self) -> Value:
        return self.entry.fields[self.name]


@dataclass(frozen=True)
class Priced:
    """A new version of a price; `before` is None where it was not sold so."""

    entry: Entry
    interval: Interval
    before: Money | None
    after: Money
    version: int


@dataclass(frozen=True)
class Unpriced:
    """Not sold in a currency any more."""

    entry: Entry
    interval: Interval
    before: Money


@dataclass(frozen=True)
class Removed:
    """A tax rate that is gone."""

    entry: Entry


@dataclass(frozen=True)
class Reordered:
    """Tiers, add-ons or families stand in another order: `entry` in another place among them."""

    entry: Entry
    was: Entry


Change = Added | Altered | Priced | Unpriced | Removed | Reordered


@dataclass(frozen=True)
class Comparison:
    """The changes, and every place there is: what is hidden keeps its own between the others."""

    changes: tuple[Change, ...]
    places: Mapping[Ref, int]


def compare(stored: Sequence[Entry], catalog: Catalog) -> Comparison:
    """What makes of the entries on record what the file says; nothing where it says the same."""
    said = list(entries(catalog))
    places = _places(stored, said)
    return Comparison(tuple(_changes(stored, said)), places)


def upgrading_from_now_on(changes: Iterable[Change]) -> frozenset[Metric]:
    """The metrics that lead to an automatic upgrade now, and did not before."""
    found: set[Metric] = set()
    for change in changes:
        match change:
            case Altered(name="policies", before=dict() as before, after=dict() as after):
                upgrading = {name for name in after if after[name] == Policy.AUTO_UPGRADE}
                found |= {Metric(name) for name in upgrading if before.get(name) != after[name]}
    return frozenset(found)


def _changes(stored: Sequence[Entry], said: Sequence[Entry]) -> Iterator[Change]:
    known = {entry.ref: entry for entry in stored}
    for entry in said:
        was = known.pop(entry.ref, None)
        if was is None:
            yield Added(entry)
        else:
            yield from _altered(was, entry)
            yield from _priced(was, entry)
    yield from _reordered(stored, said)
    families = {entry.ref for entry in said if entry.ref.kind is Kind.FAMILY}
    for gone in known.values():
        yield from _left_out(gone, families)


def _altered(was: Entry, entry: Entry) -> Iterator[Change]:
    for name, value in entry.fields.items():
        if was.fields[name] != value:
            yield Altered(entry, was, name)


def _priced(was: Entry, entry: Entry) -> Iterator[Change]:
    for (interval, currency), after in entry.prices.items():
        before = was.prices.get((interval, currency))
        if before != after:
            version = was.versions.get((interval, currency), 0) + 1
            yield Priced(entry, interval, before, after, version)
    for (interval, currency), before in was.prices.items():
        if (interval, currency) not in entry.prices:
            yield Unpriced(entry, interval, before)


def _reordered(stored: Sequence[Entry], said: Sequence[Entry]) -> Iterator[Change]:
    """Where what is in both stands in another order, each entry that has another place in it."""
    known = {entry.ref: entry for entry in stored}
    now = {entry.ref: entry for entry in said}
    after = [ref for ref in now if ref in known]
    before = sorted(after, key=lambda ref: known[ref].place)
    for row in dict.fromkeys(ref.row for ref in after):
        pairs = zip(
            (ref for ref in before if ref.row == row),
            (ref for ref in after if ref.row == row),
            strict=True,
        )
        yield from (Reordered(now[new], known[new]) for old, new in pairs if old != new)


def _left_out(gone: Entry, families: set[Ref]) -> Iterator[Change]:
    """What the file is silent about can't be bought any more; a family left out hides its own."""
    if gone.ref.kind is Kind.TAX_RATE:
        yield Removed(gone)
    elif not gone.fields["hidden"] and (
        gone.ref.kind is Kind.FAMILY or gone.ref.family in families
    ):
        hidden = replace(gone, fields={**gone.fields, "hidden": True})
        yield Altered(hidden, gone, "hidden")


def _places(stored: Sequence[Entry], said: Sequence[Entry]) -> dict[Ref, int]:
    """Where everything stands: in the file's order; what it leaves out comes last.

    But a tier left out stands before the first that holds more, so that it has the right next
    tier.
    """
    names = {entry.ref for entry in said}
    gone = [entry for entry in stored if entry.ref not in names]
    rows: dict[tuple[Kind, tuple[str, ...]], list[Entry]] = {}
    for entry in said:
        rows.setdefault(entry.ref.row, []).append(entry)
    for entry in sorted(gone, key=lambda entry: entry.place):
        row = rows.setdefault(entry.ref.row, [])
        larger = (place for place, other in enumerate(row) if _holds_more(other, entry))
        row.insert(next(larger, len(row)), entry)
    return {entry.ref: place for row in rows.values() for place, entry in enumerate(row)}


def _holds_more(one: Entry, other: Entry) -> bool:
    if one.ref.kind is not Kind.TIER:
        return False
    sizes = [(_size(one.fields[name]), _size(other.fields[name])) for name in LIMITS.values()]
    return all(mine >= its for mine, its in sizes) and any(mine > its for mine, its in sizes)


def _size(limit: Value) -> tuple[bool, int]:
    return size(limit if isinstance(limit, int) else None)
