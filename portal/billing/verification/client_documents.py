"""Documents kept with clients: the store has their bytes, and those of deleted ones are going."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import file_store
from portal.billing.verification.outbox_rows import UNDONE, subjects
from portal.billing.verification.wrong import Wrong, account_name
from portal.file_store import StoreFailed
from portal.models import Account, Document, Work

BATCH = 500
NAMED = (Document.id, Document.name, Account.name.label("account"), Account.public_id)


def stored_documents(session: Session) -> Iterator[Wrong]:
    """The store has the bytes of every document, as many as its row says."""
    try:
        stored = {kept.key: kept.size_bytes for kept in file_store.client_documents().listing()}
    except StoreFailed as failed:
        yield Wrong("the store of documents", str(failed), "a list of what is in it")
        return
    statement = (
        select(*NAMED, Document.stored_as, Document.size_bytes)
        .join(Account, Account.id == Document.account_id)
        .where(Document.deleted_at.is_(None))
        .order_by(Document.id)
        .execution_options(yield_per=BATCH)
    )
    for rows in session.execute(statement).partitions():
        unlike = [row for row in rows if stored.get(row.stored_as) != row.size_bytes]
        for row in _kept_still(session, unlike):
            yield Wrong(_subject(row), _found(stored, row), f"{row.size_bytes} bytes")


def documents_leaving(session: Session) -> Iterator[Wrong]:
    """A deleted document has work that removes its bytes, and then its row."""
    going = Document.id.in_(subjects(Work.DOCUMENT_REMOVAL, *UNDONE))
    statement = (
        select(*NAMED)
        .join(Account, Account.id == Document.account_id)
        .where(Document.deleted_at.is_not(None), ~going)
        .order_by(Document.id)
    )
    for row in session.execute(statement):
        yield Wrong(_subject(row), "deleted, and nothing removes it", "work that removes it")


def _kept_still(session: Session, rows: Sequence[Any]) -> list[Any]:
    """Without those that were deleted since this session's snapshot: their bytes may be gone."""
    if not rows:
        return []
    statement = select(Document.id).where(
        Document.id.in_([row.id for row in rows]), Document.deleted_at.is_(None)
    )
    with Session(session.get_bind()) as now:
        kept = set(now.scalars(statement))
    return [row for row in rows if row.id in kept]


def _found(stored: Mapping[str, int], row: Any) -> str:
    size = stored.get(row.stored_as)
    return "no bytes" if size is None else f"{size} bytes"


def _subject(row: Any) -> str:
    return f"document {row.id} ({row.name}) of {account_name(row.account, row.public_id)}"
