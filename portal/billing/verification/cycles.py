"""Subscriptions: one at a time, and cycles that follow each other without hole or overlap."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby, pairwise
from typing import NamedTuple

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session

from portal.billing.rules.period import DAY, Interval
from portal.billing.subscriptions import IS_LIVE
from portal.billing.verification.taken_back import is_taken_back
from portal.billing.verification.wrong import Wrong, account_name, instant
from portal.models import (
    Account,
    EndReason,
    Invoice,
    InvoiceReason,
    InvoiceStatus,
    Subscription,
    SubscriptionStatus,
)

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
        .where(IS_LIVE)
        .group_by(Account.id, Account.name, Account.public_id)
        .having(func.count(Subscription.id) > 1)
    )
    for name, public_id, count in session.execute(statement):
        yield Wrong(f"subscriptions of {account_name(name, public_id)}", str(count), "1")


def cycles(session: Session) -> Iterator[Wrong]:
    """Each invoice begins its cycle where the last one ended, or inside it for a plan change; one
    for add-ons is for what is left of it. A cycle whose upgrade was taken back never was, and one
    whose invoice was issued again is counted by the last edition."""
    charged = _charged(session)
    for _subscription_id, rows in groupby(charged, key=lambda row: row.subscription_id):
        yield from _of_subscription(list(rows))


def endings(session: Session) -> Iterator[Wrong]:
    """A subscription that ended says why; one that was cancelled ends with its cycle, and nothing
    is renewed once it was."""
    row = Subscription
    ended, cancelled = row.status == SubscriptionStatus.ENDED, row.end_reason == EndReason.CANCELLED
    renewed = exists().where(
        Invoice.account_id == row.account_id,
        Invoice.subscription_id == row.id,
        Invoice.reason == InvoiceReason.RENEWAL,
        Invoice.original_id.is_(None),
        Invoice.issued_at > row.cancelled_at,
    )
    statement = (
        select(row, Account)
        .join(Account, Account.id == row.account_id)
        .where(
            or_(
                ended != row.ended_at.is_not(None),
                ended != row.end_reason.is_not(None),
                and_(cancelled, row.cancelled_at.is_(None)),
                and_(cancelled, row.ended_at != row.cycle_end_at),
                row.cancelled_at > row.cycle_end_at,
                renewed,
            )
        )
        .order_by(row.id)
    )
    for subscription, account in session.execute(statement):
        dates = f"cancelled {instant(subscription.cancelled_at)}"
        found = f"{subscription.status}, {dates}, ended {instant(subscription.ended_at)}"
        expected = f"for a reason, and when cancelled on {instant(subscription.cycle_end_at)}"
        name = account_name(account.name, account.public_id)
        yield Wrong(f"end of subscription {subscription.id} of {name}", found, expected)


def _of_subscription(rows: Sequence[Charged]) -> Iterator[Wrong]:
    cycles_begun = [row for row in rows if row.reason is not InvoiceReason.ADD_ONS]
    if not cycles_begun or cycles_begun[0].number is None:
        yield Wrong(f"subscription of {rows[0].account}", "no invoice", "one for each cycle")
        return
    yield from _beginning(cycles_begun[0])
    for before, row in pairwise(cycles_begun):
        yield from _follows(before, row)
    for row in cycles_begun:
        if (row.end_at - row.start_at).total_seconds() not in LENGTHS:
            yield Wrong(f"cycle of invoice {row.number}", _span(row), "30 or 365 days")
    yield from _within(rows)
    last = cycles_begun[-1]
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


def _within(rows: Sequence[Charged]) -> Iterator[Wrong]:
    """Add-ons are charged for whole days, to the end of the cycle they were bought in."""
    cycle = rows[0]
    for row in rows:
        if row.reason is not InvoiceReason.ADD_ONS:
            cycle = row
        elif row.end_at != cycle.end_at or not cycle.start_at <= row.start_at < cycle.end_at:
            yield Wrong(
                f"cycle of invoice {row.number}", _span(row), f"what is left of {_span(cycle)}"
            )
        elif (row.end_at - row.start_at) % DAY:
            yield Wrong(f"cycle of invoice {row.number}", _span(row), "whole days")


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
        .outerjoin(
            Invoice,
            and_(
                Invoice.subscription_id == Subscription.id,
                Invoice.status != InvoiceStatus.REPLACED,
                ~is_taken_back(Invoice.id),
            ),
        )
        .order_by(Subscription.id, Invoice.period_start_at, Invoice.first_id)
        .execution_options(yield_per=500)
    )
    for subscription_id, name, public_id, *rest in session.execute(statement):
        yield Charged(subscription_id, account_name(name, public_id), *rest)


def _span(row: Charged) -> str:
    return f"{instant(row.start_at)} to {instant(row.end_at)}"
