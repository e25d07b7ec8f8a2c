"""Documents that leave for good: with clients deleted long ago, and some time after a plan ended.

Each transaction lets go of a few hundred at most, so nobody who works in the account waits for it.
The worker removes their bytes, and then their rows.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, literal, or_, select, update
from sqlalchemy.orm import Session

from portal import outbox
from portal.audit import SYSTEM, record
from portal.billing import accounts, overages, situations, subscriptions
from portal.billing.rules import describe
from portal.billing.rules.counting import Metric
from portal.mail import notices
from portal.models import (
    Account,
    Client,
    Document,
    Notice,
    NoticeState,
    Subscription,
    SubscriptionStatus,
    Work,
)
from portal.models.types import Instant

AT_ONCE = 500
TOLD_BEFORE = timedelta(days=30)
OF_DELETED_CLIENTS = "Their clients were deleted 30 days ago"


def leave_with(
    session: Session, account: Account, clients: Sequence[ColumnElement[bool]], *, now: datetime
) -> int:
    """Let go of documents of clients that are removed for good, AT_ONCE at most; returns how many.

    Fewer were all: the clients can be removed. They stopped counting when their clients were
    deleted, so no count changes.
    """
    of_clients = (
        Document.account_id == account.id,
        Document.client_id.in_(select(Client.id).where(*clients)),
    )
    leaving = _some(session, *of_clients)
    _let_go(session, account, [row.id for row in leaving], now)
    if len(leaving) < AT_ONCE:
        deleted_at = func.coalesce(Document.deleted_at, literal(now, Instant))
        _set(session, *of_clients, client_id=None, deleted_at=deleted_at)
    else:
        _record(session, account, leaving, OF_DELETED_CLIENTS, now)
    return len(leaving)


def forget(session: Session, document_id: int) -> None:
    """The bytes of a deleted document are gone, and its row with them."""
    session.execute(
        delete(Document).where(Document.id == document_id, Document.deleted_at.is_not(None))
    )


def accounts_ended(session: Session, *, kept_for: timedelta, now: datetime) -> list[int]:
    """Accounts whose last plan ended so long ago that their Admins are told of the end of their
    documents, or the documents leave."""
    live = select(Subscription.account_id).where(subscriptions.IS_LIVE)
    kept = exists().where(
        Document.account_id == Subscription.account_id, Document.deleted_at.is_(None)
    )
    statement = (
        select(Subscription.account_id)
        .where(
            Subscription.status == SubscriptionStatus.ENDED,
            Subscription.account_id.not_in(live),
            kept,
        )
        .group_by(Subscription.account_id)
        .having(func.max(Subscription.ended_at) <= now - kept_for + TOLD_BEFORE)
        .order_by(Subscription.account_id)
    )
    return list(session.scalars(statement))


def after_the_end(session: Session, account_id: int, *, kept_for: timedelta, now: datetime) -> bool:
    """What is due of an account without a plan: one email to its Admins, and 30 days after a mail
    server accepted it some of the documents. Returns whether more of them are to be let go of now.

    Nothing leaves while a plan runs or is being paid, however the account was found.
    """
    account = accounts.lock(session, account_id)
    ended_at = _ended_at(session, account_id)
    if ended_at is None or situations.pending(session, account_id) is not None:
        return False
    until = ended_at + kept_for
    if now < until - TOLD_BEFORE:
        return False
    accepted_at = _accepted_at(session, account_id, ended_at)
    if accepted_at is None:
        _tell(session, account, ended_at, max(until, now + TOLD_BEFORE), now)
        return False
    if now < max(until, accepted_at + TOLD_BEFORE):
        return False
    return _remove(session, account, kept_for, now)


def _remove(session: Session, account: Account, kept_for: timedelta, now: datetime) -> bool:
    leaving = _some(session, Document.account_id == account.id)
    counted = sum(row.size_bytes for row in leaving if row.client_deleted_at is None)
    _let_go(session, account, [row.id for row in leaving], now)
    if counted:
        change = -counted
        overages.count_changed(session, account, Metric.STORAGE, change, now=now, actor=SYSTEM)
    if leaving:
        why = f"The plan ended {describe.days(kept_for.days)} ago or more, and Admins were told"
        _record(session, account, leaving, why, now)
    return len(leaving) == AT_ONCE


def _some(session: Session, *which: ColumnElement[bool]) -> Sequence[Any]:
    statement = (
        select(Document.id, Document.size_bytes, Client.deleted_at.label("client_deleted_at"))
        .join(Client, Client.id == Document.client_id)
        .where(Document.deleted_at.is_(None), *which)
    )
    return session.execute(statement.order_by(Document.id).limit(AT_ONCE)).all()


def _let_go(session: Session, account: Account, ids: Sequence[int], now: datetime) -> None:
    _set(session, Document.account_id == account.id, Document.id.in_(ids), deleted_at=now)
    for document_id in ids:
        outbox.put(session, Work.DOCUMENT_REMOVAL, document_id, account_id=account.id, at=now)


def _set(session: Session, *which: ColumnElement[bool], **values: Any) -> None:
    statement = update(Document).where(*which).values(**values)
    session.execute(statement, execution_options={"synchronize_session": False})


def _record(
    session: Session, account: Account, leaving: Sequence[Any], why: str, now: datetime
) -> None:
    size = describe.storage(sum(row.size_bytes for row in leaving))
    facts = {"count": len(leaving), "size": size, "why": why}
    record(session, account, "documents.removed", at=now, actor=SYSTEM, **facts)


def _ended_at(session: Session, account_id: int) -> datetime | None:
    """When the last plan ended; None while one runs, or where there never was one."""
    if subscriptions.live(session, account_id) is not None:
        return None
    statement = select(func.max(Subscription.ended_at)).where(Subscription.account_id == account_id)
    return session.execute(statement).scalar()


def _accepted_at(session: Session, account_id: int, ended_at: datetime) -> datetime | None:
    """When a mail server first accepted the email of the documents' end."""
    statement = select(func.min(Notice.settled_at)).where(
        Notice.account_id == account_id,
        Notice.name == notices.DOCUMENTS_LEAVE,
        Notice.state == NoticeState.ACCEPTED,
        Notice.created_at >= ended_at,
    )
    return session.execute(statement).scalar()


def _tell(
    session: Session, account: Account, ended_at: datetime, leave_at: datetime, now: datetime
) -> None:
    """Once; again where every server refused it, 30 days later."""
    told = exists().where(
        Notice.account_id == account.id,
        Notice.name == notices.DOCUMENTS_LEAVE,
        Notice.created_at >= ended_at,
        or_(
            Notice.state == NoticeState.WAITING,
            and_(Notice.state == NoticeState.REFUSED, Notice.created_at > now - TOLD_BEFORE),
        ),
    )
    if session.execute(select(told)).scalar():
        return
    sums = select(func.count(), func.coalesce(func.sum(Document.size_bytes), 0)).where(
        Document.account_id == account.id, Document.deleted_at.is_(None)
    )
    count, size = session.execute(sums).one()
    if count:
        facts = {"ended_at": ended_at, "leave_at": leave_at, "count": count, "size": int(size)}
        notices.documents_leave(session, account, facts, now=now)
