"""Random lives of one account: every operation, any clock, any card, held against the oracle.

After every step the portal's rows must say what the oracle says, to the unit.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from portal.billing.intentions import StaleQuote
from portal.billing.rules.errors import RuleBroken
from tests.model import oracle
from tests.model.shop import RATES
from tests.model.sides import CARDS, Sides, figures, rate_of

# Before a leap day, a year's end, and the nights when clocks change in Helsinki.
BEGINNINGS = [
    datetime(2026, 3, 1, 9, 0, tzinfo=UTC),
    datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2028, 1, 30, 0, 0, tzinfo=UTC),
    datetime(2026, 10, 24, 22, 30, 0, 1, tzinfo=UTC),
]
HOUR, DAY = 3600, 86_400
spans = st.one_of(
    st.sampled_from([1, 59, HOUR, DAY - 1, DAY, 3 * DAY, 30 * DAY - 1, 30 * DAY]),
    st.integers(1, HOUR),
    st.integers(1, 20 * DAY),
    st.integers(20 * DAY, 70 * DAY),
)
# More would be out of the bounds of what is charged at once.
MOST_ADD_ONS = 3
picks = st.integers(0, 11)
few = st.integers(0, 2)
cards = st.sampled_from(["card_pays", "card_pays", *CARDS])
# Amounts near the list's: some divide badly, none makes an invoice that is out of bounds.
amounts = st.integers(1, 9999)


class Lives(Sides):
    """One account from its opening on."""

    @initialize(
        beginning=st.sampled_from(BEGINNINGS),
        currency=st.sampled_from(["USD", "USD", "JPY"]),
        country=st.sampled_from(sorted(RATES)),
        card=cards,
    )
    def open(self, beginning: datetime, currency: str, country: str, card: str) -> None:
        self.begin(beginning, currency, country, card)

    # People and clients come and go.

    @rule()
    def join(self) -> None:
        self.real.join()
        self.ours.usage["seats"] += 1
        self.compare()

    @precondition(lambda self: self.ours.usage["seats"] > 1)
    @rule()
    def leave(self) -> None:
        self.real.leave()
        self.ours.usage["seats"] -= 1
        self.compare()

    @rule()
    def add_client(self) -> None:
        self.real.add_client()
        self.ours.usage["clients"] += 1
        self.compare()

    @precondition(lambda self: self.ours.usage["clients"])
    @rule()
    def suspend_client(self) -> None:
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
        held, chosen = oracle.by_key(running.held), {"seat": seats, "clients": clients}
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

    @precondition(lambda self: self.ours.subscription and self.ours.subscription.cancelled)
    @rule()
    def withdraw_cancellation(self) -> None:
        self.both(self.real.withdraw_cancellation, self.ours.withdraw)

    @precondition(lambda self: self.ours.subscription and self.ours.subscription.scheduled)
    @rule()
    def withdraw_downgrade(self) -> None:
        self.both(self.real.withdraw_downgrade, self.ours.withdraw)

    # Paying and giving back.

    @rule(card=cards)
    def use_card(self, card: str) -> None:
        is_new, self.card = card != self.card, card
        invoice = self.ours.unpaid
        tries_again = invoice and invoice.tries and not invoice.waits and self.ours.subscription
        self.real.use_card(card)
        if is_new and tries_again:
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
        positions = [n + 1 for n in places] or None
        self.both(
            lambda: self.real.credit(number, positions, to_balance=to_balance),
            lambda: self.ours.credit(invoice, lines, to_balance=to_balance),
        )

    # The vendor and the tax office.

    @rule(pick=picks, amount=st.integers(1, 9999))
    def reprice(self, pick: int, amount: int) -> None:
        plan = self.shop.listed[self.shop.keys[pick % len(self.shop.keys)]]
        if plan.price != amount:
            self.shop.reprice(plan.key, amount, self.now)
        self.compare()

    @rule(pick=picks, amount=st.integers(1, 2500))
    def reprice_add_on(self, pick: int, amount: int) -> None:
        sold = [(place, a) for place, all_of in self.shop.beside.items() for a in all_of.values()]
        place, add_on = sold[pick % len(sold)]
        if add_on.price != amount:
            self.shop.reprice_add_on(*place, add_on.key, amount, self.now)
        self.compare()

    @rule(country=st.sampled_from(sorted(RATES)))
    def move_to(self, country: str) -> None:
        self.real.move_to(country)
        self.ours.rate = rate_of(country)
        self.compare()

    # Time.

    @rule(seconds=spans)
    def time_passes(self, seconds: int) -> None:
        """The worker does everything when it falls due."""
        self.world.travel(self.now + timedelta(seconds=seconds), self.follow)

    @rule(seconds=spans)
    def the_worker_is_late(self, seconds: int) -> None:
        self.world.clock.advance(seconds=seconds)
        self.world.work()
        self.follow()

    @rule(seconds=st.integers(1, 5 * DAY))
    def the_worker_is_away(self, seconds: int) -> None:
        """Time passes, and people go on while nothing that falls due is done."""
        self.world.clock.advance(seconds=seconds)
        self.compare()

    @rule()
    def the_worker_comes_twice(self) -> None:
        for _ in range(2):
            self.world.work()
            self.follow()
