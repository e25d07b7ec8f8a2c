"""Checking a file: by its hash, or sent; which paper it is, or that it was not issued here."""

import hashlib
import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.extensions import db
from portal.models import CreditNoteDocument, InvoiceDocument, User
from portal.papers import making
from tests.blueprints.pages import in_order, words
from tests.cast import Cast
from tests.credit_stories import credit, newest

Browser = Callable[[User | None], FlaskClient]
PAGE = "/invoices/check"


@pytest.fixture(autouse=True)
def _quick_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        making,
        "render",
        lambda paper: making.Files(paper.number.encode(), f"<{paper.number}/>".encode()),
    )


def send(client: FlaskClient, content: bytes, name: str = "invoice.pdf") -> TestResponse:
    data = {"file": (io.BytesIO(content), name)}
    return client.post(PAGE, data=data, content_type="multipart/form-data")


@pytest.mark.parametrize(
    ("person", "status"), [("alice", 200), ("carol", 200), ("bob", 403), ("nobody", 303)]
)
def test_roles_server_side(cast: Cast, browser: Browser, person: str, status: int) -> None:
    client = browser(getattr(cast, person, None))
    assert client.get(PAGE).status_code == status
    assert send(client, b"x").status_code == (303 if status == 200 else status)


def test_a_file_is_known_by_its_hash_however_that_is_written(cast: Cast, browser: Browser) -> None:
    making.make(newest(cast.acme).id)
    number = newest(cast.acme).number_text
    sha256 = db.session.get_one(InvoiceDocument, newest(cast.acme).id).sha256
    client = browser(cast.carol)
    spaced = " ".join(sha256[i : i + 8] for i in range(0, 64, 8)).upper()
    for written in (sha256, sha256.upper(), f"  {spaced}\n", ":".join(sha256)):
        answer = client.get(PAGE, query_string={"sha256": written})
        assert answer.status_code == 200
        in_order(words(answer.text), f"This is the PDF of invoice {number}", sha256)
        assert f'href="/invoices/{number}"' in answer.text


def test_pdf_and_xml_of_credit_notes_are_known_too(cast: Cast, browser: Browser) -> None:
    note = credit(cast, newest(cast.acme))
    making.make_credit_note(note.id)
    document = db.session.get_one(CreditNoteDocument, note.id)
    client = browser(cast.carol)
    for sha256, form in ((document.sha256, "PDF"), (document.ubl_sha256, "XML")):
        page = client.get(f"{PAGE}?sha256={sha256}").text
        assert f"This is the {form} of credit note {note.number_text}" in page
        assert f'href="/credit-notes/{note.number_text}"' in page


def test_a_file_that_is_sent_is_looked_at_here(cast: Cast, browser: Browser) -> None:
    """One byte more, and it is another file."""
    making.make(newest(cast.acme).id)
    number = newest(cast.acme).number_text
    client = browser(cast.carol)
    sent = send(client, number.encode())
    assert sent.status_code == 303
    assert f"This is the PDF of invoice {number}" in client.get(sent.location).text
    changed = client.get(send(client, number.encode() + b" ").location).text
    assert "This file was not issued here" in changed
    assert hashlib.sha256(number.encode() + b" ").hexdigest() in changed


def test_another_accounts_file_is_none_that_was_issued_here(cast: Cast, browser: Browser) -> None:
    making.make(newest(cast.acme).id)
    sha256 = db.session.get_one(InvoiceDocument, newest(cast.acme).id).sha256
    page = browser(cast.mallory).get(f"{PAGE}?sha256={sha256}").text
    assert "This file was not issued here" in page
    assert newest(cast.acme).number_text not in page


@pytest.mark.parametrize("written", ["x", "0" * 63, "g" * 64, "0" * 65, "\0", "é" * 64])
def test_what_is_no_hash_is_said_and_stays_in_its_field(
    cast: Cast, browser: Browser, written: str
) -> None:
    answer = browser(cast.carol).get(PAGE, query_string={"sha256": written})
    assert answer.status_code == 422
    assert "A SHA-256 has 64 digits" in answer.text


def test_no_file_and_one_too_large(cast: Cast, browser: Browser) -> None:
    client = browser(cast.carol)
    nothing = client.post(PAGE, data={}, content_type="multipart/form-data")
    assert nothing.status_code == 422
    assert "Choose a file first." in nothing.text
    large = send(client, b"x" * 3_000_000)
    assert large.status_code == 413
    assert "larger than any invoice it issued" in words(large.text)


def test_the_hash_stands_beside_the_download(cast: Cast, browser: Browser) -> None:
    invoice = newest(cast.acme)
    client, path = browser(cast.carol), f"/invoices/{invoice.number_text}"
    assert "Its SHA-256 stands here as soon as it is there." in client.get(path).text
    making.make(invoice.id)
    document = db.session.get_one(InvoiceDocument, newest(cast.acme).id)
    page = client.get(path).text
    in_order(words(page), "PDF Download", document.sha256, "XML (UBL 2.1)", document.ubl_sha256)
    fragment = client.get(path, headers={"HX-Request": "true"}).text
    assert '<section hx-swap-oob="true" id="invoice-files"' in fragment
    assert document.sha256 in fragment
