"""Documents from a person's hands into the store and the list, and out of both again.

    bytes stored ─▶ row and count, in one transaction     killed between: bytes that no row names
    row deleted, uncounted ─▶ bytes removed ─▶ no row      killed between: removed once more

So a document that is listed has its bytes. `orphans` finds those that no row names.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from flask import current_app
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from portal import clock, file_store
from portal.audit import Actor
from portal.billing import accounts, document_removal, documents
from portal.billing.documents import File
from portal.billing.rules import describe
from portal.billing.rules.document_files import HEAD_BYTES, media_type, safe_name
from portal.billing.rules.errors import RuleBroken
from portal.extensions import db
from portal.file_store import StoreFailed
from portal.language import gettext as _
from portal.models import Account, Client, Document
from portal.transaction import assert_outside, is_simulated, transaction

PIECE_BYTES = 256 * 1024


class DocumentRefused(RuleBroken):
    """A file that can't be kept; `str()` says why and what to do."""


class TooLarge(DocumentRefused):
    """More bytes than one document may have."""

    def __init__(self, size_bytes: int) -> None:
        size, most = describe.storage(size_bytes, round_up=True), describe.storage(largest())
        super().__init__(
            _("It has %(size)s; %(most)s is the most for one file.", size=size, most=most)
        )


class DiskFull(DocumentRefused):
    """Keeping it would leave the portal's own disk too little."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "The portal has no room for more documents at this moment, so it was not kept. What"
                " is kept already is safe. Send it again later; if it stays so, tell the vendor."
            )
        )


@dataclass(frozen=True)
class Upload:
    """A file as it was sent: what it was called, and its bytes from the first one on."""

    written_name: str
    stream: IO[bytes]

    @property
    def name(self) -> str:
        return safe_name(self.written_name)


def largest() -> int:
    """How many bytes one document may have."""
    most: int = current_app.config["PORTAL"].client_documents.max_bytes
    return most


def keep(
    account_id: int,
    client_id: int,
    upload: Upload,
    *,
    lock: Callable[[Session], Account] | None = None,
    actor: Actor,
) -> Document:
    """Keep a file with a client. Raises DocumentRefused, StoreFailed, and what `documents.add`
    raises; nothing is kept then.

    `lock` locks the account where more has to hold then: while bytes are sent people are removed.
    """
    file = _measured(upload)
    ceiling = current_app.config["PORTAL"].client_documents.ceiling
    documents.refuse_beyond(db.session(), account_id, file.size_bytes, ceiling=ceiling)
    assert_outside()
    if not file_store.has_room(file.size_bytes):
        current_app.logger.error("no document is kept: the disk is down to its reserve")
        raise DiskFull
    upload.stream.seek(0)
    store = file_store.client_documents()
    store.put(file.stored_as, upload.stream)
    try:
        with transaction() as session:
            account = lock(session) if lock else accounts.lock(session, account_id)
            client = session.get(Client, client_id)
            if client is None:
                raise DocumentRefused(_("Its client is not there any more."))
            return documents.add(
                session, account, client, file, ceiling=ceiling, now=clock.now(), actor=actor
            )
    except (RuleBroken, HTTPException):
        # Of any other error it isn't known whether the row is there; the sweep finds that out.
        with suppress(StoreFailed):
            store.remove(file.stored_as)
        raise


def read(document: Document) -> Iterator[bytes]:
    """The document's bytes. Raises FileMissing at once, StoreFailed where they are not all there
    or not the ones that were sent."""
    return file_store.unchanged(
        file_store.client_documents().read(document.stored_as), document.sha256
    )


def remove(document_id: int) -> None:
    """Remove the bytes of a deleted document and then its row; twice is once."""
    document = db.session().get(Document, document_id)
    if document is None or document.deleted_at is None or is_simulated():
        return
    key = document.stored_as
    assert_outside()
    file_store.client_documents().remove(key)
    with transaction() as session:
        document_removal.forget(session, document_id)


def _measured(upload: Upload) -> File:
    """What the bytes say of themselves, read once from the first to the last."""
    digest, size, head = hashlib.sha256(), 0, b""
    while piece := upload.stream.read(PIECE_BYTES):
        head = head or piece[:HEAD_BYTES]
        digest.update(piece)
        size += len(piece)
    if size > largest():
        raise TooLarge(size)
    if not size:
        raise DocumentRefused(_("It is empty."))
    return File(upload.name, media_type(head), size, digest.hexdigest(), secrets.token_hex(16))
