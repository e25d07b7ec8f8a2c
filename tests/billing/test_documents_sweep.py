"""The store of documents against the rows that name what is in it: each night, and by hand."""

import io
import json
from datetime import timedelta

import pytest
from click.testing import Result
from flask import Flask

from portal import file_store
from portal.client_documents import orphans
from portal.extensions import db
from portal.file_store import StoreFailed
from portal.file_store.disk import DiskStore
from portal.models import Notice
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList
from tests.document_stories import Shelf, named, stored


@pytest.fixture
def ada(cast: Cast, clock: FixedClock) -> str:
    return ClientList(cast.acme, clock).add("Ada")


@pytest.fixture
def shelf(cast: Cast, clock: FixedClock) -> Shelf:
    return Shelf(cast.acme, clock)


def test_bytes_that_no_row_names_go_after_a_day(
    shelf: Shelf, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.keep(ada)
    left_behind(1)
    assert orphans.sweep() == 0

    a_day_goes_by(monkeypatch)
    assert orphans.sweep() == 1
    assert stored() == named()
    assert told() == []


def test_many_bytes_without_rows_are_left_for_a_person(
    shelf: Shelf, ada: str, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as those of another database, or of a backup that was put back. The vendor reads of it
    at once, and a week later again."""
    shelf.keep(ada)
    a_day_goes_by(monkeypatch)
    left_behind(101)
    for _night in range(3):
        assert orphans.sweep() == 0
        clock.advance(days=1)
    assert len(stored()) == 102
    (email,) = told()
    assert email.subject == "The store holds files that belong to no document"
    assert "flask documents sweep --remove" in " ".join(email.body_text.split())

    clock.advance(days=5)
    assert orphans.sweep() == 0
    assert len(told()) == 2


def test_many_that_nobody_looks_at_for_four_weeks_go_a_hundred_a_night(
    shelf: Shelf, ada: str, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told on day 0, 7, 14, 21 and 28: from the 28th on nobody can say they weren't."""
    shelf.keep(ada)
    a_day_goes_by(monkeypatch)
    left_behind(250)
    removed = []
    for _night in range(32):
        removed.append(orphans.sweep())
        clock.advance(days=1)
    assert removed == [0] * 29 + [100, 100, 50]
    assert stored() == named()
    assert len(told()) == 5
    text = " ".join(told()[0].body_text.split())
    assert "this is said each week, and after four 100 of them are removed a night." in text


def test_who_was_told_of_others_long_ago_is_told_anew(
    shelf: Shelf, ada: str, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen to after a day; four weeks later a backup is put back."""
    shelf.keep(ada)
    a_day_goes_by(monkeypatch)
    left_behind(101)
    assert orphans.sweep() == 0
    orphans.remove(orphans.find().files)
    clock.advance(days=28)
    left_behind(101)
    assert orphans.sweep() == 0
    assert len(told()) == 2


def test_a_hundred_go_by_themselves(
    shelf: Shelf, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.keep(ada)
    a_day_goes_by(monkeypatch)
    left_behind(100)
    assert orphans.sweep() == 100
    assert stored() == named()
    assert told() == []


def test_documents_without_their_bytes_are_told_of(shelf: Shelf, ada: str) -> None:
    row = shelf.row(shelf.keep(ada, "Contract.pdf"))
    assert row is not None
    shelf.keep(ada, "There.pdf")
    file_store.client_documents().remove(row.stored_as)

    assert orphans.sweep() == 0

    (email,) = told()
    assert email.subject == "Documents of clients have no bytes in the store"
    text = " ".join(email.body_text.split())
    assert f"document {row.id} (Contract.pdf) of Acme" in text
    assert "There.pdf" not in text
    assert len(named()) == 2, "no row goes"


def test_an_upload_meanwhile_is_no_finding(
    shelf: Shelf, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is kept, and one that is deleted, while the store is being listed."""
    gone = shelf.keep(ada, "gone.txt")
    shelf.keep(ada, "stays.txt")
    listing = DiskStore.listing

    def meanwhile(store: DiskStore):  # type: ignore[no-untyped-def]
        found = list(listing(store))
        shelf.keep(ada, "new.txt")
        shelf.delete(gone)
        db.session.rollback()
        return iter(found)

    with monkeypatch.context() as patched:
        patched.setattr(DiskStore, "listing", meanwhile)
        orphans.sweep()
    assert told() == []


def test_a_store_that_does_not_answer_is_asked_the_next_day(
    shelf: Shelf, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_store: DiskStore) -> None:
        raise StoreFailed("down")

    monkeypatch.setattr(DiskStore, "listing", fails)
    assert orphans.sweep() == 0
    assert told() == []


def test_the_operator_sees_and_removes_them(
    app: Flask, shelf: Shelf, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.keep(ada)
    a_day_goes_by(monkeypatch)
    left_behind(101)

    shown = flask(app, "documents", "sweep")
    assert f"{0:032x}  belongs to no document" in shown.output
    assert "101 files without a document, 0 without bytes." in shown.output
    assert len(stored()) == 102

    removed = flask(app, "documents", "sweep", "--remove", "--json")
    facts = json.loads(removed.output)
    assert (len(facts["files_without_document"]), facts["removed"]) == (101, 101)
    assert stored() == named()
    assert "0 files without a document, 0 without" in flask(app, "documents", "sweep").output


def test_the_operator_hears_of_a_store_that_does_not_answer(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_store: DiskStore) -> None:
        raise StoreFailed("the disk is gone")

    monkeypatch.setattr(DiskStore, "listing", fails)
    answer = flask(app, "documents", "sweep")
    assert answer.exit_code == 1
    assert "can't be swept: the disk is gone" in answer.output


def left_behind(count: int) -> None:
    for number in range(count):
        file_store.client_documents().put(f"{number:032x}", io.BytesIO(b"left behind"))


def a_day_goes_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """For files: they are as old as the disk says."""
    monkeypatch.setattr(orphans, "AFTER", timedelta(days=-1))


def told() -> list[Notice]:
    db.session.rollback()
    found = db.session.query(Notice).filter_by(name="vendor_told", account_id=None)
    return found.order_by(Notice.id).all()


def flask(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=list(arguments))
