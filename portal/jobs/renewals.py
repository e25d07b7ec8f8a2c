"""Renewals: one cycle of one account at a time."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.billing import accounts, renewals
from portal.billing.subscriptions import LIVE
from portal.models import Subscription
from portal.transaction import transaction


def due(session: Session, now: datetime) -> list[int]:
    return renewals.due(session, now=now)


def renew(account_id: int) -> bool:
    with transaction() as session:
        account = accounts.lock(session, account_id)
        return renewals.renew(session, account, now=clock.now())


def next_at(session: Session, now: datetime) -> datetime | None:
    statement = select(func.min(Subscription.cycle_end_at)).where(
        Subscription.status.in_(LIVE), Subscription.cycle_end_at > now
    )
    return session.execute(statement).scalar()
