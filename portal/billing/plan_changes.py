"""Changing plan: the quote, and its confirmation.

A change that costs something is carried out when its payment has succeeded; a downgrade waits
for the cycle's end.
"""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit import SYSTEM, Actor, record
from portal.billing import (
    intentions,
    ledger,
    plan_outcomes,
    price_list,
    situations,
    subscriptions,
    taxes,
    usage,
)
from portal.billing.intentions import Confirmation as Confirmation
from portal.billing.intentions import StaleQuote as StaleQuote
from portal.billing.rules import plan_change as rules
from portal.billing.rules.counting import Fit, Limits, Metric, fit
from portal.billing.rules.errors import (
    AccountParked,
    AlreadySubscribed,
    CycleEnded,
    DoesNotFit,
    NoLongerSold,
    TooSmallToBegin,
)
from portal.billing.rules.plan_change import Circumstances, Direction, Quote
from portal.billing.rules.policies import Policy
from portal.billing.rules.terms import Basket
from portal.models import (
    Account,
    AddOnPrice,
    Episode,
    PlanChange,
    PlanChangeReason,
    PlanChangeState,
    Price,
    Vendor,
)

# What a quote depends on, in one question: the facts of the tax, and the credit balance.
FACTS = taxes.OF_ACCOUNT.add_columns(ledger.CREDIT_BALANCE)


def quote(
    session: Session,
    account: Account,
    price: Price,
    *,
    add_ons: Mapping[int, int] | None = None,
    now: datetime,
) -> Quote:
    """What moving to `price` costs at `now`, and what follows. Writes nothing.

    `add_ons` says how many of which add-on price go with it; None carries over what renews today.
    Raises RuleBroken where it can't be done now; the sentence says why.
    """
    if account.parked_at is not None:
        raise AccountParked
    subscription = subscriptions.live(session, account.id)
    if add_ons is None:
        add_ons = price_list.carried_over(session, subscription, price)
    terms = rules.quote(
        subscriptions.running(session, subscription) if subscription else None,
        _basket(session, price, add_ons),
        circumstances(session, account, now=now),
    )
    if terms.direction is Direction.INITIAL:
        _refuse_too_small(session, account, terms.basket)
    return intentions.within_bounds(session, account, terms, now=now)


def fit_of_upgraded(session: Session, used: Mapping[Metric, int], limits: Limits) -> Fit:
    """How usage goes with limits beyond which a running plan is upgraded by itself.

    Nobody begins, or goes on after cancelling, beyond one of these: no warning and no upgrade
    would follow from having cancelled, and all that is in use would stay at the smaller price.
    """
    vendor = Vendor.of(session)
    is_upgraded = {metric: vendor.policy(metric) is Policy.AUTO_UPGRADE for metric in Metric}
    return fit(used, {metric: limits[metric] if is_upgraded[metric] else None for metric in Metric})


def circumstances(session: Session, account: Account, *, now: datetime) -> Circumstances:
    """What a quote for the account depends on besides the plans."""
    *facts, balance = session.execute(FACTS, {"account_id": account.id}).one()
    return Circumstances(
        now=now,
        balance=ledger.as_credit(balance, account),
        tax=taxes.of(account, *facts),
        zone=ZoneInfo(account.time_zone),
        language=account.language,
    )


def confirm(
    session: Session,
    account: Account,
    price: Price,
    confirmation: Confirmation,
    *,
    add_ons: Mapping[int, int] | None = None,
    now: datetime,
    actor: Actor,
) -> PlanChange:
    """Do what was confirmed, once; the account must be locked.

    The same confirmation again gives the first one's change. Raises StaleQuote when the figures
    moved or time ran out, RuleBroken when the change can't be made now. Returns the change:
    pending while its payment is carried out, scheduled for a downgrade, else applied.
    """
    done = intentions.done_before(session, account, confirmation)
    if done is not None:
        return done
    obstacle = situations.what_waits(session, account)
    if obstacle is not None:
        raise obstacle
    listed = price_list.listed(session, price)
    if listed is None:
        raise NoLongerSold(price.plan_name)
    fresh = quote(session, account, listed, add_ons=add_ons, now=now)
    intentions.hold_to(confirmation, fresh, now=now)
    change = intentions.write(session, account, fresh, confirmation.op_id, now=now, actor=actor)
    if fresh.direction is Direction.DOWNGRADE:
        _schedule(session, account, change, fresh, actor=actor)
    else:
        intentions.begin(session, account, change, actor=actor)
    return change


def subscribe(
    session: Session,
    account: Account,
    price: Price,
    *,
    op_id: str,
    add_ons: Mapping[int, int] | None = None,
    now: datetime,
    actor: Actor,
) -> PlanChange:
    """Begin the first subscription at `price`, in full; the account must be locked."""
    if subscriptions.live(session, account.id) is not None:
        raise AlreadySubscribed
    first = quote(session, account, price, add_ons=add_ons, now=now)
    confirmation = Confirmation(op_id, first.fingerprint(), now)
    return confirm(session, account, price, confirmation, add_ons=add_ons, now=now, actor=actor)


def auto_upgrade(
    session: Session, account: Account, episode: Episode, terms: Quote, *, now: datetime
) -> PlanChange:
    """Begin the upgrade that an episode's three warnings announced; the account must be locked.

    `terms` are those of the last email. A change whose payment failed is followed by another.
    Raises ValueError for what is no upgrade to a larger, dearer tier of the same kind.
    """
    _must_be_upgrade(session, terms, of=episode.price)
    before = session.scalars(select(PlanChange).where(PlanChange.episode_id == episode.id)).all()
    op_id = f"episode-{episode.public_id}-{len(before) + 1}"
    change = intentions.write(session, account, terms, op_id, now=now, actor=SYSTEM)
    change.reason = PlanChangeReason.AUTO_UPGRADE
    change.episode_id = episode.id
    intentions.begin(session, account, change, actor=SYSTEM)
    return change


def withdraw(session: Session, account: Account, *, now: datetime, actor: Actor) -> None:
    """Call off the downgrade that waits for the cycle's end; does nothing where there is none.

    Raises CycleEnded when it is due, however late the worker comes to it.
    """
    change = situations.scheduled(session, account.id)
    if change is None:
        return
    if change.effective_at <= now:
        raise CycleEnded
    plan_outcomes.withdraw_scheduled(session, account, now=now)
    plan = change.to_price.plan_name
    record(session, account, "plan.downgrade_withdrawn", at=now, actor=actor, plan=plan)


def _must_be_upgrade(session: Session, terms: Quote, *, of: Price) -> None:
    """Proved again before money moves for something that nobody confirmed."""
    former, target = price_list.terms(session, of), terms.target
    is_alike = (former.family, former.interval) == (target.family, target.interval)
    is_larger = target.position > former.position
    if not (is_alike and is_larger and terms.direction is Direction.UPGRADE):
        raise ValueError(f"an automatic upgrade can't lead from {former.name} to {target.name}")


def _refuse_too_small(session: Session, account: Account, basket: Basket) -> None:
    fitting = fit_of_upgraded(session, usage.counts(session, account.id), basket.limits)
    if not fitting.fits:
        raise TooSmallToBegin(basket.plan.name, fitting.too_many, fitting.to_remove)


def _basket(session: Session, price: Price, add_ons: Mapping[int, int]) -> Basket:
    """The plan with its add-ons; NoLongerSold for an add-on that isn't sold beside it today."""
    sold = {row.id for row in price_list.add_ons_for(session, price)} if add_ons else set()
    for price_id, quantity in add_ons.items():
        if quantity and price_id not in sold:
            raise NoLongerSold(session.get_one(AddOnPrice, price_id).add_on.name)
    return price_list.basket(session, price, add_ons)


def _schedule(
    session: Session, account: Account, change: PlanChange, terms: Quote, *, actor: Actor
) -> None:
    """Keep a downgrade for the cycle's end, in place of one chosen before."""
    fitting = fit(usage.counts(session, account.id), terms.basket.limits)
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
