"""`flask invoices render`: PDFs that were given up, made once their cause is gone."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import select

from portal import clock as wall
from portal import document_store, file_store
from portal.billing import verify
from portal.extensions import db
from portal.jobs import schedule
from portal.models import InvoiceDocument, Notice, OutboxItem, OutboxState, Work
from portal.papers import making
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.credit_stories import credit, newest

Run = Callable[..., Result]
ACME = "INV-2026-000001"


@pytest.fixture(autouse=True)
def _quick_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    _let_render(monkeypatch)


def test_the_command_of_the_email_makes_what_was_given_up(
    cast: Cast, run: Run, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "render", _no_paper)
    for _ in range(14):
        schedule.run_due()
        clock.advance(hours=1)
    assert _item().state is OutboxState.DEAD
    subject = f"The PDF of {ACME} could not be made"
    told = db.session.scalars(select(Notice).where(Notice.subject == subject)).one()
    assert f"\nflask invoices render {ACME}\n" in told.body_text
    _let_render(monkeypatch)

    result = run("invoices", "render", ACME)

    assert result.exit_code == 0, result.output
    document = db.session.query(InvoiceDocument).filter_by(invoice_id=1).one()
    assert document_store.read(document.sha256) == f"PDF of {ACME}".encode()
    lines = [" ".join(line.split()) for line in result.output.splitlines()]
    assert lines[0] == f"The PDF of {ACME} was made."
    assert f"PDF {document.size_bytes} bytes, SHA-256 {document.sha256}" in lines
    assert _item().state is OutboxState.DONE
    # The other account's is still given up, and nothing else is wrong.
    assert {finding.check for finding in verify.run(db.session())} == {
        "documents-made",
        "outbox-alive",
    }


def test_what_was_recorded_is_never_replaced(
    cast: Cast, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule.run_due()
    before = db.session.query(InvoiceDocument).filter_by(invoice_id=1).one().sha256
    monkeypatch.setattr(making, "render", _no_paper)

    facts = _facts(run("invoices", "render", ACME.lower(), "--json"))

    assert (facts["outcome"], facts["document"]["sha256"]) == ("recorded", before)
    assert run("invoices", "render", ACME).output.startswith(
        f"{ACME} has its PDF, and is never given another.\n"
    )


def test_a_recorded_file_that_is_lost_is_put_back_by_a_person(cast: Cast, run: Run) -> None:
    schedule.run_due()
    document = db.session.query(InvoiceDocument).filter_by(invoice_id=1).one()
    file_store.issued_documents().remove(document.sha256)

    result = run("invoices", "render", ACME)

    assert result.exit_code == 1
    assert "PDF: no file instead of " in result.output
    assert "Put the file back from a backup of the store." in result.output
    with pytest.raises(document_store.DocumentMissing):
        document_store.read(document.sha256)


def test_it_fails_again(
    cast: Cast, run: Run, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "render", _no_paper)
    _set(state=OutboxState.DEAD, attempts=12)

    result = run("invoices", "render", ACME)

    assert result.exit_code == 1
    assert f"The PDF of {ACME} could not be made: OSError: out of paper\n" in result.output
    assert "It is tried again by itself on 1 Mar 2026, 09:00:30 UTC.\n" in result.output
    assert (_item().state, _item().attempts) == (OutboxState.WAITING, 1)


def test_a_worker_that_is_at_it_is_left_alone(cast: Cast, run: Run) -> None:
    _set(lease_owner="a worker", lease_until=wall.wall_now() + timedelta(seconds=60))

    facts = _facts(run("invoices", "render", ACME, "--json"))

    assert (facts["outcome"], facts["document"]) == ("being_made", None)
    assert _item().lease_owner == "a worker"


def test_work_that_is_no_longer_there_is_not_needed(cast: Cast, run: Run) -> None:
    """The row of a document was lost with a backup that is older than the outbox's."""
    _set(state=OutboxState.DONE, done_at=cast.clock.now())

    assert _facts(run("invoices", "render", ACME, "--json"))["outcome"] == "made"
    assert db.session.query(InvoiceDocument).count() == 1


def test_a_credit_note(cast: Cast, run: Run) -> None:
    number = credit(cast, newest(cast.acme)).number_text

    facts = _facts(run("invoices", "render", number, "--json"))

    assert (facts["number"], facts["outcome"]) == ("CN-2026-000001", "made")
    content = document_store.read(facts["document"]["sha256"])
    assert content == f"PDF of {number}".encode()


def test_a_number_that_is_none(cast: Cast, run: Run) -> None:
    result = run("invoices", "render", "INV-1")
    assert result.exit_code == 1
    assert "There is no invoice or credit note “INV-1”." in result.output


def test_show_says_which_pdf_it_has(cast: Cast, run: Run) -> None:
    shown = run("invoices", "show", ACME).output
    assert "PDF           not made yet\n" in shown
    sha256 = _facts(run("invoices", "render", ACME, "--json"))["document"]["sha256"]
    assert f"PDF           {sha256}\n" in run("invoices", "show", ACME).output
    document = json.loads(run("invoices", "show", ACME, "--json").output)["document"]
    assert document["sha256"] == sha256


def _let_render(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        making, "render", lambda issued: making.Files(f"PDF of {issued.number}".encode())
    )


def _no_paper(_issued: object) -> making.Files:
    raise OSError("out of paper")


def _facts(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    facts: dict[str, Any] = json.loads(result.output)
    return facts


def _item() -> OutboxItem:
    db.session.rollback()
    return db.session.query(OutboxItem).filter_by(work=Work.INVOICE_PDF, subject_id=1).one()


def _set(**columns: object) -> None:
    with transaction() as session:
        item = session.query(OutboxItem).filter_by(work=Work.INVOICE_PDF, subject_id=1).one()
        for name, value in columns.items():
            setattr(item, name, value)
