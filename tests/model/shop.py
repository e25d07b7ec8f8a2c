"""What the model's vendor sells: small plans at awkward prices, and the oracle's view of them."""

from collections import defaultdict
from datetime import datetime
from typing import TypeVar

from sqlalchemy import select

from portal.billing.rules.period import Interval
from portal.extensions import db
from portal.models import AddOn, AddOnPrice, Price, Tier
from portal.transaction import transaction
from tests.model import books

DAYS = {Interval.MONTHLY: 30, Interval.YEARLY: 365}
TIERS = ("two", "four", "eight")
# A plan: family, tier, days in a cycle.
Key = tuple[str, str, int]
Sold = TypeVar("Sold", Price, AddOnPrice)

CATALOG = """\
currencies = ["USD", "JPY"]

[vendor]
name = "Example Software"
email = "billing@example.com"
address = ["1 Example Street", "Springfield"]
country = "US"

[policy]
seats = "auto_upgrade"
clients = "warn"
storage = "warn"

[[tax]]
country = "DE"
name = "VAT"
rate = "19"
reverse_charge = true

[[tax]]
country = "FI"
name = "VAT"
rate = "25.5"
reverse_charge = false

[[family]]
key = "standard"
name = "Standard"

[[family.tier]]
key = "two"
name = "2 users"
seats = 2
clients = 3
storage_gb = 1
monthly = { USD = "17.99", JPY = 1790 }
yearly = { USD = "179.01", JPY = 17901 }

[[family.tier]]
key = "four"
name = "4 users"
seats = 4
clients = 6
storage_gb = 2
monthly = { USD = "29.95", JPY = 2999 }
yearly = { USD = "301.00", JPY = 30100 }

[[family.tier]]
key = "eight"
name = "8 users"
seats = 8
clients = 12
storage_gb = 4
monthly = { USD = "50.05", JPY = 5005 }
yearly = { USD = "499.99", JPY = 49999 }

[[family.add_on]]
key = "seat"
name = "1 seat"
seats = 1
monthly = { USD = "7.33", JPY = 731 }
yearly = { USD = "73.31", JPY = 7333 }

[[family.add_on]]
key = "clients"
name = "3 clients"
clients = 3
monthly = { USD = "4.01", JPY = 401 }
yearly = { USD = "44.44", JPY = 4444 }

[[family]]
key = "pro"
name = "Pro"

[[family.tier]]
key = "two"
name = "2 users"
seats = 2
clients = 9
storage_gb = 5
monthly = { USD = "31.00", JPY = 3100 }
yearly = { USD = "310.07", JPY = 31007 }

[[family.tier]]
key = "four"
name = "4 users"
seats = 4
clients = 18
storage_gb = 10
monthly = { USD = "49.99", JPY = 4999 }
yearly = { USD = "480.00", JPY = 48000 }

[[family.add_on]]
key = "seat"
name = "1 seat"
seats = 1
monthly = { USD = "11.11", JPY = 1111 }
yearly = { USD = "99.90", JPY = 9990 }
"""
# The table's rates, as the oracle takes them.
RATES = {"US": 0, "DE": 1900, "FI": 2550}


class Shop:
    """What is sold in one currency, and every version sold before, as plans of the oracle.

    `ids` are the portal's price versions; `listed` is what is sold today.
    """

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.ids: dict[books.Plan | books.AddOn, int] = {}
        self.listed: dict[Key, books.Plan] = {}
        self.beside: dict[tuple[str, int], dict[str, books.AddOn]] = defaultdict(dict)
        for add_on in self._today(AddOnPrice):
            self._sell_add_on(add_on)
        for price in self._today(Price):
            self._sell(price)

    @property
    def keys(self) -> list[Key]:
        return sorted(self.listed)

    def next_tier(self, key: Key) -> Key | None:
        larger = [(key[0], tier, key[2]) for tier in TIERS[TIERS.index(key[1]) + 1 :]]
        return next((key for key in larger if key in self.listed), None)

    def in_order(self, key: Key, amount: int) -> int:
        """A price near `amount` that keeps each tier dearer than the one below, as a catalog must:
        plans are compared by what they cost every 30 days."""
        if key[2] != 30:
            return amount
        prices = [self.listed[each].price for each in self.keys if each[::2] == key[::2]]
        own = self.listed[key].price
        below = max([price for price in prices if price < own], default=0)
        above = min([price for price in prices if price > own], default=below + 9999)
        return below + 1 + amount % max(above - below - 1, 1)

    def price_ids(self, held: dict[books.AddOn, int]) -> dict[int, int]:
        """How many of which add-on price of the portal's."""
        return {self.ids[add_on]: n for add_on, n in held.items()}

    def reprice(self, key: Key, amount: int, at: datetime) -> None:
        """The vendor asks another amount for a plan from now on."""
        with transaction() as session:
            old = session.get_one(Price, self.ids[self.listed[key]])
            new = _replaced(old, amount, at)
            session.flush()
            session.add(new)
            session.flush()
            self._sell(new)

    def reprice_add_on(self, family: str, days: int, key: str, amount: int, at: datetime) -> None:
        """The same for an add-on."""
        with transaction() as session:
            old = session.get_one(AddOnPrice, self.ids[self.beside[family, days][key]])
            new = _replaced(old, amount, at)
            session.flush()
            session.add(new)
            session.flush()
            self._sell_add_on(new)

    def _today(self, table: type[Sold]) -> list[Sold]:
        statement = select(table).where(table.currency == self.currency, table.retired_at.is_(None))
        rows = db.session.scalars(statement.order_by(table.interval))
        return [row for row in rows if not _what(row).hidden]

    def _sell(self, row: Price) -> None:
        family, tier, days = row.tier.family.key, row.tier.key, DAYS[row.interval]
        limits = {metric.value: limit for metric, limit in row.tier.limits.items()}
        monthly = row.amount_minor if days == 30 else self.listed[family, tier, 30].monthly
        plan = books.Plan(
            (family, tier, days), row.amount_minor, monthly, limits, self.beside[family, days]
        )
        self.ids[plan], self.listed[plan.key] = row.id, plan
        for version in self.ids:
            if isinstance(version, books.Plan) and version.key[:2] == (family, tier):
                version.monthly = monthly

    def _sell_add_on(self, row: AddOnPrice) -> None:
        gives = {row.add_on.metric.value: row.add_on.quantity}
        add_on = books.AddOn(row.add_on.key, row.amount_minor, gives)
        self.beside[row.add_on.family.key, DAYS[row.interval]][add_on.key] = add_on
        self.ids[add_on] = row.id


def _what(row: Price | AddOnPrice) -> Tier | AddOn:
    return row.tier if isinstance(row, Price) else row.add_on


def _replaced(old: Sold, amount: int, at: datetime) -> Sold:
    """The next version of a price; the one before is not sold any more."""
    old.retired_at = at
    kept = ("tier_id", "add_on_id", "interval", "currency")
    same = {name: getattr(old, name) for name in kept if hasattr(old, name)}
    return type(old)(amount_minor=amount, version=old.version + 1, offered_at=at, **same)
