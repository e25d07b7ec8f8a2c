"""The pages of documents: who may, what is refused and how, and what a download is."""

import io
import re
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, insert
from werkzeug.test import TestResponse

from portal import client_documents
from portal.billing import clients
from portal.config import Settings
from portal.extensions import db
from portal.file_store import StoreFailed
from portal.models import Client, Document, User
from portal.transaction import transaction
from tests import s3_server
from tests.blueprints.pages import words
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList
from tests.document_stories import Shelf, most, named, stored

Browser = Callable[[User | None], FlaskClient]
HTMX = {"HX-Request": "true"}
UNKNOWN = "0" * 32
GETS = [
    "/clients/documents", "/clients/documents/foresight?bytes=1", "/clients/{client}/documents",
    "/clients/{client}/documents/{document}",
]  # fmt: skip
POSTS = ["/clients/{client}/documents", "/clients/{client}/documents/{document}/deletion"]


@pytest.fixture
def acme(cast: Cast, clock: FixedClock) -> ClientList:
    return ClientList(cast.acme, clock)


@pytest.fixture
def shelf(cast: Cast, clock: FixedClock) -> Shelf:
    return Shelf(cast.acme, clock)


@pytest.fixture
def ada(acme: ClientList) -> str:
    return acme.add("Ada")


@pytest.fixture
def bob(cast: Cast, browser: Browser) -> FlaskClient:
    """A Member's browser: all of this is his work."""
    return browser(cast.bob)


def send(
    browser: FlaskClient, client: str, *files: tuple[str, bytes], **headers: str
) -> TestResponse:
    """Upload files as (name, content)."""
    data = {"file": [(io.BytesIO(content), name) for name, content in files]}
    return browser.post(
        f"/clients/{client}/documents",
        data=data,
        content_type="multipart/form-data",
        headers=headers,
    )


def test_a_document_is_sent_listed_had_back_and_deleted(
    bob: FlaskClient, ada: str, shelf: Shelf
) -> None:
    answer = send(bob, ada, ("Contract.pdf", b"%PDF-1.7 and more"), ("Notes.txt", b"Some words"))
    assert (answer.status_code, answer.location) == (303, f"/clients/{ada}/documents")

    page = bob.get(answer.location).text
    assert "2 documents were added" in page
    read = words(page)
    assert "Contract.pdf PDF 17 bytes 1 Mar 2026, 09:00 UTC Bob" in read
    assert "Notes.txt Text 10 bytes" in read
    assert "27 bytes of 10 GB" in read

    download = bob.get(hrefs(page)[1])
    assert download.data == b"%PDF-1.7 and more"
    deleted = bob.post(f"{hrefs(page)[1]}/deletion")
    assert deleted.status_code == 303
    after = bob.get(deleted.location).text
    assert "Contract.pdf was deleted" in after
    assert len(hrefs(after)) == 1
    assert shelf.used() == 10
    assert bob.get(hrefs(page)[1]).status_code == 404
    assert bob.post(f"{hrefs(page)[1]}/deletion").status_code == 404


def test_a_download_is_saved_and_never_shown(bob: FlaskClient, ada: str) -> None:
    send(bob, ada, ("Übersicht 契約.html", b"<script>alert(1)</script>"))
    answer = bob.get(hrefs(bob.get(f"/clients/{ada}/documents").text)[0])
    headers = answer.headers
    assert headers["Content-Disposition"].startswith("attachment;")
    assert (
        "filename*=UTF-8''%C3%9Cbersicht%20%E5%A5%91%E7%B4%84.html"
        in (headers["Content-Disposition"])
    )
    assert headers["Content-Type"].startswith("text/plain")
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Length"] == str(len(answer.data))


def test_roles_server_side(cast: Cast, browser: Browser, ada: str, shelf: Shelf) -> None:
    """Admins and Members; nobody else's browser sees or changes a document."""
    ids = {"client": ada, "document": shelf.keep(ada)}
    people = {browser(cast.alice): 200, browser(cast.bob): 200, browser(cast.carol): 403}
    people[browser(None)] = 303
    for path in GETS:
        answers = [person.get(path.format(**ids)).status_code for person in people]
        assert answers == list(people.values()), path
    for path in POSTS:
        for person, status in ((browser(cast.carol), 403), (browser(None), 303)):
            assert person.post(path.format(**ids)).status_code == status, path
    assert shelf.used() == 12


def test_documents_of_another_account_do_not_exist(
    cast: Cast, browser: Browser, acme: ClientList, ada: str, shelf: Shelf
) -> None:
    document, ben = shelf.keep(ada, "Secret.txt"), acme.add("Ben")
    mallory, bob = browser(cast.mallory), browser(cast.bob)
    theirs = {"client": ada, "document": document}
    for path in GETS[2:]:
        assert mallory.get(path.format(**theirs)).status_code == 404
        assert bob.get(path.format(client=UNKNOWN, document=UNKNOWN)).status_code == 404
    for path in POSTS:
        assert mallory.post(path.format(**theirs)).status_code == 404
    assert "Secret.txt" not in mallory.get("/clients/documents").text
    assert bob.get(f"/clients/{ben}/documents/{document}").status_code == 404
    assert shelf.used() == 12


def test_no_change_without_the_form_being_ours(
    app: Flask, bob: FlaskClient, ada: str, shelf: Shelf
) -> None:
    ids = {"client": ada, "document": shelf.keep(ada)}
    app.config["WTF_CSRF_ENABLED"] = True
    for path in POSTS:
        assert bob.post(path.format(**ids)).status_code == 400
    assert send(bob, ada, ("a.txt", b"abc")).status_code == 400
    assert shelf.used() == 12


def test_a_file_that_is_too_large_is_refused_and_nothing_is_lost(
    bob: FlaskClient, ada: str, shelf: Shelf
) -> None:
    most(1000)
    shelf.keep(ada, "there.txt")
    answer = send(bob, ada, ("big.bin", b"x" * 1001))
    assert answer.status_code == 413
    read = words(answer.text)
    assert "Nothing was added big.bin: It has 1.1 kB; 1 kB is the most for one file." in read
    assert "there.txt" in read
    assert shelf.used() == 12

    fragment = send(bob, ada, ("big.bin", b"x" * 1001), **HTMX)
    assert fragment.status_code == 413
    assert 'id="error-message"' in fragment.text
    assert "big.bin: It has 1.1 kB" in fragment.text


def test_one_that_is_too_large_keeps_none_of_the_others_out(
    bob: FlaskClient, ada: str, shelf: Shelf
) -> None:
    most(1000)
    files = ("a.txt", b"abc"), ("big.bin", b"x" * 1001), ("empty.txt", b""), ("b.txt", b"b")
    for headers in ({}, HTMX):
        answer = send(bob, ada, *files, **headers)
        assert answer.status_code == 422
        read = words(answer.text)
        assert "The others were added; not these big.bin: It has 1.1 kB" in read
        assert "empty.txt: It is empty." in read
        assert "2 documents were added." in answer.text
    assert shelf.used() == 8


def test_more_at_once_than_fits_is_refused_unread(
    app: Flask, bob: FlaskClient, ada: str, shelf: Shelf
) -> None:
    most(1_000_000)
    four = [(f"{number}.bin", b"x" * 1_000_000) for number in range(4)]
    assert send(bob, ada, *four).status_code == 303
    answer = send(bob, ada, *four, ("5.bin", b"x" * 1_000_000))
    assert answer.status_code == 413
    assert "One file may have 1 MB, and those sent at once 4 MB together" in answer.text
    assert shelf.used() == 4_000_000


def test_only_whoever_may_keep_documents_can_send_so_much(
    cast: Cast, browser: Browser, ada: str
) -> None:
    """Other forms stay small, and so does this one in other hands."""
    large = ("large.bin", b"x" * 3_000_000)
    assert send(browser(cast.bob), ada, large).status_code == 303
    assert send(browser(cast.carol), ada, large).status_code in (403, 413)
    assert send(browser(None), ada, large).status_code in (303, 413)
    data = {"file": (io.BytesIO(large[1]), "a.csv")}
    upload = browser(cast.bob).post("/clients/import", data=data)
    assert upload.status_code == 413
    assert "too large" in upload.text


def test_the_limits_are_shown(bob: FlaskClient, ada: str) -> None:
    page = words(bob.get(f"/clients/{ada}/documents").text)
    assert "Files of any type, several at once: up to 25 MB each, 100 MB together." in page


def test_nothing_chosen_is_said_so(bob: FlaskClient, ada: str) -> None:
    answer = send(bob, ada)
    assert answer.status_code == 422
    assert "Choose a file first." in answer.text
    assert send(bob, ada, ("", b"")).status_code == 422


def test_more_files_than_are_taken_are_named(
    bob: FlaskClient, ada: str, monkeypatch: pytest.MonkeyPatch, shelf: Shelf
) -> None:
    monkeypatch.setattr("portal.blueprints.clients.uploading.FILES_AT_MOST", 2)
    answer = send(bob, ada, *[(f"{number}.txt", b"abc") for number in range(3)])
    assert answer.status_code == 422
    assert "2.txt: Only 2 files are taken at once." in words(answer.text)
    assert shelf.used() == 6


def test_a_fragment_renews_the_list(bob: FlaskClient, ada: str) -> None:
    answer = send(bob, ada, ("a.txt", b"abc"), **HTMX)
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<section id="client-documents"')
    assert "a.txt was added." in answer.text
    assert "<html" not in answer.text


def test_a_disk_that_is_nearly_full_keeps_no_more_documents(
    bob: FlaskClient, ada: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database may be on it too. What is kept already is had back as before."""
    document = shelf.keep(ada)
    free = SimpleNamespace(free=1_000_000_000 + 2)
    monkeypatch.setattr("portal.file_store.shutil.disk_usage", lambda _folder: free)
    before = stored()
    answer = send(bob, ada, ("a.txt", b"abc"))
    assert answer.status_code == 503
    assert "no room for more documents at this moment" in words(answer.text)
    by_script = send(bob, ada, ("a.txt", b"abc"), **HTMX)
    assert (by_script.status_code, "Nothing was added" in by_script.text) == (503, True)
    assert stored() == named() == before
    assert bob.get(f"/clients/{ada}/documents/{document}").data == b"twelve bytes"
    assert send(bob, ada, ("a.txt", b"ab")).status_code == 303, "up to the reserve"


def test_a_store_that_fails_keeps_nothing(
    bob: FlaskClient, ada: str, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_arguments: object) -> None:
        raise StoreFailed("no space left")

    monkeypatch.setattr("portal.file_store.disk.DiskStore.put", fails)
    answer = send(bob, ada, ("a.txt", b"abc"))
    assert answer.status_code == 503
    assert "It could not be kept just now, and nothing of it was." in answer.text
    assert "no space left" not in answer.text
    assert send(bob, ada, ("a.txt", b"abc"), **HTMX).status_code == 503
    assert (shelf.used(), named()) == (0, set())


def test_bytes_that_are_missing_are_said_to_be(
    bob: FlaskClient, ada: str, shelf: Shelf, app: Flask
) -> None:
    document = shelf.keep(ada)
    row = shelf.row(document)
    assert row is not None
    (app.config["PORTAL"].data / "client-documents" / row.stored_as[:2] / row.stored_as).unlink()
    answer = bob.get(f"/clients/{ada}/documents/{document}")
    assert answer.status_code == 500
    assert "a.txt can't be read right now" in answer.text


def test_hostile_names_are_only_names(bob: FlaskClient, ada: str, app: Flask) -> None:
    names = [
        "../../../../tmp/x.txt",
        "<img src=x onerror=alert(1)>.txt",
        "a\u202egpj.exe",
        "x" * 400,
    ]
    send(bob, ada, *[(name, b"abc") for name in names])
    page = bob.get(f"/clients/{ada}/documents").text
    assert "<img" not in page
    assert "\u202e" not in page
    for href in hrefs(page):
        disposition = bob.get(href).headers["Content-Disposition"]
        assert not re.search(r"[\r\n/\\]|\.\.", disposition.replace("UTF-8''", ""))
    folder = app.config["PORTAL"].data / "client-documents"
    assert {len(path.name) for path in folder.rglob("*") if path.is_file()} == {32}


def test_a_read_only_account_s_documents_are_had_back_and_no_more(
    cast: Cast, browser: Browser, ada: str, shelf: Shelf
) -> None:
    document = shelf.keep(ada)
    cast.cancel(cast.acme)
    cast.let_pass(days=31)
    alice = browser(cast.alice)
    assert send(alice, ada, ("a.txt", b"abc")).status_code == 403
    assert alice.post(f"/clients/{ada}/documents/{document}/deletion").status_code == 403
    page = alice.get(f"/clients/{ada}/documents").text
    assert "<form" not in page[page.find('id="client-documents"') : page.find("</main>")]
    assert alice.get(f"/clients/{ada}/documents/{document}").data == b"twelve bytes"


def test_a_deleted_client_s_documents_are_seen_and_not_added_to(
    bob: FlaskClient, acme: ClientList, ada: str, shelf: Shelf
) -> None:
    document = shelf.keep(ada)
    acme.do(clients.delete, ada)
    page = words(bob.get(f"/clients/{ada}/documents").text)
    assert "Its documents are not counted, and are removed for good with it on 31 Mar 2026" in page
    assert "Add documents" not in page
    assert "a.txt not counted: its client is deleted" in page
    for path in (f"/clients/{ada}/documents", "/clients/documents"):
        assert f'/clients/{ada}/documents/{document}"' not in bob.get(path).text, path
    had_back = bob.get(f"/clients/{ada}/documents/{document}")
    for answer in (had_back, send(bob, ada, ("a.txt", b"abc"))):
        assert answer.status_code == 404
        assert "Ada is deleted" in answer.text
        assert "Undo that first" in answer.text
    assert stored() == named()
    acme.do(clients.restore, ada)
    assert bob.get(f"/clients/{ada}/documents/{document}").data == b"twelve bytes"


def test_over_before_the_act(bob: FlaskClient, ada: str, shelf: Shelf) -> None:
    """over.before-the-act: what the chosen files lead to, before they are sent."""
    shelf.limit_to(1000)
    shelf.keep(ada, content=b"x" * 900)
    assert words(bob.get("/clients/documents/foresight?bytes=100").text).strip() == ""
    read = words(bob.get("/clients/documents/foresight?bytes=300").text)
    assert "This takes you to 1.2 of 1 kB." in read
    assert "larger plan" in read or "Admins" in read
    most(50)
    assert "goes over your storage limit" not in bob.get(f"/clients/{ada}/documents").text
    most(101)
    assert "goes over your storage limit" in bob.get(f"/clients/{ada}/documents").text
    for odd in ("", "?bytes=x", "?bytes=-5", f"?bytes={'9' * 400}"):
        assert bob.get(f"/clients/documents/foresight{odd}").status_code == 200


def test_count_explained(bob: FlaskClient, acme: ClientList, ada: str, shelf: Shelf) -> None:
    """count.explained: the rows behind the meter, filtered, each with its reason."""
    ben = acme.add("Ben")
    shelf.keep(ada, "small.txt", b"abc")
    shelf.keep(ada, "large.txt", b"x" * 2000)
    shelf.keep(ben, "other.txt", b"x" * 40)
    acme.do(clients.delete, ben)

    everything = words(bob.get("/clients/documents").text)
    assert "large.txt Ada counted: kept with a client Text 2 kB" in everything
    assert "other.txt Ben not counted: its client is deleted Text 40 bytes" in everything
    assert "Counted: 2 kB in 2 documents. Not counted: 40 bytes in 1." in everything
    assert names(bob, "") == ["large.txt", "other.txt", "small.txt"]
    assert names(bob, "yes") == ["large.txt", "small.txt"]
    assert names(bob, "no") == ["other.txt"]
    assert names(bob, "nonsense") == names(bob, "")


def test_the_client_list_says_how_many(bob: FlaskClient, ada: str, shelf: Shelf) -> None:
    shelf.keep_sizes(ada, (1, 2, 3))
    page = bob.get("/clients").text
    link = rf'href="/clients/{ada}/documents" aria-label="3 documents of Ada">3 documents<'
    assert re.search(link, page)
    row = bob.get(f"/clients/{ada}/row", headers=HTMX).text
    assert re.search(link, row)


def test_ten_thousand_documents_cost_no_more_queries(
    bob: FlaskClient, cast: Cast, ada: str, shelf: Shelf
) -> None:
    paths = [f"/clients/{ada}/documents", "/clients/documents", "/clients"]
    shelf.keep(ada)
    few = [queries(bob, path) for path in paths]
    _ten_thousand(cast, ada)
    assert [queries(bob, path) for path in paths] == few
    page = bob.get(f"/clients/{ada}/documents?page=200").text
    assert "10,001 documents · page 200 of 201" in words(page)
    assert len(hrefs(page)) == 50


@pytest.fixture
def bucket() -> Iterator[s3_server.Bucket]:
    with s3_server.running() as found:
        yield found


def test_the_same_with_a_bucket(
    app: Flask, settings: Settings, bucket: s3_server.Bucket, bob: FlaskClient, ada: str
) -> None:
    app.config["PORTAL"] = Settings(data=settings.data, client_documents=bucket.settings)
    content = b"%PDF-1.7" + b"x" * 6_000_000
    assert send(bob, ada, ("Contract.pdf", content)).status_code == 303
    assert [key.rpartition("/")[0] for key in bucket.objects] == ["of/this/portal/client-documents"]
    (href,) = hrefs(bob.get(f"/clients/{ada}/documents").text)
    assert bob.get(href).data == content

    bucket.refuses = 403
    assert send(bob, ada, ("b.txt", b"abc")).status_code == 503
    assert bob.get(href).status_code == 500
    bucket.refuses = None
    bob.post(f"{href}/deletion")
    row = db.session.query(Document).one()
    client_documents.remove(row.id)
    assert bucket.objects == {}
    assert not (settings.data / "client-documents").exists()


def hrefs(page: str) -> list[str]:
    """The addresses of the documents of a list, in its order."""
    return re.findall(r'class="file-name"><a href="([^"]+)" download', page)


def names(browser: FlaskClient, counted: str) -> list[str]:
    page = browser.get(f"/clients/documents?counted={counted}").text
    return re.findall(r'class="file-name">(?:<a [^>]+>)?([^<]+)<', page)


def queries(browser: FlaskClient, path: str) -> int:
    """How many statements a page takes."""
    browser.get(path)
    db.session.remove()
    seen: list[str] = []

    def note(*arguments: object) -> None:
        seen.append(str(arguments[2]))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert browser.get(path).status_code == 200
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)


def _ten_thousand(cast: Cast, client: str) -> None:
    """Rows without bytes behind them: only the list is looked at."""
    client_id = db.session.query(Client.id).filter_by(public_id=client).scalar()
    rows = [
        {
            "public_id": f"{number:032}",
            "account_id": cast.acme.id,
            "client_id": client_id,
            "name": f"{number}.txt",
            "media_type": "text/plain",
            "size_bytes": number,
            "sha256": "0" * 64,
            "stored_as": f"{number:032}",
            "uploaded_at": cast.clock.now(),
        }
        for number in range(10_000)
    ]
    with transaction() as session:
        session.execute(insert(Document), rows)
