"""`flask invoices verify`: what is stored is what was issued, and says what the row says."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from pypdf import PdfWriter

from portal import document_store, file_store
from portal.extensions import db
from portal.jobs import schedule
from portal.models import InvoiceDocument, OutboxItem, OutboxState, Work
from portal.papers import e_invoice, making, rendering
from portal.papers.page import Page
from portal.transaction import transaction
from tests.cast import Cast
from tests.credit_stories import change_details, credit, newest

Run = Callable[..., Result]
ACME, OTHER = "INV-2026-000001", "INV-2026-000002"


@pytest.fixture
def empty_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """PDFs have an empty page, and the electronic invoice inside."""
    monkeypatch.setattr(rendering, "pdf", _empty_page)


def test_what_was_issued_is_right(cast: Cast, run: Run) -> None:
    """The real files of invoices, and of a credit note."""
    credit(cast, newest(cast.acme))
    schedule.run_due()

    result = run("invoices", "verify", "--all")

    assert result.exit_code == 0, result.output
    assert result.output == "3 invoices and credit notes: every file is what was issued.\n"
    assert json.loads(run("invoices", "verify", "--all", "--json").output) == {
        "ok": True,
        "checked": 3,
        "on_their_way": [],
        "flaws": [],
    }


@pytest.mark.usefixtures("empty_pages")
def test_with_tax(cast: Cast, run: Run) -> None:
    change_details(cast.acme, country="DE", address=["2 Example Lane", "10115 Berlin"])
    cast.let_pass(days=15)
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    credit(cast, newest(cast.acme))
    schedule.run_due()

    assert newest(cast.acme).tax_minor > 0
    result = run("invoices", "verify", "--all")
    assert result.output == "4 invoices and credit notes: every file is what was issued.\n"


@pytest.mark.usefixtures("empty_pages")
def test_files_that_say_something_else_are_named(
    cast: Cast, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file in the PDF says $100.01, the one beside it another number."""
    factur_x, ubl = e_invoice.factur_x, e_invoice.ubl
    monkeypatch.setattr(
        e_invoice,
        "factur_x",
        lambda issued: factur_x(issued).replace(
            b"GrandTotalAmount>100.00<", b"GrandTotalAmount>100.01<"
        ),
    )
    monkeypatch.setattr(
        e_invoice, "ubl", lambda issued: ubl(issued).replace(ACME.encode(), b"INV-2026-000009")
    )
    schedule.run_due()

    result = run("invoices", "verify", ACME.lower(), "--json")

    assert result.exit_code == 1
    report = json.loads(result.output)
    assert (report["ok"], report["checked"]) == (False, 1)
    assert report["flaws"] == [
        {
            "number": ACME,
            "file": "XML in the PDF",
            "found": "total with tax 100.01",
            "expected": "total with tax 100.00",
        },
        {
            "number": ACME,
            "file": "XML",
            "found": "number INV-2026-000009",
            "expected": f"number {ACME}",
        },
    ]


def test_a_pdf_without_its_electronic_invoice_is_named(
    cast: Cast, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        rendering, "pdf", lambda page: _empty_page(Page(page.html, page.sheet, "A4", "x"))
    )
    schedule.run_due()

    result = run("invoices", "verify", ACME)

    assert result.exit_code == 1
    assert "found     can't be read: the PDF has none inside\n" in result.output
    assert result.output.endswith("1 invoice or credit note: 1 thing is wrong.\n")


@pytest.mark.usefixtures("empty_pages")
def test_files_that_are_lost_or_damaged_are_named(cast: Cast, run: Run, app: Flask) -> None:
    schedule.run_due()
    first, second = db.session.query(InvoiceDocument).order_by(InvoiceDocument.invoice_id)
    file_store.issued_documents().remove(first.ubl_sha256 or "")
    place: Path = app.config["PORTAL"].documents / second.sha256[:2] / second.sha256
    place.write_bytes(b"something else")

    output = run("invoices", "verify", "--all").output

    assert f"{ACME}, XML\n    found     no file\n" in output
    assert f"expected  {first.ubl_size_bytes} bytes, {first.ubl_sha256}\n" in output
    assert f"{OTHER}, PDF\n    found     a file with other bytes\n" in output
    assert output.endswith("2 invoices and credit notes: 2 things are wrong.\n")
    with pytest.raises(document_store.DocumentDamaged):
        document_store.read(second.sha256)


def test_without_an_electronic_invoice_there_is_the_pdf_to_look_at(
    cast: Cast, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "render", lambda issued: making.Files(issued.number.encode()))
    schedule.run_due()

    assert run("invoices", "verify", ACME, OTHER).exit_code == 0


def test_what_is_coming_is_right_and_what_was_given_up_is_wrong(cast: Cast, run: Run) -> None:
    with transaction() as session:
        item = session.query(OutboxItem).filter_by(work=Work.INVOICE_PDF, subject_id=1).one()
        item.state = OutboxState.DEAD

    result = run("invoices", "verify", "--all")

    assert result.exit_code == 1
    assert result.output == (
        f"{ACME}, PDF\n    found     none, and none is coming\n"
        f"    expected  one: flask invoices render {ACME}\n"
        f"On their way: {OTHER}\n"
        "2 invoices and credit notes: 1 thing is wrong.\n"
    )
    assert run("invoices", "verify", OTHER).exit_code == 0


def test_it_is_told_what_to_look_at(cast: Cast, run: Run) -> None:
    assert run("invoices", "verify").exit_code == 2
    assert run("invoices", "verify", ACME, "--all").exit_code == 2
    unknown = run("invoices", "verify", ACME, "INV-1")
    assert unknown.exit_code == 1
    assert "There is no invoice or credit note “INV-1”." in unknown.output


def _empty_page(page: Page) -> bytes:
    writer, content = PdfWriter(), io.BytesIO()
    writer.add_blank_page(100, 100)
    if page.xml:
        writer.add_attachment("factur-x.xml", page.xml)
    writer.write(content)
    return content.getvalue()
