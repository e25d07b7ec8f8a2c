"""A second, simple answer to what an account must be charged: the rules read once more.

It shares no code with the portal. An account is told what people and banks did, and when; what
follows from it, it works out itself.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from copy import copy
from datetime import datetime
from fractions import Fraction

from tests.model.books import (
    DAY,
    AddOn,
    Bank,
    Basket,
    Invoice,
    Line,
    Plan,
    Quote,
    Subscription,
    bought,
    by_key,
    fits,
    gross,
    rounded,
)

# A renewal that failed is tried again so many days after its invoice.
RETRY_DAYS = (3, 5, 7)


class Refused(Exception):
    """What was asked for is not possible now."""


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
        # Whether it has chosen never to go beyond its seats.
        self.capped = False
        # Whether what should follow from being over its seats was left to the vendor.
        self.nothing_follows: Callable[[], bool] = lambda: False
        # Whether an upgrade to come was told again so often that nobody may make it dearer.
        self.told_often: Callable[[], bool] = lambda: False

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
        if running is None:
            if not fits(self.usage, (plan, bought(plan, wanted or {})), ("seats",)):
                raise Refused("too small to begin with")
            return self.move(plan, wanted, now)
        if running.plan.key == plan.key:
            raise Refused("the plan is the same")
        longer = running.plan.key[:2] == plan.key[:2] and plan.days > running.plan.days
        if longer or plan.monthly > running.plan.monthly:
            return self.move(plan, wanted, now)
        basket = (plan, bought(plan, wanted))
        if not fits(self.usage, basket):
            raise Refused("usage does not fit")
        then = (running.end, gross(self._in_full(basket)))
        return Quote("downgrade", basket, Invoice([], now, 0), now, then)

    def move(self, plan: Plan, wanted: Mapping[str, int] | None, at: datetime) -> Quote:
        """A plan that begins at once: in full, less what is unused of the one that runs."""
        running = self.subscription
        if wanted is None:
            wanted = by_key(running.renewing) if running else {}
        basket = (plan, bought(plan, wanted))
        lines = self._in_full(basket)
        then = (at + plan.days * DAY, gross(lines))
        if running:
            lines += self._unused(running, at)
        return Quote("change", basket, self._bill(lines, at), at, then)

    def ahead(self, at: datetime) -> "Account":
        """The account as it will be if cycles that end until then renew and are paid."""
        then = copy(self)
        then.invoices, then.change_waits = [], False
        then.catch_up(at, lambda _amount: "paid")
        return then

    def quote_add_ons(self, wanted: Mapping[str, int], now: datetime) -> Quote:
        """More add-ons, for the days left of the cycle, today included."""
        running = self._changeable(now)
        held, left = bought(running.plan, wanted), running.unused_days(now)
        is_over = not fits(self.usage, (running.plan, running.held + held), ("seats",))
        if is_over and self.told_often():
            raise Refused("the upgrade would be told again without end")
        prices = [Fraction(add_on.price * n, running.plan.days) for add_on, n in held.items()]
        lines = [Line(rounded(price * left), self.rate, left) for price in prices]
        then = (running.end, gross(self._in_full((running.plan, running.renewing + held))))
        return Quote("add-ons", (running.plan, held), self._bill(lines, now), now, then)

    def carry_out(self, quote: Quote) -> None:
        """What was quoted: a downgrade when confirmed, else once its payment succeeded."""
        running, charges = self.subscription, [li for li in quote.invoice.lines if not li.source]
        if running and quote.kind == "downgrade":
            running.scheduled = quote.basket
            return
        self._issue(quote.invoice)
        self.answer(quote.invoice, "paid", quote.at)
        if running and quote.kind == "add-ons":
            running.lines = running.lines + charges
            running.held.update(quote.basket[1])
            running.renewing.update(quote.basket[1])
        else:
            self.subscription = Subscription(*quote.basket, quote.at, charges)

    def renew_only(self, add_on: AddOn, n: int, now: datetime) -> None:
        """From the cycle's end on only `n` of an add-on, if what it is for then still fits."""
        running = self._changeable(now)
        basket = (running.plan, Counter({**running.renewing, add_on: n}))
        if n < running.renewing[add_on] and not fits(self.usage, basket, add_on.gives):
            raise Refused("usage does not fit")
        if n > running.renewing[add_on] and self.told_often():
            raise Refused("the upgrade would be told again without end")
        running.renewing[add_on] = n

    def join(self) -> None:
        """One more seat is taken."""
        running, seats = self.subscription, self.usage["seats"] + 1
        too_many = running and not fits({"seats": seats}, (running.plan, running.held), ("seats",))
        if running and running.cancelled and too_many:
            raise Refused("a cancelled plan isn't upgraded by itself")
        if running and self.capped and too_many:
            raise Refused("all seats are taken")
        if running and too_many and self.nothing_follows():
            raise Refused("nobody pays for more seats")
        self.usage["seats"] = seats

    def cancel(self, now: datetime) -> None:
        if self.subscription and self.subscription.cancelled:
            return  # asked again it changes nothing
        running = self._before_its_end(now)
        if self.change_waits:
            raise Refused("a change waits for its payment")
        running.cancelled, running.scheduled = True, None

    def withdraw(self, now: datetime) -> None:
        """Take back a downgrade or a cancellation that waits for the cycle's end."""
        running = self._before_its_end(now)
        if running.cancelled and not fits(self.usage, (running.plan, running.held), ("seats",)):
            raise Refused("a cancelled plan goes on only if its seats are enough")
        running.cancelled, running.scheduled = False, None

    def catch_up(self, now: datetime, bank: Bank, *, until: datetime | None = None) -> None:
        """What fell due (cycles that ended, up to `until`), one after the other, done now."""
        while self.answer_due(now, bank) or self._turn(until or now, now, bank):
            pass

    def answer_due(self, now: datetime, bank: Bank) -> bool:
        """An attempt to collect that is due; False where none is."""
        invoice = self.unpaid
        if invoice is None or not invoice.is_due(now):
            return False
        self.answer(invoice, bank(invoice.owed), now)
        return True

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
            line.noted = line.noted or line.left != 0
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

    def _changeable(self, now: datetime) -> Subscription:
        self._refuse_while_waiting(now)
        if self.subscription is None or self.subscription.scheduled:
            raise Refused("there is no plan, or a downgrade must be withdrawn first")
        return self.subscription

    def _before_its_end(self, now: datetime) -> Subscription:
        if self.subscription is None or self.subscription.end <= now:
            raise Refused("what is due comes first")
        return self.subscription

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
        basket, after = (running.plan, running.renewing), Counter(running.renewing)
        for add_on, n in running.held.items():
            if after[add_on] < n and not fits(self.usage, basket, add_on.gives):
                after[add_on] = n
        return running.plan, +after

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
        self.subscription = Subscription(
            *basket, running.end, invoice.lines, renews=running, renewal=invoice
        )
        self.answer(invoice, bank(invoice.due) if invoice.due else "paid", now)
        return True
