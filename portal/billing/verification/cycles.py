"""Subscriptions: one at a time, and cycles that follow each other without hole or overlap."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby, pairwise
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.billing.rules.period import Interval
from portal.billing.subscriptions import LIVE
from portal.billing.verification.wrong import Wrong, account_name, instant
from portal.models import Account, Invoice, InvoiceReason, Subscription

LENGTHS = frozenset(interval.days * 24 * 3600 for interval in Interval)


class Charged(NamedTuple):
    """A cycle that an invoice charged, beside what its subscription says."""

    subscription_id: int
    account: str
    started_at: datetime
    cycle_start_at: datetime
    cycle_end_at: datetime
    number: str | None
    reason: InvoiceReason
    start_at: datetime
    end_at: datetime


def one_subscription(session: Session) -> Iterator[Wrong]:
    """An account has one live subscription or none."""
    statement = (
        select(Account.name, Account.public_id, func.count(Subscription.id))
        .join(Subscription, Subscription.account_id == Account.id)
        .where(Subscription.status.in_(LIVE))
        .group_by(Account.id, Account.name, Account.public_id)
        .having(func.count(Subscription.id) > 1)
    )
    for name, public_id, count in session.execute(statement):
        yield Wrong(f"subscriptions of {account_name(name, public_id)}", str(count), "1")


def cycles(session: Session) -> Iterator[Wrong]:
    """Each invoice begins its cycle where the last one ended, or inside it for a plan change."""
    charged = _charged(session)
    for _subscription_id, rows in groupby(charged, key=lambda row: row.subscription_id):
        yield from _of_subscription(list(rows))


def _of_subscription(rows: Sequence[Charged]) -> Iterator[Wrong]:
    first, last = rows[0], rows[-1]
    if first.number is None:
        yield Wrong(f"subscription of {first.account}", "no invoice", "one for each cycle")
        return
    yield from _beginning(first)
    for before, row in pairwise(rows):
        yield from _follows(before, row)
    for row in rows:
        if (row.end_at - row.start_at).total_seconds() not in LENGTHS:
            yield Wrong(f"cycle of invoice {row.number}", _span(row), "30 or 365 days")
    if (last.start_at, last.end_at) != (last.cycle_start_at, last.cycle_end_at):
        running = f"{instant(last.cycle_start_at)} to {instant(last.cycle_end_at)}"
        yield Wrong(f"running cycle of {last.account}", running, f"{_span(last)} ({last.number})")


def _beginning(first: Charged) -> Iterator[Wrong]:
    if first.reason is not InvoiceReason.INITIAL or first.start_at != first.started_at:
        found = f"{first.reason} from {instant(first.start_at)}"
        expected = f"initial from {instant(first.started_at)}"
        yield Wrong(f"first invoice {first.number} of {first.account}", found, expected)


def _follows(before: Charged, row: Charged) -> Iterator[Wrong]:
    subject, found = f"cycle of invoice {row.number}", f"{row.reason} from {instant(row.start_at)}"
    if row.reason in (InvoiceReason.INITIAL, InvoiceReason.RENEWAL):
        if row.reason is InvoiceReason.INITIAL or row.start_at != before.end_at:
            yield Wrong(subject, found, f"renewal from {instant(before.end_at)}")
    elif not before.start_at <= row.start_at <= before.end_at:
        yield Wrong(subject, found, f"within {_span(before)} ({before.number})")


def _charged(session: Session) -> Iterator[Charged]:
    statement = (
        select(
            Subscription.id,
            Account.name,
            Account.public_id,
            Subscription.started_at,
            Subscription.cycle_start_at,
            Subscription.cycle_end_at,
            Invoice.number_text,
            Invoice.reason,
            Invoice.period_start_at,
            Invoice.period_end_at,
        )
        .join(Account, Account.id == Subscription.account_id)
        .outerjoin(Invoice, Invoice.subscription_id == Subscription.id)
        .order_by(Subscription.id, Invoice.period_start_at, Invoice.id)
        .execution_options(yield_per=500)
    )
    for subscription_id, name, public_id, *rest in session.execute(statement):
        yield Charged(subscription_id, account_name(name, public_id), *rest)


def _span(row: Charged) -> str:
    return f"{instant(row.start_at)} to {instant(row.end_at)}"
