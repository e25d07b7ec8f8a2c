"""The daily check of every account's counts against its limits."""

from datetime import datetime

from flask import current_app
from sqlalchemy.orm import Session

from portal import clock
from portal.billing import accounts, overages
from portal.billing.rules import overage
from portal.billing.rules.counting import Metric
from portal.extensions import db
from portal.jobs import daily
from portal.transaction import transaction

TASK = "limit-check"


def due(session: Session, now: datetime) -> list[int]:
    return daily.due(session, TASK, overage.CHECK_HOUR, now)


def check(seconds: int) -> None:
    """Look at all accounts that are over a limit; one that fails does not stop the rest."""
    for metric in Metric:
        for account_id in overages.found_over(db.session(), metric):
            _check_account(account_id, metric)
    daily.done(TASK, daily.at(seconds))


def next_at(_session: Session, now: datetime) -> datetime:
    return daily.latest_at(overage.CHECK_HOUR, now) + daily.DAY


def _check_account(account_id: int, metric: Metric) -> None:
    try:
        with transaction() as session:
            account = accounts.lock(session, account_id)
            overages.open_if_over(session, account, metric, now=clock.now())
    except Exception:
        current_app.logger.exception("the daily check of account %s failed", account_id)
