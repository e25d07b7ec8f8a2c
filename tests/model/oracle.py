"""A second, simple answer to what an account must be charged: the rules read once more.

It shares no code with the portal. Amounts are integers of the smallest unit, rates are fractions.
An account is told what people and banks did, and when; what follows from it, it works out itself.
"""

from collections.abc import Callable, Iterable, Mapping
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


# A plan and how many of which add-ons.
Basket = tuple[Plan, dict[AddOn, int]]


@dataclass(eq=False)
class Line:
    """A charge for `days`, or the credit of what of `source` is unused.

    `left` of it, with tax, nobody was given back; once anything was, its time is `spent`.
    """

    net: int
    rate: Fraction
    days: int
    source: "Line | None" = None

    def __post_init__(self) -> None:
        self.tax = rounded(self.net * self.rate)
        self.left = self.net + self.tax
        self.spent = False
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
        self.net = sum(line.net for line in self.lines)
        self.tax = sum(line.tax for line in self.lines)
        self.total, self.surplus = max(self.net + self.tax, 0), max(-self.net - self.tax, 0)
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
    held: dict[AddOn, int]
    start: datetime
    lines: list[Line]
    renewing: dict[AddOn, int] = field(init=False)
    scheduled: Basket | None = None
    cancelled: bool = False

    def __post_init__(self) -> None:
        self.renewing = dict(self.held)
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


def fits(usage: Mapping[str, int], basket: Basket, metrics: Iterable[str] | None = None) -> bool:
    """Whether what is used of some metrics, or of all, is within plan and add-ons."""
    plan, held = basket
    for metric in plan.limits if metrics is None else metrics:
        limit = plan.limits[metric]
        more = sum(add_on.gives.get(metric, 0) * n for add_on, n in held.items())
        if limit is not None and usage.get(metric, 0) > limit + more:
            return False
    return True


def bought(plan: Plan, wanted: Mapping[str, int]) -> dict[AddOn, int]:
    """So many of a plan's add-ons, by their keys; what the plan doesn't have is dropped."""
    return {plan.add_ons[key]: n for key, n in wanted.items() if n and key in plan.add_ons}


def by_key(held: Mapping[AddOn, int]) -> dict[str, int]:
    """How many of each add-on, whatever they were bought at."""
    keys = {add_on.key for add_on in held}
    return {key: sum(n for add_on, n in held.items() if add_on.key == key) for key in keys}


def added(held: Mapping[AddOn, int], more: Mapping[AddOn, int]) -> dict[AddOn, int]:
    return {add_on: held.get(add_on, 0) + more.get(add_on, 0) for add_on in {**held, **more}}


def gross(lines: Iterable[Line]) -> int:
    return sum(line.net + line.tax for line in lines)


class Account:
    """One customer: everything charged, credited, paid and owed."""

    def __init__(self, rate: Fraction = Fraction(0)) -> None:
        self.rate = rate
        self.balance = 0
        self.usage: dict[str, int] = {}
        self.subscription: Subscription | None = None
        self.invoices: list[Invoice] = []
        # Whether a change of plan waits for the outcome of its payment.
        self.change_waits = False

    @property
    def _running(self) -> Subscription:
        if self.subscription is None:
            raise Refused("no subscription")
        return self.subscription

    @property
    def unpaid(self) -> Invoice | None:
        return next((invoice for invoice in self.invoices if invoice.status == "open"), None)

    @property
    def status(self) -> str:
        if self.subscription is None:
            return "ended" if self.invoices else "none"
        return "past_due" if self.unpaid and self.unpaid.tries else "active"

    @property
    def next_charge(self) -> tuple[datetime, int] | None:
        """When the cycle renews and what must be paid then, or None if it won't renew."""
        running = self.subscription
        if running is None or running.cancelled:
            return None
        return running.end, self._bill(self._in_full(self._next(running)), running.end).due

    def _bill(self, lines: list[Line], now: datetime) -> Invoice:
        return Invoice(lines, now, self.balance)

    def quote(self, plan: Plan, wanted: Mapping[str, int] | None, now: datetime) -> Quote:
        """A first plan, an upgrade or a downgrade. Without `wanted` the add-ons come along.

        It takes the place of a downgrade that waits for the cycle's end.
        """
        self._refuse_while_waiting(now)
        running = self.subscription
        if wanted is None:
            wanted = by_key(running.renewing) if running else {}
        basket = (plan, bought(plan, wanted))
        lines = self._in_full(basket)
        then = (now + plan.days * DAY, gross(lines))
        if running is None:
            return Quote("change", basket, self._bill(lines, now), now, then)
        if running.plan.key == plan.key:
            raise Refused("the plan is the same")
        longer = running.plan.key[:2] == plan.key[:2] and plan.days > running.plan.days
        if longer or plan.monthly > running.plan.monthly:
            lines += self._unused(running, now)
            return Quote("change", basket, self._bill(lines, now), now, then)
        if not fits(self.usage, basket):
            raise Refused("usage does not fit")
        return Quote("downgrade", basket, Invoice([], now, 0), now, (running.end, then[1]))

    def quote_add_ons(self, wanted: Mapping[str, int], now: datetime) -> Quote:
        """More add-ons, for the days left of the cycle, today included."""
        self._refuse_while_scheduled(now)
        running = self._running
        held, left = bought(running.plan, wanted), running.unused_days(now)
        prices = [Fraction(add_on.price * n, running.plan.days) for add_on, n in held.items()]
        lines = [Line(rounded(price * left), self.rate, left) for price in prices]
        then = (running.end, gross(self._in_full((running.plan, added(running.renewing, held)))))
        return Quote("add-ons", (running.plan, held), self._bill(lines, now), now, then)

    def carry_out(self, quote: Quote) -> None:
        """What was quoted: a downgrade when confirmed, else once its payment succeeded."""
        plan, held = quote.basket
        if quote.kind == "downgrade":
            self._running.scheduled = quote.basket
            return
        self._issue(quote.invoice)
        self.answer(quote.invoice, "paid", quote.at)
        charges = [line for line in quote.invoice.lines if line.source is None]
        if quote.kind == "change":
            self.subscription = Subscription(plan, held, quote.at, charges)
            return
        running = self._running
        running.lines = running.lines + charges
        running.held = added(running.held, held)
        running.renewing = added(running.renewing, held)

    def renew_only(self, add_on: AddOn, n: int, now: datetime) -> None:
        """From the cycle's end on only `n` of an add-on, if what it is for then still fits."""
        self._refuse_while_scheduled(now)
        running = self._running
        basket = (running.plan, running.renewing | {add_on: n})
        if n < running.renewing[add_on] and not fits(self.usage, basket, add_on.gives):
            raise Refused("usage does not fit")
        running.renewing[add_on] = n

    def cancel(self, now: datetime) -> None:
        if self.change_waits or self._running.end <= now:
            raise Refused("what is due comes first")
        self._running.cancelled, self._running.scheduled = True, None

    def withdraw(self, now: datetime) -> None:
        """Take back a downgrade or a cancellation that waits for the cycle's end."""
        if self._running.end <= now:
            raise Refused("it is too late")
        self._running.scheduled, self._running.cancelled = None, False

    def catch_up(self, now: datetime, bank: Bank, *, until: datetime | None = None) -> None:
        """What fell due (cycles that ended, up to `until`), one after the other, done now."""
        while True:
            invoice = self.unpaid
            if invoice and invoice.is_due(now):
                self.answer(invoice, bank(invoice.owed), now)
            elif not self._turn(until or now, now, bank):
                return

    def answer(self, invoice: Invoice, said: str, now: datetime, *, by_hand: bool = False) -> None:
        """What became of an attempt to collect. One by hand uses up no automatic one, unless it
        lasted until that one's day."""
        invoice.waits = said == "unknown"
        if said == "paid":
            invoice.paid, invoice.status = invoice.owed, "paid"
        invoice.next_try_at = None
        if said != "declined" or self.subscription is None:
            return
        days = RETRY_DAYS[invoice.tries - 1] if invoice.tries else 0
        invoice.tries += not by_hand or invoice.issued_at + days * DAY <= now
        if invoice.tries > len(RETRY_DAYS):
            self.subscription = None
            return
        own_day = invoice.issued_at + RETRY_DAYS[invoice.tries - 1] * DAY
        invoice.next_try_at = own_day if own_day > now else now + DAY

    def credit(self, invoice: Invoice, lines: list[Line], to_balance: bool) -> tuple[int, int, int]:
        """What is left of these lines: (taken off what is owed, refunded, to the balance)."""
        total = sum(line.left for line in lines)
        if total <= 0 or invoice.waits or self.change_waits:
            raise Refused("nothing is left, or may be paid at this instant")
        for line in lines:
            # A credit that is taken back gives nothing any more; it stays with what gave the rest.
            if line.source:
                line.source.left -= line.left
            if line.credit:
                line.credit.left = 0
            line.left, line.spent = 0, True
        off = min(total, invoice.owed)
        invoice.credited += off
        if off and not invoice.owed:
            invoice.status = "credited"
        refunded = 0 if to_balance else min(total - off, invoice.paid - invoice.refunded)
        invoice.refunded += refunded
        self.balance += total - off - refunded
        return off, refunded, total - off - refunded

    def _refuse_while_waiting(self, now: datetime) -> None:
        running = self.subscription
        if self.change_waits or self.unpaid:
            raise Refused("something is unpaid")
        if running and (running.end <= now or running.cancelled):
            raise Refused("the renewal comes first, or the cancellation must be withdrawn")

    def _refuse_while_scheduled(self, now: datetime) -> None:
        self._refuse_while_waiting(now)
        if self._running.scheduled:
            raise Refused("the downgrade must be withdrawn first")

    def _in_full(self, basket: Basket) -> list[Line]:
        prices = [basket[0].price, *(add_on.price * n for add_on, n in basket[1].items())]
        return [Line(price, self.rate, basket[0].days) for price in prices]

    def _unused(self, running: Subscription, now: datetime) -> list[Line]:
        """What is given back of each line that paid for this cycle."""
        days = running.unused_days(now)
        paid = [line for line in running.lines if line.net and not line.spent]
        shares = [(line, rounded(Fraction(line.net * days, line.days))) for line in paid]
        return [Line(-share, line.rate, days, line) for line, share in shares]

    def _next(self, running: Subscription) -> Basket:
        """What the next cycle is charged for: nothing that usage doesn't fit into."""
        if running.scheduled and fits(self.usage, running.scheduled):
            return running.scheduled
        after = dict(running.renewing)
        for add_on, n in running.held.items():
            if after[add_on] < n and not fits(
                self.usage, (running.plan, running.renewing), add_on.gives
            ):
                after[add_on] = n
        return running.plan, {add_on: n for add_on, n in after.items() if n}

    def _issue(self, invoice: Invoice) -> None:
        self.balance += invoice.surplus - invoice.balance_used
        self.invoices.append(invoice)
        for line in invoice.lines:
            if line.source:
                line.source.left += line.left
                line.source.spent, line.source.credit = True, line

    def _turn(self, until: datetime, now: datetime, bank: Bank) -> bool:
        running = self.subscription
        if running is None or running.end > until or self.change_waits:
            return False
        if running.cancelled:
            self.subscription = None
            return True
        if self.unpaid:
            return False
        basket = self._next(running)
        invoice = self._bill(self._in_full(basket), now)
        self._issue(invoice)
        self.subscription = Subscription(*basket, running.end, invoice.lines)
        self.answer(invoice, bank(invoice.due) if invoice.due else "paid", now)
        return True
