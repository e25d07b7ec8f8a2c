"""Work that leaves the database, kept in it until it has left.

An item is written in the transaction that makes it necessary, claimed by a lease, done outside
any transaction, and settled in another. A holder that dies lets its lease run out.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, inspect, or_, select, update
from sqlalchemy.orm import Session

from portal import queue
from portal.models import OutboxItem, OutboxState, Work
from portal.transaction import after_commit

SWEEP = "outbox"
LEASE = timedelta(seconds=90)
FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(hours=1)
# A mail server or a bucket may be down for days; a PDF that fails twelve times will fail a
# thirteenth. Payments and refunds aren't put off: their gateways are asked, by `rules.dunning`.
ATTEMPTS = {
    Work.NOTICE: 300,
    Work.INVOICE_PDF: 12,
    Work.CREDIT_NOTE_PDF: 12,
    Work.GATEWAY_EVENT: 60,
    Work.DOCUMENT_REMOVAL: 300,
    Work.INVOICE_EXPORT: 24,
}


def put(
    session: Session,
    work: Work,
    subject_id: int,
    *,
    account_id: int | None,
    at: datetime,
) -> OutboxItem:
    """Write that `work` is due on its subject from `at` on, and wake a worker after the commit.

    The same work on the same subject can be written once only.
    """
    item = OutboxItem(
        account_id=account_id,
        work=work,
        subject_id=subject_id,
        dedupe_key=f"{work}:{subject_id}",
        created_at=at,
        next_at=at,
    )
    session.add(item)
    after_commit(session, lambda: queue.hand_out(SWEEP, _id_of(item)))
    return item


def _id_of(item: OutboxItem) -> int:
    """Known since the commit, without asking for the row again."""
    (item_id,) = inspect(item).identity or (0,)
    return int(item_id)


def due(session: Session, *, now: datetime, wall: datetime, limit: int = 500) -> list[int]:
    """Ids of items that are due and that nobody holds, oldest first."""
    statement = (
        select(OutboxItem.id)
        .where(_is_claimable(now, wall))
        .order_by(OutboxItem.next_at, OutboxItem.id)
        .limit(limit)
    )
    return list(session.scalars(statement))


def claim(
    session: Session, item_id: int, *, owner: str, now: datetime, wall: datetime
) -> OutboxItem | None:
    """Take the lease of an item; None when it is done, not due, or somebody holds it."""
    statement = (
        select(OutboxItem)
        .where(OutboxItem.id == item_id, _is_claimable(now, wall))
        .with_for_update(skip_locked=True)
    )
    item = session.scalars(statement).one_or_none()
    if item is not None:
        item.lease_owner = owner
        item.lease_until = wall + LEASE
        item.attempts += 1
    return item


def find(session: Session, work: Work, subject_id: int) -> OutboxItem:
    """The item of `work` on a subject; raises NoResultFound."""
    key = f"{work}:{subject_id}"
    return session.scalars(select(OutboxItem).where(OutboxItem.dedupe_key == key)).one()


def held(session: Session, item_id: int, *, owner: str) -> OutboxItem | None:
    """The item, locked, if `owner` still holds it; None when the lease went to another."""
    statement = (
        select(OutboxItem)
        .where(OutboxItem.id == item_id, OutboxItem.lease_owner == owner)
        .with_for_update()
    )
    return session.scalars(statement).one_or_none()


def settle(item: OutboxItem, *, at: datetime) -> None:
    """The work is done."""
    item.state = OutboxState.DONE
    item.done_at = at
    item.lease_owner = item.lease_until = None


def put_off(item: OutboxItem, error: str, *, at: datetime) -> None:
    """The attempt failed: try again later, and in the end leave it to the operator."""
    later = at + min(FIRST_RETRY * 2 ** min(item.attempts - 1, 10), LONGEST_RETRY)
    look_again(item, at=later, error=error)
    if item.attempts >= ATTEMPTS[item.work]:
        item.state = OutboxState.DEAD


def look_again(item: OutboxItem, *, at: datetime, error: str | None = None) -> None:
    """The work isn't done: go on with it at `at`."""
    item.last_error = error[:500] if error else None
    item.lease_owner = item.lease_until = None
    item.next_at = at


def rest(item: OutboxItem, *, until: datetime) -> None:
    """The work wasn't tried, because it is not to be done for now: no attempt is counted."""
    item.attempts -= 1
    look_again(item, at=until)


def give_up(item: OutboxItem, error: str) -> None:
    """The work was tried often enough: leave it to the operator."""
    item.last_error = error[:500]
    item.lease_owner = item.lease_until = None
    item.state = OutboxState.DEAD


def hasten(item: OutboxItem, *, at: datetime) -> None:
    """Go on with the work now, also where it was given up; whoever holds it goes on holding it."""
    if item.state is OutboxState.DEAD:
        item.state, item.attempts = OutboxState.WAITING, 0
    item.next_at = at


def bring_forward(session: Session, work: Work, subject_id: int, *, at: datetime) -> None:
    """Work that was to wait for something, and wasn't tried so far, is due now; wakes a worker."""
    item_id = session.scalars(
        update(OutboxItem)
        .where(
            OutboxItem.dedupe_key == f"{work}:{subject_id}",
            OutboxItem.state == OutboxState.WAITING,
            OutboxItem.attempts == 0,
            OutboxItem.next_at > at,
        )
        .values(next_at=at)
        .returning(OutboxItem.id)
    ).one_or_none()
    if item_id is not None:
        after_commit(session, lambda: queue.hand_out(SWEEP, item_id))


def _is_claimable(now: datetime, wall: datetime) -> ColumnElement[bool]:
    return (
        (OutboxItem.state == OutboxState.WAITING)
        & (OutboxItem.next_at <= now)
        & or_(OutboxItem.lease_until.is_(None), OutboxItem.lease_until < wall)
    )
