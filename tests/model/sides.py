"""The two sides of the model test: the portal and the oracle, told the same and compared."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import ClassVar

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from portal.billing.rules.errors import RuleBroken
from portal.models import PlanChange, PlanChangeState
from tests.model import books, oracle, over_acts
from tests.model.driver import HOME, Driver, Offer
from tests.model.episodes_oracle import Episodes
from tests.model.picture import differences, expected
from tests.model.shop import RATES, Key, Shop
from tests.model.world import World


@dataclass(frozen=True)
class Card:
    """What its bank says when its owner is there, and when not; whether the answer gets through."""

    there: str
    away: str
    answers: bool = True


CARDS = {
    "card_pays": Card("paid", "paid"),
    "card_declines": Card("declined", "declined"),
    "card_declines_later": Card("paid", "declined"),
    "card_authenticates": Card("asks", "declined"),
    "card_times_out_paid": Card("paid", "paid", answers=False),
    "card_times_out_unpaid": Card("declined", "declined", answers=False),
}


@dataclass(frozen=True)
class Page:
    """A quote on somebody's screen: as the portal made it, and as the oracle makes it `again`."""

    offer: Offer
    quote: books.Quote
    again: Callable[[], books.Quote]


@dataclass(frozen=True)
class Waiting:
    """A payment whose outcome nobody knows: what for, and what the bank says when it is asked.

    "asks": it is the customer who is asked, and an hour's silence is a no.
    """

    subject: books.Quote | books.Invoice
    payment_id: int
    bank_says: str
    by_hand: bool = False


class Sides(RuleBasedStateMachine):
    """One account on both sides. `world` is where all of them live, one after the other."""

    world: ClassVar[World]

    def begin(self, at: datetime, currency: str, country: str) -> None:
        self.world.begin(at)
        self.shop = Shop(currency)
        self.real = Driver(self.world.clock, currency=currency, country=country)
        self.ours = oracle.Account(rate_of(country))
        self.ours.usage = {"seats": 1, "clients": 0, "storage": 0}
        self.over = Episodes(self.ours, self._next_tier)
        self.card = "card_pays"
        self.real.use_card(self.card)
        self.page: Page | None = None
        self.posted: tuple[Page, int] | None = None
        self.waiting: Waiting | None = None
        self.upgrades: set[int] = set()
        self.is_sound = True

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    def compare(self) -> None:
        """The portal says what the oracle says, and foretells what it will."""
        self.compare_rows()
        self.is_sound = False
        said, must = self.real.next_charge(), self._next_charge()
        assert said == must, f"next charge: says {said}, must say {must}"
        if self.over.all:
            broken = over_acts.broken_promises(self.real, self.world.mail.handed)
            assert not broken, broken
        self.is_sound = True

    def compare_rows(self) -> None:
        self.is_sound = False
        self.over.settle(self.now)
        wrong = differences(self.real.picture(), expected(self.ours, self.over))
        assert not wrong, wrong
        self.is_sound = True

    def teardown(self) -> None:
        if getattr(self, "is_sound", False):
            wrong = self.world.wrong()
            assert not wrong, wrong

    def both(self, real: Callable[[], object], ours: Callable[[], object]) -> None:
        """Both do it, or both refuse."""
        try:
            ours()
        except oracle.Refused:
            with pytest.raises(RuleBroken):
                real()
        else:
            real()
        self.compare()

    # Buying.

    @property
    def choice(self) -> list[Key]:
        """The plans there are to choose from: all but the one that runs."""
        running = self.ours.subscription
        return [key for key in self.shop.keys if not running or key != running.plan.key]

    def pick_of(self, key: Key) -> int:
        """The pick that chooses a plan."""
        return self.choice.index(key) + len(self.choice)

    def look_at_plan(self, pick: int, wanted: dict[str, int] | None) -> Page | None:
        """The quote of a plan, with add-ons chosen or carried over; None where it is refused.

        Seldom it is the plan that runs: that is always refused.
        """
        keys = self.shop.keys if not pick else self.choice
        key = keys[pick % len(keys)]
        plan = self.shop.listed[key]
        ids = None if wanted is None else self.shop.price_ids(books.bought(plan, wanted))
        return self._page(
            lambda: self.real.quote(self.shop.ids[plan], ids),
            lambda: self.ours.quote(self.shop.listed[key], wanted, self.now),
        )

    def look_at_add_ons(self, wanted: dict[str, int]) -> Page | None:
        """The same for more add-ons beside the running plan."""
        running = self.ours.subscription
        assert running
        ids = self.shop.price_ids(books.bought(running.plan, wanted))
        return self._page(
            lambda: self.real.quote_add_ons(ids),
            lambda: self.ours.quote_add_ons(wanted, self.now),
        )

    def buy(self, page: Page | None) -> None:
        """Confirm what a page shows, at once."""
        if page is not None:
            self.take_up(page, self.real.confirm(page.offer))
        self.compare()

    def take_up(self, page: Page, change: PlanChange) -> None:
        """The portal was given a confirmation: what must have become of it."""
        self.posted = (page, change.id)
        if page.quote.kind == "downgrade":
            assert change.state is PlanChangeState.SCHEDULED
            self.ours.carry_out(page.quote)
        else:
            self._charge(page.quote, change, CARDS[self.card].there)

    def quoted(self, ours: Callable[[], books.Quote]) -> books.Quote | None:
        try:
            return ours()
        except oracle.Refused:
            return None

    # What banks say.

    def try_by_hand(self, invoice: books.Invoice) -> None:
        """Somebody who is there tried to pay an invoice."""
        card = CARDS[self.card]
        if card.there == "asks" or not card.answers:
            self.ours.answer(invoice, "unknown", self.now)
            self._wait(invoice, card.there, by_hand=True)
        else:
            self.ours.answer(invoice, card.there, self.now, by_hand=True)

    def hear(self) -> None:
        """Where the portal learnt what became of a payment, the oracle is told."""
        waiting = self.waiting
        if waiting is None or not self.real.is_settled(waiting.payment_id):
            return
        self.waiting = None
        said = "declined" if waiting.bank_says == "asks" else waiting.bank_says
        if isinstance(waiting.subject, books.Invoice):
            self.ours.answer(waiting.subject, said, self.now, by_hand=waiting.by_hand)
            return
        self.ours.change_waits = False
        self._learn(waiting.subject, said)

    def _charge(self, quote: books.Quote, change: PlanChange, bank_says: str) -> None:
        """charge.paid-first: a change is carried out when it is paid, not before."""
        if not quote.invoice.due:
            bank_says = "paid"
        elif bank_says == "asks" or not CARDS[self.card].answers:
            assert change.state is PlanChangeState.PENDING, change.failure
            self.ours.change_waits = True
            self._wait(quote, bank_says)
            return
        state = PlanChangeState.APPLIED if bank_says == "paid" else PlanChangeState.FAILED
        assert change.state is state, change.failure
        self._learn(quote, bank_says)

    def _learn(self, quote: books.Quote, said: str) -> None:
        """What became of the payment of a change, one that people chose or an automatic one."""
        if quote is self.over.pending:
            self.over.outcome(said, self.now)
        elif said == "paid":
            self.ours.carry_out(quote)

    def _wait(
        self, subject: books.Quote | books.Invoice, bank_says: str, *, by_hand: bool = False
    ) -> None:
        self.waiting = Waiting(subject, self.real.asked(), bank_says, by_hand)

    def _bank(self, _amount: int) -> str:
        """What becomes of an attempt that the worker makes."""
        card = CARDS[self.card]
        if card.answers:
            return card.away
        assert self.ours.unpaid
        self._wait(self.ours.unpaid, card.away)
        return "unknown"

    def _next_charge(self) -> tuple[datetime, int] | None:
        """The renewal, or an upgrade that was announced and comes before it."""
        running = self.ours.subscription
        told = self.over.announced(self.now) if running else None
        return told if running and told and told[0] < running.end else self.ours.next_charge

    def _next_tier(self, plan: books.Plan) -> books.Plan | None:
        key = self.shop.next_tier(plan.key)
        return self.shop.listed[key] if key else None

    def _page(self, real: Callable[[], Offer], ours: Callable[[], books.Quote]) -> Page | None:
        """charge.quote-is-charge: what the portal shows is what the oracle works out."""
        quote = self.quoted(ours)
        if quote is None:
            with pytest.raises(RuleBroken):
                self.real.confirm(real())
            return None
        offer = real()
        terms = offer.terms
        assert terms.due_now.amount == quote.invoice.due
        assert terms.draft.surplus.amount == quote.invoice.surplus
        assert (terms.next_charge_at, terms.next_charge.amount) == quote.then
        return Page(offer, quote, ours)


def figures(quote: books.Quote) -> tuple[object, ...]:
    """Everything a person reads on a quote."""
    invoice, (plan, held) = quote.invoice, quote.basket
    lines = [(line.net, line.tax) for line in invoice.lines]
    at, amount = quote.then
    day = at.astimezone(HOME).date()
    return quote.kind, plan, held, lines, invoice.due, invoice.surplus, day, amount


def rate_of(country: str) -> Fraction:
    return Fraction(RATES[country], 10_000)
