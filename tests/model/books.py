"""What the oracle reckons with: what is sold, what it was billed at, what runs.

Amounts are integers of the smallest unit, rates are fractions.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

DAY = timedelta(days=1)
# Answers a payment of so much: "paid", "declined", or "unknown" while nobody can tell.
Bank = Callable[[int], str]


@dataclass(frozen=True, eq=False)
class AddOn:
    """One version of an add-on's price, and what each of it adds to the limits."""

    key: str
    price: int
    gives: Mapping[str, int]


@dataclass(eq=False)
class Plan:
    """One version of a price; `monthly` is what its tier is sold at today for 30 days."""

    key: tuple[str, str, int]  # family, tier, days in a cycle
    price: int
    monthly: int
    limits: Mapping[str, int | None]
    add_ons: Mapping[str, AddOn]

    def __post_init__(self) -> None:
        self.days = self.key[2]


# How many of which add-ons; and a plan with its own.
Held = Counter[AddOn]
Basket = tuple[Plan, Held]


@dataclass(eq=False)
class Line:
    """A charge for `days`, or the credit of what of `source` is unused.

    `left` of it, with tax, nobody was given back; once anything was, its time is `spent`. `noted`:
    a credit note gave something of it back.
    """

    net: int
    rate: Fraction
    days: int
    source: "Line | None" = None

    def __post_init__(self) -> None:
        self.tax = rounded(self.net * self.rate)
        self.left = self.net + self.tax
        self.spent = self.noted = False
        self.credit: Line | None = None


@dataclass(eq=False)
class Invoice:
    """`credited` is what was taken off before payment, `refunded` what was given back after."""

    lines: list[Line]
    issued_at: datetime
    balance: int
    status: str = "open"
    paid: int = 0
    credited: int = 0
    refunded: int = 0
    tries: int = 0
    next_try_at: datetime | None = None
    waits: bool = False  # for the outcome of a payment that nobody can tell

    def __post_init__(self) -> None:
        self.total, self.surplus = max(gross(self.lines), 0), max(-gross(self.lines), 0)
        self.balance_used = min(self.balance, self.total)
        self.due = self.total - self.balance_used

    @property
    def owed(self) -> int:
        return self.due - self.credited if self.status == "open" else 0

    def is_due(self, now: datetime) -> bool:
        return not self.waits and self.next_try_at is not None and self.next_try_at <= now


@dataclass(eq=False)
class Subscription:
    """A plan and add-ons in a cycle, the lines that paid for it, and what of it renews."""

    plan: Plan
    held: Held
    start: datetime
    lines: list[Line]
    scheduled: Basket | None = None
    cancelled: bool = False
    renews: "Subscription | None" = None
    renewal: Invoice | None = None

    def __post_init__(self) -> None:
        self.renewing = Counter(self.held)
        self.end = self.start + self.plan.days * DAY

    def unused_days(self, now: datetime) -> int:
        return self.plan.days - (now - self.start) // DAY


@dataclass(frozen=True)
class Quote:
    """What a "change", a "downgrade" or a purchase of "add-ons" buys, on which invoice.

    `then` is the next charge, before credit balance, and when.
    """

    kind: str
    basket: Basket
    invoice: Invoice
    at: datetime
    then: tuple[datetime, int]


def rounded(amount: Fraction | int) -> int:
    """To the nearest whole unit, halves away from zero."""
    size = int((abs(amount) * 2 + 1) // 2)
    return size if amount >= 0 else -size


def fits(usage: Mapping[str, int], basket: Basket, metrics: Iterable[str] = ()) -> bool:
    """Whether what is used of some metrics, or of all, is within plan and add-ons."""
    plan, held = basket
    for metric in metrics or plan.limits:
        limit = plan.limits[metric]
        more = sum(add_on.gives.get(metric, 0) * n for add_on, n in held.items())
        if limit is not None and usage.get(metric, 0) > limit + more:
            return False
    return True


def bought(plan: Plan, wanted: Mapping[str, int]) -> Held:
    """So many of a plan's add-ons, by their keys; what the plan doesn't have is dropped."""
    return Counter({plan.add_ons[key]: n for key, n in wanted.items() if n and key in plan.add_ons})


def by_key(held: Held) -> Counter[str]:
    """How many of each add-on, whatever they were bought at."""
    return Counter(add_on.key for add_on in held.elements())


def gross(lines: Iterable[Line]) -> int:
    return sum(line.net + line.tax for line in lines)
