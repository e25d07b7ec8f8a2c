"""The files about invoices that somebody asked for: made by the worker, kept for some days.

    bytes stored ─▶ row says ready      killed before: it is made anew, under another key
    row says removed ─▶ bytes removed   killed between: bytes that no row names

Bytes that no row names are removed once they are a day old.
"""

import hashlib
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import IO

from flask import current_app

from portal import clock, events, file_store, language
from portal.audit import Actor, record
from portal.billing import accounts, invoice_exports, invoice_lists
from portal.billing.invoice_exports import Made
from portal.extensions import db
from portal.file_store import StoreFailed
from portal.models import Account, ExportKind, ExportState, InvoiceExport
from portal.papers import archive, composing, rendering, statement_display
from portal.papers.archive import Filed, NotMadeYet
from portal.papers.page import SHEET, Page
from portal.papers.statement_display import ShownStatement
from portal.transaction import after_commit, assert_outside, is_simulated, transaction

STATEMENT = "statement_v1"
IN_MEMORY_BYTES = 8 * 1024 * 1024
TOLD_EVERY = 20
ORPHANS_AFTER = timedelta(days=1)
LOOKED_UP_AT_ONCE = 500
NO_ROOM = "the disk is down to its reserve"


@dataclass(frozen=True)
class Wanted:
    """What a file is to be made of, detached from its rows: one of the two."""

    papers: list[Filed]
    statement: ShownStatement | None


def make(export_id: int) -> str | None:
    """Make a file and record it, once; returns what it still waits for, None when it is done.

    Raises StoreFailed, RenderingFailed, DocumentMissing or DocumentDamaged.
    """
    try:
        wanted = _wanted(export_id)
    except NotMadeYet as paper:
        return f"the PDF of {paper} is not made yet"
    if wanted is None:
        return None
    assert_outside()
    if not file_store.has_room(sum(paper.size_bytes for paper in wanted.papers)):
        return NO_ROOM
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as file:
        _write(wanted, file, export_id)
        made = _put(file)
    _record(export_id, replace(made, left_out=archive.left_out(wanted.papers)))
    return None


def read(export: InvoiceExport) -> Iterator[bytes]:
    """The file's bytes. Raises FileMissing at once, StoreFailed where they break off or are not
    those that were made."""
    return file_store.unchanged(_store().read(export.stored_as or ""), export.sha256 or "")


def remove(export_id: int, actor: Actor) -> None:
    """Remove a file before its time, or call off its making; twice is once."""
    with transaction() as session:
        export = session.get_one(InvoiceExport, export_id)
        account = accounts.lock(session, export.account_id)
        session.refresh(export)
        if export.state is ExportState.REMOVED:
            return
        key, now = invoice_exports.removed(export), clock.now()
        facts = {"title": export.title}
        record(session, account, "invoice_file.removed", at=now, actor=actor, **facts)
    _forget(key)


def tidy(now: datetime) -> None:
    """Remove what was kept long enough, and bytes that no row names."""
    if is_simulated():
        return
    for export_id in invoice_exports.expired(db.session(), now=now):
        with transaction() as session:
            key = invoice_exports.removed(session.get_one(InvoiceExport, export_id))
        _forget(key)
    try:
        for key in _orphans():
            _store().remove(key)
    except StoreFailed:
        current_app.logger.exception("the store of files of invoices could not be swept")


def _wanted(export_id: int) -> Wanted | None:
    session = db.session()
    export = invoice_exports.waiting(session, export_id)
    if export is None:
        return None
    account = session.get_one(Account, export.account_id)
    if export.kind is ExportKind.ARCHIVE:
        papers = invoice_lists.of_numbers(session, account.id, export.numbers)
        return Wanted(archive.filed(session, papers, account.time_zone), None)
    if export.since_at is None or export.before_at is None:
        raise ValueError("a statement is of a time")
    with language.speaking(account.language):
        statement = statement_display.shown(
            session,
            account,
            since_at=export.since_at,
            before_at=export.before_at,
            now=export.requested_at,
        )
    return Wanted([], statement)


def _write(wanted: Wanted, file: IO[bytes], export_id: int) -> None:
    if wanted.statement is not None:
        file.write(statement_pdf(wanted.statement))
        return

    def told(done: int) -> None:
        if done % TOLD_EVERY == 0:
            _note_progress(export_id, done)

    archive.write(file, wanted.papers, told)


def statement_pdf(statement: ShownStatement) -> bytes:
    """A statement of account as PDF, in its language."""
    with language.speaking(statement.language):
        page = Page(
            html=composing.html(STATEMENT, statement=statement),
            sheet=SHEET,
            paper=composing.paper(statement.customer, statement.vendor),
            identifier=f"statement {statement.made_at.isoformat()}",
        )
    return rendering.pdf(page)


def _put(file: IO[bytes]) -> Made:
    """Keep a file under a key that no other gets."""
    size = file.seek(0, 2)
    file.seek(0)
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    file.seek(0)
    key = secrets.token_hex(16)
    _store().put(key, file)
    return Made(key, size, sha256)


def _record(export_id: int, made: Made) -> None:
    """Say that it is there; where another worker was first, or it is not wanted any more, these
    bytes go again."""
    with transaction() as session:
        account_id = session.get_one(InvoiceExport, export_id).account_id
        accounts.lock(session, account_id)
        export = invoice_exports.waiting(session, export_id)
        if export is not None:
            invoice_exports.ready(export, made, now=clock.now())
            after_commit(session, lambda: events.publish(account_id, "invoice_export"))
    if export is None:
        _forget(made.stored_as)


def _note_progress(export_id: int, done: int) -> None:
    with transaction() as session:
        export = invoice_exports.waiting(session, export_id)
        if export is not None:
            export.made_of = done
    assert_outside()


def _forget(key: str | None) -> None:
    """Remove bytes that nobody gets any more; where the store fails, the sweep finds them."""
    if key is None:
        return
    assert_outside()
    try:
        _store().remove(key)
    except StoreFailed:
        current_app.logger.exception("a file of invoices is left for the sweep")


def _orphans() -> Iterator[str]:
    before = clock.wall_now() - ORPHANS_AFTER
    old = (kept.key for kept in _store().listing() if kept.stored_at < before)
    while keys := list(islice(old, LOOKED_UP_AT_ONCE)):
        unknown = sorted(invoice_exports.unknown_keys(db.session(), keys))
        assert_outside()
        yield from unknown


def _store() -> file_store.FileStore:
    return file_store.files_of_invoices()
