"""What each step from a tier to the next has to be: larger, dearer, better value than add-ons.

The steps are those that can be taken: among the tiers that are not hidden, with the add-ons that
are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from portal.billing.rules import describe
from portal.billing.rules.catalog_cover import Offer, cheapest_cover
from portal.billing.rules.catalog_values import AddOn, Family, Price, Tier, size
from portal.billing.rules.counting import Metric, amount_of
from portal.billing.rules.money import Money
from portal.billing.rules.period import Interval


@dataclass(frozen=True)
class StepProblem:
    """What is wrong with the step up to the tier at `position`; the arithmetic, a line each."""

    position: int
    reason: str
    explanation: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """From one tier of a family to the next that is sold."""

    family: Family
    lower: Tier
    upper: Tier

    @property
    def names(self) -> tuple[str, str]:
        return f"{self.family.name}, {self.lower.name}", f"{self.family.name}, {self.upper.name}"

    def problem(self, reason: str, *explanation: str) -> StepProblem:
        return StepProblem(self.upper.position, reason, explanation)


@dataclass(frozen=True)
class Purchase:
    """So many of an add-on, to hold `need` more of a metric."""

    metric: Metric
    need: int
    count: int
    offer: Offer

    def cost(self, currency: str) -> Money:
        return Money(self.offer.amount * self.count, currency)


def step_problems(family: Family, currencies: Sequence[str]) -> Iterator[StepProblem]:
    """What is wrong with the family's steps.

    Limits and prices that could not be read are left out of the comparison.
    """
    for lower, upper in pairwise(family.offered_tiers):
        step = Step(family, lower, upper)
        yield from _doubles(step)
        for interval in Interval:
            for currency in currencies:
                yield from _dearer_and_better(step, interval, currency)


def _dearer_and_better(step: Step, interval: Interval, currency: str) -> Iterator[StepProblem]:
    lower = _amount(step.lower.prices, interval, currency)
    upper = _amount(step.upper.prices, interval, currency)
    if lower is not None and upper is not None:
        yield from _dearer(step, interval, lower, upper)
        yield from _better_value(step, interval, lower, upper)


def _doubles(step: Step) -> Iterator[StepProblem]:
    lower_name, upper_name = step.names
    grows = False
    readable = [m for m in Metric if m in step.lower.limits and m in step.upper.limits]
    held = [f"{name}: {_held(tier)}" for name, tier in _named(step)]
    for metric in readable:
        lower, upper = step.lower.limits[metric], step.upper.limits[metric]
        if size(upper) < size(lower):
            yield step.problem(
                f"catalog.doubles: {upper_name} holds {_limit(metric, upper)}, less than the "
                f"{_limit(metric, lower)} of {lower_name} before it.",
                *held,
            )
        grows |= size(upper) != size(lower)
    if len(readable) == len(Metric) and not grows:
        yield step.problem(
            f"catalog.doubles: {upper_name} holds no more than {lower_name} before it.", *held
        )


def _dearer(step: Step, interval: Interval, lower: Money, upper: Money) -> Iterator[StepProblem]:
    if upper <= lower:
        lower_name, upper_name = step.names
        yield step.problem(
            f"{upper_name} costs {describe.money(upper)} ({interval}), not more than "
            f"{lower_name} before it at {describe.money(lower)}: put tiers in order of price."
        )


def _better_value(
    step: Step, interval: Interval, lower: Money, upper: Money
) -> Iterator[StepProblem]:
    difference = upper - lower
    currency = difference.currency
    bought = _add_ons_for(step, interval, currency)
    if bought is None:
        return
    cost = sum((each.cost(currency) for each in bought), Money.zero(currency))
    if cost < difference:
        lower_name, upper_name = step.names
        shopping = describe.listing([f"{each.count} × “{each.offer.name}”" for each in bought])
        yield step.problem(
            f"catalog.better-value: from {lower_name} to {upper_name} ({interval}, {currency}) "
            f"costs {describe.money(difference)} more, but the same as add-ons ({shopping}) only "
            f"{describe.money(cost)}: the step is {describe.money(difference - cost)} too dear, "
            "or the add-ons too cheap.",
            f"The step: {_minus(upper, lower)}.",
            *(_purchase(each, currency) for each in bought),
            f"The add-ons: {_plus([each.cost(currency) for each in bought], cost)}.",
            f"Too dear by {_minus(difference, cost)}.",
        )


def _purchase(bought: Purchase, currency: str) -> str:
    each = describe.money(Money(bought.offer.amount, currency))
    total = describe.money(bought.cost(currency))
    need = amount_of(bought.metric, bought.need)
    return f"{need} more: {bought.count} × “{bought.offer.name}” at {each} = {total}."


def _minus(one: Money, other: Money) -> str:
    whole, part, left = map(describe.money, (one, other, one - other))
    return f"{whole} {describe.MINUS} {part} = {left}"


def _plus(parts: Sequence[Money], total: Money) -> str:
    sum_of = " + ".join(map(describe.money, parts))
    return f"{sum_of} = {describe.money(total)}" if len(parts) > 1 else sum_of


def _add_ons_for(step: Step, interval: Interval, currency: str) -> list[Purchase] | None:
    """The cheapest add-ons that reach the upper tier's limits; None where none can."""
    bought: list[Purchase] = []
    for metric in Metric:
        if metric not in step.lower.limits or metric not in step.upper.limits:
            return None
        lower, upper = step.lower.limits[metric], step.upper.limits[metric]
        if size(upper) <= size(lower):
            continue
        offers = _offers(step.family.offered_add_ons, metric, interval, currency)
        if upper is None or lower is None or not offers:
            return None
        cover = cheapest_cover(upper - lower, offers)
        bought += [Purchase(metric, upper - lower, count, offer) for offer, count in cover]
    return bought or None


def _offers(
    add_ons: Iterable[AddOn], metric: Metric, interval: Interval, currency: str
) -> list[Offer]:
    found = []
    for add_on in add_ons:
        amount = _amount(add_on.prices, interval, currency)
        if add_on.metric is metric and amount is not None:
            found.append(Offer(add_on.name, add_on.quantity, amount.amount))
    return found


def _amount(prices: Iterable[Price], interval: Interval, currency: str) -> Money | None:
    for price in prices:
        if price.interval is interval and price.money.currency == currency:
            return price.money
    return None


def _named(step: Step) -> Iterable[tuple[str, Tier]]:
    return zip(step.names, (step.lower, step.upper), strict=True)


def _held(tier: Tier) -> str:
    return ", ".join(
        _limit(metric, tier.limits[metric]) for metric in Metric if metric in tier.limits
    )


def _limit(metric: Metric, limit: int | None) -> str:
    return f"unlimited {metric}" if limit is None else amount_of(metric, limit)
