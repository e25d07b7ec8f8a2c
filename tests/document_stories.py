"""Keeping documents with clients the way a story tells it."""

import io
from collections.abc import Iterable
from dataclasses import replace

from flask import current_app
from sqlalchemy import select

from portal import client_documents, file_store
from portal.audit import SYSTEM
from portal.billing import accounts, documents, usage
from portal.billing.rules.counting import Metric
from portal.client_documents import Upload
from portal.extensions import db
from portal.jobs import schedule
from portal.models import Account, Client, Document, Usage
from portal.transaction import transaction
from tests.cast import FixedClock


class Shelf:
    """The documents of one account."""

    def __init__(self, account: Account, clock: FixedClock) -> None:
        self.account_id, self.clock = account.id, clock

    def keep(self, client: str, name: str = "a.txt", content: bytes = b"twelve bytes") -> str:
        """Keep a document with the client of that public id; returns the document's."""
        client_id = db.session.scalars(select(Client.id).where(Client.public_id == client)).one()
        upload = Upload(name, io.BytesIO(content))
        return client_documents.keep(self.account_id, client_id, upload, actor=SYSTEM).public_id

    def keep_sizes(self, client: str, sizes: Iterable[int]) -> None:
        for size in sizes:
            self.keep(client, f"{size}.txt", b"x" * size)

    def delete(self, public_id: str) -> None:
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            document = self.row(public_id)
            assert document is not None
            documents.delete(session, account, document, now=self.clock.now(), actor=SYSTEM)

    def row(self, public_id: str) -> Document | None:
        statement = select(Document).where(Document.public_id == public_id)
        return db.session.scalars(statement).one_or_none()

    def used(self) -> int:
        """The storage that is kept; fails where a fresh count is another (count.exact)."""
        db.session.rollback()
        kept = usage.of(db.session(), self.account_id)[Metric.STORAGE].used
        fresh = usage.recount(db.session(), [self.account_id])[self.account_id]
        listed = documents.total(
            db.session(), self.account_id, counted=documents.Counted.YES
        ).size_bytes
        assert kept == fresh[Metric.STORAGE] == listed
        return kept

    def limit_to(self, limit: int | None) -> None:
        with transaction() as session:
            session.get_one(Usage, (self.account_id, Metric.STORAGE)).limit_value = limit


def stored() -> set[str]:
    """The keys of everything in the store."""
    return {kept.key for kept in file_store.client_documents().listing()}


def named() -> set[str]:
    """The keys that rows name."""
    db.session.rollback()
    return set(db.session.scalars(select(Document.stored_as)))


def work() -> None:
    schedule.run_due()
    db.session.rollback()


def most(size_bytes: int) -> None:
    """No document may be larger, for the rest of the test."""
    settings = current_app.config["PORTAL"]
    kept = replace(settings.client_documents, max_bytes=size_bytes)
    current_app.config["PORTAL"] = replace(settings, client_documents=kept)


def ceiling(times: int) -> None:
    """So many times its storage a plan keeps, for the rest of the test; 0 for no end."""
    settings = current_app.config["PORTAL"]
    kept = replace(settings.client_documents, ceiling=times)
    current_app.config["PORTAL"] = replace(settings, client_documents=kept)


def kept_for(days: int) -> None:
    """So long documents are kept once a plan ended, for the rest of the test; 0 for ever."""
    settings = current_app.config["PORTAL"]
    kept = replace(settings.client_documents, kept_days=days)
    current_app.config["PORTAL"] = replace(settings, client_documents=kept)
