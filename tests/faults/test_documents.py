"""Documents when the process is killed, when two people are at it, when the store is full."""

import errno
import os
import pkgutil
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from portal import client_documents, file_store
from portal.billing import clients, verify
from portal.client_documents import orphans
from portal.extensions import db
from portal.file_store import StoreFailed
from portal.models import OutboxItem, OutboxState
from portal.transaction import InsideTransaction, transaction
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList
from tests.document_stories import Shelf, named, stored, work

KEPT_AT = {
    "before the bytes are written": ("portal.file_store.disk.os.fsync", "before"),
    "before the rename": ("portal.file_store.disk.Path.replace", "before"),
    "after the rename": ("portal.file_store.disk.Path.replace", "after"),
    "before the row": ("portal.client_documents.accounts.lock", "before"),
    "before the count": ("portal.billing.documents.overages.count_changed", "before"),
    "after the count": ("portal.billing.documents.overages.count_changed", "after"),
    "before the commit": ("portal.billing.documents.audit.record", "after"),
}
REMOVED_AT = {
    "before the bytes go": ("portal.file_store.disk.Path.unlink", "before"),
    "after the bytes went": ("portal.file_store.disk.Path.unlink", "after"),
    "before the row goes": ("portal.client_documents.document_removal.forget", "before"),
    "while the row goes": ("portal.client_documents.document_removal.forget", "after"),
}


class Killed(BaseException):
    """The process ended here."""


@pytest.fixture
def ada(cast: Cast, clock: FixedClock) -> str:
    return ClientList(cast.acme, clock).add("Ada")


@pytest.fixture
def shelf(cast: Cast, clock: FixedClock) -> Shelf:
    return Shelf(cast.acme, clock)


@pytest.mark.parametrize("step", KEPT_AT)
def test_a_kill_while_keeping_leaves_no_row_without_bytes(
    shelf: Shelf, ada: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with monkeypatch.context() as patched:
        kill_at(patched, *KEPT_AT[step])
        with pytest.raises(Killed):
            shelf.keep(ada)
    db.session.remove()
    assert named() == set()
    assert shelf.used() == 0
    assert verify.run(db.session()) == []

    shelf.keep(ada)
    monkeypatch.setattr(orphans, "AFTER", timedelta(days=-1))
    orphans.sweep()
    assert stored() == named()
    assert shelf.used() == 12


@pytest.mark.parametrize("step", REMOVED_AT)
def test_a_kill_while_removing_is_made_good_by_the_next_attempt(
    shelf: Shelf, ada: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    document = shelf.keep(ada)
    shelf.delete(document)
    row = shelf.row(document)
    assert row is not None
    row_id = row.id
    with monkeypatch.context() as patched:
        kill_at(patched, *REMOVED_AT[step])
        with pytest.raises(Killed):
            client_documents.remove(row_id)
    db.session.remove()
    assert verify.run(db.session()) == []
    work()
    assert shelf.row(document) is None
    assert stored() == set()


def test_two_uploads_at_once_are_both_counted(app: Flask, shelf: Shelf, ada: str) -> None:
    sizes = [100, 20, 3]
    failed = at_once(app, *(lambda size=size: shelf.keep_sizes(ada, (size,)) for size in sizes))
    assert failed == []
    assert shelf.used() == sum(sizes)
    assert stored() == named()


def test_an_upload_and_the_deletion_of_its_client(
    app: Flask, cast: Cast, clock: FixedClock, shelf: Shelf
) -> None:
    """Whichever comes first, the count is that of the rows and no bytes are left over."""
    list_of = ClientList(cast.acme, clock)
    for number in range(4):
        public_id = list_of.add(f"Client {number}")
        at_once(
            app,
            lambda public_id=public_id: shelf.keep(public_id),
            lambda public_id=public_id: list_of.do(clients.delete, public_id),
        )
        assert shelf.used() == 0
        assert stored() == named()


def test_two_workers_remove_the_same_document(app: Flask, shelf: Shelf, ada: str) -> None:
    document = shelf.keep(ada)
    shelf.delete(document)
    row = shelf.row(document)
    assert row is not None
    row_id = row.id
    db.session.rollback()
    assert at_once(app, *[lambda: client_documents.remove(row_id)] * 2) == []
    assert (shelf.row(document), stored()) == (None, set())


def test_a_full_disk_keeps_nothing_and_a_removal_waits_for_the_disk(
    shelf: Shelf, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = shelf.keep(ada)
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", no_space)
        with pytest.raises(StoreFailed):
            shelf.keep(ada)
    assert shelf.used() == 12

    shelf.delete(document)
    with monkeypatch.context() as broken:
        broken.setattr("portal.file_store.disk.Path.unlink", no_space)
        work()
    item = db.session.query(OutboxItem).filter_by(work="document_removal").one()
    assert (item.state, item.attempts) == (OutboxState.WAITING, 1)
    assert "No space left" in (item.last_error or "")
    shelf.clock.advance(hours=1)
    work()
    assert stored() == set()


def test_bytes_are_never_kept_inside_a_transaction(shelf: Shelf, ada: str) -> None:
    with pytest.raises(InsideTransaction), transaction():
        shelf.keep(ada)
    assert stored() == set()


def test_missing_and_other_bytes_are_named_by_verify(shelf: Shelf, ada: str) -> None:
    gone, changed = shelf.keep(ada, "gone.txt"), shelf.keep(ada, "changed.txt")
    rows = [shelf.row(public_id) for public_id in (gone, changed)]
    keys = [row.stored_as for row in rows if row is not None]
    store = file_store.client_documents()
    store.remove(keys[0])
    store.folder.joinpath(keys[1][:2], keys[1]).write_bytes(b"other")  # type: ignore[attr-defined]

    found = verify.run(db.session())
    assert [finding.check for finding in found] == ["stored-documents"] * 2
    assert [finding.found for finding in found] == ["no bytes", "5 bytes"]
    assert "gone.txt" in found[0].subject
    assert "of Acme" in found[0].subject


def test_bytes_of_the_same_length_that_are_others_break_the_download_off(
    shelf: Shelf, ada: str
) -> None:
    row = shelf.row(shelf.keep(ada))
    assert row is not None
    assert b"".join(client_documents.read(row)) == b"twelve bytes"
    path = file_store.client_documents().folder / row.stored_as[:2] / row.stored_as  # type: ignore[attr-defined]
    path.write_bytes(b"TWELVE BYTES")
    with pytest.raises(StoreFailed, match="not those"):
        list(client_documents.read(row))


def kill_at(patched: pytest.MonkeyPatch, target: str, when: str) -> None:
    """End the process before or after `target` is called."""
    module, _, name = target.rpartition(".")
    owner = pkgutil.resolve_name(module)
    original: Callable[..., Any] = getattr(owner, name)

    def ends(*arguments: Any, **how: Any) -> Any:
        if when == "after":
            original(*arguments, **how)
        raise Killed

    patched.setattr(owner, name, ends)


def at_once(app: Flask, *acts: Callable[[], object]) -> list[BaseException]:
    """Let all acts go at the same instant; returns what went wrong other than a refusal."""
    barrier, failed = threading.Barrier(len(acts)), list[BaseException]()

    def run(act: Callable[[], object]) -> None:
        with app.app_context():
            barrier.wait()
            try:
                act()
            except Exception as error:
                failed.append(error)
            finally:
                db.session.remove()

    db.session.remove()
    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def no_space(*_arguments: Any, **_how: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
