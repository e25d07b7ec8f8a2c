"""A renewal run on PostgreSQL: time per invoice, against bare SQL and against a larger run.

Each run has a database of its own, in which so many subscriptions fall due at once. What is timed
is the work of a worker: lock, look again, issue, commit, one account after the other. The
yardstick writes the same rows with SQLAlchemy Core, one commit per invoice, without reading or
deciding anything.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.orm import Session

from bench.place import ROOT, Measured, at, filling, megabytes, with_redis
from portal.billing import renewals
from portal.extensions import db
from portal.jobs import renewals as job
from portal.models import (
    Account,
    AuditEntry,
    Invoice,
    InvoiceLine,
    InvoiceSeries,
    LedgerTransfer,
    OutboxItem,
    Payment,
    Subscription,
    Usage,
)

SIZES = (10_000, 100_000)
YARDSTICK = 2_000
AS_ONE, AS_TWO = 1, 2
MOST_TIMES_BARE, MOST_GROWTH, LEAST_SPEEDUP, MOST_MEGABYTES = 3.0, 0.15, 1.6, 50
STARTED = datetime(2026, 1, 1, tzinfo=UTC)
NOW = STARTED + timedelta(days=30, hours=1)


def measure() -> Iterator[str]:
    """A row for each figure."""
    small, large = SIZES
    with _due(small) as measured:
        bare = _bare(measured, min(YARDSTICK, small))
        alone = _work_off(measured, small, workers=AS_ONE)
    yield (
        f"renewals, {small:,} due: {alone.each * 1000:.2f} ms per invoice, bare SQL"
        f" {bare * 1000:.2f} ms: {alone.each / bare:.2f}× (at most {MOST_TIMES_BARE:.0f}×)"
    )
    with _due(small) as measured:
        few = _work_off(measured, small, workers=AS_TWO)
    yield (
        f"renewals, two workers: {alone.each / few.each:.2f}× one (at least {LEAST_SPEEDUP}×),"
        f" {few.each * 1000:.2f} ms per invoice"
    )
    with _due(large) as measured:
        many = _work_off(measured, large, workers=AS_TWO)
    yield (
        f"renewals, {large:,} due against {small:,}, two workers: {many.each * 1000:.2f} ms per"
        f" invoice, {many.each / few.each - 1:+.1%} (within {MOST_GROWTH:.0%}); memory"
        f" {many.grown:+.0f} MB (at most {MOST_MEGABYTES} MB)"
    )


@dataclass(frozen=True)
class _Run:
    """Seconds for each invoice, and the MB by which a process grew after its first thousand."""

    each: float
    grown: float


@contextmanager
def _due(size: int) -> Iterator[Measured]:
    """A portal in which so many subscriptions' first cycle has ended."""
    with with_redis("postgresql") as measured:
        with at(NOW, measured.environ):
            _settle(size)
        yield measured


def _work_off(measured: Measured, size: int, *, workers: int) -> _Run:
    """Renew them all in so many processes, timed from the first to the last."""
    command = [sys.executable, "-m", "bench.renewals", "work"]
    processes = [
        subprocess.Popen(
            [*command, str(part), str(workers)],
            cwd=ROOT,
            env=measured.environ | {"CHARGES_FLOOR": str(10 * size)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for part in range(workers)
    ]
    said = [process.communicate()[0].split() for process in processes]
    if (renewed := _renewed(measured)) != size:
        raise RuntimeError(f"not all of {size} were renewed but {renewed}: {said}")
    began, ended = min(float(s[1]) for s in said), max(float(s[2]) for s in said)
    return _Run((ended - began) / size, max(float(s[3]) for s in said))


def _work(part: int, parts: int) -> None:
    """What one process does: the accounts that are due and fall to it by their number, so that
    both agree on whose is whose though one may ask when the other has begun."""
    with at(NOW, dict(os.environ)):
        ids = renewals.due(db.session(), now=NOW, limit=10**9)
        mine = [account_id for account_id in ids if account_id % parts == part]
        db.session.rollback()
        began, early = time.time(), 0.0
        for number, account_id in enumerate(mine):
            job.renew(account_id)
            db.session.remove()
            if number == 1000:
                early = megabytes()
        print(len(mine), began, time.time(), megabytes() - early)


def _renewed(measured: Measured) -> int:
    with at(NOW, measured.environ):
        return db.session.scalar(select(func.count()).select_from(Invoice)) or 0


def _bare(measured: Measured, count: int) -> float:
    """Seconds per invoice of writing the rows that a renewal writes, and nothing else."""
    with at(NOW, measured.environ), Session(db.engine) as session:
        rows = session.execute(
            text(
                "SELECT account_id, s.id, cycle_end_at, m.id FROM subscription s"
                " JOIN payment_method m USING (account_id) ORDER BY s.id DESC LIMIT :count"
            ),
            {"count": count},
        ).all()
        session.rollback()
        began = time.perf_counter()
        for number, row in enumerate(rows):
            _write(session, number, *row)
            session.commit()
        seconds = time.perf_counter() - began
        _take_back(session)
        return seconds / count


def _write(
    session: Session, number: int, account_id: int, subscription_id: int, start: int, method: int
) -> None:
    since = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=start)
    end, now, key = since + timedelta(days=30), NOW, "BARE-2026"
    who = {"account_id": account_id}
    session.execute(
        update(InvoiceSeries)
        .where(InvoiceSeries.key == key)
        .values(last_number=InvoiceSeries.last_number + 1)
    )
    names = {"name": "Example", "address": [], "country": "US", "tax_id": "", "email": ""}
    invoice_id = session.execute(
        insert(Invoice).values(
            **who, subscription_id=subscription_id, series=key, number=number + 1,
            number_text=f"BARE-2026-{number:06d}", reason="renewal", status="open",
            currency="USD", subtotal_minor=5000, tax_minor=0, total_minor=5000,
            balance_applied_minor=0, due_minor=5000, surplus_minor=0, credited_minor=0,
            tax_note="", period_start_at=since, period_end_at=end, issued_at=now, vendor=names,
            customer=names,
        ).returning(Invoice.id)
    ).scalar_one()  # fmt: skip
    session.execute(
        insert(InvoiceLine).values(
            **who, invoice_id=invoice_id, position=1, kind="plan", description="A plan",
            explanation="Full price for 30 days: $50.00", base_minor=5000, quantity=1, days=30,
            days_in_cycle=30, amount_minor=5000, tax_name="", tax_basis_points=0, tax_minor=0,
            currency="USD", period_start_at=since, period_end_at=end,
        )
    )  # fmt: skip
    session.execute(
        insert(LedgerTransfer).values(
            **who, event=f"bare:{invoice_id}", debit="receivable", credit="revenue",
            amount_minor=5000, currency="USD", occurred_at=now, invoice_id=invoice_id,
        )
    )  # fmt: skip
    for work in ("invoice_pdf", "payment"):
        session.execute(
            insert(OutboxItem).values(
                **who, work=work, subject_id=invoice_id, dedupe_key=f"bare:{work}:{invoice_id}",
                state="waiting", created_at=now, next_at=now + timedelta(days=900), attempts=0,
            )
        )  # fmt: skip
    session.execute(
        insert(AuditEntry).values(
            **who, position=10**6, at=now, action="invoice.issued", actor={"kind": "system"},
            details={"number": number}, previous_hash="0" * 64, hash="0" * 64,
        )
    )  # fmt: skip
    session.execute(
        insert(Payment).values(
            **who, invoice_id=invoice_id, payment_method_id=method, amount_minor=5000,
            currency="USD", state="created", idempotency_key=f"bare-{number}", gateway="sandbox",
            retry=0, on_session=False, created_at=now,
        )
    )  # fmt: skip
    session.execute(
        update(Subscription)
        .where(Subscription.id == subscription_id)
        .values(cycle_start_at=since, cycle_end_at=end)
    )
    session.execute(update(Usage).where(Usage.account_id == account_id).values(limit_value=5))
    session.execute(update(Account).where(Account.id == account_id).values(audit_length=1))


def _take_back(session: Session) -> None:
    """As if the yardstick had never written."""
    session.execute(text("SET session_replication_role = replica"))
    for table, which in (
        ("payment", "idempotency_key LIKE 'bare-%'"),
        ("outbox", "dedupe_key LIKE 'bare:%'"),
        ("ledger_transfer", "event LIKE 'bare:%'"),
        ("audit_entry", "position = 1000000"),
        ("invoice_line", "description = 'A plan'"),
        ("invoice", "series = 'BARE-2026'"),
    ):
        session.execute(text(f"DELETE FROM {table} WHERE {which}"))  # noqa: S608
    session.execute(text("UPDATE account SET audit_length = 0"))
    session.execute(
        text("UPDATE subscription SET cycle_start_at = started_at, cycle_end_at = started_at + :d"),
        {"d": 30 * 86400 * 10**6},
    )
    session.execute(text("UPDATE usage SET limit_value = 100"))
    session.execute(text("SET session_replication_role = origin"))
    session.commit()


def _settle(size: int) -> None:
    """The accounts, as rows: each on the smallest plan, with a card that pays."""
    facts = {"n": size, "start": int(STARTED.timestamp()) * 10**6, "cycle": 30 * 86400 * 10**6}
    with filling() as connection:
        for statement in SETTLE:
            connection.execute(text(statement), facts)
        for table in ("account", "billing_details", "usage", "payment_method", "subscription"):
            connection.execute(text(f"ANALYZE {table}"))


SETTLE = (
    "INSERT INTO invoice_series (key, last_number) VALUES ('BARE-2026', 0)",
    "INSERT INTO account (public_id, name, currency, time_zone, created_at, audit_length,"
    " audit_head) SELECT 'bench' || i, 'Customer ' || i, 'USD', 'UTC', :start, 0,"
    " repeat('0', 64) FROM generate_series(1, :n) i",
    "INSERT INTO billing_details (account_id, company, address, country, tax_id, po_number,"
    " invoice_emails) SELECT id, name, '[]', 'US', '', '', '[]' FROM account",
    "INSERT INTO usage (account_id, metric, used, limit_value) SELECT id, m, 1, 100 FROM account,"
    " unnest(ARRAY['seats', 'clients', 'storage']) m",
    "INSERT INTO payment_method (account_id, gateway, reference, label, added_at) SELECT id,"
    " 'sandbox', 'card_pays', 'Test card', :start FROM account",
    "INSERT INTO subscription (account_id, status, price_id, cycle_start_at, cycle_end_at,"
    " started_at) SELECT a.id, 'active', (SELECT min(id) FROM price WHERE currency = 'USD' AND"
    " interval = 'monthly'), :start, :start + :cycle, :start FROM account a",
)


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        _work(int(sys.argv[2]), int(sys.argv[3]))
    else:
        for row in measure():
            print(row, flush=True)
