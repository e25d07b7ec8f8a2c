"""Once a day: removing for good what is past its time."""

from datetime import datetime

from sqlalchemy.orm import Session

from portal import client_documents, clock
from portal.billing import retention
from portal.extensions import db
from portal.jobs import daily
from portal.transaction import transaction

TASK = "upkeep"
HOUR = 3


def due(session: Session, now: datetime) -> list[int]:
    return daily.due(session, TASK, HOUR, now)


def tidy(seconds: int) -> None:
    now = clock.now()
    for account_id in retention.accounts_with_expired(db.session(), now=now):
        with transaction() as session:
            retention.remove_expired(session, account_id, now=now)
    with transaction() as session:
        retention.remove_old_sign_ins(session, wall=clock.wall_now())
    client_documents.sweep()
    daily.done(TASK, daily.at(seconds))


def next_at(_session: Session, now: datetime) -> datetime:
    return daily.latest_at(HOUR, now) + daily.DAY
