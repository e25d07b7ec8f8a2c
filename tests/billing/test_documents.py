"""Documents kept with clients: what they count, when they don't, and how they go."""

import pytest

from portal import file_store
from portal.billing import clients, documents, verify
from portal.billing.clients import GoesOver
from portal.billing.documents import ClientDeleted, Counted, EnoughKept
from portal.billing.rules.counting import storage_reason
from portal.billing.rules.errors import ReadOnly
from portal.client_documents import DocumentRefused, TooLarge
from portal.extensions import db
from portal.models import AuditEntry, Client, OutboxItem, OutboxState, Work
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList
from tests.document_stories import Shelf, ceiling, most, named, stored, work


@pytest.fixture
def list_of(cast: Cast, clock: FixedClock) -> ClientList:
    return ClientList(cast.acme, clock)


@pytest.fixture
def shelf(cast: Cast, clock: FixedClock) -> Shelf:
    return Shelf(cast.acme, clock)


def test_count_storage_is_the_bytes_of_the_documents(list_of: ClientList, shelf: Shelf) -> None:
    """count.storage: 12 bytes and 100 are 112; one of them deleted leaves 100."""
    ada = list_of.add("Ada")
    first = shelf.keep(ada)
    shelf.keep(ada, "photo.png", b"x" * 100)
    assert shelf.used() == 112

    shelf.delete(first)
    assert shelf.used() == 100


def test_clients_in_uncounted_statuses_have_counted_documents(
    list_of: ClientList, shelf: Shelf
) -> None:
    """count.storage: a lead takes no client's place, but its documents take room."""
    shelf.keep(list_of.add("Ada", "Lead"))
    assert (list_of.count(), shelf.used()) == (0, 12)


def test_count_storage_leaves_out_deleted_clients(list_of: ClientList, shelf: Shelf) -> None:
    """count.delete-undo: deleted with its client, back with its client, one and many."""
    ada, ben = list_of.add("Ada"), list_of.add("Ben")
    shelf.keep_sizes(ada, (100, 20))
    shelf.keep_sizes(ben, (3,))

    list_of.do(clients.delete, ada)
    assert shelf.used() == 3
    done = list_of.do(clients.delete, ada, ben)
    assert shelf.used() == 0
    list_of.do(clients.restore, changed_at=done.at)
    assert shelf.used() == 123
    list_of.do(clients.restore, ada)
    assert shelf.used() == 123


def test_an_import_undone_takes_its_documents_along(list_of: ClientList, shelf: Shelf) -> None:
    operation = list_of.bring_in("Name\nAda\nBen\n")
    list_of.clock.advance(hours=1)
    public_id = _public_id(list_of, "Ada")
    shelf.keep(public_id)
    done = list_of.do(clients.delete, changed_at=operation.done_at)
    assert (done.clients, shelf.used()) == (2, 0)


def test_a_document_deleted_while_its_client_is_changes_no_count(
    list_of: ClientList, shelf: Shelf
) -> None:
    ada = list_of.add("Ada")
    document = shelf.keep(ada)
    shelf.keep(ada, "b.txt", b"b")
    list_of.do(clients.delete, ada)
    shelf.delete(document)
    assert shelf.used() == 0
    list_of.do(clients.restore, ada)
    assert shelf.used() == 1


def test_count_explained(list_of: ClientList, shelf: Shelf) -> None:
    """count.explained: every document, counted or not, each with its reason; the largest first."""
    ada, ben = list_of.add("Ada"), list_of.add("Ben")
    shelf.keep_sizes(ada, (5, 7))
    shelf.keep_sizes(ben, (6,))
    list_of.do(clients.delete, ben)

    def sizes(counted: Counted) -> list[int]:
        rows = documents.largest(db.session(), shelf.account_id, counted, offset=0, limit=10)
        return [row.size_bytes for row in rows]

    assert sizes(Counted.ALL) == [7, 6, 5]
    assert (sizes(Counted.YES), sizes(Counted.NO)) == ([7, 5], [6])
    assert storage_reason(client_deleted=False) == "counted: kept with a client"
    assert storage_reason(client_deleted=True) == "not counted: its client is deleted"


def test_nothing_is_added_to_a_deleted_client(list_of: ClientList, shelf: Shelf) -> None:
    ada = list_of.add("Ada")
    list_of.do(clients.delete, ada)
    with pytest.raises(ClientDeleted, match="Ada is deleted"):
        shelf.keep(ada)
    assert (shelf.used(), stored()) == (0, set())


def test_nothing_is_added_once_the_plan_is_over(
    cast: Cast, list_of: ClientList, shelf: Shelf
) -> None:
    """charge.cancel: also where the file was on its way when the plan ended."""
    ada = list_of.add("Ada")
    cast.cancel(cast.acme)
    cast.let_pass(days=31)
    with pytest.raises(ReadOnly):
        shelf.keep(ada)
    assert (shelf.used(), stored()) == (0, set())


def test_too_large_and_empty_files_are_refused_before_anything_is_kept(
    list_of: ClientList, shelf: Shelf
) -> None:
    ada = list_of.add("Ada")
    most(1000)
    shelf.keep(ada, "fits.txt", b"x" * 1000)
    with pytest.raises(TooLarge, match=r"1.1 kB; 1 kB is the most"):
        shelf.keep(ada, "large.txt", b"x" * 1001)
    with pytest.raises(DocumentRefused, match="empty"):
        shelf.keep(ada, "empty.txt", b"")
    assert (shelf.used(), len(stored())) == (1000, 1)


def test_over_the_limit_of_a_metric_that_only_warns_is_allowed(
    list_of: ClientList, shelf: Shelf
) -> None:
    shelf.limit_to(10)
    shelf.keep(list_of.add("Ada"))
    assert shelf.used() == 12


def test_four_times_the_storage_is_the_most_that_is_kept(list_of: ClientList, shelf: Shelf) -> None:
    """On a plan of 1 kB, 4 kB and not a byte more; with a larger plan it goes on."""
    ada = list_of.add("Ada")
    shelf.limit_to(1000)
    shelf.keep_sizes(ada, [3000, 1000])
    with pytest.raises(EnoughKept, match=r"at most 4 kB of documents, 4 times its storage"):
        shelf.keep(ada, content=b"x")
    assert (shelf.used(), len(stored())) == (4000, 2)
    shelf.limit_to(2000)
    shelf.keep(ada, content=b"x" * 4000)
    assert shelf.used() == 8000


def test_documents_of_deleted_clients_are_kept_too_and_so_within_the_most(
    list_of: ClientList, shelf: Shelf
) -> None:
    """Filling up, deleting the client, and filling up again fills no disk."""
    ada, ben = list_of.add("Ada"), list_of.add("Ben")
    shelf.limit_to(1000)
    shelf.keep(ada, content=b"x" * 4000)
    list_of.do(clients.delete, ada)
    assert shelf.used() == 0
    with pytest.raises(EnoughKept, match="those of deleted clients included"):
        shelf.keep(ben, content=b"x")
    assert stored() == named()


def test_two_uploads_at_once_stay_within_the_most(
    list_of: ClientList, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both were looked at before either was counted: the lock decides."""
    ada = list_of.add("Ada")
    shelf.limit_to(1000)
    shelf.keep(ada, content=b"x" * 3999)
    has_room = file_store.has_room

    def another_comes_first(size_bytes: int) -> bool:
        monkeypatch.setattr(file_store, "has_room", has_room)
        shelf.keep(ada, content=b"y")
        return True

    monkeypatch.setattr(file_store, "has_room", another_comes_first)
    with pytest.raises(EnoughKept):
        shelf.keep(ada, content=b"x")
    assert shelf.used() == 4000
    assert stored() == named()


@pytest.mark.parametrize("limit", [1000, None])
def test_no_most_where_the_vendor_or_the_plan_has_none(
    list_of: ClientList, shelf: Shelf, limit: int | None
) -> None:
    ceiling(0 if limit else 4)
    shelf.limit_to(limit)
    shelf.keep(list_of.add("Ada"), content=b"x" * 9000)
    assert shelf.used() == 9000


def test_an_account_keeps_so_many_documents_and_no_more(
    list_of: ClientList, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MOST_DOCUMENTS", 3)
    ada = list_of.add("Ada")
    shelf.keep_sizes(ada, [1, 2, 3])
    with pytest.raises(EnoughKept, match="at most 3 documents"):
        shelf.keep(ada)
    assert len(stored()) == 3


def test_over_before_the_act_of_bringing_documents_back(list_of: ClientList, shelf: Shelf) -> None:
    """over.before-the-act: undoing a deletion says what storage becomes, and asks."""
    ada = list_of.add("Ada")
    shelf.keep(ada, content=b"x" * 1200)
    list_of.do(clients.delete, ada)
    shelf.limit_to(1000)
    with pytest.raises(GoesOver, match=r"1.2 of 1 kB") as asked:
        list_of.do(clients.restore, ada)
    assert shelf.used() == 0
    list_of.do(clients.restore, ada, accepted=asked.value.after)
    assert shelf.used() == 1200


def test_a_deleted_document_goes_with_its_bytes(list_of: ClientList, shelf: Shelf) -> None:
    document = shelf.keep(list_of.add("Ada"))
    shelf.delete(document)
    shelf.delete(document)
    assert verify.run(db.session()) == []
    assert len(stored()) == 1

    work()
    assert (shelf.row(document), stored()) == (None, set())
    assert _removals() == [OutboxState.DONE]


def test_documents_come_and_go_for_ever(list_of: ClientList, shelf: Shelf) -> None:
    """Work that was done for a document is never taken for that of a later one."""
    ada = list_of.add("Ada")
    for _ in range(3):
        shelf.delete(shelf.keep(ada))
        work()
    assert stored() == named() == set()
    assert _removals() == [OutboxState.DONE] * 3


def test_after_30_days_a_client_goes_with_its_documents(list_of: ClientList, shelf: Shelf) -> None:
    """count.delete-undo: 1 March deleted, 31 March gone for good, rows and bytes."""
    ada, ben = list_of.add("Ada"), list_of.add("Ben")
    document, kept = shelf.keep(ada), shelf.keep(ben)
    deleted = shelf.keep(ada, "b.txt", b"b")
    shelf.delete(deleted)
    list_of.do(clients.delete, ada)

    shelf.clock.advance(days=29, hours=18)
    work()
    assert shelf.row(document) is not None
    shelf.clock.advance(days=1)
    work()
    assert [shelf.row(public_id) for public_id in (document, deleted)] == [None, None]
    row = shelf.row(kept)
    assert row is not None
    assert stored() == {row.stored_as}
    assert shelf.used() == 12
    assert verify.run(db.session()) == []


def test_who_added_and_deleted_what_is_on_the_trail(list_of: ClientList, shelf: Shelf) -> None:
    shelf.delete(shelf.keep(list_of.add("Ada"), "Contract.pdf"))
    trail = [(e.action, e.details["name"]) for e in _entries("document.")]
    assert trail == [("document.added", "Contract.pdf"), ("document.deleted", "Contract.pdf")]


def test_storage_is_another_account_s_own(
    cast: Cast, clock: FixedClock, list_of: ClientList, shelf: Shelf
) -> None:
    theirs = Shelf(cast.other, clock)
    shelf.keep(list_of.add("Ada"))
    theirs.keep(ClientList(cast.other, clock).add("Eve"), content=b"x")
    assert (shelf.used(), theirs.used()) == (12, 1)


def _removals() -> list[OutboxState]:
    items = db.session.query(OutboxItem).filter_by(work=Work.DOCUMENT_REMOVAL)
    return [item.state for item in items.order_by(OutboxItem.id)]


def _entries(subject: str) -> list[AuditEntry]:
    entries = db.session.query(AuditEntry).order_by(AuditEntry.position)
    return [entry for entry in entries if entry.action.startswith(subject)]


def _public_id(list_of: ClientList, name: str) -> str:
    row = db.session.query(Client).filter_by(account_id=list_of.account_id, name=name).one()
    return row.public_id
