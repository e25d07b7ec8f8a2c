"""Files of many invoices: asked for once, made by the worker, kept a week; and the lines as CSV."""

import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from portal import file_store, outbox
from portal.billing import invoice_exports, invoice_lists
from portal.billing.invoice_lists import Asked
from portal.extensions import db, limiter
from portal.file_store import StoreFailed
from portal.jobs import outbox_items, schedule
from portal.models import (
    Account,
    AuditEntry,
    ExportState,
    Invoice,
    InvoiceDocument,
    InvoiceExport,
    OutboxItem,
    OutboxState,
    User,
    Work,
)
from portal.papers import handing_out, making
from portal.transaction import transaction
from tests.blueprints.pages import in_order, words
from tests.cast import Cast, FixedClock
from tests.credit_stories import change_details, credit, newest

Browser = Callable[[User | None], FlaskClient]
EXPORTS = "/invoices/exports"


@pytest.fixture(autouse=True)
def _quick_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        making, "render", lambda paper: making.Files(*_files(paper.number, paper.number[:3]))
    )


def _files(number: str, kind: str) -> tuple[bytes, bytes]:
    return f"%PDF {number}".encode(), f"<{kind}/>".encode()


def ask(client: FlaskClient, address: str = "", **fields: object) -> TestResponse:
    return client.post(EXPORTS + address, data={"op_id": "one-form"} | fields)


def the_export() -> InvoiceExport:
    return db.session.scalars(select(InvoiceExport).execution_options(populate_existing=True)).one()


def archive(client: FlaskClient) -> zipfile.ZipFile:
    answer = client.get(f"{EXPORTS}/{the_export().public_id}/file")
    assert answer.status_code == 200
    return zipfile.ZipFile(io.BytesIO(answer.data))


def rows_of(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:])))


def kept_files() -> list[str]:
    return [kept.key for kept in file_store.files_of_invoices().listing()]


# --- Who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "status"), [("alice", 200), ("carol", 200), ("bob", 403), ("nobody", 303)]
)
def test_roles_server_side(cast: Cast, browser: Browser, person: str, status: int) -> None:
    ask(browser(cast.alice), all="matching")
    schedule.run_due()
    client, name = browser(getattr(cast, person, None)), the_export().public_id
    for path in (EXPORTS, f"{EXPORTS}/{name}/file", "/invoices/lines.csv"):
        assert client.get(path).status_code == status
    allowed = 303 if status == 200 else status
    assert ask(client, all="matching").status_code == allowed
    assert client.post(f"{EXPORTS}/{name}/removal").status_code == allowed
    assert (the_export_states() == {ExportState.REMOVED}) is (status == 200)


def the_export_states() -> set[ExportState]:
    return set(db.session.scalars(select(InvoiceExport.state).order_by(InvoiceExport.id).limit(1)))


def test_another_accounts_file_is_not_there(cast: Cast, browser: Browser) -> None:
    ask(browser(cast.alice), all="matching")
    schedule.run_due()
    mallory, name = browser(cast.mallory), the_export().public_id
    for way, path in (("get", "file"), ("post", "removal")):
        foreign = getattr(mallory, way)(f"{EXPORTS}/{name}/{path}")
        unknown = getattr(mallory, way)(f"{EXPORTS}/{'0' * 32}/{path}")
        assert foreign.status_code == unknown.status_code == 404
    assert the_export().state is ExportState.READY
    assert "No files yet" in mallory.get(EXPORTS).text


def test_what_is_ticked_of_another_account_is_left_out(cast: Cast, browser: Browser) -> None:
    own, foreign = newest(cast.acme).number_text, newest(cast.other).number_text
    client = browser(cast.carol)
    assert ask(client, number=[foreign]).status_code == 422
    assert ask(client, number=[foreign, own, "\0", "none"]).status_code == 303
    assert the_export().numbers == [own]


# --- What is in it -------------------------------------------------------------------------------


def test_a_year_in_one_click(cast: Cast, browser: Browser) -> None:
    """An invoice of $100.00 and its credit note: their files as issued, and an index of them."""
    cast.let_pass(days=1)
    invoice = newest(cast.acme).number_text
    note = credit(cast, newest(cast.acme)).number_text
    client = browser(cast.carol)
    page = client.get("/invoices").text
    assert re.search(r'action="/invoices/exports\?year=2026"', page)
    assert ask(client, "?year=2026", all="matching").location == EXPORTS
    assert "Being made" in client.get(EXPORTS).text
    schedule.run_due()

    shown = words(client.get(EXPORTS).text)
    in_order(shown, "Invoices of 2026 2 invoices and credit notes, as ZIP", "by Carol")
    in_order(shown, "9 Mar 2026", "Download")
    with archive(client) as found:
        assert found.namelist() == [
            f"2026/{invoice}.pdf", f"2026/{invoice}.xml",
            f"2026/{note}.pdf", f"2026/{note}.xml", "index.csv",
        ]  # fmt: skip
        assert found.testzip() is None
        assert found.read(f"2026/{invoice}.pdf") == client.get(f"/invoices/{invoice}.pdf").data
        assert found.getinfo(f"2026/{invoice}.pdf").date_time[:3] == (2026, 3, 1)
        index = rows_of(found.read("index.csv").decode())
        for row in index:
            assert hashlib.sha256(found.read(row["PDF"])).hexdigest() == row["SHA-256 of the PDF"]
            assert hashlib.sha256(found.read(row["XML"])).hexdigest() == row["SHA-256 of the XML"]
    assert [(row["Number"], row["Date"], row["Total"], row["Status"]) for row in index] == [
        (invoice, "2026-03-01", "100.00", "Paid"),
        (note, "2026-03-02", "-100.00", "Issued"),
    ]
    assert index[1]["Corrects"] == invoice
    download = client.get(f"{EXPORTS}/{the_export().public_id}/file")
    assert download.headers["Content-Disposition"] == "attachment; filename=invoices-of-2026.zip"
    assert download.headers["Content-Length"] == str(len(download.data))
    assert download.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert hashlib.sha256(download.data).hexdigest() == the_export().sha256


def test_without_an_xml_the_index_names_none(
    cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "render", lambda paper: making.Files(paper.number.encode()))
    client = browser(cast.carol)
    ask(client, all="matching")
    schedule.run_due()
    with archive(client) as found:
        assert [name for name in found.namelist() if name.endswith(".xml")] == []
        (row,) = rows_of(found.read("index.csv").decode())
    assert (row["XML"], row["SHA-256 of the XML"]) == ("", "")


def test_only_what_the_filter_lets_through(cast: Cast, browser: Browser) -> None:
    note = credit(cast, newest(cast.acme)).number_text
    ask(browser(cast.carol), "?state=credit_notes&q=mistake", all="matching")
    assert the_export().numbers == [note]
    assert the_export().title == "All invoices · Credit notes · “mistake”"


def test_only_what_is_in_it_is_named(cast: Cast, browser: Browser) -> None:
    """Two invoices; then one of them with its credit note."""
    cast.let_pass(days=15)
    cast.change_plan(cast.other, cast.price("standard", "10-users"))
    invoices = invoice_lists.numbers(db.session(), cast.other, Asked())
    client = browser(cast.mallory)
    ask(client, number=invoices)
    assert the_export().title == "2 invoices"
    schedule.run_due()
    in_order(words(client.get(EXPORTS).text), "2 invoices 2 invoices, as ZIP")
    in_order(words(client.get("/account/history").text), "File asked for: 2 invoices")
    client.post(f"{EXPORTS}/{the_export().public_id}/removal")
    note = credit(cast, newest(cast.other)).number_text
    ask(client, number=[invoices[1], note])
    schedule.run_due()
    in_order(words(client.get(EXPORTS).text), "2 invoices and credit notes, as ZIP")


# --- What is refused -----------------------------------------------------------------------------


def test_nothing_chosen_and_too_much_chosen(
    cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was ticked stays ticked."""
    invoice = newest(cast.acme).number_text
    note = credit(cast, newest(cast.acme)).number_text
    client = browser(cast.carol)
    nothing = ask(client)
    assert nothing.status_code == 422
    assert "Choose at least one invoice or credit note." in nothing.text
    monkeypatch.setattr(invoice_exports, "PAPERS_AT_MOST", 1)
    much = ask(client, "?q=2026", number=[invoice, note])
    assert much.status_code == 422
    assert "One file holds up to 1 invoices and credit notes, and these are 2." in words(much.text)
    for number in (invoice, note):
        assert f'value="{number}" data-select aria-label="Choose {number}" checked' in much.text
    assert 'value="2026"' in much.text
    assert db.session.scalar(select(func.count(InvoiceExport.id))) == 0


def test_of_thousands_of_numbers_in_a_form_few_are_looked_for(cast: Cast, browser: Browser) -> None:
    """PostgreSQL takes 65,535 values in one question, and a form of a megabyte holds more."""
    own = newest(cast.acme).number_text
    forged = [str(number) for number in range(70_000)]
    assert ask(browser(cast.carol), number=[own, *forged]).status_code == 303
    assert the_export().numbers == [own]


def test_files_are_asked_for_only_so_often_by_one_account(cast: Cast, browser: Browser) -> None:
    """Asked for and removed, again and again: each would keep a worker busy, and leave its rows."""
    limiter.enabled = True
    limiter.reset()
    alice, carol = browser(cast.alice), browser(cast.carol)
    wrong_time = "/invoices/statement?from=x"
    try:
        taken = [
            client.post(path).status_code
            for client in (alice, carol)
            for path in (EXPORTS, wrong_time)
            for _ in range(15)
        ]
        refused = [
            client.post(path).status_code
            for client, path in zip((alice, carol), (EXPORTS, wrong_time), strict=True)
        ]
        others = ask(browser(cast.mallory)).status_code
    finally:
        limiter.enabled = False
        limiter.reset()
    assert taken == [422] * 60
    assert refused == [429, 429]
    assert others == 422


def test_only_so_many_files_are_kept(
    cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invoice_exports, "KEPT_AT_MOST", 1)
    client = browser(cast.carol)
    assert ask(client, all="matching").status_code == 303
    refused = ask(client, all="matching", op_id="another")
    assert refused.status_code == 422
    assert "1 files are kept already. Remove one under Downloads" in words(refused.text)
    client.post(f"{EXPORTS}/{the_export().public_id}/removal")
    assert ask(client, all="matching", op_id="another").status_code == 303


# --- Once, whatever happens ----------------------------------------------------------------------


def test_a_form_sent_twice_asks_once_and_another_choice_asks_again(
    cast: Cast, browser: Browser
) -> None:
    client = browser(cast.carol)
    for _ in range(2):
        assert ask(client, all="matching").status_code == 303
    assert db.session.scalar(select(func.count(InvoiceExport.id))) == 1
    actions = db.session.scalars(select(AuditEntry.action)).all()
    assert actions.count("invoice_file.asked") == 1
    note = credit(cast, newest(cast.acme)).number_text
    ask(client, number=[note])
    assert db.session.scalar(select(func.count(InvoiceExport.id))) == 2


def test_a_paper_whose_pdf_is_not_made_yet_is_waited_for(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    client = browser(cast.carol)
    ask(client, all="matching")
    export_id = the_export().id
    item_id = outbox.find(db.session(), Work.INVOICE_EXPORT, export_id).id
    outbox_items.perform(item_id)
    item = db.session.get_one(OutboxItem, item_id, populate_existing=True)
    assert item.last_error == f"the PDF of {newest(cast.acme).number_text} is not made yet"
    assert the_export().state is ExportState.WAITING
    clock.advance(minutes=1)
    schedule.run_due()
    assert the_export().state is ExportState.READY


@pytest.mark.parametrize("moment", ["before it is stored", "before it is recorded"])
def test_a_worker_that_dies_leaves_nothing_half(
    cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """What it stored, and no row names, is removed once it is a day old."""
    client = browser(cast.carol)
    schedule.run_due()
    ask(client, all="matching")
    export_id, step = the_export().id, "_put" if moment == "before it is stored" else "_record"

    class Killed(BaseException):
        pass

    def die(*_arguments: object) -> None:
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(handing_out, step, die)
        with pytest.raises(Killed):
            handing_out.make(export_id)
    db.session.rollback()
    left = kept_files()
    assert len(left) == (0 if step == "_put" else 1)
    assert handing_out.make(export_id) is None
    assert the_export().state is ExportState.READY
    assert archive(client).testzip() is None

    monkeypatch.setattr(handing_out, "ORPHANS_AFTER", timedelta(days=-1))
    handing_out.tidy(cast.clock.now())
    assert kept_files() == [the_export().stored_as]


def test_two_workers_make_one_file(
    cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = browser(cast.carol)
    schedule.run_due()
    ask(client, all="matching")
    export_id, put = the_export().id, handing_out._put

    def slowly(file: object) -> object:
        made = put(file)  # type: ignore[arg-type]
        monkeypatch.setattr(handing_out, "_put", put)
        assert handing_out.make(export_id) is None
        return made

    monkeypatch.setattr(handing_out, "_put", slowly)
    assert handing_out.make(export_id) is None
    assert kept_files() == [the_export().stored_as]
    assert archive(client).testzip() is None


def test_what_can_not_be_made_is_said(
    app: Flask, cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    """A stored PDF is gone: no ZIP without it, and after a day no more attempts."""
    client = browser(cast.carol)
    schedule.run_due()
    document = db.session.get_one(InvoiceDocument, newest(cast.acme).id)
    file_store.issued_documents().remove(document.sha256)
    ask(client, all="matching")
    for _ in range(30):
        schedule.run_due()
        clock.advance(hours=1)
    export = the_export()
    assert export.state is ExportState.FAILED
    item = outbox.find(db.session(), Work.INVOICE_EXPORT, export.id)
    assert item.state is OutboxState.DEAD
    assert "It could not be made." in words(client.get(EXPORTS).text)
    assert client.get(f"{EXPORTS}/{export.public_id}/file").status_code == 404
    assert kept_files() == []


def test_no_room_is_waited_for(
    cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule.run_due()
    ask(browser(cast.carol), all="matching")
    monkeypatch.setattr(file_store, "has_room", lambda _size: False)
    assert handing_out.make(the_export().id) == handing_out.NO_ROOM
    assert kept_files() == []


# --- How long ------------------------------------------------------------------------------------


def test_it_goes_after_seven_days(cast: Cast, browser: Browser, clock: FixedClock) -> None:
    client = browser(cast.carol)
    ask(client, all="matching")
    schedule.run_due()
    path = f"{EXPORTS}/{the_export().public_id}/file"
    clock.advance(days=6, hours=23)
    schedule.run_due()
    assert client.get(path).status_code == 200
    clock.advance(hours=1)
    assert client.get(path).status_code == 404
    clock.advance(days=1)
    schedule.run_due()
    assert the_export().state is ExportState.REMOVED
    assert kept_files() == []
    assert "No files yet" in client.get(EXPORTS).text


def test_a_store_that_fails_keeps_nobody_from_removing(
    cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = browser(cast.carol)
    ask(client, all="matching")
    schedule.run_due()
    path = f"{EXPORTS}/{the_export().public_id}"
    store = type(file_store.files_of_invoices())

    def fail(*_arguments: object) -> None:
        raise StoreFailed("away")

    with monkeypatch.context() as away:
        away.setattr(store, "remove", fail)
        away.setattr(store, "read", fail)
        assert client.get(f"{path}/file").status_code == 503
        assert client.post(f"{path}/removal").status_code == 303
    assert client.get(f"{path}/file").status_code == 404
    monkeypatch.setattr(handing_out, "ORPHANS_AFTER", timedelta(days=-1))
    handing_out.tidy(cast.clock.now())
    assert kept_files() == []


def test_the_history_tells_of_it(cast: Cast, browser: Browser) -> None:
    client = browser(cast.carol)
    ask(client, "?year=2026", all="matching")
    client.post(f"{EXPORTS}/{the_export().public_id}/removal")
    history = words(client.get("/account/history").text)
    in_order(history, "File removed: Invoices of 2026", "File asked for: Invoices of 2026")


# --- Lines for spreadsheets ----------------------------------------------------------------------


def test_the_lines_add_up_to_what_was_invoiced_less_what_was_credited(
    cast: Cast, browser: Browser
) -> None:
    """16 March: 10 users instead of 5 for $100.00 − $25.00; that is credited."""
    cast.let_pass(days=15)
    cast.change_plan(cast.other, cast.price("standard", "10-users"))
    upgraded = newest(cast.other)
    credit(cast, upgraded)
    rows = rows_of(browser(cast.mallory).get("/invoices/lines.csv").text)
    assert [(row["Kind"], row["Amount"]) for row in rows] == [
        ("Invoice", "50.00"),
        ("Invoice", "100.00"), ("Invoice", "-25.00"),
        ("Credit note", "-100.00"), ("Credit note", "25.00"),
    ]  # fmt: skip
    assert {row["Currency"] for row in rows} == {"USD"}
    assert rows[2]["Description"] == "Unused time on Standard, 5 users"


def test_no_cell_is_a_formula(cast: Cast, browser: Browser) -> None:
    account = cast.account("Evil", None)
    change_details(account, po_number="=HYPERLINK(0)", company="+1 Ltd")
    cast.subscribe(account, cast.price("standard", "5-users"))
    client = browser(cast.member(account, "Eve", cast.carol.memberships[0].role))
    (row,) = rows_of(client.get("/invoices/lines.csv").text)
    assert row["PO number"] == "'=HYPERLINK(0)"
    ask(client, all="matching")
    schedule.run_due()
    with archive(client) as found:
        (row,) = rows_of(found.read("index.csv").decode())
    assert (row["PO number"], row["Billed to"]) == ("'=HYPERLINK(0)", "'+1 Ltd")


def test_the_file_is_named_with_the_day_of_the_account(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    """20:00 UTC is the next day in Auckland."""
    clock.at = clock.at.replace(hour=20)
    account_id = cast.acme.id
    with transaction() as session:
        session.get_one(Account, account_id).time_zone = "Pacific/Auckland"
    answer = browser(cast.carol).get("/invoices/lines.csv")
    named = answer.headers["Content-Disposition"]
    assert named == 'attachment; filename="invoice-lines-2026-03-02.csv"'


def test_the_lines_follow_the_filter(cast: Cast, browser: Browser) -> None:
    client = browser(cast.carol)
    assert rows_of(client.get("/invoices/lines.csv?year=2025").text) == []
    assert len(rows_of(client.get("/invoices/lines.csv?year=2026").text)) == 1
    assert db.session.scalar(select(func.count(Invoice.id))) == 2
