"""Every check of `flask verify`, by breaking a row behind the portal's back and seeing it named."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from portal import clock as portal_clock
from portal import collection, document_store, invoice_pdf
from portal.audit import SYSTEM
from portal.billing import accounts, plan_changes, usage, verify
from portal.billing.rules.counting import Metric
from portal.billing.rules.period import Interval
from portal.billing.rules.roles import Role
from portal.engine import WRITES
from portal.extensions import db
from portal.models import Account, InvoiceDocument, Price
from portal.transaction import transaction
from tests.billing.breakages import BREAKAGES
from tests.cast import Cast, FixedClock

FROZEN = (
    "invoice", "invoice_line", "invoice_document", "ledger_transfer", "audit_entry", "price",
)  # fmt: skip


@pytest.fixture
def world(cast: Cast, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> Cast:
    """Everything at once: renewed, upgraded, auto-upgraded, over, unpaid, waiting, in credit."""
    monkeypatch.setattr(invoice_pdf, "render", lambda invoice: invoice.number.encode())
    fifteen = cast.account("Fifteen", "standard", "5-users")
    saver = cast.account("Saver", "standard", "5-users", interval=Interval.YEARLY)
    cast.members(cast.acme, 9)
    cast.use_card(cast.other, "card_declines")
    cast.let_pass(days=15)
    cast.change_plan(fifteen, cast.price("standard", "10-users"))
    cast.change_plan(saver, cast.price("standard", "10-users"))
    cast.change_plan(saver, cast.price("standard", "5-users"))
    cast.let_pass(days=15.5)
    crowded = cast.account("Crowded", "standard", "5-users")
    cast.member(crowded, "Dora", Role.ADMIN)
    cast.members(crowded, 5)
    waiting = cast.account("Waiting", "standard", "5-users")
    cast.use_card(waiting, "card_times_out_unpaid")
    cast.let_pass(days=1)
    _begin_change(waiting, cast.price("standard", "10-users"))
    return cast


def test_nothing_is_wrong_where_nobody_broke_anything(world: Cast) -> None:
    assert verify.run(db.session()) == []


def test_every_check_names_the_row_that_is_wrong(world: Cast, subtests: pytest.Subtests) -> None:
    checks = {check.name: check for check in verify.CHECKS}
    assert {breakage.check for breakage in BREAKAGES} == set(checks)
    for breakage in BREAKAGES:
        with subtests.test(breakage.check, sql=breakage.sql), _broken(breakage.sql) as session:
            found = list(checks[breakage.check].find(session))
            assert any(breakage.names in wrong.subject for wrong in found), found


def test_a_finding_says_what_is_there_and_what_must_be(world: Cast) -> None:
    with transaction() as session:
        clients = usage.of(session, world.acme.id)[Metric.CLIENTS]
        clients.used = 40

    assert verify.run(db.session()) == [
        verify.Finding(
            check="counts",
            invariant="count.exact",
            subject=f"clients of Acme ({world.acme.public_id})",
            found="40",
            expected="0",
        )
    ]


def test_a_damaged_file_is_named(world: Cast, app: Flask) -> None:
    document = db.session.query(InvoiceDocument).order_by(InvoiceDocument.invoice_id).first()
    assert document is not None
    path: Path = app.config["PORTAL"].documents / f"{document.sha256}.pdf"
    path.write_bytes(b"something else")

    (finding,) = verify.run(db.session())

    assert (finding.check, finding.found) == ("documents", "a file with other bytes")
    with pytest.raises(document_store.DocumentDamaged):
        document_store.read(document.sha256)


def _begin_change(account: Account, price: Price) -> None:
    """Confirm a plan change whose payment gets no answer."""
    now = portal_clock.now()
    quote = plan_changes.quote(db.session(), account, price, now=now)
    confirmation = plan_changes.Confirmation("waits", quote.fingerprint(), quote.valid_until)
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        change_id = plan_changes.confirm(
            session, locked, price, confirmation, now=now, actor=SYSTEM
        ).id
    collection.carry_change(change_id)


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
