"""`flask jobs`: what is due, what is stuck, and doing it."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import Result
from sqlalchemy import select

from portal import clock as wall
from portal.extensions import db
from portal.jobs import scheduler
from portal.models import OutboxItem, OutboxState, Work
from portal.papers import making
from portal.transaction import transaction
from tests.cast import Cast, FixedClock

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _quick_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "render", lambda invoice: making.Files(invoice.number.encode()))


def test_status_counts_what_is_due_and_what_waits(run: Run, cast: Cast) -> None:
    facts = json.loads(run("jobs", "status", "--json").output)

    by_work = {row["work"]: row for row in facts["outbox"]}
    assert (by_work["invoice_pdf"]["due"], by_work["payment"]["done"]) == (2, 2)
    sweeps = {row["sweep"]: row for row in facts["sweeps"]}
    assert sweeps["renewals"]["next_at"] == "2026-03-31T09:00:00+00:00"
    assert facts["daily"] == []


def test_run_due_does_it_all(run: Run, cast: Cast) -> None:
    assert run("jobs", "run-due").output.startswith("Done: ")
    assert run("jobs", "run-due").output == "Nothing was due.\n"

    output = run("jobs", "status").output

    assert "invoice_pdf 0 0 0 2 0" in " ".join(output.split())
    assert "limit-check  1 Mar 2026, 06:00:00 UTC  1 Mar 2026, 09:00:00 UTC\n" in output


def test_what_fails_is_shown_with_its_last_error(
    run: Run, cast: Cast, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "render", _out_of_paper)
    run("jobs", "run-due")
    with transaction() as session:
        item = session.scalars(
            select(OutboxItem).where(OutboxItem.work == Work.INVOICE_PDF).order_by(OutboxItem.id)
        ).first()
        assert item is not None
        item.state, item.attempts = OutboxState.DEAD, 12

    output = run("jobs", "status").output

    assert f"invoice_pdf 1 (outbox item {item.id}): given up after 12 attempts\n" in output
    assert "tried again later after 1 attempts\n  OSError: out of paper\n" in output
    assert "invoice_pdf 0 1 0 0 1" in " ".join(output.split())


def test_what_somebody_is_doing_is_leased(run: Run, cast: Cast) -> None:
    with transaction() as session:
        item = session.query(OutboxItem).filter_by(work=Work.INVOICE_PDF).first()
        assert item is not None
        item.lease_until = wall.wall_now() + timedelta(seconds=60)

    facts = json.loads(run("jobs", "status", "--json").output)

    (pdfs,) = [row for row in facts["outbox"] if row["work"] == "invoice_pdf"]
    assert (pdfs["due"], pdfs["leased"]) == (1, 1)


def test_the_scheduler_is_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = []
    monkeypatch.setattr(scheduler, "run", lambda: ran.append(True))

    assert run("jobs", "scheduler").exit_code == 0
    assert ran == [True]
    db.session.rollback()


def _out_of_paper(_invoice: object) -> making.Files:
    raise OSError("out of paper")
