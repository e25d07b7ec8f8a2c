"""The charges to come, worked out by the code that will make them.

Nothing is written. What is foreseen is what happens if nothing changes: today's usage, the
changes that are scheduled, the upgrade that was announced, the tax of today.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from portal import language
from portal.billing import episodes, next_cycle, projections, subscriptions, taxes
from portal.billing.rules import invoicing
from portal.billing.rules.invoicing import InvoiceDraft
from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle
from portal.billing.rules.terms import Basket
from portal.models import Account, PlanChange, Price, Subscription


class Cause(StrEnum):
    RENEWAL = "renewal"
    DOWNGRADE = "downgrade"
    AUTO_UPGRADE = "auto_upgrade"


@dataclass(frozen=True)
class ComingCharge:
    """What is charged at an instant to come: for what, and as which invoice."""

    at: datetime
    cause: Cause
    basket: Basket
    draft: InvoiceDraft


@dataclass(frozen=True)
class _State:
    """Where the forecast has got to: what runs until when, and the balance left then."""

    basket: Basket
    cycle: Cycle
    balance: Money


@dataclass(frozen=True)
class _Announced:
    """The upgrade that an open episode's last email told."""

    at: datetime
    price: Price


def coming(
    session: Session,
    account: Account,
    subscription: Subscription,
    *,
    balance: Money,
    scheduled: PlanChange | None,
    now: datetime,
    until: datetime,
) -> list[ComingCharge]:
    """Every charge from `now` up to `until`, in order; none after the subscription's end.

    `balance` is the account's credit balance, `scheduled` the downgrade that waits, if one does.
    """
    following = next_cycle.following(session, subscription, scheduled)
    told = _announced(session, account, now)
    state = _State(subscriptions.basket(session, subscription), subscription.cycle, balance)
    cause = Cause.DOWNGRADE if following and following.downgrade else Cause.RENEWAL
    after = following.basket if following else None
    if after is None and told is None:
        return []
    tax, charges = taxes.applying(session, account), list[ComingCharge]()
    while True:
        if told is not None and told.at <= until and told.at < state.cycle.end_at:
            charge = _upgrade(session, account, subscription, told)
            told = None
        elif after is not None and state.cycle.end_at <= until:
            cycle = Cycle.starting(state.cycle.end_at, after.plan.interval)
            with language.speaking(account.language):
                draft = invoicing.for_cycle(after, cycle, state.balance, tax)
            charge = ComingCharge(cycle.start_at, cause, after, draft)
        else:
            return charges
        charges.append(charge)
        state = _after(charge, state)
        after, cause = charge.basket, Cause.RENEWAL


def _upgrade(
    session: Session, account: Account, subscription: Subscription, told: _Announced
) -> ComingCharge:
    terms = projections.quote_at(session, account, subscription, told.price, told.at)
    return ComingCharge(told.at, Cause.AUTO_UPGRADE, terms.basket, terms.draft)


def _after(charge: ComingCharge, before: _State) -> _State:
    draft = charge.draft
    return _State(
        charge.basket,
        Cycle.starting(charge.at, charge.basket.plan.interval),
        before.balance - draft.balance_applied + draft.surplus,
    )


def _announced(session: Session, account: Account, now: datetime) -> _Announced | None:
    """The first upgrade to come that an open episode told of; none of one that is on hold."""
    found = []
    for episode in episodes.open_of(session, account.id):
        price = episode.warnings[-1].target_price if episode.warnings else None
        at = episode.deadline_at
        if episode.is_going_on and price is not None and at is not None and at > now:
            found.append(_Announced(at, price))
    return min(found, key=lambda told: told.at, default=None)
