"""Documents kept with clients, as rows: what there is, what it adds up to, and what is going.

Their bytes are elsewhere: `portal.client_documents` keeps them before the row is written, and
removes them before it is forgotten.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from portal import audit, outbox
from portal.audit import Actor
from portal.billing import overages, subscriptions
from portal.billing.rules import describe
from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import ReadOnly, RuleBroken
from portal.language import gettext as _
from portal.models import Account, Client, Document, Usage, User, Work

MOST_DOCUMENTS = 100_000


class ClientDeleted(RuleBroken):
    """A document was to be added to a client that is deleted."""

    def __init__(self, name: str) -> None:
        super().__init__(
            _("%(client)s is deleted. Undo that first, then add documents.", client=name)
        )


class EnoughKept(RuleBroken):
    """As much is kept for an account as the vendor keeps for any of its size."""

    @classmethod
    def too_many(cls) -> EnoughKept:
        return cls(
            _(
                "An account keeps at most %(most)s documents, those of deleted clients included."
                " Delete some first.",
                most=describe.number(MOST_DOCUMENTS),
            )
        )

    @classmethod
    def too_much(cls, most_bytes: int, ceiling: int) -> EnoughKept:
        return cls(
            _(
                "Your plan keeps at most %(most)s of documents, %(times)s times its storage, those"
                " of deleted clients included. Delete some first, or an Admin moves to a larger"
                " plan.",
                most=describe.storage(most_bytes),
                times=ceiling,
            )
        )


class Counted(StrEnum):
    """Which documents a list holds."""

    ALL = ""
    YES = "yes"
    NO = "no"


@dataclass(frozen=True)
class File:
    """What was sent and is in the store already, under the key `stored_as`."""

    name: str
    media_type: str
    size_bytes: int
    sha256: str
    stored_as: str


Listing = Select[*tuple[Any, ...]]
LISTED = (
    Document.public_id,
    Document.name,
    Document.media_type,
    Document.size_bytes,
    Document.uploaded_at,
    User.name.label("uploaded_by"),
    Client.public_id.label("client_id"),
    Client.name.label("client_name"),
    Client.deleted_at.label("client_deleted_at"),
)


def refuse_beyond(session: Session, account_id: int, size_bytes: int, *, ceiling: int) -> None:
    """Raise EnoughKept where so many bytes more are too much for the vendor to keep: more than
    `ceiling` times the plan's storage (0 for no end), or one document too many.

    Those of deleted clients are in it: they count for nothing, and fill the disk all the same.
    """
    sums = select(func.count(), func.coalesce(func.sum(Document.size_bytes), 0)).where(
        Document.account_id == account_id, Document.deleted_at.is_(None)
    )
    kept, kept_bytes = session.execute(sums).one()
    if kept >= MOST_DOCUMENTS:
        raise EnoughKept.too_many()
    limit = session.get_one(Usage, (account_id, Metric.STORAGE)).limit_value
    if ceiling and limit is not None and int(kept_bytes) + size_bytes > limit * ceiling:
        raise EnoughKept.too_much(limit * ceiling, ceiling)


def add(
    session: Session,
    account: Account,
    client: Client,
    file: File,
    *,
    ceiling: int = 0,
    now: datetime,
    actor: Actor,
) -> Document:
    """Name the bytes in a row and count them. Raises ClientDeleted, ReadOnly where the plan ended
    while they were sent, EnoughKept, and FullWhileCancelled where only an upgrade lifts the limit.
    """
    if subscriptions.live(session, account.id) is None:
        raise ReadOnly
    if client.deleted_at is not None:
        raise ClientDeleted(client.name)
    refuse_beyond(session, account.id, file.size_bytes, ceiling=ceiling)
    document = Document(
        account_id=account.id,
        client_id=client.id,
        name=file.name,
        media_type=file.media_type,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        stored_as=file.stored_as,
        uploaded_at=now,
        uploaded_by_id=actor.user_id,
    )
    session.add(document)
    session.flush()
    _count(session, account, file.size_bytes, now, actor)
    audit.record(session, account, "document.added", at=now, actor=actor, **_facts(document))
    return document


def delete(
    session: Session, account: Account, document: Document, *, now: datetime, actor: Actor
) -> None:
    """Nobody sees it or counts it any more, and the worker removes its bytes. Twice is once."""
    if document.deleted_at is not None:
        return
    client = session.get(Client, document.client_id) if document.client_id else None
    document.deleted_at = now
    if client is not None and client.deleted_at is None:
        _count(session, account, -document.size_bytes, now, actor)
    outbox.put(session, Work.DOCUMENT_REMOVAL, document.id, account_id=account.id, at=now)
    audit.record(session, account, "document.deleted", at=now, actor=actor, **_facts(document))


def size_of(session: Session, account_id: int, clients: Sequence[ColumnElement[bool]]) -> int:
    """The bytes of the documents that are kept with these clients of the account."""
    statement = select(func.coalesce(func.sum(Document.size_bytes), 0)).where(
        Document.account_id == account_id,
        Document.deleted_at.is_(None),
        Document.client_id.in_(_ids(clients)),
    )
    return int(session.execute(statement).scalar_one())


def how_many(session: Session, account_id: int, client_ids: Collection[int]) -> dict[int, int]:
    """How many documents are kept with each of these clients that has any."""
    statement = (
        select(Document.client_id, func.count())
        .where(
            Document.account_id == account_id,
            Document.client_id.in_(client_ids),
            Document.deleted_at.is_(None),
        )
        .group_by(Document.client_id)
    )
    return {row[0]: row[1] for row in session.execute(statement) if row[0] is not None}


@dataclass(frozen=True)
class Sum:
    """How many documents a list holds, and their bytes together."""

    documents: int
    size_bytes: int


def total(
    session: Session,
    account_id: int,
    *,
    counted: Counted = Counted.ALL,
    client_id: int | None = None,
) -> Sum:
    """What a list of documents adds up to."""
    columns = func.count(), func.coalesce(func.sum(Document.size_bytes), 0)
    statement = _kept(select(*columns), account_id, counted, client_id)
    documents, size_bytes = session.execute(statement).one()
    return Sum(documents, int(size_bytes))


def largest(
    session: Session, account_id: int, counted: Counted, *, offset: int, limit: int
) -> Sequence[Any]:
    """The account's documents as rows of LISTED, the largest first."""
    statement = _kept(_listed(), account_id, counted, None)
    statement = statement.order_by(Document.size_bytes.desc(), Document.id)
    return session.execute(statement.offset(offset).limit(limit)).all()


def newest(
    session: Session, account_id: int, client_id: int, *, offset: int, limit: int
) -> Sequence[Any]:
    """A client's documents as rows of LISTED, the newest first."""
    statement = _kept(_listed(), account_id, Counted.ALL, client_id)
    statement = statement.order_by(Document.uploaded_at.desc(), Document.id.desc())
    return session.execute(statement.offset(offset).limit(limit)).all()


def unknown_keys(session: Session, keys: Collection[str]) -> set[str]:
    """Which of these keys of the store no row names."""
    known = select(Document.stored_as).where(Document.stored_as.in_(keys))
    return set(keys) - set(session.scalars(known))


def kept_now(session: Session) -> tuple[int, int]:
    """The newest id there is, and how many documents of all accounts nobody deleted."""
    statement = select(func.max(Document.id), func.count()).where(Document.deleted_at.is_(None))
    newest_id, kept = session.execute(statement).one()
    return newest_id or 0, kept


def kept_among(session: Session, keys: Collection[str], newest_id: int) -> int:
    """How many of these keys name documents that nobody deleted, none newer than an id."""
    statement = select(func.count()).where(
        Document.stored_as.in_(keys), Document.deleted_at.is_(None), Document.id <= newest_id
    )
    return session.execute(statement).scalar_one()


def _count(session: Session, account: Account, change: int, now: datetime, actor: Actor) -> None:
    overages.count_changed(session, account, Metric.STORAGE, change, now=now, actor=actor)


def _facts(document: Document) -> dict[str, Any]:
    return {
        "document": document.public_id,
        "name": document.name,
        "size": describe.storage(document.size_bytes),
        "sha256": document.sha256,
    }


def _ids(clients: Sequence[ColumnElement[bool]]) -> Select[int]:
    return select(Client.id).where(*clients)


def _listed() -> Listing:
    return select(*LISTED).outerjoin(User, User.id == Document.uploaded_by_id)


def _kept(statement: Listing, account_id: int, counted: Counted, client_id: int | None) -> Listing:
    """Narrowed down to documents that nobody deleted, joined to their clients."""
    statement = statement.join(Client, Client.id == Document.client_id).where(
        Document.account_id == account_id, Document.deleted_at.is_(None)
    )
    if client_id is not None:
        statement = statement.where(Document.client_id == client_id)
    match counted:
        case Counted.YES:
            return statement.where(Client.deleted_at.is_(None))
        case Counted.NO:
            return statement.where(Client.deleted_at.is_not(None))
        case Counted.ALL:
            return statement
