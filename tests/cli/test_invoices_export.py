"""`flask invoices export`: a year of invoices and credit notes as files in a folder."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from portal import file_store
from portal.billing import invoice_lists
from portal.extensions import db
from portal.jobs import schedule
from portal.models import CreditNoteDocument, InvoiceDocument
from portal.papers import archive, making
from tests.cast import Cast
from tests.credit_stories import credit, newest

Run = Callable[..., Result]
ACME, OTHER, NOTE = "INV-2026-000001", "INV-2026-000002", "CN-2026-000001"
OF_ACME = ("invoices", "export", "--account", "acme", "--year", "2026", "--to")
OF_ALL = ("invoices", "export", "--all", "--year", "2026", "--to")


@pytest.fixture(autouse=True)
def _quick_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        making,
        "render",
        lambda issued: making.Files(
            f"PDF of {issued.number}".encode(), f"XML of {issued.number}".encode()
        ),
    )


def test_a_year_of_an_account_is_what_its_zip_holds(cast: Cast, run: Run, tmp_path: Path) -> None:
    credit(cast, newest(cast.acme))
    schedule.run_due()

    result = run(*OF_ACME, str(tmp_path / "books"))

    assert result.exit_code == 0, result.output
    said = f"2 invoices and credit notes in {tmp_path / 'books'}: 4 files written, 0 there.\n"
    assert result.output == said
    assert _files(tmp_path / "books") == _zip_of(cast, ACME, NOTE)
    assert set(_files(tmp_path / "books")) == {
        *(f"2026/{ACME}.pdf", f"2026/{ACME}.xml", f"2026/{NOTE}.pdf", f"2026/{NOTE}.xml"),
        "index.csv",
    }


def test_all_accounts_in_one_index(cast: Cast, run: Run, tmp_path: Path) -> None:
    schedule.run_due()

    facts = json.loads(run(*OF_ALL, str(tmp_path), "--json").output)

    assert (facts["papers"], facts["files_written"], facts["files_there_before"]) == (2, 4, 0)
    index = (tmp_path / "index.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(index)))
    assert [(row["Number"], row["PDF"]) for row in rows] == [
        (ACME, f"2026/{ACME}.pdf"),
        (OTHER, f"2026/{OTHER}.pdf"),
    ]
    assert {(row["Paid on"], row["Paid with"]) for row in rows} == {
        ("2026-03-01", "Test card ending 4242")
    }
    for row in rows:
        content = (tmp_path / row["PDF"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["SHA-256 of the PDF"]


def test_it_goes_on_where_it_was_stopped(cast: Cast, run: Run, tmp_path: Path) -> None:
    """Killed after its first file, with half of the second under no name that counts."""
    credit(cast, newest(cast.acme))
    schedule.run_due()
    run(*OF_ACME, str(tmp_path))
    expected = _files(tmp_path)
    first = tmp_path / "2026" / f"{ACME}.pdf"
    written_at = first.stat().st_mtime_ns
    for name in (f"2026/{ACME}.xml", f"2026/{NOTE}.pdf", f"2026/{NOTE}.xml", "index.csv"):
        (tmp_path / name).unlink()
    (tmp_path / "2026" / f".{ACME}.xml.part").write_bytes(b"XML")

    result = run(*OF_ACME, str(tmp_path))

    assert ": 3 files written, 1 there.\n" in result.output
    assert _files(tmp_path) == expected
    assert first.stat().st_mtime_ns == written_at
    assert ": 0 files written, 4 there.\n" in run(*OF_ACME, str(tmp_path)).output


def test_what_was_issued_meanwhile_is_added(cast: Cast, run: Run, tmp_path: Path) -> None:
    schedule.run_due()
    run(*OF_ACME, str(tmp_path))
    credit(cast, newest(cast.acme))
    schedule.run_due()

    assert ": 2 files written, 2 there.\n" in run(*OF_ACME, str(tmp_path)).output
    assert _files(tmp_path) == _zip_of(cast, ACME, NOTE)


def test_other_files_of_the_same_names_are_not_touched(
    cast: Cast, run: Run, tmp_path: Path
) -> None:
    schedule.run_due()
    foreign = tmp_path / "2026" / f"{ACME}.xml"
    foreign.parent.mkdir()
    foreign.write_bytes(b"somebody else's")

    result = run(*OF_ACME, str(tmp_path))

    assert result.exit_code == 1
    assert "has other files of the same names, and nothing was written: " in result.output
    assert f"2026/{ACME}.xml. Choose an empty folder" in result.output
    assert _files(tmp_path) == {f"2026/{ACME}.xml": b"somebody else's"}


@pytest.mark.parametrize("content", [b"", b"my own list\n", b"\xff\xfe", b'"Kind","Number"\n'])
def test_an_index_of_something_else_is_not_touched(
    cast: Cast, run: Run, tmp_path: Path, content: bytes
) -> None:
    schedule.run_due()
    (tmp_path / "index.csv").write_bytes(content)

    assert "nothing was written: index.csv." in run(*OF_ACME, str(tmp_path)).output
    assert _files(tmp_path) == {"index.csv": content}


def test_the_index_of_another_export_is_not_touched(cast: Cast, run: Run, tmp_path: Path) -> None:
    """Its lines would be lost; an export that has them too may be written over it."""
    schedule.run_due()
    run(*OF_ACME, str(tmp_path))
    before = _files(tmp_path)
    of_other = ("invoices", "export", "--account", "Other", "--year", "2026", "--to")

    assert "nothing was written: index.csv." in run(*of_other, str(tmp_path)).output
    assert _files(tmp_path) == before
    assert run(*OF_ALL, str(tmp_path)).exit_code == 0
    assert set(before) < set(_files(tmp_path))


def test_what_has_no_pdf_so_far_is_named(cast: Cast, run: Run, tmp_path: Path) -> None:
    schedule.run_due()
    credit(cast, newest(cast.acme))

    result = run(*OF_ACME, str(tmp_path))

    assert result.exit_code == 1
    assert f"No PDF so far, and not among them: {NOTE}.\n" in result.output
    assert set(_files(tmp_path)) == {f"2026/{ACME}.pdf", f"2026/{ACME}.xml", "index.csv"}
    assert db.session.query(CreditNoteDocument).count() == 0


def test_what_the_store_has_lost_is_named(cast: Cast, run: Run, tmp_path: Path) -> None:
    schedule.run_due()
    document = db.session.get_one(InvoiceDocument, 1)
    file_store.issued_documents().remove(document.sha256)

    result = run(*OF_ACME, str(tmp_path), "--json")

    assert result.exit_code == 1
    assert json.loads(result.output)["unreadable"] == [
        {"file": f"2026/{ACME}.pdf", "why": f"DocumentMissing: {document.sha256}"}
    ]
    assert set(_files(tmp_path)) == {f"2026/{ACME}.xml", "index.csv"}


def test_a_folder_that_cannot_be_written(cast: Cast, run: Run, tmp_path: Path) -> None:
    schedule.run_due()
    (tmp_path / "2026").write_bytes(b"no folder")

    result = run(*OF_ACME, str(tmp_path))

    assert result.exit_code == 1
    assert "The files could not all be written: " in result.output
    assert _files(tmp_path) == {"2026": b"no folder"}


def test_a_year_without_invoices_writes_nothing(cast: Cast, run: Run, tmp_path: Path) -> None:
    result = run("invoices", "export", "--all", "--year", "2025", "--to", str(tmp_path / "new"))
    assert (result.exit_code, result.output) == (0, "Nothing was issued in that year.\n")
    assert not (tmp_path / "new").exists()


def test_it_is_told_whose(cast: Cast, run: Run, tmp_path: Path) -> None:
    year = ("--year", "2026", "--to", str(tmp_path))
    assert run("invoices", "export", *year).exit_code == 2
    assert run("invoices", "export", "--all", "--account", "acme", *year).exit_code == 2
    assert run("invoices", "export", "--account", "nobody", *year).exit_code == 1


def _files(folder: Path) -> dict[str, bytes]:
    """The files below a folder by their names."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _zip_of(cast: Cast, *numbers: str) -> dict[str, bytes]:
    """The files in the ZIP of these papers of Acme, by their names."""
    file = io.BytesIO()
    papers = invoice_lists.of_numbers(db.session(), cast.acme.id, numbers)
    filed = archive.filed(db.session(), papers, cast.acme.time_zone)
    archive.write(file, filed, lambda _done: None)
    with zipfile.ZipFile(file) as packed:
        return {name: packed.read(name) for name in packed.namelist()}
