"""The PDF of an invoice when its maker is killed, when two make it, when the disk is full."""

import errno
import io
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select

from portal import document_store
from portal.extensions import db
from portal.models import Invoice, InvoiceDocument, User
from portal.papers import making
from portal.transaction import InsideTransaction, transaction
from tests.cast import Cast

Browser = Callable[[User | None], FlaskClient]
STEPS = {
    "before rendering": ("portal.papers.making.render", "before"),
    "after rendering": ("portal.papers.making.render", "after"),
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

    def render(_: object) -> bytes:
        both_rendered.wait(timeout=20)
        return f"rendered by {threading.current_thread().name}".encode()

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
        with pytest.raises(OSError, match="no space left"):
            making.make(invoice_id)
    assert db.session.get(InvoiceDocument, invoice_id) is None
    assert list(app.config["PORTAL"].documents.iterdir()) == []
    making.make(invoice_id)
    assert recorded(invoice_id).size_bytes > 1000


def test_j6_no_rendering_while_rows_are_locked(app: Flask, cast: Cast) -> None:
    invoice_id = newest(cast)
    with pytest.raises(InsideTransaction), transaction():
        making.make(invoice_id)


def test_what_a_killed_writer_left_behind_is_cleared_by_the_next_but_a_living_one_kept(
    app: Flask,
) -> None:
    sha256 = document_store.put(b"content")
    folder = app.config["PORTAL"].documents
    old, young = (folder / f"{sha256}.{name}.part" for name in ("old", "young"))
    for part in (old, young):
        part.write_bytes(b"cont")
    an_hour_ago = time.time() - 3700
    os.utime(old, (an_hour_ago, an_hour_ago))
    assert document_store.put(b"content") == sha256
    assert (old.exists(), young.exists()) == (False, True)


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
