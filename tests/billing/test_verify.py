"""Every check of `flask verify`, by breaking a row behind the portal's back and seeing it named."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from portal import document_store
from portal.billing import usage, verify
from portal.billing.rules.counting import Metric
from portal.engine import WRITES
from portal.extensions import db
from portal.models import InvoiceDocument
from portal.papers import making
from portal.transaction import transaction
from tests.billing import everything
from tests.billing.breakages import BREAKAGES
from tests.cast import START, Cast

FROZEN = (
    "invoice", "invoice_line", "invoice_document", "ledger_transfer", "audit_entry", "price",
    "add_on_price", "credit_note", "credit_note_line", "credit_note_document",
)  # fmt: skip


@pytest.fixture
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of invoices and credit notes are a few bytes each."""
    monkeypatch.setattr(making, "render", lambda issued: making.Files(issued.number.encode()))


def test_every_check_names_the_row_that_is_wrong_and_no_other(
    cast: Cast, small_files: None, subtests: pytest.Subtests
) -> None:
    everything.happens(cast)
    assert verify.run(db.session()) == []

    checks = {check.name: check for check in verify.CHECKS}
    assert {breakage.check for breakage in BREAKAGES} == set(checks)
    for breakage in BREAKAGES:
        with subtests.test(breakage.check, sql=breakage.sql), _broken(breakage.sql) as session:
            found = list(checks[breakage.check].find(session))
            assert any(breakage.names in wrong.subject for wrong in found), found


def test_a_finding_says_what_is_there_and_what_must_be(cast: Cast) -> None:
    with transaction() as session:
        usage.add(session, cast.acme.id, Metric.CLIENTS, 40, now=START)

    assert verify.run(db.session()) == [
        verify.Finding(
            check="counts",
            subject=f"clients of Acme ({cast.acme.public_id})",
            found="40",
            expected="0",
        )
    ]


def test_a_damaged_file_is_named(cast: Cast, app: Flask, small_files: None) -> None:
    cast.let_pass(minutes=1)
    document = db.session.query(InvoiceDocument).order_by(InvoiceDocument.invoice_id).first()
    assert document is not None
    path: Path = app.config["PORTAL"].documents / document.sha256[:2] / document.sha256
    path.write_bytes(b"something else")

    (finding,) = verify.run(db.session())

    assert (finding.check, finding.found) == ("documents", "a file with other bytes")
    with pytest.raises(document_store.DocumentDamaged):
        document_store.read(document.sha256)


@contextmanager
def _broken(sql: str) -> Iterator[Session]:
    """The database with rows changed by hand, until the end of the block."""
    db.session.rollback()
    with db.engine.connect().execution_options(**{WRITES: True}) as connection:
        _thaw(connection)
        for statement in sql.split("; "):
            changed = connection.exec_driver_sql(statement)
            assert changed.rowcount != 0, f"nothing was broken by {statement}"
        with Session(bind=connection, join_transaction_mode="create_savepoint") as session:
            yield session
        connection.rollback()


def _thaw(connection: Connection) -> None:
    """Let what never changes be changed."""
    if connection.dialect.name == "postgresql":
        for table in FROZEN:
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        return
    names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
    for name in names.scalars().all():
        connection.execute(text(f"DROP TRIGGER {name}"))
