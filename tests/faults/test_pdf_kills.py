"""The PDF of an invoice when its maker is killed, when two make it, when the disk is full."""

import errno
import hashlib
import io
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select

from portal import document_store, outbox
from portal.extensions import db
from portal.file_store import StoreFailed
from portal.jobs import outbox_items
from portal.models import Invoice, InvoiceDocument, Notice, OutboxState, User, Work
from portal.papers import e_invoice, making, paper_notices, rendering
from portal.papers.making import Files
from portal.papers.rendering import RenderingFailed
from portal.transaction import InsideTransaction, transaction
from tests import s3_server
from tests.cast import START, Cast

Browser = Callable[[User | None], FlaskClient]
STEPS = {
    "before rendering": ("portal.papers.making.render", "before"),
    "before the electronic invoice": ("portal.papers.making.e_invoice.factur_x", "before"),
    "after the page is set": ("portal.papers.making.rendering.pdf", "after"),
    "after rendering": ("portal.papers.making.render", "after"),
    "between the two files": ("portal.papers.making.document_store.put", "after"),
    "while writing": ("portal.file_store.disk.os.fsync", "before"),
    "before the rename": ("portal.file_store.disk.Path.replace", "before"),
    "after the rename": ("portal.file_store.disk.Path.replace", "after"),
    "before the folder is durable": ("portal.file_store.disk._make_durable", "before"),
    "before recording": ("portal.papers.making._record", "before"),
    "while recording": ("portal.papers.making.accounts.lock", "after"),
    "before the commit": ("portal.papers.making.after_commit", "before"),
    "after the commit": ("portal.papers.making.events.publish", "before"),
}


class Killed(BaseException):
    """The process ended here."""


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_serves_nothing_and_the_next_attempt_completes_it(
    app: Flask, cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    invoice_id = newest(cast)
    url = f"/invoices/{db.session.get_one(Invoice, invoice_id).number_text}.pdf"
    client = browser(cast.carol)
    with monkeypatch.context() as patched:
        kill_at(patched, *STEPS[step])
        with pytest.raises(Killed):
            making.make(invoice_id)
    db.session.remove()
    is_recorded = step == "after the commit"
    assert client.get(url).status_code == (200 if is_recorded else 409)
    making.make(invoice_id)
    content = client.get(url).data
    assert len(PdfReader(io.BytesIO(content)).pages) == 1
    assert content == document_store.read(recorded(invoice_id).sha256)


def test_made_again_nothing_changes(app: Flask, cast: Cast) -> None:
    invoice_id = newest(cast)
    making.make(invoice_id)
    first = as_values(invoice_id)
    making.make(invoice_id)
    assert as_values(invoice_id) == first


def test_of_two_renderers_at_once_the_first_to_record_wins(
    app: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both get as far as bytes of their own; one row, and both end without an error."""
    invoice_id = newest(cast)
    db.session.remove()
    both_rendered = threading.Barrier(2)
    failures: list[BaseException] = []

    def render(_: object) -> Files:
        both_rendered.wait(timeout=20)
        return Files(f"rendered by {threading.current_thread().name}".encode())

    def make() -> None:
        try:
            with app.app_context():
                making.make(invoice_id)
        except BaseException as failure:
            failures.append(failure)

    monkeypatch.setattr(making, "render", render)
    threads = [threading.Thread(target=make, name=name) for name in ("one", "the other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert failures == []
    documents = db.session.scalars(
        select(InvoiceDocument).where(InvoiceDocument.invoice_id == invoice_id)
    ).all()
    assert len(documents) == 1
    assert document_store.read(documents[0].sha256).startswith(b"rendered by ")


def test_a_full_disk_leaves_neither_row_nor_file(
    app: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice_id = newest(cast)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("portal.file_store.disk.os.fsync", full)
        with pytest.raises(StoreFailed, match="no space left"):
            making.make(invoice_id)
    assert db.session.get(InvoiceDocument, invoice_id) is None
    folder = app.config["PORTAL"].documents
    assert [path for path in folder.rglob("*") if path.is_file()] == []
    making.make(invoice_id)
    assert recorded(invoice_id).size_bytes > 1000


def test_j6_no_rendering_while_rows_are_locked(app: Flask, cast: Cast) -> None:
    invoice_id = newest(cast)
    with pytest.raises(InsideTransaction), transaction():
        making.make(invoice_id)


def test_what_a_killed_writer_left_behind_keeps_nobody_from_writing_the_same(app: Flask) -> None:
    sha256 = hashlib.sha256(b"content").hexdigest()
    left = app.config["PORTAL"].documents / "unfinished" / sha256
    left.parent.mkdir(parents=True)
    left.write_bytes(b"cont")
    assert document_store.put(b"content") == sha256
    assert document_store.read(sha256) == b"content"


def test_a_store_that_is_down_leaves_no_row_and_the_next_attempt_completes_it(
    app: Flask, cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice_id = newest(cast)
    url = f"/invoices/{db.session.get_one(Invoice, invoice_id).number_text}.pdf"
    monkeypatch.setattr(making, "render", lambda _issued: Files(b"a PDF", b"its XML"))
    with s3_server.running() as bucket:
        former = app.config["PORTAL"]
        app.config["PORTAL"] = replace(former, client_documents=bucket.settings)
        bucket.refuses = 403
        with pytest.raises(StoreFailed):
            making.make(invoice_id)
        assert db.session.get(InvoiceDocument, invoice_id) is None
        bucket.refuses = None
        making.make(invoice_id)
        kept = recorded(invoice_id)
        assert {kept.sha256, kept.ubl_sha256} == {key[-64:] for key in bucket.objects}
        client = browser(cast.carol)
        assert hashlib.sha256(client.get(url).data).hexdigest() == kept.sha256
        bucket.refuses = 403
        answer = client.get(url)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
        assert "The file is safe: try again in a minute." in answer.text
        app.config["PORTAL"] = former


def test_files_from_before_there_were_stores_are_still_served(
    app: Flask, cast: Cast, browser: Browser
) -> None:
    invoice_id = newest(cast)
    making.make(invoice_id)
    kept, folder = recorded(invoice_id), app.config["PORTAL"].documents
    content = document_store.read(kept.sha256)
    (folder / kept.sha256[:2] / kept.sha256).rename(folder / f"{kept.sha256}.pdf")
    url = f"/invoices/{db.session.get_one(Invoice, invoice_id).number_text}.pdf"
    assert browser(cast.carol).get(url).data == content
    (folder / f"{kept.sha256}.pdf").write_bytes(b"other")
    assert browser(cast.carol).get(url).status_code == 500


def test_a_child_that_is_killed_is_an_attempt_that_failed(
    app: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put off and tried again; after the last attempt the vendor is told."""

    def killed(_page: object) -> bytes:
        raise RenderingFailed("it was ended by SIGKILL")

    invoice_id = newest(cast)
    monkeypatch.setattr(rendering, "pdf", killed)
    row = db.session.get_one(Invoice, invoice_id)
    item = outbox.find(db.session(), Work.INVOICE_PDF, invoice_id)
    for _ in range(outbox.ATTEMPTS[Work.INVOICE_PDF]):
        cast.clock.advance(hours=2)
        outbox_items.perform(item.id)
        db.session.refresh(item)
    assert item.state is OutboxState.DEAD
    assert item.last_error == "RenderingFailed: it was ended by SIGKILL"
    (told,) = about_the_vendor()
    assert told.subject == f"The PDF of {row.number_text} could not be made"
    assert "it was ended by SIGKILL" in " ".join(told.body_text.split())


def test_the_page_says_that_a_pdf_is_given_up(app: Flask, cast: Cast, browser: Browser) -> None:
    invoice_id = newest(cast)
    with transaction() as session:
        outbox.give_up(outbox.find(session, Work.INVOICE_PDF, invoice_id), "no paper")
    url = f"/invoices/{db.session.get_one(Invoice, invoice_id).number_text}"
    for ending in ("pdf", "xml"):
        answer = browser(cast.carol).get(f"{url}.{ending}")
        assert answer.status_code == 409
        assert "could not be made. The vendor has been told." in answer.text
    assert "is being made" not in browser(cast.carol).get(url).text


def test_the_vendor_is_told_once_of_a_reason_of_many_lines(cast: Cast) -> None:
    reason = "The file would not be valid:\n\n  no such element: " + "BT-1 " * 60
    with transaction() as session:
        for day, is_told in ((1, True), (2, False), (30, False), (32, True)):
            at = START + timedelta(days=day)
            told = paper_notices.no_e_invoice(session, f"INV-{day}", reason, now=at)
            assert (told is not None) is is_told


def test_the_vendor_is_told_once_why_there_is_no_electronic_invoice(
    app: Flask, cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_issued: object) -> bytes:
        raise e_invoice.NoEInvoice("Set tax_id in the catalog.")

    monkeypatch.setattr(e_invoice, "factur_x", refuse)
    invoice_id = newest(cast)
    making.make(invoice_id)
    making.make(invoice_id)
    kept = recorded(invoice_id)
    assert (kept.ubl_sha256, kept.ubl_size_bytes) == (None, None)
    (told,) = about_the_vendor()
    assert "Set tax_id in the catalog." in " ".join(told.body_text.split())
    with transaction() as session:
        for days in (1, 29):
            at = kept.rendered_at + timedelta(days=days)
            why = "Set tax_id in the catalog."
            assert paper_notices.no_e_invoice(session, "INV-2", why, now=at) is None
        later = kept.rendered_at + timedelta(days=31)
        assert paper_notices.no_e_invoice(session, "INV-2", why, now=later) is not None
    url = f"/invoices/{db.session.get_one(Invoice, invoice_id).number_text}"
    assert browser(cast.carol).get(f"{url}.pdf").status_code == 200
    absent = browser(cast.carol).get(f"{url}.xml")
    assert absent.status_code == 404
    assert "has no file for accounting software" in absent.text


def test_the_electronic_invoice_is_downloaded_as_it_was_stored(
    app: Flask, cast: Cast, browser: Browser
) -> None:
    invoice_id = newest(cast)
    number = db.session.get_one(Invoice, invoice_id).number_text
    client = browser(cast.carol)
    assert client.get(f"/invoices/{number}.xml").status_code == 409
    making.make(invoice_id)
    kept = recorded(invoice_id)
    answer = client.get(f"/invoices/{number}.xml")
    assert (answer.status_code, answer.mimetype) == (200, "application/xml")
    assert answer.headers["Content-Disposition"] == f"attachment; filename={number}.xml"
    assert hashlib.sha256(answer.data).hexdigest() == kept.ubl_sha256
    assert len(answer.data) == kept.ubl_size_bytes
    assert b"urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" in answer.data
    for stranger in (cast.mallory, cast.bob):
        assert browser(stranger).get(f"/invoices/{number}.xml").status_code in (403, 404)


def about_the_vendor() -> list[Notice]:
    return list(db.session.scalars(select(Notice).where(Notice.name == "vendor_told")))


def kill_at(patched: pytest.MonkeyPatch, target: str, when: str) -> None:
    """End at the first call of `target`, before it does anything or once it has done it."""
    original = resolve(target)

    def killed(*args: Any, **kwargs: Any) -> None:
        if when == "after":
            original(*args, **kwargs)
        raise Killed(target)

    patched.setattr(target, killed)


def resolve(target: str) -> Callable[..., Any]:
    from pkgutil import resolve_name

    found: Callable[..., Any] = resolve_name(target)
    return found


def newest(cast: Cast) -> int:
    statement = select(Invoice.id).where(Invoice.account_id == cast.acme.id)
    return db.session.scalars(statement.order_by(Invoice.id.desc())).one()


def recorded(invoice_id: int) -> InvoiceDocument:
    return db.session.get_one(InvoiceDocument, invoice_id)


def as_values(invoice_id: int) -> tuple[str, object]:
    row = recorded(invoice_id)
    return row.sha256, row.rendered_at
