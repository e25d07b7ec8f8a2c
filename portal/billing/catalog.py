"""Applying the vendor's catalog file: what is new is added, what changed gets a new version.

A price is never edited: a changed one retires the current version, so subscriptions keep what
they were sold. What the file no longer names is hidden from new purchases and stays on record.
Limits are the exception: they hold at once for everyone who has the plan or the add-on.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from portal.audit import SYSTEM
from portal.billing import (
    accounts,
    catalog_effects,
    catalog_rows,
    climbs,
    overages,
    subscriptions,
)
from portal.billing.catalog_effects import Exceeded, Touched
from portal.billing.catalog_rows import OnRecord
from portal.billing.rules import catalog as rules
from portal.billing.rules.catalog_changes import Change, compare
from portal.models import CatalogRevision


@dataclass(frozen=True)
class Told:
    """A change, and whom it touches."""

    change: Change
    touched: tuple[Touched, ...]


@dataclass(frozen=True)
class Report:
    """What a file changes; who is then over a limit."""

    changes: tuple[Told, ...]
    exceeded: tuple[Exceeded, ...]


def plan(session: Session, catalog: rules.Catalog, *, now: datetime) -> Report:
    """What applying would change, by doing it to the catalog; the caller rolls it back.

    Accounts are neither changed nor locked.
    """
    _, report = _changed(session, catalog, now)
    return report


def apply(session: Session, catalog: rules.Catalog, text: str, *, now: datetime) -> Report:
    """Make the database say what the file says.

    Applying the same file again changes nothing, and the report is empty.
    """
    found, report = _changed(session, catalog, now)
    if report.changes:
        digest = hashlib.sha256(text.encode()).hexdigest()
        session.add(CatalogRevision(sha256=digest, applied_at=now, text=text))
    changes = [told.change for told in report.changes]
    _hand_out_limits(session, catalog_effects.with_other_limits(session, found, changes), now)
    return report


def _changed(session: Session, catalog: rules.Catalog, now: datetime) -> tuple[OnRecord, Report]:
    """The rows of the catalog as the file has them, and what that means."""
    found = catalog_rows.read(session)
    comparison = compare(found.entries, catalog)
    catalog_rows.change(session, found, comparison, now=now)
    changes = comparison.changes
    told = (Told(each, tuple(catalog_effects.touched(session, found, each))) for each in changes)
    exceeded = catalog_effects.exceeded(session, found, changes)
    return found, Report(tuple(told), tuple(exceeded))


def _hand_out_limits(session: Session, account_ids: Iterable[int], now: datetime) -> None:
    """Give accounts the limits of their plan and add-ons; one within them is no longer over."""
    # What was read of accounts so far was read before their locks.
    session.flush()
    session.expire_all()
    for account_id in account_ids:
        account = accounts.lock(session, account_id)
        subscription = subscriptions.live(session, account_id)
        if subscription is None:
            continue
        limits = subscriptions.limits(subscription)
        for row in climbs.set_limits(session, account_id, limits, now=now):
            overages.count_changed(session, account, row.metric, 0, now=now, actor=SYSTEM)
