"""How an account stands: its plan, the next charge, what is scheduled, waiting, unpaid or over.

Read for My Account and Change Plan. Queries are few: what can't be there is not asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.billing import (
    add_ons,
    forecast,
    intentions,
    invoices,
    ledger,
    price_list,
    situations,
    subscriptions,
    usage,
)
from portal.billing.add_ons import Owned
from portal.billing.forecast import ComingCharge
from portal.billing.rules.counting import Fit, fit
from portal.billing.rules.money import Money
from portal.billing.rules.terms import Basket
from portal.models import (
    Account,
    Invoice,
    OutboxItem,
    OutboxState,
    PlanChange,
    PlanChangeState,
    Subscription,
    SubscriptionStatus,
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
    waiting = situations.waiting(session, account.id)
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
