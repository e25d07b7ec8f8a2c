"""Proving from the rows that the books are right: every promise is a check, and runs anywhere.

The checks read one snapshot of the database, in a session of their own, and change nothing. Each
is named after its function and after the invariant or rule it proves.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from portal.billing.verification import (
    books,
    changes,
    counts,
    cycles,
    episode_rows,
    invoice_rows,
    numbering,
    payment_rows,
    records,
)
from portal.billing.verification.wrong import Wrong


@dataclass(frozen=True)
class Check:
    """One thing that must hold; `find` yields the rows for which it doesn't."""

    invariant: str
    find: Callable[[Session], Iterable[Wrong]]

    @property
    def name(self) -> str:
        return self.find.__name__.replace("_", "-")


@dataclass(frozen=True)
class Finding:
    """A row that is wrong: which check says so, which row, what it says and must say."""

    check: str
    invariant: str
    subject: str
    found: str
    expected: str


CHECKS = (
    Check("count.exact", counts.counts),
    Check("S1", counts.limits),
    Check("M1", books.receivables),
    Check("M1", books.credit_balances),
    Check("M5", books.credit_not_negative),
    Check("M1", books.bookings_of_invoices),
    Check("M7", books.bookings_of_payments),
    Check("M8", books.currencies),
    Check("V1", numbering.number_gaps),
    Check("V1", numbering.last_numbers),
    Check("V1", numbering.number_order),
    Check("V1", numbering.number_texts),
    Check("M5", invoice_rows.invoice_sums),
    Check("M5", invoice_rows.invoice_amounts),
    Check("M7", invoice_rows.invoice_status),
    Check("M3", invoice_rows.plan_lines),
    Check("M4", invoice_rows.credit_lines),
    Check("V2", invoice_rows.documents),
    Check("V3", invoice_rows.documents_made),
    Check("S1", cycles.one_subscription),
    Check("O1", cycles.cycles),
    Check("E1", episode_rows.one_episode),
    Check("E2", episode_rows.warned_before_upgrade),
    Check("E2", episode_rows.acceptances),
    Check("E2", episode_rows.upgraded_episodes),
    Check("E4", episode_rows.open_episodes),
    Check("O2", changes.changes_invoiced),
    Check("M6", changes.invoices_changed),
    Check("O2", changes.changes_paid),
    Check("catalog.grandfathered", changes.charged_prices),
    Check("O6", payment_rows.payment_outcomes),
    Check("J1", payment_rows.payments_carried),
    Check("pay.fails", payment_rows.invoices_collected),
    Check("O4", payment_rows.sandbox_charges),
    Check("A8", records.audit_chain),
    Check("J5", records.outbox_alive),
    Check("J3", records.notices_carried),
    Check("catalog.grandfathered", records.price_versions),
)


def run(session: Session) -> list[Finding]:
    """Every row that is wrong in the database of `session`; empty when all is as it must be."""
    return list(findings(session))


def findings(session: Session) -> Iterator[Finding]:
    """The same, one after the other as they are found."""
    with _snapshot(session) as reader:
        for check in CHECKS:
            for wrong in check.find(reader):
                yield Finding(check.name, check.invariant, *wrong)


@contextmanager
def _snapshot(session: Session) -> Iterator[Session]:
    """A session that sees the database as it is at this instant, whoever writes meanwhile."""
    engine = session.get_bind().engine
    with Session(_unmoved(engine)) as reader:
        yield reader
        reader.rollback()


def _unmoved(engine: Engine) -> Engine:
    # SQLite's readers see one snapshot from their first read on.
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ")
