"""Moving to a plan: which way it goes, what it costs now, and what is charged afterwards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum

from portal.billing.rules import describe
from portal.billing.rules.counting import Limits, Usage, shortfalls
from portal.billing.rules.errors import CurrencyMismatch, CycleEnded, SamePlan
from portal.billing.rules.money import Money
from portal.billing.rules.period import DAY, Cycle, Interval
from portal.billing.rules.proration import UnusedTime, unused_time

QUOTE_HOLDS = timedelta(minutes=15)
_UNSEEN = {"valid_until", "zone"}


class Direction(StrEnum):
    INITIAL = "initial"
    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    SAME = "same"


class LineKind(StrEnum):
    PLAN = "plan"
    UNUSED_TIME = "unused_time"


@dataclass(frozen=True)
class PlanTerms:
    """One plan at one price version.

    `family` and `tier` are keys, `position` is the tier's place in its family, from 0. `price` is
    what this price version costs per `interval`. `comparable` is the tier's list price of today
    at the monthly interval, in the currency of `price`: plans are compared by it, so that two
    intervals, or an old price and a new one, never make a dearer plan look like the cheaper.
    """

    price_id: int
    name: str
    family: str
    tier: str
    position: int
    interval: Interval
    price: Money
    comparable: Money

    @property
    def currency(self) -> str:
        return self.price.currency


@dataclass(frozen=True)
class Running:
    """A subscription's plan, its cycle, and what that cycle was really charged at.

    `charged` is the worth of the cycle's invoice lines, before credit balance was applied.
    """

    terms: PlanTerms
    cycle: Cycle
    charged: Money


@dataclass(frozen=True)
class QuoteLine:
    """`days` of `days_in_cycle` at `base` make up the line; a credit's `amount` is negative.

    `kept` is the part of a credit that goes to the credit balance instead of into `amount`.
    """

    kind: LineKind
    plan_name: str
    days: int
    days_in_cycle: int
    base: Money
    amount: Money
    kept: Money
    period: Cycle | None

    @property
    def description(self) -> str:
        """As in "Standard, 10 users" or "Unused time on Standard, 5 users"."""
        unused = self.kind is LineKind.UNUSED_TIME
        return f"Unused time on {self.plan_name}" if unused else self.plan_name

    @property
    def explanation(self) -> str:
        """As in "15 of 30 days × $50.00 = −$25.00"."""
        if self.kind is LineKind.PLAN:
            return f"Full price for {describe.days(self.days)}: {describe.money(self.base)}"
        days = f"{self.days} of {describe.days(self.days_in_cycle)}"
        base, whole = describe.money(self.base), describe.money(self.amount - self.kept)
        arithmetic = f"{days} {describe.TIMES} {base} = {whole}"
        return arithmetic if self.kept.is_zero else arithmetic + self._division

    @property
    def _division(self) -> str:
        here, kept = describe.money(-self.amount), describe.money(self.kept)
        return f"; {here} taken off here, {kept} kept as credit balance"


@dataclass(frozen=True)
class Quote:
    """What moving to `target` costs; nothing in it changes before `valid_until`.

    `total` is the invoice's, never negative; `balance_applied` is what the credit balance pays of
    it and `due_now` what is left to pay. `surplus_credit` is the credit beyond the new price,
    which joins the balance; `balance_after` is the balance once all is done. A downgrade has no
    lines: it starts with `new_cycle`, and `next_charge` is its first. `zone` is where the dates
    of the quote are read.
    """

    direction: Direction
    target: PlanTerms
    lines: tuple[QuoteLine, ...]
    subtotal: Money
    surplus_credit: Money
    balance_applied: Money
    balance_after: Money
    total: Money
    due_now: Money
    new_cycle: Cycle
    next_charge_at: datetime
    next_charge: Money
    valid_until: datetime
    zone: tzinfo

    def fingerprint(self) -> str:
        """sha256, in hex, over every figure and date a person is shown, save `valid_until`."""
        seen = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _UNSEEN}
        return hashlib.sha256(json.dumps(seen, default=self._plain).encode()).hexdigest()

    def _plain(self, value: object) -> object:
        match value:
            case Money():
                return value.amount, value.currency
            case datetime():
                return value.astimezone(self.zone).date().isoformat()
            case Cycle():
                return value.start_at, value.end_at
            case PlanTerms():
                return value.name, value.interval
            case QuoteLine():
                return value.description, value.explanation, value.amount, value.period
        raise TypeError(f"nobody is shown a {type(value).__name__}")


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


def quote(
    current: Running | None,
    target: PlanTerms,
    *,
    now: datetime,
    balance: Money,
    zone: tzinfo = UTC,
) -> Quote:
    """The price of moving from `current` (None: no subscription) to `target` at `now`.

    `balance` is the account's credit balance, zero or more; `zone` is the account's time zone.
    SamePlan where there is nothing to change, CycleEnded where a renewal has to come first,
    CurrencyMismatch where currencies differ.
    """
    way = direction(current.terms if current else None, target)
    if way is Direction.SAME:
        raise SamePlan(target.name)
    if current and now >= current.cycle.end_at:
        raise CycleEnded
    if current and way is Direction.DOWNGRADE:
        return _at_cycle_end(current, target, now, balance, zone)
    return _at_once(current, target, now, balance, zone)


def plan_line(terms: PlanTerms, cycle: Cycle) -> QuoteLine:
    """The full price of a plan for a cycle."""
    return QuoteLine(
        kind=LineKind.PLAN,
        plan_name=terms.name,
        days=cycle.days,
        days_in_cycle=cycle.days,
        base=terms.price,
        amount=terms.price,
        kept=Money.zero(terms.currency),
        period=cycle,
    )


def cheapest_fitting(offers: Iterable[tuple[PlanTerms, Limits]], usage: Usage) -> PlanTerms | None:
    """The plan of the lowest price whose limits hold `usage`; None where none does."""
    fitting = [terms for terms, limits in offers if not shortfalls(usage, limits)]
    return min(fitting, key=lambda terms: terms.price, default=None)


def _at_once(
    current: Running | None, target: PlanTerms, now: datetime, balance: Money, zone: tzinfo
) -> Quote:
    cycle = Cycle.starting(now.astimezone(UTC), target.interval)
    lines, surplus = _charge_and_credit(current, plan_line(target, cycle), now)
    subtotal = sum((line.amount for line in lines), Money.zero(target.currency))
    applied = min(balance, subtotal)
    return Quote(
        direction=direction(current.terms if current else None, target),
        target=target,
        lines=lines,
        subtotal=subtotal,
        surplus_credit=surplus,
        balance_applied=applied,
        balance_after=balance - applied + surplus,
        total=subtotal,
        due_now=subtotal - applied,
        new_cycle=cycle,
        next_charge_at=cycle.end_at,
        next_charge=target.price,
        valid_until=_holds_until(current, now, zone),
        zone=zone,
    )


def _charge_and_credit(
    current: Running | None, charge: QuoteLine, now: datetime
) -> tuple[tuple[QuoteLine, ...], Money]:
    if current is None:
        return (charge,), Money.zero(charge.amount.currency)
    unused = unused_time(current.charged, current.cycle, now)
    surplus = unused.credit - min(unused.credit, charge.amount)
    return (charge, _credit_line(current, unused, surplus, now)), surplus


def _credit_line(current: Running, unused: UnusedTime, surplus: Money, now: datetime) -> QuoteLine:
    return QuoteLine(
        kind=LineKind.UNUSED_TIME,
        plan_name=current.terms.name,
        days=unused.days_unused,
        days_in_cycle=unused.days_in_cycle,
        base=unused.charged,
        amount=surplus - unused.credit,
        kept=surplus,
        period=current.cycle.unused(now),
    )


def _at_cycle_end(
    current: Running, target: PlanTerms, now: datetime, balance: Money, zone: tzinfo
) -> Quote:
    nothing = Money.zero(target.currency)
    ends_at = current.cycle.end_at
    return Quote(
        direction=Direction.DOWNGRADE,
        target=target,
        lines=(),
        subtotal=nothing,
        surplus_credit=nothing,
        balance_applied=nothing,
        balance_after=balance,
        total=nothing,
        due_now=nothing,
        new_cycle=Cycle.starting(ends_at, target.interval),
        next_charge_at=ends_at,
        next_charge=target.price,
        valid_until=min(now.astimezone(UTC) + QUOTE_HOLDS, ends_at),
        zone=zone,
    )


def _holds_until(current: Running | None, now: datetime, zone: tzinfo) -> datetime:
    # The credit changes with the day of the cycle, the dates with the day of the calendar.
    tomorrow = datetime.combine(now.astimezone(zone).date() + DAY, time(), tzinfo=zone)
    ends = [now.astimezone(UTC) + QUOTE_HOLDS, tomorrow.astimezone(UTC)]
    if current is not None:
        ends.append(current.cycle.day_ends_at(now))
    return min(ends)
