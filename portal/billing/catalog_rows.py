"""The catalog on record: read as entries, and changed as a comparison says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.billing.rules.catalog_changes import (
    Added,
    Altered,
    Change,
    Comparison,
    Priced,
    Removed,
    Unpriced,
)
from portal.billing.rules.catalog_entries import LIMITS, Entry, Kind, PriceKey, Ref, Value
from portal.billing.rules.money import Money
from portal.billing.rules.period import Interval
from portal.models import AddOn, AddOnPrice, Family, Price, TaxRate, Tier, Vendor

Row = Vendor | TaxRate | Family | Tier | AddOn
PriceRow = Price | AddOnPrice

FIELDS = {
    Kind.VENDOR: ("name", "email", "address", "country", "tax_id", "policies"),
    Kind.TAX_RATE: ("name", "basis_points", "reverse_charge"),
    Kind.FAMILY: ("name", "features", "hidden"),
    Kind.TIER: ("name", *LIMITS.values(), "features", "hidden"),
    Kind.ADD_ON: ("name", "metric", "quantity", "hidden"),
}


@dataclass(frozen=True)
class OnRecord:
    """The rows of the catalog and the prices sold today, by what names them; and as entries."""

    rows: dict[Ref, Row]
    current: Mapping[tuple[Ref, PriceKey], PriceRow]
    entries: list[Entry]

    def id_of(self, ref: Ref) -> int:
        """The id of a family, a tier or an add-on."""
        match self.rows[ref]:
            case Family(id=row_id) | Tier(id=row_id) | AddOn(id=row_id):
                return row_id
        raise LookupError(f"{ref} has no id")


def read(session: Session) -> OnRecord:
    """What is on record, locked against another file that is applied at the same time."""
    rows: dict[Ref, Row] = {}
    vendor = session.get(Vendor, 1, with_for_update={"key_share": True})
    if vendor is not None:
        rows[Ref(Kind.VENDOR)] = vendor
    for rate in session.scalars(select(TaxRate)):
        rows[Ref(Kind.TAX_RATE, (rate.country,))] = rate
    for family in session.scalars(select(Family).order_by(Family.position)):
        rows[Ref(Kind.FAMILY, (family.key,))] = family
    for tier in session.scalars(select(Tier).order_by(Tier.position)):
        rows[Ref(Kind.TIER, (tier.family.key, tier.key))] = tier
    for add_on in session.scalars(select(AddOn).order_by(AddOn.position)):
        rows[Ref(Kind.ADD_ON, (add_on.family.key, add_on.key))] = add_on
    prices = _prices(session)
    current = {
        (ref, (price.interval, price.currency)): price
        for ref, versions in prices.items()
        for price in versions
        if price.retired_at is None
    }
    return OnRecord(
        rows, current, [_entry(*each, prices.get(each[0], ())) for each in rows.items()]
    )


def change(session: Session, found: OnRecord, comparison: Comparison, *, now: datetime) -> None:
    """Carry the changes out on the rows of the catalog; accounts are not touched."""
    for each in comparison.changes:
        if isinstance(each, Priced | Unpriced):
            _retire(found, each, now)
    # The version that is sold no more goes first: only one of a price can be current.
    session.flush()
    for each in comparison.changes:
        _carry_out(session, found.rows, each, now)
    if comparison.changes:
        for ref, place in comparison.places.items():
            row = found.rows[ref]
            if isinstance(row, Family | Tier | AddOn):
                row.position = place
    session.flush()


def _prices(session: Session) -> dict[Ref, list[PriceRow]]:
    """Every version of every price, by what it is the price of."""
    found: dict[Ref, list[PriceRow]] = {}
    for price in session.scalars(select(Price)):
        tier = Ref(Kind.TIER, (price.tier.family.key, price.tier.key))
        found.setdefault(tier, []).append(price)
    for add_on_price in session.scalars(select(AddOnPrice)):
        of = add_on_price.add_on
        found.setdefault(Ref(Kind.ADD_ON, (of.family.key, of.key)), []).append(add_on_price)
    return found


def _entry(ref: Ref, row: Row, prices: Iterable[PriceRow]) -> Entry:
    current: dict[PriceKey, Money] = {}
    versions: dict[PriceKey, int] = {}
    for price in prices:
        key = (price.interval, price.currency)
        versions[key] = max(versions.get(key, 0), price.version)
        if price.retired_at is None:
            current[key] = price.money
    fields = {name: _value(getattr(row, name)) for name in FIELDS[ref.kind]}
    return Entry(ref, _label(row), fields, getattr(row, "position", 0), current, versions)


def _label(row: Row) -> str:
    match row:
        case Vendor():
            return "The vendor"
        case TaxRate():
            return row.country
        case Family():
            return row.name
        case Tier():
            return f"{row.family.name}, {row.name}"
        case AddOn():
            return f"{row.family.name}, add-on {row.name}"


def _retire(found: OnRecord, each: Priced | Unpriced, now: datetime) -> None:
    currency = (each.after if isinstance(each, Priced) else each.before).currency
    current = found.current.get((each.entry.ref, (each.interval, currency)))
    if current is not None:
        current.retired_at = now


def _carry_out(session: Session, rows: dict[Ref, Row], each: Change, now: datetime) -> None:
    ref = each.entry.ref
    match each:
        case Added(entry):
            rows[ref] = _new_row(rows, entry)
            session.add(rows[ref])
            for (interval, _), money in entry.prices.items():
                session.add(_new_price(rows[ref], interval, money, 1, now))
        case Altered():
            setattr(rows[ref], each.name, _kept(each.after))
        case Priced():
            session.add(_new_price(rows[ref], each.interval, each.after, each.version, now))
        case Removed():
            session.delete(rows[ref])


def _new_row(rows: Mapping[Ref, Row], entry: Entry) -> Row:
    fields = {name: _kept(value) for name, value in entry.fields.items()}
    key = entry.ref.keys[-1] if entry.ref.keys else ""
    match entry.ref.kind:
        case Kind.VENDOR:
            return Vendor(id=1, **fields)
        case Kind.TAX_RATE:
            return TaxRate(country=key, **fields)
        case Kind.FAMILY:
            return Family(key=key, position=entry.place, **fields)
        case Kind.TIER:
            family = rows[entry.ref.family]
            return Tier(family=family, key=key, position=entry.place, **fields)
        case Kind.ADD_ON:
            family = rows[entry.ref.family]
            return AddOn(family=family, key=key, position=entry.place, **fields)


def _new_price(of: Row, interval: Interval, money: Money, version: int, now: datetime) -> PriceRow:
    terms = {
        "interval": interval,
        "currency": money.currency,
        "amount_minor": money.amount,
        "version": version,
        "offered_at": now,
    }
    return Price(tier=of, **terms) if isinstance(of, Tier) else AddOnPrice(add_on=of, **terms)


def _value(stored: Any) -> Value:
    """A list on record is a tuple among the values, which nobody can alter."""
    value: Value = tuple(stored) if isinstance(stored, list) else stored
    return value


def _kept(value: Value) -> Any:
    return list(value) if isinstance(value, tuple) else value
