"""Add-ons: buying more for the days left of the cycle, and letting some go at its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from portal import events
from portal.audit import Actor, record
from portal.billing import (
    bounds,
    episodes,
    intentions,
    next_cycle,
    plan_changes,
    price_list,
    situations,
    subscriptions,
    usage,
)
from portal.billing.intentions import Confirmation
from portal.billing.rules import describe
from portal.billing.rules import plan_change as rules
from portal.billing.rules.errors import (
    CycleEnded,
    DoesNotFit,
    DowngradeScheduled,
    NoLongerSold,
    NoPlan,
    NothingChosen,
    RuleBroken,
)
from portal.billing.rules.invoicing import for_cycle
from portal.billing.rules.plan_change import Quote
from portal.billing.rules.terms import Basket, Item
from portal.language import gettext as _
from portal.models import (
    Account,
    AddOnPrice,
    InvoiceReason,
    PlanChange,
    Subscription,
    SubscriptionAddOn,
)
from portal.transaction import after_commit


@dataclass(frozen=True)
class Owned:
    """An add-on that runs beside the plan; `renewing` of `quantity` are charged again."""

    price: AddOnPrice
    quantity: int
    renewing: int

    @property
    def leaving(self) -> int:
        return self.quantity - self.renewing


def owned(subscription: Subscription) -> list[Owned]:
    """What runs beside the plan, in the order of the catalog."""
    rows = sorted(subscription.add_ons, key=lambda row: (row.price.add_on.position, row.id))
    return [Owned(row.price, row.quantity, row.renewing) for row in rows]


def quote(
    session: Session,
    account: Account,
    wanted: Mapping[int, int],
    *,
    now: datetime,
    within_bounds: bool = True,
) -> Quote:
    """What so many more of each add-on price (by id) cost for the days left. Writes nothing.

    Raises RuleBroken where they can't be bought now; the sentence says why. Without
    `within_bounds` it is for comparing only: more than anyone may buy at once has a price too.
    """
    subscription = subscriptions.live(session, account.id)
    if subscription is None:
        raise NoPlan
    bought = _bought(session, subscription, wanted)
    running = subscriptions.running(session, subscription)
    given = plan_changes.circumstances(session, account, now=now)
    renewing = _with(running.renewing, bought)
    terms = rules.add_ons_quote(running, bought, _with(running.basket, bought), renewing, given)
    if within_bounds:
        # What is refused at the renewal must not be sold now.
        whole = for_cycle(renewing, running.cycle.next(), given.balance, given.tax)
        bounds.check(session, account, whole, InvoiceReason.ADD_ONS, now=now)
        episodes.refuse_dearer(session, account, terms.basket.limits)
    return terms


def confirm(
    session: Session,
    account: Account,
    wanted: Mapping[int, int],
    confirmation: Confirmation,
    *,
    now: datetime,
    actor: Actor,
) -> PlanChange:
    """Buy what was confirmed, once; the account must be locked.

    The same confirmation again gives the first one's change. Raises StaleQuote when the figures
    moved or time ran out, RuleBroken when nothing can be bought now. Returns the change: pending
    while its payment is carried out, or applied.
    """
    done = intentions.done_before(session, account, confirmation)
    if done is not None:
        return done
    obstacle = what_waits(session, account)
    if obstacle is not None:
        raise obstacle
    fresh = quote(session, account, wanted, now=now)
    intentions.hold_to(confirmation, fresh, now=now)
    change = intentions.write(session, account, fresh, confirmation.op_id, now=now, actor=actor)
    intentions.begin(session, account, change, actor=actor)
    return change


def renew_only(
    session: Session,
    account: Account,
    price_id: int,
    renewing: int,
    *,
    now: datetime,
    actor: Actor,
) -> Subscription:
    """Let `renewing` of an add-on be charged again at the cycle's end, the others go with it.

    0 removes all of them, what is in use now keeps all; the account must be locked. DoesNotFit
    while what is in use doesn't fit without them, NoPlan where nothing like it runs, CycleEnded
    when the renewal is due, ToldOften where more of them would make an announced upgrade dearer.
    """
    subscription = subscriptions.live(session, account.id)
    row = _row(subscription, price_id) if subscription else None
    if subscription is None or row is None or not 0 <= renewing <= row.quantity:
        raise NoPlan
    obstacle = what_waits(session, account)
    if obstacle is not None:
        raise obstacle
    if subscription.cycle_end_at <= now:
        raise CycleEnded
    if renewing > row.renewing:
        episodes.refuse_dearer(session, account)
    before, row.renewing = row.renewing, renewing
    if renewing < before:
        _refuse_misfit(session, account, subscription, row)
    if renewing != before:
        _record(session, account, subscription, row, before, now=now, actor=actor)
        after_commit(session, lambda: events.publish(account.id, "usage"))
    return subscription


def what_waits(session: Session, account: Account) -> RuleBroken | None:
    """Why no add-on can be bought or removed for now: what hinders a plan change, or a downgrade
    that is scheduled already, with add-ons of its own."""
    now = situations.situation(session, account)
    if now.obstacle is not None or now.scheduled is None:
        return now.obstacle
    return DowngradeScheduled(now.scheduled.to_price.plan_name)


def _bought(
    session: Session, subscription: Subscription, wanted: Mapping[int, int]
) -> tuple[Item, ...]:
    chosen = {price_id: quantity for price_id, quantity in wanted.items() if quantity > 0}
    if not chosen:
        raise NothingChosen
    sold = {price.id: price for price in price_list.add_ons_for(session, subscription.price)}
    if not chosen.keys() <= sold.keys():
        raise NoLongerSold(_("This add-on"))
    return tuple(
        Item(price_list.add_on_terms(price), chosen[price.id])
        for price in sold.values()
        if price.id in chosen
    )


def _with(basket: Basket, bought: tuple[Item, ...]) -> Basket:
    """The basket with more in it; of an add-on at the same price there is one item."""
    quantities = intentions.wanted(basket.add_ons)
    terms = {item.add_on.price_id: item.add_on for item in (*basket.add_ons, *bought)}
    for item in bought:
        price_id = item.add_on.price_id
        quantities[price_id] = quantities.get(price_id, 0) + item.quantity
    return Basket(basket.plan, tuple(Item(terms[key], count) for key, count in quantities.items()))


def _refuse_misfit(
    session: Session, account: Account, subscription: Subscription, row: SubscriptionAddOn
) -> None:
    """Of what this add-on is for: others that go were looked at when they were let go."""
    used = usage.counts(session, account.id)
    remaining = subscriptions.renewing(session, subscription)
    fitting = next_cycle.fit_of({row.price.add_on.metric}, remaining, used)
    if not fitting.fits:
        plan = _("Your plan without %(add_on)s", add_on=row.price.add_on.name)
        raise DoesNotFit(plan, fitting.to_remove)


def _row(subscription: Subscription, price_id: int) -> SubscriptionAddOn | None:
    rows = [row for row in subscription.add_ons if row.add_on_price_id == price_id]
    return rows[0] if rows else None


def _record(
    session: Session,
    account: Account,
    subscription: Subscription,
    row: SubscriptionAddOn,
    before: int,
    *,
    now: datetime,
    actor: Actor,
) -> None:
    count = abs(row.renewing - before)
    record(
        session,
        account,
        "add_ons.removed" if row.renewing < before else "add_ons.kept",
        at=now,
        actor=actor,
        what=f"{describe.number(count)} {describe.TIMES} {row.price.add_on.name}",
        on=subscription.cycle_end_at.isoformat(),
    )
