"""A second, simple answer to what an account must be charged: the rules read once more.

It shares no code with the portal. Amounts are integers of the smallest unit, rates are fractions.
An account is told what people and banks did, and when; what follows from it, it works out itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction

DAY = timedelta(days=1)
# A renewal that failed is tried again so many days after its invoice.
RETRY_DAYS = (3, 5, 7)

# Answers a payment of so much: "paid", "declined", or "unknown" while nobody can tell.
Bank = Callable[[int], str]


class Refused(Exception):
    """What was asked for is not possible now."""


@dataclass(frozen=True, eq=False)
class AddOn:
    """One version of an add-on's price, and what each of it adds to the limits."""

    key: str
    price: int
    gives: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Plan:
    """One version of a price; `monthly` is what its tier costs for 30 days, to compare plans by."""

    family: str
    tier: str
    days: int
    price: int
    monthly: int
    limits: Mapping[str, int | None]
    add_ons: Mapping[str, AddOn]


@dataclass(eq=False)
class Line:
    """A charge for `days`, or, where `source` is given, the credit of what is unused of that."""

    kind: str
    net: int
    rate: Fraction
    days: int
    source: "Line | None" = None

    def __post_init__(self) -> None:
        self.tax = rounded(self.net * self.rate)
        # Net and tax that nobody was given back yet.
        self.left = (self.net, self.tax)


@dataclass(eq=False)
class Invoice:
    lines: list[Line]
    issued_at: datetime
    balance_used: int = 0
    status: str = "open"
    paid: int = 0
    # Taken off by credit notes before anything was paid, and given back of what was.
    credited: int = 0
    refunded: int = 0
    tries: int = 0
    next_try_at: datetime | None = None

    def __post_init__(self) -> None:
        self.net, self.tax = (sum(getattr(i, n) for i in self.lines) for n in ("net", "tax"))
        self.total, self.surplus = max(self.net + self.tax, 0), max(-self.net - self.tax, 0)
        self.due = self.total - self.balance_used

    @property
    def outstanding(self) -> int:
        return self.due - self.credited if self.status == "open" else 0


@dataclass(eq=False)
class Subscription:
    """A running plan. `held` are its add-ons, `renewing` those of them charged again."""

    plan: Plan
    held: dict[AddOn, int]
    start: datetime
    lines: list[Line]
    renewing: dict[AddOn, int] = field(init=False)
    scheduled: tuple[Plan, dict[AddOn, int]] | None = None
    cancelled: bool = False

    def __post_init__(self) -> None:
        self.renewing = dict(self.held)

    @property
    def end(self) -> datetime:
        return self.start + self.plan.days * DAY

    def unused_days(self, now: datetime) -> int:
        return self.plan.days - (now - self.start) // DAY


@dataclass(frozen=True)
class Quote:
    """A change: the invoice it brings ("downgrade": none), the plan and the add-ons it buys."""

    kind: str
    invoice: Invoice
    plan: Plan
    held: dict[AddOn, int]
    at: datetime


def rounded(amount: Fraction | int) -> int:
    """To the nearest whole unit, halves away from zero."""
    size = int((abs(amount) * 2 + 1) // 2)
    return size if amount >= 0 else -size


def fits(usage: Mapping[str, int], plan: Plan, held: Mapping[AddOn, int]) -> bool:
    def room(metric: str, limit: int) -> int:
        return limit + sum(add_on.gives.get(metric, 0) * n for add_on, n in held.items())

    limits = {metric: limit for metric, limit in plan.limits.items() if limit is not None}
    return all(usage.get(metric, 0) <= room(metric, limit) for metric, limit in limits.items())


def bought(plan: Plan, wanted: Mapping[str, int]) -> dict[AddOn, int]:
    """So many of a plan's add-ons, by their keys; what the plan doesn't have is dropped."""
    return {plan.add_ons[key]: n for key, n in wanted.items() if n and key in plan.add_ons}


def is_upgrade(old: Plan, new: Plan) -> bool:
    if (old.family, old.tier) == (new.family, new.tier):
        return new.days > old.days
    return new.monthly > old.monthly


class Account:
    """One customer: everything charged, credited, paid and owed."""

    def __init__(self, rate: Fraction = Fraction(0)) -> None:
        self.rate = rate
        self.balance = 0
        self.usage: dict[str, int] = {}
        self.subscription: Subscription | None = None
        self.invoices: list[Invoice] = []

    # What the account shows.

    @property
    def unpaid(self) -> list[Invoice]:
        return [invoice for invoice in self.invoices if invoice.status == "open"]

    @property
    def owed(self) -> int:
        return sum(invoice.outstanding for invoice in self.unpaid)

    @property
    def status(self) -> str:
        if self.subscription is None:
            return "ended" if self.invoices else "none"
        return "past_due" if any(invoice.tries for invoice in self.unpaid) else "active"

    @property
    def next_charge(self) -> tuple[datetime, int] | None:
        """When the cycle renews and what must be paid then, or None if it won't renew."""
        if self.subscription is None or self.subscription.cancelled:
            return None
        end = self.subscription.end
        return end, self._draft(self._full_price(*self._after(self.subscription)), end).due

    # Buying and changing.

    def quote(self, plan: Plan, wanted: Mapping[str, int] | None, now: datetime) -> Quote:
        """A first plan, an upgrade or a downgrade. Without `wanted` the add-ons come along."""
        self._refuse_while_waiting()
        running = self.subscription
        if wanted is None:
            wanted = by_key(running.renewing) if running else {}
        held = bought(plan, wanted)
        if running and (plan.family, plan.tier, plan.days) == (
            running.plan.family,
            running.plan.tier,
            running.plan.days,
        ):
            raise Refused("the plan is the same")
        if running and not is_upgrade(running.plan, plan):
            self._refuse_unless_fits(plan, held)
            return Quote("downgrade", Invoice([], now), plan, held, now)
        lines = self._full_price(plan, held) + (self._unused(running, now) if running else [])
        return Quote("plan", self._draft(lines, now), plan, held, now)

    def quote_add_ons(self, wanted: Mapping[str, int], now: datetime) -> Quote:
        """More add-ons, for the days left of the cycle, today included."""
        self._refuse_while_waiting()
        running = self._running()
        held, left = bought(running.plan, wanted), running.unused_days(now)
        shares = [
            Fraction(add_on.price * n * left, running.plan.days) for add_on, n in held.items()
        ]
        lines = [Line("add_on", rounded(share), self.rate, left) for share in shares]
        return Quote("add_ons", self._draft(lines, now), running.plan, held, now)

    def carry_out(self, quote: Quote) -> None:
        """A downgrade that was confirmed; anything else once its payment succeeded."""
        if quote.kind == "downgrade":
            self._running().scheduled = (quote.plan, quote.held)
            return
        invoice = self._issue(quote.invoice)
        self._settle(invoice)
        charges = [line for line in invoice.lines if line.source is None]
        if quote.kind == "plan":
            self.subscription = Subscription(quote.plan, quote.held, quote.at, charges)
            return
        running = self._running()
        running.lines += charges
        for add_on, n in quote.held.items():
            running.held[add_on] = running.held.get(add_on, 0) + n
            running.renewing[add_on] = running.renewing.get(add_on, 0) + n

    def renew_only(self, renewing: dict[AddOn, int]) -> None:
        """From the cycle's end on no more of the add-ons than these, if usage then fits."""
        self._refuse_while_waiting()
        self._refuse_unless_fits(self._running().plan, renewing)
        self._running().renewing = renewing

    def withdraw(self) -> None:
        self._running().scheduled = None

    def cancel(self) -> None:
        self._refuse_while_scheduled()
        self._running().cancelled = True

    def withdraw_cancellation(self) -> None:
        self._running().cancelled = False

    # Time and money.

    def catch_up(self, now: datetime, bank: Bank) -> None:
        """Everything that fell due until now: retries, ends and renewals, one after the other."""
        while self._retry(now, bank) or self._turn_the_cycle(now, bank):
            pass

    def pay(self, bank: Bank) -> None:
        """An attempt by hand: it uses up no automatic one."""
        if bank(self.unpaid[0].outstanding) == "paid":
            self._settle(self.unpaid[0])

    def credit(
        self, invoice: Invoice, lines: list[Line], *, to_balance: bool
    ) -> tuple[int, int, int]:
        """What is left of these lines: (taken off what is owed, refunded, to the balance)."""
        total = sum(sum(line.left) for line in lines)
        if total <= 0:
            raise Refused("nothing is left")
        for line in lines:
            line.left = (0, 0)
        off = min(total, invoice.outstanding)
        invoice.credited += off
        if off and not invoice.outstanding:
            invoice.status, invoice.next_try_at = "credited", None
        refunded = 0 if to_balance else min(total - off, invoice.paid - invoice.refunded)
        invoice.refunded += refunded
        self.balance += total - off - refunded
        return off, refunded, total - off - refunded

    # The parts.

    def _running(self) -> Subscription:
        if self.subscription is None:
            raise Refused("no subscription")
        return self.subscription

    def _refuse_while_waiting(self) -> None:
        if self.unpaid:
            raise Refused("an invoice is unpaid")
        self._refuse_while_scheduled()

    def _refuse_while_scheduled(self) -> None:
        if self.subscription and (self.subscription.cancelled or self.subscription.scheduled):
            raise Refused("what is scheduled must be withdrawn first")

    def _refuse_unless_fits(self, plan: Plan, held: Mapping[AddOn, int]) -> None:
        if not fits(self.usage, plan, held):
            raise Refused("usage does not fit")

    def _full_price(self, plan: Plan, held: Mapping[AddOn, int]) -> list[Line]:
        charges = [("plan", plan.price)]
        charges += [("add_on", add_on.price * n) for add_on, n in held.items()]
        return [Line(kind, amount, self.rate, plan.days) for kind, amount in charges]

    def _unused(self, running: Subscription, now: datetime) -> list[Line]:
        """What is given back of each line that paid for this cycle."""
        days = running.unused_days(now)
        charged = [line for line in running.lines if line.left[0] == line.net]
        shares = [(line, rounded(Fraction(line.net * days, line.days))) for line in charged]
        return [Line("unused_time", -share, line.rate, days, line) for line, share in shares]

    def _after(self, running: Subscription) -> tuple[Plan, dict[AddOn, int]]:
        """What the next cycle is charged for: nothing that usage doesn't fit into."""
        if running.scheduled and fits(self.usage, *running.scheduled):
            return running.scheduled
        renewing = {add_on: n for add_on, n in running.renewing.items() if n}
        return running.plan, renewing if fits(self.usage, running.plan, renewing) else running.held

    def _draft(self, lines: list[Line], now: datetime) -> Invoice:
        charge = sum(line.net + line.tax for line in lines)
        return Invoice(lines, now, min(self.balance, max(charge, 0)))

    def _issue(self, invoice: Invoice) -> Invoice:
        self.balance += invoice.surplus - invoice.balance_used
        self.invoices.append(invoice)
        for line in invoice.lines:
            if line.source:
                net, tax = line.source.left
                line.source.left = (net + line.net, tax + line.tax)
        if not invoice.due:
            self._settle(invoice)
        return invoice

    def _settle(self, invoice: Invoice) -> None:
        invoice.paid, invoice.status = invoice.outstanding, "paid"

    def _turn_the_cycle(self, now: datetime, bank: Bank) -> bool:
        running = self.subscription
        if running is None or running.end > now or self.unpaid:
            return False
        if running.cancelled:
            self.subscription = None
            return True
        plan, held = self._after(running)
        invoice = self._issue(self._draft(self._full_price(plan, held), now))
        self.subscription = Subscription(plan, dict(held), running.end, invoice.lines)
        if invoice.due:
            self._attempt(invoice, bank)
        return True

    def _retry(self, now: datetime, bank: Bank) -> bool:
        due = [i for i in self.unpaid if i.next_try_at and i.next_try_at <= now]
        for invoice in due:
            self._attempt(invoice, bank)
        return bool(due)

    def _attempt(self, invoice: Invoice, bank: Bank) -> None:
        if bank(invoice.outstanding) == "paid":
            self._settle(invoice)
        elif invoice.tries == len(RETRY_DAYS):
            invoice.next_try_at, self.subscription = None, None
        else:
            invoice.next_try_at = invoice.issued_at + RETRY_DAYS[invoice.tries] * DAY
            invoice.tries += 1


def by_key(held: Mapping[AddOn, int]) -> dict[str, int]:
    """How many of each add-on, whatever they were bought at."""
    sums: dict[str, int] = {}
    for add_on, n in held.items():
        sums[add_on.key] = sums.get(add_on.key, 0) + n
    return sums
