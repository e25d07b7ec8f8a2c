"""What becomes of a confirmed change: carried out, or failed and nothing changed."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import events, language
from portal.audit import Actor, record
from portal.billing import climbs, drafts, episodes, former_plans, invoices, subscriptions
from portal.billing.rules import describe
from portal.billing.rules.period import Cycle
from portal.mail import episode_notices
from portal.models import (
    Account,
    AddOnPrice,
    Episode,
    Invoice,
    InvoiceReason,
    Payment,
    PlanChange,
    PlanChangeReason,
    PlanChangeState,
    Price,
    Subscription,
    SubscriptionAddOn,
    SubscriptionStatus,
)
from portal.transaction import after_commit

INVOICE_REASONS = {
    PlanChangeReason.INITIAL: InvoiceReason.INITIAL,
    PlanChangeReason.MANUAL: InvoiceReason.PLAN_CHANGE,
    PlanChangeReason.ADD_ONS: InvoiceReason.ADD_ONS,
    PlanChangeReason.AUTO_UPGRADE: InvoiceReason.AUTO_UPGRADE,
}


def complete(
    session: Session,
    account: Account,
    change: PlanChange,
    *,
    payment: Payment | None,
    now: datetime,
    actor: Actor,
) -> Invoice:
    """Carry a pending change out: invoice, what runs, limits. The account must be locked.

    The terms are those that were confirmed, whatever happened since: the kept draft is what is
    invoiced, and of a plan change `effective_at` begins the cycle.
    """
    # Nothing that is asked below depends on what is still to be written: it is written together.
    with session.no_autoflush:
        return _carry_out(session, account, change, payment, now=now, actor=actor)


def _carry_out(
    session: Session,
    account: Account,
    change: PlanChange,
    payment: Payment | None,
    *,
    now: datetime,
    actor: Actor,
) -> Invoice:
    subscription = subscriptions.live(session, account.id) or _first(session, change, now=now)
    cycle = _cycle(change, subscription)
    invoice = _issue(session, account, subscription, change, cycle, payment, now=now, actor=actor)
    change.state = PlanChangeState.APPLIED
    change.settled_at = now
    change.subscription_id = subscription.id
    change.invoice_id = invoice.id
    if change.reason is PlanChangeReason.ADD_ONS:
        _add(session, account, subscription, change, invoice, actor=actor)
    else:
        _move(session, account, subscription, change, cycle, invoice, payment, actor=actor)
    invoices.announce(session, invoice, payment, now=now)
    after_commit(session, lambda: events.publish(account.id, "usage"))
    return invoice


def fail(
    session: Session,
    account: Account,
    change: PlanChange,
    failure: str,
    *,
    now: datetime,
    actor: Actor,
) -> None:
    """The change can't be made, and all stays as it is. The account must be locked."""
    change.state = PlanChangeState.FAILED
    change.failure = failure
    change.settled_at = now
    plan = what(session, change)
    record(session, account, "plan.change_failed", at=now, actor=actor, plan=plan, reason=failure)


def begin_cycle(
    session: Session,
    subscription: Subscription,
    price: Price,
    add_ons: Mapping[int, int],
    cycle: Cycle,
    *,
    now: datetime,
) -> None:
    """The subscription is on `price` with these add-ons (how many of which price id) for `cycle`
    from now on, with the limits they hold together."""
    before = subscriptions.limits(subscription)
    subscription.price = price
    subscription.cycle_start_at = cycle.start_at
    subscription.cycle_end_at = cycle.end_at
    if add_ons or subscription.add_ons:
        _set_add_ons(session, subscription, add_ons)
    limits = subscriptions.limits(subscription)
    if limits != before:
        climbs.set_limits(session, subscription.account_id, limits, now=now)


def withdraw_scheduled(session: Session, account: Account, *, now: datetime) -> PlanChange | None:
    """Take back the downgrade that waits, if there is one; returns it."""
    statement = select(PlanChange).where(
        PlanChange.account_id == account.id, PlanChange.state == PlanChangeState.SCHEDULED
    )
    change = session.scalars(statement).one_or_none()
    if change is not None:
        change.state = PlanChangeState.WITHDRAWN
        change.settled_at = now
        session.flush()
    return change


def what(session: Session, change: PlanChange) -> str:
    """What a change is about, as people say it: "Standard, 10 users" or "2 × 1 seat"."""
    if change.reason is not PlanChangeReason.ADD_ONS:
        return change.to_price.plan_name
    bought = [
        f"{describe.number(quantity)} {describe.TIMES} "
        f"{session.get_one(AddOnPrice, price_id).add_on.name}"
        for price_id, quantity in change.to_add_ons
    ]
    return describe.listing(bought)


def _first(session: Session, change: PlanChange, *, now: datetime) -> Subscription:
    cycle = Cycle.starting(change.effective_at, change.to_price.interval)
    subscription = Subscription(
        account_id=change.account_id,
        status=SubscriptionStatus.ACTIVE,
        price=change.to_price,
        cycle_start_at=cycle.start_at,
        cycle_end_at=cycle.end_at,
        started_at=cycle.start_at,
        add_ons=[],
    )
    session.add(subscription)
    session.flush()
    climbs.set_limits(session, change.account_id, subscriptions.limits(subscription), now=now)
    return subscription


def _cycle(change: PlanChange, subscription: Subscription) -> Cycle:
    """The cycle a change begins; of add-ons, what is left of the running one."""
    if change.reason is not PlanChangeReason.ADD_ONS:
        return Cycle.starting(change.effective_at, change.to_price.interval)
    return subscription.cycle.unused(change.effective_at) or subscription.cycle


def _issue(
    session: Session,
    account: Account,
    subscription: Subscription,
    change: PlanChange,
    cycle: Cycle,
    payment: Payment | None,
    *,
    now: datetime,
    actor: Actor,
) -> Invoice:
    draft, evidence = drafts.load(change.invoice_draft), None
    if change.episode_id is not None:
        with language.speaking(draft.language):
            evidence = episodes.evidence(session, session.get_one(Episode, change.episode_id))
    occasion = invoices.Occasion(INVOICE_REASONS[change.reason], cycle, evidence)
    return invoices.issue(
        session, account, subscription, draft, occasion, payment=payment, now=now, actor=actor
    )


def _add(
    session: Session,
    account: Account,
    subscription: Subscription,
    change: PlanChange,
    invoice: Invoice,
    *,
    actor: Actor,
) -> None:
    """More add-ons beside the running plan; a limit they lift may end an episode."""
    for price_id, quantity in change.to_add_ons:
        with session.no_autoflush:
            row = _row(session, subscription, price_id)
            row.quantity += quantity
            row.renewing += quantity
    session.flush()
    limits = subscriptions.limits(subscription)
    climbs.set_limits(session, account.id, limits, now=invoice.issued_at)
    record(
        session,
        account,
        "add_ons.bought",
        at=invoice.issued_at,
        actor=actor,
        what=what(session, change),
        invoice=invoice.number_text,
        paid=describe.kept_money(invoice.due),
    )
    episodes.limits_raised(session, account, now=invoice.issued_at, actor=actor)


def _move(
    session: Session,
    account: Account,
    subscription: Subscription,
    change: PlanChange,
    cycle: Cycle,
    invoice: Invoice,
    payment: Payment | None,
    *,
    actor: Actor,
) -> None:
    """Another plan, from the start of `cycle` on."""
    now = invoice.issued_at
    withdrawn = withdraw_scheduled(session, account, now=now)
    if change.reason is PlanChangeReason.AUTO_UPGRADE:
        change.replaced = former_plans.kept(subscription, withdrawn)
    add_ons = dict(change.to_add_ons)
    begin_cycle(session, subscription, change.to_price, add_ons, cycle, now=now)
    _record_change(session, account, change, invoice, actor=actor)
    episodes.plan_changed(session, account, by_episode_id=change.episode_id, now=now, actor=actor)
    if change.reason is PlanChangeReason.AUTO_UPGRADE:
        episode = session.get_one(Episode, change.episode_id)
        episode_notices.auto_upgraded(session, episode, change, invoice, payment, now=now)


def _set_add_ons(session: Session, subscription: Subscription, add_ons: Mapping[int, int]) -> None:
    """Exactly these run beside the plan, and all of them renew."""
    for row in list(subscription.add_ons):
        if row.add_on_price_id not in add_ons:
            subscription.add_ons.remove(row)
    for price_id, quantity in add_ons.items():
        with session.no_autoflush:
            row = _row(session, subscription, price_id)
            row.quantity = row.renewing = quantity
    session.flush()


def _row(session: Session, subscription: Subscription, price_id: int) -> SubscriptionAddOn:
    for row in subscription.add_ons:
        if row.add_on_price_id == price_id:
            return row
    row = SubscriptionAddOn(
        account_id=subscription.account_id,
        add_on_price_id=price_id,
        price=session.get_one(AddOnPrice, price_id),
        quantity=0,
        renewing=0,
    )
    subscription.add_ons.append(row)
    return row


def _record_change(
    session: Session, account: Account, change: PlanChange, invoice: Invoice, *, actor: Actor
) -> None:
    record(
        session,
        account,
        "plan.changed",
        at=invoice.issued_at,
        actor=actor,
        reason=change.reason,
        before=change.from_price.plan_name if change.from_price else None,
        after=change.to_price.plan_name,
        interval=change.to_price.interval,
        invoice=invoice.number_text,
        paid=describe.kept_money(invoice.due),
    )
