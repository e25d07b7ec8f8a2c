"""Renewals: one cycle of one account at a time."""

from datetime import datetime

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock
from portal.billing import accounts, bounds, renewals
from portal.billing.bounds import OutOfBounds
from portal.billing.subscriptions import IS_LIVE
from portal.jobs import parking
from portal.models import Subscription
from portal.transaction import transaction

# How many invoices apart it is asked whether this is a usual day.
LOOK_EVERY = 25


def due(session: Session, now: datetime) -> list[int]:
    return renewals.due(session, now=now)


def renew(account_id: int) -> None:
    """Charge the next cycle; beyond the bounds nothing is charged and the account is parked."""
    try:
        with transaction() as session:
            account = accounts.lock(session, account_id)
            invoice = renewals.renew(session, account, now=clock.now())
            if invoice is not None and invoice.number % LOOK_EVERY == 0:
                floor = current_app.config["PORTAL"].charges_floor
                bounds.stop_if_unusual(session, floor=floor, now=clock.now())
    except OutOfBounds as breach:
        parking.park(account_id, breach.reason)


def next_at(session: Session, now: datetime) -> datetime | None:
    statement = select(func.min(Subscription.cycle_end_at)).where(
        IS_LIVE, Subscription.cycle_end_at > now
    )
    return session.execute(statement).scalar()
