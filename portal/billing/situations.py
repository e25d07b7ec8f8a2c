"""Where an account stands when it wants to change its plan: what runs, what waits, what hinders."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm import Session

from portal.billing import invoices, subscriptions
from portal.billing.rules.errors import (
    AccountParked,
    CancellationScheduled,
    ChangeUnderWay,
    InvoiceUnpaid,
    RuleBroken,
)
from portal.models import Account, PaymentMethod, PlanChange, PlanChangeState, Subscription
from portal.models.types import spelt_out

IS_WAITING = spelt_out(PlanChange.state, PlanChangeState.PENDING, PlanChangeState.SCHEDULED)
# Built once: every page about plans asks for the one or the other.
WAITING = select(PlanChange).where(PlanChange.account_id == bindparam("account_id"), IS_WAITING)
# The same beside the way to pay and the number of an unpaid invoice; always a row.
IN_THE_WAY = (
    select(PlanChange, PaymentMethod, invoices.OLDEST_OPEN_NUMBER.scalar_subquery().label("unpaid"))
    .select_from(Account)
    .outerjoin(PlanChange, and_(PlanChange.account_id == Account.id, IS_WAITING))
    .outerjoin(
        PaymentMethod,
        and_(PaymentMethod.account_id == Account.id, PaymentMethod.replaced_at.is_(None)),
    )
    .where(Account.id == bindparam("account_id"))
)


@dataclass(frozen=True)
class Situation:
    """Where an account stands when it wants to change: what runs, the downgrade that waits for
    the cycle's end, how it pays, and why nothing can be changed for now (None: it can)."""

    subscription: Subscription | None
    scheduled: PlanChange | None
    method: PaymentMethod | None
    obstacle: RuleBroken | None


def pending(session: Session, account_id: int) -> PlanChange | None:
    """The change that waits for its payment, if there is one."""
    return waiting(session, account_id).get(PlanChangeState.PENDING)


def scheduled(session: Session, account_id: int) -> PlanChange | None:
    """The downgrade that waits for the cycle's end, if there is one."""
    return waiting(session, account_id).get(PlanChangeState.SCHEDULED)


def waiting(session: Session, account_id: int) -> Mapping[PlanChangeState, PlanChange]:
    """The pending and the scheduled change; of each there is at most one."""
    found = session.scalars(WAITING, {"account_id": account_id})
    return {change.state: change for change in found}


def situation(session: Session, account: Account) -> Situation:
    """What runs, what waits, and what hinders a change."""
    subscription = subscriptions.live(session, account.id)
    found = session.execute(IN_THE_WAY, {"account_id": account.id}).all()
    changes = {row.PlanChange.state: row.PlanChange for row in found if row.PlanChange}
    return Situation(
        subscription,
        changes.get(PlanChangeState.SCHEDULED),
        found[0].PaymentMethod,
        _obstacle(account, subscription, found[0].unpaid, PlanChangeState.PENDING in changes),
    )


def what_waits(session: Session, account: Account) -> RuleBroken | None:
    """Why no plan can be changed for now: a change has no outcome yet, an invoice is unpaid, the
    plan was cancelled, or the vendor is to look at the account first."""
    return situation(session, account).obstacle


def _obstacle(
    account: Account, subscription: Subscription | None, unpaid: str | None, is_pending: bool
) -> RuleBroken | None:
    if account.parked_at is not None:
        return AccountParked()
    if is_pending:
        return ChangeUnderWay()
    if unpaid is not None:
        return InvoiceUnpaid(unpaid)
    if subscription is not None and subscription.cancelled_at is not None:
        return CancellationScheduled()
    return None
