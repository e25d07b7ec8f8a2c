"""Changing what runs: which way it goes, what it costs now, and what is charged afterwards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum

from portal.billing.rules import invoicing
from portal.billing.rules.counting import Usage, shortfalls
from portal.billing.rules.errors import CurrencyMismatch, CycleEnded, SamePlan
from portal.billing.rules.invoicing import InvoiceDraft
from portal.billing.rules.lines import Line, add_on_line, cycle_lines, unused_lines
from portal.billing.rules.money import Money
from portal.billing.rules.period import DAY, Cycle, Interval
from portal.billing.rules.tax import NO_TAX, Tax
from portal.billing.rules.terms import Basket, Item, PlanTerms, Running
from portal.language import ENGLISH, speaking

QUOTE_HOLDS = timedelta(minutes=15)


class Direction(StrEnum):
    INITIAL = "initial"
    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    SAME = "same"
    # More add-ons beside the running plan.
    ADD_ONS = "add_ons"


@dataclass(frozen=True)
class Circumstances:
    """What a quote depends on besides the plans.

    `balance` is the account's credit balance, zero or more; `tax` what sales of now carry; `zone`
    is where the dates of the quote are read, `language` what its lines are written in.
    """

    now: datetime
    balance: Money
    tax: Tax = NO_TAX
    zone: tzinfo = UTC
    language: str = ENGLISH


@dataclass(frozen=True)
class Quote:
    """What moving to `basket` costs; nothing in it changes before `valid_until`.

    `draft` is the invoice to come: its `due` is what is paid now. `balance_after` is the credit
    balance once all is done. `new_cycle` is the cycle that is running then; `next_charge` is what
    it ends with, tax included, before credit balance. A downgrade has no lines: it starts with
    `new_cycle`, and `next_charge` is its first. Of a purchase of add-ons, `bought` is what is
    bought and `basket` everything that runs afterwards; `renewing` is what `next_charge` is for.
    """

    direction: Direction
    basket: Basket
    renewing: Basket
    draft: InvoiceDraft
    balance_after: Money
    new_cycle: Cycle
    next_charge_at: datetime
    next_charge: Money
    valid_until: datetime
    zone: tzinfo
    bought: tuple[Item, ...] = ()

    @property
    def target(self) -> PlanTerms:
        return self.basket.plan

    @property
    def lines(self) -> tuple[Line, ...]:
        return self.draft.lines

    @property
    def due_now(self) -> Money:
        return self.draft.due

    def fingerprint(self) -> str:
        """sha256, in hex, over every figure and date a person is shown, save `valid_until`."""
        sums = self.draft
        seen = [
            self.direction,
            self.target.name,
            self.target.interval,
            [(item.add_on.name, item.quantity) for item in self.basket.add_ons],
            [self._line(line) for line in sums.lines],
            [(each.tax.name, each.tax.basis_points, each.amount.amount) for each in sums.taxes],
            sums.currency,
            [sums.total.amount, sums.surplus.amount, sums.balance_applied.amount, sums.due.amount],
            self.balance_after.amount,
            [self.next_charge.amount, self._date(self.next_charge_at)],
            self._dates(self.new_cycle),
        ]
        return hashlib.sha256(json.dumps(seen).encode()).hexdigest()

    def _line(self, line: Line) -> list[object]:
        period = self._dates(line.period) if line.period else []
        amounts = [line.amount.amount, line.tax_amount.amount]
        return [line.description, line.explanation, *amounts, period]

    def _dates(self, cycle: Cycle) -> list[str]:
        return [self._date(cycle.start_at), self._date(cycle.end_at)]

    def _date(self, at: datetime) -> str:
        return at.astimezone(self.zone).date().isoformat()


def direction(current: PlanTerms | None, target: PlanTerms) -> Direction:
    """Compare by the price at the same interval: the dearer is an upgrade.

    The same tier yearly instead of monthly is an upgrade too; everything else is a downgrade.
    CurrencyMismatch where the two are in different currencies.
    """
    if current is None:
        return Direction.INITIAL
    if (current.family, current.tier) != (target.family, target.tier):
        dearer = target.comparable > current.comparable
        return Direction.UPGRADE if dearer else Direction.DOWNGRADE
    if current.currency != target.currency:
        raise CurrencyMismatch(current.currency, target.currency)
    if current.interval is target.interval:
        return Direction.SAME
    yearly = target.interval is Interval.YEARLY
    return Direction.UPGRADE if yearly else Direction.DOWNGRADE


def quote(current: Running | None, target: Basket, given: Circumstances) -> Quote:
    """The price of moving from `current` (None: no subscription) to `target`.

    SamePlan where there is nothing to change, CycleEnded where a renewal has to come first,
    CurrencyMismatch where currencies differ.
    """
    way = direction(current.terms if current else None, target.plan)
    if way is Direction.SAME:
        raise SamePlan(target.plan.name)
    _refuse_ended(current, given.now)
    with speaking(given.language):
        if current and way is Direction.DOWNGRADE:
            return _at_cycle_end(current, target, given)
        return _at_once(current, target, way, given)


def add_ons_quote(
    current: Running,
    bought: tuple[Item, ...],
    after: Basket,
    renewing: Basket,
    given: Circumstances,
) -> Quote:
    """The price of more add-ons for the days left of the running cycle, today included.

    `after` is what runs with them, `renewing` what the cycle ends with. The cycle stays.
    """
    left = current.cycle.unused(given.now)
    if left is None:
        raise CycleEnded
    with speaking(given.language):
        lines = tuple(add_on_line(item, left, current.cycle, given.tax) for item in bought)
        return _quote(
            Direction.ADD_ONS,
            lines,
            current.cycle,
            after=after,
            renewing=renewing,
            current=current,
            given=given,
            bought=bought,
        )


def cheapest_fitting(offers: Iterable[PlanTerms], usage: Usage) -> PlanTerms | None:
    """The plan of the lowest price whose limits hold `usage`; None where none does."""
    fitting = [terms for terms in offers if not shortfalls(usage, terms.limits)]
    return min(fitting, key=lambda terms: terms.price, default=None)


def _at_once(
    current: Running | None, target: Basket, way: Direction, given: Circumstances
) -> Quote:
    cycle = Cycle.starting(given.now.astimezone(UTC), target.plan.interval)
    credits = unused_lines(current.charged, given.now) if current else ()
    lines = (*cycle_lines(target, cycle, given.tax), *credits)
    return _quote(way, lines, cycle, after=target, renewing=target, current=current, given=given)


def _at_cycle_end(current: Running, target: Basket, given: Circumstances) -> Quote:
    cycle = Cycle.starting(current.cycle.end_at, target.plan.interval)
    nothing = invoicing.draft((), Money.zero(given.balance.currency))
    first = invoicing.for_cycle(target, cycle, given.balance, given.tax)
    return Quote(
        direction=Direction.DOWNGRADE,
        basket=target,
        renewing=target,
        draft=nothing,
        balance_after=given.balance,
        new_cycle=cycle,
        next_charge_at=current.cycle.end_at,
        next_charge=first.total,
        valid_until=min(given.now.astimezone(UTC) + QUOTE_HOLDS, current.cycle.end_at),
        zone=given.zone,
    )


def _quote(
    way: Direction,
    lines: tuple[Line, ...],
    cycle: Cycle,
    *,
    after: Basket,
    renewing: Basket,
    current: Running | None,
    given: Circumstances,
    bought: tuple[Item, ...] = (),
) -> Quote:
    sums = invoicing.draft(lines, given.balance, given.tax)
    return Quote(
        direction=way,
        basket=after,
        renewing=renewing,
        draft=sums,
        balance_after=given.balance - sums.balance_applied + sums.surplus,
        new_cycle=cycle,
        next_charge_at=cycle.end_at,
        next_charge=invoicing.for_cycle(renewing, cycle.next(), given.balance, given.tax).total,
        valid_until=_holds_until(current, given),
        zone=given.zone,
        bought=bought,
    )


def _refuse_ended(current: Running | None, now: datetime) -> None:
    if current and now >= current.cycle.end_at:
        raise CycleEnded


def _holds_until(current: Running | None, given: Circumstances) -> datetime:
    # The credit changes with the day of the cycle, the dates with the day of the calendar.
    now = given.now
    tomorrow = datetime.combine(now.astimezone(given.zone).date() + DAY, time(), tzinfo=given.zone)
    ends = [now.astimezone(UTC) + QUOTE_HOLDS, tomorrow.astimezone(UTC)]
    if current is not None:
        ends.append(current.cycle.day_ends_at(now))
    return min(ends)
