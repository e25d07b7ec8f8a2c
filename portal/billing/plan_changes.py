"""Changing plan: what is on offer, the quote, and its confirmation.

A change that costs something is written as pending together with its payment, and carried out
by `plan_outcomes` when the payment has succeeded, from the draft that was confirmed. A downgrade
waits for the cycle's end.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit import SYSTEM, Actor, record
from portal.billing import drafts, invoices, ledger, payments, plan_outcomes, subscriptions, usage
from portal.billing.rules import describe
from portal.billing.rules import plan_change as rules
from portal.billing.rules.counting import Fit, fit
from portal.billing.rules.errors import (
    AlreadySubscribed,
    ChangeUnderWay,
    DoesNotFit,
    InvoiceUnpaid,
    NoLongerSold,
    RuleBroken,
    UsedForSomethingElse,
)
from portal.billing.rules.invoicing import from_quote
from portal.billing.rules.period import Interval
from portal.billing.rules.plan_change import Direction, Quote
from portal.models import (
    Account,
    Episode,
    PlanChange,
    PlanChangeReason,
    PlanChangeState,
    Price,
    Subscription,
)


@dataclass(frozen=True)
class Offer:
    """A plan on the Change Plan page: which way it goes, and whether today's usage fits it."""

    price: Price
    direction: Direction
    fit: Fit
    is_cheapest_fitting: bool


@dataclass(frozen=True)
class Confirmation:
    """What a person confirmed: one intention, on the figures of one quote."""

    op_id: str
    quote_sha256: str
    valid_until: datetime


class StaleQuote(Exception):
    """What was confirmed no longer holds; nothing was charged. `quote` is what holds now."""

    def __init__(self, quote: Quote) -> None:
        super().__init__("The figures have changed since you looked.")
        self.quote = quote


def offers(session: Session, account: Account, interval: Interval) -> list[Offer]:
    """Every plan sold today at an interval, seen from where the account is."""
    subscription = subscriptions.live(session, account.id)
    current = subscriptions.terms(session, subscription.price) if subscription else None
    used = usage.counts(session, account.id)
    prices = subscriptions.offered(session, currency=account.currency, interval=interval)
    terms = subscriptions.all_terms(session, prices)
    best = rules.cheapest_fitting([(terms[price.id], price.tier.limits) for price in prices], used)
    return [
        Offer(
            price,
            rules.direction(current, terms[price.id]),
            fit(used, price.tier.limits),
            best is not None and best.price_id == price.id,
        )
        for price in prices
    ]


def quote(session: Session, account: Account, price: Price, *, now: datetime) -> Quote:
    """What moving to `price` costs at `now`, and what follows. Writes nothing.

    Raises RuleBroken where it can't be done now; the sentence says why.
    """
    subscription = subscriptions.live(session, account.id)
    return rules.quote(
        subscriptions.running(session, subscription) if subscription else None,
        subscriptions.terms(session, price),
        now=now,
        balance=ledger.credit_balance(session, account),
        zone=ZoneInfo(account.time_zone),
    )


def confirm(
    session: Session,
    account: Account,
    price: Price,
    confirmation: Confirmation,
    *,
    now: datetime,
    actor: Actor,
) -> PlanChange:
    """Do what was confirmed, once; the account must be locked.

    The same confirmation again gives the first one's change. Raises StaleQuote when the figures
    moved or time ran out, RuleBroken when the change can't be made now. Returns the change:
    pending while its payment is carried out, scheduled for a downgrade, else applied.
    """
    done = _done_before(session, account, confirmation)
    if done is not None:
        return done
    obstacle = what_waits(session, account)
    if obstacle is not None:
        raise obstacle
    listed = subscriptions.listed(session, price)
    if listed is None:
        raise NoLongerSold(price.plan_name)
    fresh = quote(session, account, listed, now=now)
    if now > confirmation.valid_until or fresh.fingerprint() != confirmation.quote_sha256:
        raise StaleQuote(fresh)
    change = _change(session, account, fresh, confirmation.op_id, now=now, actor=actor)
    if fresh.direction is Direction.DOWNGRADE:
        _schedule(session, account, change, actor=actor)
    else:
        _begin(session, account, change, actor=actor)
    return change


def subscribe(
    session: Session,
    account: Account,
    price: Price,
    *,
    op_id: str,
    now: datetime,
    actor: Actor,
) -> PlanChange:
    """Begin the first subscription at `price`, in full; the account must be locked."""
    if subscriptions.live(session, account.id) is not None:
        raise AlreadySubscribed
    first = quote(session, account, price, now=now)
    confirmation = Confirmation(op_id, first.fingerprint(), now)
    return confirm(session, account, price, confirmation, now=now, actor=actor)


def auto_upgrade(
    session: Session, account: Account, episode: Episode, terms: Quote, *, now: datetime
) -> PlanChange:
    """Begin the upgrade that an episode's three warnings announced; the account must be locked.

    `terms` are those of the last warning. A change whose payment failed is followed by another.
    """
    before = session.scalars(select(PlanChange).where(PlanChange.episode_id == episode.id)).all()
    op_id = f"episode-{episode.id}-{len(before) + 1}"
    change = _change(session, account, terms, op_id, now=now, actor=SYSTEM)
    change.reason = PlanChangeReason.AUTO_UPGRADE
    change.episode_id = episode.id
    _begin(session, account, change, actor=SYSTEM)
    return change


def withdraw(session: Session, account: Account, *, now: datetime, actor: Actor) -> None:
    """Call off the downgrade that waits for the cycle's end; does nothing where there is none."""
    change = plan_outcomes.withdraw_scheduled(session, account, now=now)
    if change is not None:
        record(
            session,
            account,
            "plan.downgrade_withdrawn",
            at=now,
            actor=actor,
            plan=change.to_price.plan_name,
        )


def pending(session: Session, account_id: int) -> PlanChange | None:
    """The change that waits for its payment, if there is one."""
    return _in_state(session, account_id, PlanChangeState.PENDING)


def scheduled(session: Session, account_id: int) -> PlanChange | None:
    """The downgrade that waits for the cycle's end, if there is one."""
    return _in_state(session, account_id, PlanChangeState.SCHEDULED)


def what_waits(session: Session, account: Account) -> RuleBroken | None:
    """Why no plan can be changed for now: a change has no outcome yet, or an invoice is unpaid."""
    if pending(session, account.id) is not None:
        return ChangeUnderWay()
    unpaid = invoices.open_invoice(session, account.id)
    return InvoiceUnpaid(unpaid.number_text) if unpaid else None


def next_price(session: Session, subscription: Subscription) -> Price:
    """What the next cycle is charged at as things stand: a scheduled downgrade only if it fits."""
    change = scheduled(session, subscription.account_id)
    if change is None:
        return subscription.price
    used = usage.counts(session, subscription.account_id)
    return change.to_price if fit(used, change.to_price.tier.limits).fits else subscription.price


def _done_before(
    session: Session, account: Account, confirmation: Confirmation
) -> PlanChange | None:
    statement = select(PlanChange).where(
        PlanChange.account_id == account.id, PlanChange.op_id == confirmation.op_id
    )
    change = session.scalars(statement).one_or_none()
    if change is not None and change.quote_sha256 != confirmation.quote_sha256:
        raise UsedForSomethingElse
    return change


def _schedule(session: Session, account: Account, change: PlanChange, *, actor: Actor) -> None:
    """Keep a downgrade for the cycle's end, in place of one chosen before."""
    fitting = fit(usage.counts(session, account.id), change.to_price.tier.limits)
    if not fitting.fits:
        raise DoesNotFit(change.to_price.plan_name, fitting.to_remove)
    plan_outcomes.withdraw_scheduled(session, account, now=change.requested_at)
    change.state = PlanChangeState.SCHEDULED
    session.add(change)
    session.flush()
    record(
        session,
        account,
        "plan.downgrade_scheduled",
        at=change.requested_at,
        actor=actor,
        plan=change.to_price.plan_name,
        on=change.effective_at.isoformat(),
    )


def _begin(session: Session, account: Account, change: PlanChange, *, actor: Actor) -> None:
    """Collect what the change costs; where that is nothing, carry it out at once."""
    session.add(change)
    session.flush()
    now = change.requested_at
    if change.due_minor == 0:
        plan_outcomes.complete(session, account, change, payment=None, now=now, actor=actor)
        return
    payments.start(session, account, change.due, plan_change=change, now=now)
    plan, due = change.to_price.plan_name, describe.money(change.due)
    record(session, account, "plan.change_confirmed", at=now, actor=actor, plan=plan, due=due)


def _change(
    session: Session, account: Account, terms: Quote, op_id: str, *, now: datetime, actor: Actor
) -> PlanChange:
    """The row of a change on the terms of a quote; not yet added to the session."""
    subscription = subscriptions.live(session, account.id)
    draft = from_quote(terms)
    return PlanChange(
        account_id=account.id,
        subscription_id=subscription.id if subscription else None,
        op_id=op_id,
        reason=PlanChangeReason.MANUAL if subscription else PlanChangeReason.INITIAL,
        state=PlanChangeState.PENDING,
        from_price=subscription.price if subscription else None,
        to_price=session.get_one(Price, terms.target.price_id),
        quote_sha256=terms.fingerprint(),
        invoice_draft=drafts.dump(draft),
        due_minor=draft.due.amount,
        currency=draft.currency,
        effective_at=terms.new_cycle.start_at,
        requested_at=now,
        actor_user_id=actor.user_id,
    )


def _in_state(session: Session, account_id: int, state: PlanChangeState) -> PlanChange | None:
    statement = select(PlanChange).where(
        PlanChange.account_id == account_id, PlanChange.state == state
    )
    return session.scalars(statement).one_or_none()
