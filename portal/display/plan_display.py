"""What Change Plan shows: plans against today's usage, and a quote in the order it is read.

Everything a person confirms by is in `Shown`; amounts and dates are the quote's own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy.orm import Session

from portal.billing import episode_facts, price_list
from portal.billing.offers import Offer
from portal.billing.rules import counting, describe, overage
from portal.billing.rules.counting import Fit, Metric, Shortfall, fit, in_use, shortfalls
from portal.billing.rules.money import Money
from portal.billing.rules.period import Interval
from portal.billing.rules.plan_change import Direction, Quote
from portal.billing.rules.terms import Basket, PlanTerms
from portal.language import gettext as _
from portal.mail import notice_facts
from portal.models import Account, Family, Price
from portal.web import formatting

CHARGES_A_YEAR = 12


@dataclass(frozen=True)
class Limit:
    """A metric of a plan beside today's count; `misfit` says by how much it is too small."""

    name: str
    used: str
    limit: str
    misfit: str | None


@dataclass(frozen=True)
class Card:
    """A plan on offer, its limits beside today's usage.

    `saving` is what a yearly plan costs less than twelve charges of the same plan by 30 days,
    which are five days short of its year; None where it costs no less.
    """

    offer: Offer
    limits: list[Limit]
    saving: Money | None


@dataclass(frozen=True)
class Shelf:
    """A family of plans and what is on offer of it, in the order of its tiers."""

    family: Family
    cards: list[Card]


@dataclass(frozen=True)
class Shown:
    """A quote as it is read: `lines` add up to what is due now.

    `then` are the parts of every later charge, before tax, and `then_tax` the tax on them.
    `next_due` is what is collected at the next charge, `next_from_balance` what the credit
    balance pays of it. `follows` says what happens if usage stays above the new limits.
    """

    quote: Quote
    price: Price
    lines: list[dict[str, Any]]
    then: list[dict[str, Any]]
    then_tax: Money
    next_due: Money
    next_from_balance: Money
    limits: list[Limit]
    fit: Fit
    follows: list[str]

    @property
    def is_downgrade(self) -> bool:
        return self.quote.direction is Direction.DOWNGRADE

    @property
    def can_be_confirmed(self) -> bool:
        """A downgrade waits until usage fits; anything else is the customer's choice."""
        return self.fit.fits or not self.is_downgrade


@dataclass(frozen=True)
class Purchase:
    """A quote for add-ons as it is read; the same names as in `Shown` mean the same."""

    quote: Quote
    what: str
    days_left: int
    lines: list[dict[str, Any]]
    then: list[dict[str, Any]]
    then_tax: Money
    next_due: Money
    next_from_balance: Money


def shelves(offers: Sequence[Offer], used: Mapping[Metric, int]) -> list[Shelf]:
    """Offers by family, in the order they come in, against what is used today."""
    grouped = groupby(offers, key=lambda offer: offer.price.tier.family)
    return [
        Shelf(family, [_card(offer, used) for offer in of_family]) for family, of_family in grouped
    ]


def limits(used: Mapping[Metric, int], allowed: Mapping[Metric, int | None]) -> list[Limit]:
    """Each metric of a plan against what is used today."""
    misfits = {shortfall.metric: shortfall.sentence for shortfall in shortfalls(used, allowed)}
    return [
        Limit(
            counting.name_of(metric),
            in_use(metric, used[metric], allowed[metric]),
            _most(metric, allowed[metric]),
            misfits.get(metric),
        )
        for metric in Metric
    ]


def shown(
    session: Session,
    account: Account,
    quote: Quote,
    price: Price,
    used: Mapping[Metric, int],
    *,
    now: datetime,
) -> Shown:
    """A quote for the account, with what it means for today's usage."""
    allowed = quote.basket.limits
    fitting = fit(used, allowed)
    from_balance = min(quote.balance_after, quote.next_charge)
    return Shown(
        quote=quote,
        price=price,
        lines=notice_facts.quote_lines(quote),
        then=parts(quote.renewing),
        then_tax=quote.next_charge - quote.renewing.price,
        next_due=quote.next_charge - from_balance,
        next_from_balance=from_balance,
        limits=limits(used, allowed),
        fit=fitting,
        follows=[
            _what_follows(session, account, price, misfit, now) for misfit in fitting.shortfalls
        ],
    )


def purchase(quote: Quote) -> Purchase:
    """A purchase of add-ons as it is read."""
    from_balance = min(quote.balance_after, quote.next_charge)
    return Purchase(
        quote=quote,
        what=describe.listing([item.text for item in quote.bought]),
        days_left=quote.lines[0].days,
        lines=notice_facts.quote_lines(quote),
        then=parts(quote.renewing),
        then_tax=quote.next_charge - quote.renewing.price,
        next_due=quote.next_charge - from_balance,
        next_from_balance=from_balance,
    )


def parts(basket: Basket) -> list[dict[str, Any]]:
    """What a cycle is charged for: the plan, then each add-on, before tax."""
    plan = {"label": basket.plan.name, "detail": "", "amount": basket.plan.price}
    return [plan, *({"label": i.text, "detail": "", "amount": i.price} for i in basket.add_ons)]


def _card(offer: Offer, used: Mapping[Metric, int]) -> Card:
    plan = offer.basket.plan
    return Card(offer, limits(used, offer.basket.limits), _saving(plan))


def _saving(plan: PlanTerms) -> Money | None:
    twelve = plan.comparable * CHARGES_A_YEAR
    if plan.interval is not Interval.YEARLY or not plan.comparable < plan.price < twelve:
        return None
    return twelve - plan.price


def _most(metric: Metric, limit: int | None) -> str:
    return _("unlimited") if limit is None else in_use(metric, limit, limit)


def _what_follows(
    session: Session, account: Account, price: Price, misfit: Shortfall, now: datetime
) -> str:
    """What being over a limit of the new plan leads to."""
    policy = episode_facts.policy(session, misfit.metric)
    is_capped = episode_facts.is_capped(session, account.id, misfit.metric)
    if not overage.opens(misfit.used, misfit.limit, policy, is_capped):
        if is_capped:
            return _(
                "%(misfit)s. Whoever has a seat keeps it, and nothing is charged; but nobody can be"
                " added until it fits, as you chose for when seats run out.",
                misfit=misfit.sentence,
            )
        return _("%(misfit)s. Nothing is charged for that.", misfit=misfit.sentence)
    target = price_list.next_tier(session, price)
    if target is None:
        return _(
            "%(misfit)s. There is no larger plan: the vendor will get in touch.",
            misfit=misfit.sentence,
        )
    return _(
        "%(misfit)s. Unless it fits by then, the daily check on %(check)s starts three emails over"
        " five days; after them the plan moves up to %(plan)s (%(amount)s %(every)s, less what is"
        " then unused).",
        misfit=misfit.sentence,
        check=formatting.date_time(overage.next_check_at(now)),
        plan=target.plan_name,
        amount=formatting.money(target.money),
        every=describe.every(target.interval),
    )
