"""Random lives of one account: every operation, any clock, any card, held against the oracle.

After every step the portal's rows must say what the oracles say, to the unit and to the second,
and break none of the promises about over-limit episodes (`promises`).

Left to other tests, because the oracles don't know of it: a second metric that is upgraded by
itself, more than one Admin to warn, an operator who holds an episode or puts it off, an upgrade
released that was not paid, and a mail server so slow that time goes by while it answers.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from portal.billing.intentions import StaleQuote
from portal.billing.rules.errors import RuleBroken
from tests.model import books
from tests.model.over_limit import OverLimit
from tests.model.shop import RATES
from tests.model.sides import CARDS, figures, rate_of

# Before a leap day, a year's end, and the nights when clocks change in Helsinki.
BEGINNINGS = [
    datetime(2026, 3, 1, 9, 0, tzinfo=UTC),
    datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2028, 1, 30, 0, 0, tzinfo=UTC),
    datetime(2026, 10, 24, 22, 30, 0, 1, tzinfo=UTC),
]
HOUR, DAY = 3600, 86_400
# More would be out of the bounds of what is charged at once.
MOST_ADD_ONS = 3
picks = st.integers(0, 11)
few = st.integers(0, 2)
cards = st.sampled_from(["card_pays", *CARDS])
# Amounts near the list's: some divide badly, none makes an invoice that is out of bounds.
amounts = st.integers(1, 9999)


class Lives(OverLimit):
    """One account from its opening on."""

    @initialize(
        beginning=st.sampled_from(BEGINNINGS),
        currency=st.sampled_from(["USD", "USD", "JPY"]),
        country=st.sampled_from(sorted(RATES)),
        pick=picks,
        seats=few,
        clients=few,
        card=cards,
    )
    def open(
        self,
        beginning: datetime,
        currency: str,
        country: str,
        pick: int,
        seats: int,
        clients: int,
        card: str,
    ) -> None:
        """Somebody signs up and pays, and has another card from then on."""
        self.begin(beginning, currency, country)
        self.choose_plan(pick=pick, seats=seats, clients=clients)
        self.use_card(card=card)

    # People and clients come and go.

    @rule(change=st.integers(-2, 3))
    def people(self, change: int) -> None:
        for _ in range(change):
            self.both(self.real.join, self.ours.join)
        for _ in range(min(-change, self.ours.usage["seats"] - 1)):
            self.real.leave()
            self.ours.usage["seats"] -= 1
        self.compare()

    @rule(change=st.integers(-3, 3))
    def clients(self, change: int) -> None:
        for _ in range(change):
            self.real.add_client()
            self.ours.usage["clients"] += 1
        for _ in range(min(-change, self.ours.usage["clients"])):
            self.real.suspend_client()
            self.ours.usage["clients"] -= 1
        self.compare()

    # Buying and changing.

    @rule(pick=picks, seats=few, clients=few)
    def choose_plan(self, pick: int, seats: int, clients: int) -> None:
        """A plan with as many add-ons as were chosen on the page."""
        self.buy(self.look_at_plan(pick, {"seat": seats, "clients": clients}))

    @rule(pick=picks)
    def change_plan(self, pick: int) -> None:
        """A plan with the add-ons there are."""
        self.buy(self.look_at_plan(pick, None))

    @precondition(lambda self: self.ours.subscription)
    @rule(seats=few, clients=few)
    def buy_add_ons(self, seats: int, clients: int) -> None:
        running = self.ours.subscription
        held, chosen = books.by_key(running.held), {"seat": seats, "clients": clients}
        wanted = {key: n for key, n in chosen.items() if n and key in running.plan.add_ons}
        if wanted and all(held.get(key, 0) + n <= MOST_ADD_ONS for key, n in wanted.items()):
            self.buy(self.look_at_add_ons(wanted))

    @rule(pick=picks)
    def look(self, pick: int) -> None:
        """Somebody opens the page of a plan, and leaves it open."""
        self.page = self.look_at_plan(pick, None)
        self.compare()

    @precondition(lambda self: self.page)
    @rule()
    def confirm_what_was_seen(self) -> None:
        """What holds no more is refused; what is charged is what was seen."""
        assert self.page
        page, self.page = self.page, None
        fresh = self.quoted(page.again)
        same = fresh is not None and figures(fresh) == figures(page.quote)
        try:
            change = self.real.confirm(page.offer)
        except (StaleQuote, RuleBroken):
            in_time = self.now <= page.offer.confirmation.valid_until
            assert not (same and in_time), "what still holds was refused"
        else:
            assert same, "what holds no more was charged"
            assert fresh
            self.take_up(replace(page, quote=fresh), change)
        self.compare()

    @precondition(lambda self: self.posted)
    @rule()
    def post_again(self) -> None:
        """A double click, the back button: the first one's change, and nothing else."""
        assert self.posted
        page, change_id = self.posted
        assert self.real.confirm(page.offer).id == change_id
        self.hear()
        self.compare()

    @precondition(lambda self: self.ours.subscription and self.ours.subscription.held)
    @rule(pick=picks, renewing=st.integers(0, MOST_ADD_ONS))
    def keep_add_ons(self, pick: int, renewing: int) -> None:
        """So many of an add-on renew, the others go with the cycle."""
        held = self.ours.subscription.held
        add_on = list(held)[pick % len(held)]
        renewing = min(renewing, held[add_on])
        self.both(
            lambda: self.real.renew_only(self.shop.ids[add_on], renewing),
            lambda: self.ours.renew_only(add_on, renewing, self.now),
        )

    @precondition(lambda self: self.ours.subscription)
    @rule()
    def cancel(self) -> None:
        self.both(self.real.cancel, lambda: self.ours.cancel(self.now))

    @precondition(lambda self: self.ours.subscription)
    @rule()
    def withdraw(self) -> None:
        """Take back what waits for the cycle's end, if anything does."""
        running = self.ours.subscription
        if running.cancelled:
            self.both(self.real.withdraw_cancellation, lambda: self.ours.withdraw(self.now))
        elif running.scheduled:
            self.both(self.real.withdraw_downgrade, lambda: self.ours.withdraw(self.now))

    # Paying and giving back.

    @rule(card=cards)
    def use_card(self, card: str) -> None:
        self.card = card
        invoice = self.ours.unpaid
        tries_again = invoice and invoice.tries and not invoice.waits and self.ours.subscription
        self.real.use_card(card)
        if tries_again:
            self.try_by_hand(invoice)
        self.compare()

    @precondition(lambda self: self.ours.unpaid)
    @rule()
    def pay(self) -> None:
        invoice = self.ours.unpaid
        self.real.pay()
        if not invoice.waits:
            self.try_by_hand(invoice)
        self.compare()

    @precondition(lambda self: self.waiting and self.waiting.bank_says == "asks")
    @rule(succeeds=st.booleans())
    def authenticate(self, succeeds: bool) -> None:
        assert self.waiting
        self.waiting = replace(self.waiting, bank_says="paid" if succeeds else "declined")
        self.real.authenticate(succeeds=succeeds)
        self.hear()
        self.compare()

    @precondition(lambda self: self.ours.invoices)
    @rule(pick=picks, chosen=st.sets(st.integers(0, 3)), to_balance=st.booleans())
    def credit(self, pick: int, chosen: set[int], to_balance: bool) -> None:
        """A credit note of a whole invoice, or of some of its charges."""
        number = pick % len(self.ours.invoices)
        invoice = self.ours.invoices[number]
        charges = [n for n, line in enumerate(invoice.lines) if line.net > 0 and line.left > 0]
        places = sorted({charges[n % len(charges)] for n in chosen}) if charges else []
        lines = [invoice.lines[n] for n in places] or invoice.lines
        amounts = [(invoice.lines[n].net, invoice.lines[n].tax) for n in places] or None
        self.both(
            lambda: self.real.credit(number, amounts, to_balance=to_balance),
            lambda: self.ours.credit(invoice, lines, to_balance=to_balance),
        )

    # The vendor and the tax office.

    @rule(pick=picks, amount=st.integers(1, 9999))
    def reprice(self, pick: int, amount: int) -> None:
        """From now on a plan costs something else, and so does an add-on."""
        plan = self.shop.listed[self.shop.keys[pick % len(self.shop.keys)]]
        amount = self.shop.in_order(plan.key, amount)
        if plan.price != amount:
            self.shop.reprice(plan.key, amount, self.now)
        add_on = plan.add_ons["seat"]
        if add_on.price != (cheaper := amount // 4 + 1):
            self.shop.reprice_add_on(plan.key[0], plan.days, "seat", cheaper, self.now)
        self.compare()

    @rule(country=st.sampled_from(sorted(RATES)))
    def move_to(self, country: str) -> None:
        self.real.move_to(country)
        self.ours.rate = rate_of(country)
        self.compare()

    # Time.

    @rule(seconds=st.one_of(st.sampled_from([1, 59, HOUR, DAY - 1, DAY]), st.integers(1, DAY)))
    def time_passes(self, seconds: int) -> None:
        """The worker does everything when it falls due."""
        self.travel(self.now + timedelta(seconds=seconds))

    @rule(days=st.integers(1, 20), seconds=st.integers(0, DAY))
    def days_pass(self, days: int, seconds: int) -> None:
        self.travel(self.now + timedelta(days=days, seconds=seconds))

    @precondition(lambda self: self.ours.subscription)
    @rule(seconds=st.sampled_from([-1, 0, 1, HOUR, 2 * DAY, 4 * DAY, 8 * DAY]))
    def the_cycle_ends(self, seconds: int) -> None:
        """Time passes up to the cycle's end, or a little less, or more."""
        self.travel(self.ours.subscription.end + timedelta(seconds=seconds))

    @rule(days=st.integers(0, 70), seconds=st.integers(0, DAY))
    def the_worker_is_late(self, days: int, seconds: int) -> None:
        """Nothing is done for a while, then everything at once, and once more in vain."""
        self.world.clock.advance(days=days, seconds=seconds)
        for _ in range(2):
            self.world.work()
            self.follow()
        self.world.be_done()
        self.compare()

    @rule(seconds=st.integers(1, 5 * DAY))
    def the_worker_is_away(self, seconds: int) -> None:
        """Time passes, and people go on while nothing that falls due is done."""
        self.world.clock.advance(seconds=seconds)
        self.compare()
