"""How an account stands: its plan, the next charge, what is scheduled, waiting, unpaid or over.

Read for My Account and Change Plan. Queries are few: what can't be there is not asked for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from portal.billing import (
    add_ons,
    episode_facts,
    episodes,
    forecast,
    intentions,
    invoices,
    ledger,
    plan_changes,
    price_list,
    subscriptions,
    usage,
)
from portal.billing.add_ons import Owned
from portal.billing.forecast import ComingCharge
from portal.billing.rules import overage
from portal.billing.rules.counting import Fit, Metric, fit, over_by
from portal.billing.rules.money import Money
from portal.billing.rules.policies import Policy
from portal.billing.rules.terms import Basket
from portal.live import Meter
from portal.models import (
    Account,
    Episode,
    Invoice,
    OutboxItem,
    OutboxState,
    PlanChange,
    PlanChangeState,
    Price,
    Subscription,
    SubscriptionStatus,
    Vendor,
    Work,
)

LATEST_INVOICES = 5
AHEAD = timedelta(days=365)


@dataclass(frozen=True)
class Scheduled:
    """The downgrade that waits for the cycle's end, and whether today's usage fits it."""

    change: PlanChange
    basket: Basket
    fit: Fit


@dataclass(frozen=True)
class Overrun:
    """A metric over its limit that leads to an automatic upgrade, or that did until it stopped.

    Before the daily check finds it there is no episode, and `check_at` says when it will. Once
    there is one, `deadline_at`, `target` and `due` are what the latest email told; `target` is
    None where there is no larger tier. Of one that `is_capped` nothing follows but that nobody
    can be added.
    """

    metric: Metric
    used: int
    limit: int
    check_at: datetime | None
    warnings: int = 0
    deadline_at: datetime | None = None
    target: Price | None = None
    due: Money | None = None
    is_on_hold: bool = False
    is_capped: bool = False
    episode_id: str | None = None


@dataclass(frozen=True)
class Standing:
    """The account's plan at an instant; without a subscription only `balance`, `pending` and
    `unpaid`.

    `add_ons` is what runs beside the plan, `price` what both cost for a cycle, before tax.
    `coming` are the charges of the next twelve months as things stand, the next one first. While
    the account `is_parked` none of them is made.
    """

    now: datetime
    subscription: Subscription | None
    add_ons: list[Owned]
    price: Money | None
    balance: Money
    coming: list[ComingCharge]
    pending: PlanChange | None
    scheduled: Scheduled | None
    unpaid: Invoice | None
    is_parked: bool
    next_try_at: datetime | None

    @property
    def next_charge(self) -> ComingCharge | None:
        return self.coming[0] if self.coming else None

    @property
    def first_to_pay(self) -> ComingCharge | None:
        """The first of them that the credit balance doesn't pay whole; None where it pays all."""
        return next((charge for charge in self.coming if not charge.draft.due.is_zero), None)

    @property
    def is_cancelled(self) -> bool:
        """Whether the plan ends with its cycle instead of renewing."""
        return self.subscription is not None and self.subscription.cancelled_at is not None

    @property
    def is_renewing(self) -> bool:
        """Whether the cycle is over and its renewal about to be charged."""
        return self.subscription is not None and self.subscription.cycle_end_at <= self.now


def standing(session: Session, account: Account, *, now: datetime) -> Standing:
    """How the account stands at `now`."""
    subscription = subscriptions.live(session, account.id)
    waiting = plan_changes.waiting(session, account.id)
    unpaid = _unpaid(session, account.id, subscription)
    balance = ledger.credit_balance(session, account)
    return Standing(
        now=now,
        subscription=subscription,
        add_ons=add_ons.owned(subscription) if subscription else [],
        price=subscriptions.basket(session, subscription).price if subscription else None,
        balance=balance,
        coming=_coming(session, account, subscription, waiting, balance, now),
        pending=waiting.get(PlanChangeState.PENDING),
        scheduled=_scheduled(session, account.id, waiting),
        unpaid=unpaid,
        is_parked=account.parked_at is not None,
        next_try_at=_next_try_at(session, account.id) if unpaid else None,
    )


def overruns(
    session: Session, account_id: int, meters: Sequence[Meter], *, now: datetime
) -> list[Overrun]:
    """Each metric that is over its limit and leads to more than a word on its meter."""
    over = [meter for meter in meters if over_by(meter.used, meter.limit)]
    if not over:
        return []
    opened = {episode.metric: episode for episode in _open_episodes(session, account_id)}
    vendor = session.get_one(Vendor, 1)
    return [
        _overrun(session, account_id, meter, opened.get(Metric(meter.metric)), now)
        for meter in over
        if meter.metric in opened or vendor.policy(Metric(meter.metric)) is Policy.AUTO_UPGRADE
    ]


def latest_invoices(session: Session, account_id: int) -> list[Invoice]:
    """The newest first."""
    statement = (
        select(Invoice)
        .where(Invoice.account_id == account_id)
        .order_by(Invoice.issued_at.desc(), Invoice.id.desc())
        .limit(LATEST_INVOICES)
    )
    return list(session.scalars(statement))


def last_ended(session: Session, account_id: int) -> Subscription | None:
    """The subscription that ended last, for an account that has none now."""
    statement = (
        select(Subscription)
        .where(
            Subscription.account_id == account_id,
            Subscription.status == SubscriptionStatus.ENDED,
        )
        .order_by(Subscription.ended_at.desc())
        .limit(1)
    )
    return session.scalars(statement).one_or_none()


def _scheduled(
    session: Session, account_id: int, waiting: Mapping[PlanChangeState, PlanChange]
) -> Scheduled | None:
    change = waiting.get(PlanChangeState.SCHEDULED)
    if change is None:
        return None
    used = usage.counts(session, account_id)
    basket = price_list.basket(session, change.to_price, intentions.add_ons_of(change))
    return Scheduled(change, basket, fit(used, basket.limits))


def _coming(
    session: Session,
    account: Account,
    subscription: Subscription | None,
    waiting: Mapping[PlanChangeState, PlanChange],
    balance: Money,
    now: datetime,
) -> list[ComingCharge]:
    if subscription is None:
        return []
    return forecast.coming(
        session,
        account,
        subscription,
        balance=balance,
        scheduled=waiting.get(PlanChangeState.SCHEDULED),
        now=now,
        until=now + AHEAD,
    )


def _unpaid(session: Session, account_id: int, subscription: Subscription | None) -> Invoice | None:
    """The oldest invoice whose payment has failed, also after that ended the plan."""
    if subscription is not None and subscription.status is not SubscriptionStatus.PAST_DUE:
        return None
    return invoices.open_invoice(session, account_id)


def _next_try_at(session: Session, account_id: int) -> datetime | None:
    statement = (
        select(OutboxItem.next_at)
        .where(
            OutboxItem.account_id == account_id,
            OutboxItem.work == Work.PAYMENT,
            OutboxItem.state == OutboxState.WAITING,
        )
        .order_by(OutboxItem.next_at)
        .limit(1)
    )
    return session.scalar(statement)


def _open_episodes(session: Session, account_id: int) -> list[Episode]:
    statement = (
        select(Episode)
        .options(selectinload(Episode.warnings))
        .where(Episode.account_id == account_id, Episode.state.in_(episodes.OPEN))
    )
    return list(session.scalars(statement))


def _overrun(
    session: Session, account_id: int, meter: Meter, episode: Episode | None, now: datetime
) -> Overrun:
    metric, limit = Metric(meter.metric), meter.limit or 0
    if episode is None and episode_facts.is_capped(session, account_id, metric):
        return Overrun(metric, meter.used, limit, check_at=None, is_capped=True)
    if episode is None:
        return Overrun(metric, meter.used, limit, check_at=overage.next_check_at(now))
    told = episode.warnings[-1] if episode.warnings else None
    return Overrun(
        metric,
        meter.used,
        limit,
        check_at=None,
        warnings=len(episode.warnings),
        deadline_at=episode.deadline_at,
        target=told.target_price if told else None,
        due=_told_amount(episode),
        is_on_hold=not episode.is_going_on,
        episode_id=episode.public_id,
    )


def _told_amount(episode: Episode) -> Money | None:
    target = episode.warnings[-1].target_price if episode.warnings else None
    if target is None or episode.due_minor is None:
        return None
    return Money(episode.due_minor, target.currency)
