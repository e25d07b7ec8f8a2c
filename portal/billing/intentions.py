"""One intention to change what runs: held to its quote, written once, and begun.

Plans and add-ons are changed the same way: a person is shown a quote and confirms it. What costs
something is written as pending together with its payment, and carried out by `plan_outcomes`
when the payment has succeeded, from the draft that was confirmed.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit import Actor, record
from portal.billing import bounds, drafts, payments, plan_outcomes, subscriptions
from portal.billing.rules import describe
from portal.billing.rules.errors import UsedForSomethingElse
from portal.billing.rules.invoicing import for_cycle
from portal.billing.rules.money import Money
from portal.billing.rules.plan_change import Direction, Quote
from portal.billing.rules.terms import Item
from portal.language import gettext as _
from portal.models import (
    Account,
    InvoiceReason,
    PlanChange,
    PlanChangeReason,
    PlanChangeState,
    Price,
)


@dataclass(frozen=True)
class Confirmation:
    """What a person confirmed: one intention, on the figures of one quote."""

    op_id: str
    quote_sha256: str
    valid_until: datetime


class StaleQuote(Exception):
    """What was confirmed no longer holds; nothing was charged. `quote` is what holds now."""

    def __init__(self, quote: Quote) -> None:
        super().__init__(_("The figures have changed since you looked."))
        self.quote = quote


def done_before(
    session: Session, account: Account, confirmation: Confirmation
) -> PlanChange | None:
    """What the same confirmation did the first time; UsedForSomethingElse if it said another."""
    statement = select(PlanChange).where(
        PlanChange.account_id == account.id, PlanChange.op_id == confirmation.op_id
    )
    change = session.scalars(statement).one_or_none()
    if change is not None and change.quote_sha256 != confirmation.quote_sha256:
        raise UsedForSomethingElse
    return change


def hold_to(confirmation: Confirmation, fresh: Quote, *, now: datetime) -> None:
    """Raise StaleQuote unless what was confirmed is what `fresh` says, and in time."""
    if now > confirmation.valid_until or fresh.fingerprint() != confirmation.quote_sha256:
        raise StaleQuote(fresh)


def within_bounds(session: Session, account: Account, terms: Quote, *, now: datetime) -> Quote:
    """`terms`, unless what they renew at is refused at the renewal, however little is due now.

    A plan alone never is. Raises OutOfBounds.
    """
    if terms.renewing.add_ons:
        nothing = Money.zero(terms.draft.currency)
        whole = for_cycle(terms.renewing, terms.new_cycle, nothing)
        bounds.check(session, account, whole, InvoiceReason.PLAN_CHANGE, now=now)
    return terms


def write(
    session: Session, account: Account, terms: Quote, op_id: str, *, now: datetime, actor: Actor
) -> PlanChange:
    """The row of a change on the terms of a quote; not yet added to the session."""
    subscription = subscriptions.live(session, account.id)
    items = terms.bought or terms.basket.add_ons
    return PlanChange(
        account_id=account.id,
        subscription_id=subscription.id if subscription else None,
        op_id=op_id,
        reason=_reason(terms.direction),
        state=PlanChangeState.PENDING,
        from_price=subscription.price if subscription else None,
        to_price=session.get_one(Price, terms.target.price_id),
        to_add_ons=[(item.add_on.price_id, item.quantity) for item in items],
        quote_sha256=terms.fingerprint(),
        invoice_draft=drafts.dump(terms.draft),
        due_minor=terms.due_now.amount,
        currency=terms.draft.currency,
        effective_at=now if terms.bought else terms.new_cycle.start_at,
        requested_at=now,
        actor_user_id=actor.user_id,
    )


def begin(session: Session, account: Account, change: PlanChange, *, actor: Actor) -> None:
    """Collect what the change costs; where that is nothing, carry it out at once."""
    now = change.requested_at
    invoice_reason = plan_outcomes.INVOICE_REASONS[change.reason]
    bounds.check(session, account, drafts.load(change.invoice_draft), invoice_reason, now=now)
    session.add(change)
    session.flush()
    if change.due_minor == 0:
        plan_outcomes.complete(session, account, change, payment=None, now=now, actor=actor)
        return
    is_there = change.reason is not PlanChangeReason.AUTO_UPGRADE
    payments.start(session, account, change.due, plan_change=change, now=now, on_session=is_there)
    what, due = plan_outcomes.what(session, change), describe.money(change.due)
    record(session, account, "plan.change_confirmed", at=now, actor=actor, plan=what, due=due)


def add_ons_of(change: PlanChange) -> dict[int, int]:
    """How many of which add-on price a change is about."""
    return dict(change.to_add_ons)


def wanted(items: tuple[Item, ...]) -> dict[int, int]:
    """How many of which add-on price are in a basket."""
    return {item.add_on.price_id: item.quantity for item in items}


def _reason(direction: Direction) -> PlanChangeReason:
    match direction:
        case Direction.INITIAL:
            return PlanChangeReason.INITIAL
        case Direction.ADD_ONS:
            return PlanChangeReason.ADD_ONS
        case _:
            return PlanChangeReason.MANUAL
