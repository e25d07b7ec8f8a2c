"""A PDF that could not be made holds up nobody else's: its file is left out, and that is said."""

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal import outbox
from portal.extensions import db
from portal.file_store import StoreFailed
from portal.jobs import schedule
from portal.models import ExportState, Invoice, InvoiceExport, OutboxItem, User, Work
from portal.papers import archive, making
from portal.transaction import transaction
from tests.blueprints.pages import words
from tests.cast import Cast, FixedClock
from tests.credit_stories import newest

Browser = Callable[[User | None], FlaskClient]
GOOD, BAD = "INV-2026-000001", "INV-2026-000003"
SAID = "left out: its PDF could not be made, and the vendor was told"


@pytest.fixture(autouse=True)
def _one_that_fails(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Acme's second invoice can't be set, however often it is tried."""

    def render(paper: making.Issued) -> making.Files:
        if paper.number == BAD:
            raise StoreFailed("no room")
        return making.Files(f"PDF of {paper.number}".encode(), b"<Invoice/>")

    monkeypatch.setattr(making, "render", render)
    schedule.run_due()
    cast.buy(cast.acme, seat=1)
    assert newest(cast.acme).number_text == BAD


def give_up(cast: Cast) -> None:
    schedule.run_due()
    with transaction() as session:
        item = outbox.find(session, Work.INVOICE_PDF, newest(cast.acme).id)
        outbox.give_up(item, "no room")


def ask(client: FlaskClient) -> None:
    form = {"op_id": "one-form", "all": "matching"}
    assert client.post("/invoices/exports?year=2026", data=form).status_code == 303


def the_export() -> InvoiceExport:
    return db.session.scalars(select(InvoiceExport).execution_options(populate_existing=True)).one()


def rows_of(text: str) -> dict[str, dict[str, str]]:
    found = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    return {row["Number"]: row for row in found}


def test_a_year_is_made_without_it(cast: Cast, browser: Browser) -> None:
    give_up(cast)
    client = browser(cast.carol)
    ask(client)
    schedule.run_due()

    export = the_export()
    assert (export.state, export.left_out) == (ExportState.READY, [BAD])
    page = words(client.get("/invoices/exports").text)
    assert f"Left out, as the PDF could not be made: {BAD}. The vendor was told" in page
    content = client.get(f"/invoices/exports/{export.public_id}/file").data
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert file.namelist() == [f"2026/{GOOD}.pdf", f"2026/{GOOD}.xml", "index.csv"]
        rows = rows_of(file.read("index.csv").decode())
    assert [rows[GOOD]["PDF"], rows[GOOD]["File"]] == [f"2026/{GOOD}.pdf", ""]
    assert [rows[BAD][column] for column in archive.FILE_COLUMNS] == ["", "", "", "", SAID]
    assert rows[BAD]["Total"] != "", "the index has its sums"


def test_one_that_is_still_tried_is_waited_for(
    cast: Cast, browser: Browser, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(browser(cast.carol))
    schedule.run_due()
    assert the_export().state is ExportState.WAITING
    item = db.session.scalars(select(OutboxItem).where(OutboxItem.work == Work.INVOICE_EXPORT))
    assert item.one().last_error == f"the PDF of {BAD} is not made yet"
    monkeypatch.setattr(making, "render", lambda paper: making.Files(paper.number.encode()))
    clock.advance(minutes=10)
    schedule.run_due()
    assert (the_export().state, the_export().left_out) == (ExportState.READY, [])


def test_where_all_are_left_out_the_index_says_so(cast: Cast, browser: Browser) -> None:
    give_up(cast)
    client = browser(cast.carol)
    client.post("/invoices/exports", data={"op_id": "one", "number": [BAD]})
    schedule.run_due()
    content = client.get(f"/invoices/exports/{the_export().public_id}/file").data
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert file.namelist() == ["index.csv"]


def test_the_folder_of_a_year_is_written_without_it(cast: Cast, app: Flask, tmp_path: Path) -> None:
    """Once it is made after all, the next run puts it beside the others."""
    give_up(cast)
    command = ["invoices", "export", "--account", "acme", "--year", "2026", "--to", str(tmp_path)]
    run = app.test_cli_runner().invoke

    result = run(args=command)

    assert result.exit_code == 1
    assert f"1 invoice or credit note in {tmp_path}: 2 files written, 0 there.\n" in result.output
    assert f"Left out, as the PDF could not be made: {BAD}.\n" in result.output
    assert rows_of((tmp_path / "index.csv").read_text())[BAD]["File"] == SAID
    facts = json.loads(run(args=[*command, "--json"]).output)
    assert (facts["papers"], facts["left_out"], facts["without_pdf"]) == (1, [BAD], [])

    mended(cast)
    result = run(args=command)

    assert result.exit_code == 0, result.output
    assert "2 invoices and credit notes" in result.output
    assert rows_of((tmp_path / "index.csv").read_text())[BAD]["File"] == ""


def mended(cast: Cast) -> None:
    invoice = db.session.get_one(Invoice, newest(cast.acme).id)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(making, "render", lambda paper: making.Files(paper.number.encode()))
        making.make(invoice.id)
