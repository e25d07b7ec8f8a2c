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
    bookings,
    books,
    changes,
    client_documents,
    corrections,
    counts,
    counts_by_day,
    credit_note_rows,
    cycles,
    documents,
    episode_rows,
    invoice_lines,
    invoice_rows,
    numbering,
    payment_rows,
    prices,
    records,
    refund_rows,
    taken_back,
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
    Check("count.exact", counts_by_day.counts_by_day),
    Check("over.in-advance", counts_by_day.climbs_told),
    Check("S1", counts.limits),
    Check("M1", books.receivables),
    Check("M1", books.credit_balances),
    Check("invoice.balance", books.invoices_balance),
    Check("M5", books.credit_not_negative),
    Check("M8", books.currencies),
    Check("M1", bookings.bookings_of_invoices),
    Check("M7", bookings.bookings_of_payments),
    Check("M1", bookings.bookings_of_credit_notes),
    Check("M1", bookings.bookings_of_refunds),
    Check("M1", bookings.bookings_of_nothing),
    Check("V1", numbering.number_gaps),
    Check("V1", numbering.last_numbers),
    Check("V1", numbering.number_order),
    Check("V1", numbering.number_texts),
    Check("M5", invoice_rows.invoice_sums),
    Check("M5", invoice_rows.invoice_amounts),
    Check("M7", invoice_rows.invoice_status),
    Check("M3", invoice_lines.line_arithmetic),
    Check("invoice.tax", invoice_lines.line_taxes),
    Check("M3", invoice_lines.plan_lines),
    Check("M4", invoice_lines.credit_lines),
    Check("charge.upgrade", invoice_lines.cycles_credited),
    Check("catalog.grandfathered", prices.charged_prices),
    Check("charge.renewal", prices.renewed_prices),
    Check("charge.add-ons", prices.add_on_prices),
    Check("charge.paid-first", prices.running_plans),
    Check("charge.add-ons", prices.running_add_ons),
    Check("invoice.numbering", credit_note_rows.credit_note_sums),
    Check("M4", credit_note_rows.credit_note_lines),
    Check("M1", credit_note_rows.credited_invoices),
    Check("invoice.numbering", corrections.ended_invoices),
    Check("invoice.numbering", corrections.editions),
    Check("V2", documents.documents),
    Check("V3", documents.documents_made),
    Check("V2", documents.documents_sent),
    Check("count.storage", client_documents.stored_documents),
    Check("J1", client_documents.documents_leaving),
    Check("S1", cycles.one_subscription),
    Check("O1", cycles.cycles),
    Check("charge.cancel", cycles.endings),
    Check("E1", episode_rows.one_episode),
    Check("E2", episode_rows.warned_before_upgrade),
    Check("E2", episode_rows.acceptances),
    Check("E2", episode_rows.upgraded_episodes),
    Check("E4", episode_rows.open_episodes),
    Check("over.revert", taken_back.upgrades_taken_back),
    Check("over.revert", taken_back.credits_made_again),
    Check("O2", changes.changes_invoiced),
    Check("M6", changes.invoices_changed),
    Check("O2", changes.changes_paid),
    Check("O6", payment_rows.payment_outcomes),
    Check("J1", payment_rows.payments_carried),
    Check("pay.fails", payment_rows.invoices_collected),
    Check("pay.fails", payment_rows.attempts),
    Check("O4", payment_rows.sandbox_charges),
    Check("M7", refund_rows.refunds_of_payments),
    Check("O2", refund_rows.refunds_of_notes),
    Check("J1", refund_rows.refunds_carried),
    Check("O4", refund_rows.sandbox_refunds),
    Check("A8", records.audit_chain),
    Check("J5", records.outbox_alive),
    Check("J3", records.notices_carried),
    Check("O6", records.events_applied),
    Check("V5", records.billing_details),
    Check("O1", records.one_charging_stop),
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
