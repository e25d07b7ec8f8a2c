"""Once a day: removing for good what is past its time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from flask import current_app
from sqlalchemy.orm import Session

from portal import clock
from portal.billing import document_removal, retention
from portal.client_documents import orphans
from portal.extensions import db
from portal.jobs import daily
from portal.papers import handing_out
from portal.transaction import transaction

TASK = "upkeep"
HOUR = 3


def due(session: Session, now: datetime) -> list[int]:
    return daily.due(session, TASK, HOUR, now)


def tidy(seconds: int) -> None:
    now = clock.now()
    for account_id in retention.accounts_with_expired(db.session(), now=now):
        _by_steps(partial(retention.remove_expired, account_id=account_id, now=now))
    _end_documents(now)
    _on_its_own(_remove_old_sign_ins)
    _on_its_own(orphans.sweep)
    _on_its_own(partial(handing_out.tidy, now))
    daily.done(TASK, daily.at(seconds))


def next_at(_session: Session, now: datetime) -> datetime:
    return daily.latest_at(HOUR, now) + daily.DAY


def _end_documents(now: datetime) -> None:
    """Of accounts without a plan, where the vendor keeps documents for so many days only."""
    kept_for = timedelta(days=current_app.config["PORTAL"].client_documents.kept_days)
    if not kept_for:
        return
    step = partial(document_removal.after_the_end, kept_for=kept_for, now=now)
    for account_id in document_removal.accounts_ended(db.session(), kept_for=kept_for, now=now):
        _by_steps(partial(step, account_id=account_id))


def _remove_old_sign_ins() -> None:
    with transaction() as session:
        retention.remove_old_sign_ins(session, wall=clock.wall_now())


def _by_steps(step: Callable[[Session], bool]) -> None:
    _on_its_own(partial(_until_done, step))


def _on_its_own(act: Callable[[], object]) -> None:
    """What fails is left to the next night, and stops nothing else."""
    try:
        act()
    except Exception:
        db.session.rollback()
        current_app.logger.exception("a part of the daily upkeep failed")


def _until_done(step: Callable[[Session], bool]) -> None:
    """One short transaction after the other; a kill in between leaves the rest to the next run."""
    is_more = True
    while is_more:
        with transaction() as session:
            is_more = step(session)
