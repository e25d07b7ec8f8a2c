"""Proving from the rows that the books are right: every promise is a check, and runs anywhere.

The checks read one snapshot of the database, in a session of their own, and change nothing. Each
is named after its function.
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

    find: Callable[[Session], Iterable[Wrong]]

    @property
    def name(self) -> str:
        return self.find.__name__.replace("_", "-")


@dataclass(frozen=True)
class Finding:
    """A row that is wrong: which check says so, which row, what it says and must say."""

    check: str
    subject: str
    found: str
    expected: str


CHECKS = tuple(
    Check(find)
    for find in (
        counts.counts,
        counts_by_day.counts_by_day,
        counts_by_day.climbs_told,
        counts.limits,
        books.receivables,
        books.credit_balances,
        books.invoices_balance,
        books.credit_not_negative,
        books.currencies,
        bookings.bookings_of_invoices,
        bookings.bookings_of_payments,
        bookings.bookings_of_credit_notes,
        bookings.bookings_of_refunds,
        bookings.bookings_of_nothing,
        numbering.number_gaps,
        numbering.last_numbers,
        numbering.number_order,
        numbering.number_texts,
        invoice_rows.invoice_sums,
        invoice_rows.invoice_amounts,
        invoice_rows.invoice_status,
        invoice_lines.line_arithmetic,
        invoice_lines.line_taxes,
        invoice_lines.plan_lines,
        invoice_lines.credit_lines,
        invoice_lines.cycles_credited,
        prices.charged_prices,
        prices.renewed_prices,
        prices.add_on_prices,
        prices.running_plans,
        prices.running_add_ons,
        credit_note_rows.credit_note_sums,
        credit_note_rows.credit_note_lines,
        credit_note_rows.credited_invoices,
        corrections.ended_invoices,
        corrections.editions,
        documents.documents,
        documents.documents_made,
        documents.documents_sent,
        client_documents.stored_documents,
        client_documents.documents_leaving,
        cycles.one_subscription,
        cycles.cycles,
        cycles.endings,
        episode_rows.one_episode,
        episode_rows.warned_before_upgrade,
        episode_rows.acceptances,
        episode_rows.upgraded_episodes,
        episode_rows.open_episodes,
        taken_back.upgrades_taken_back,
        taken_back.credits_made_again,
        changes.changes_invoiced,
        changes.invoices_changed,
        changes.changes_paid,
        payment_rows.payment_outcomes,
        payment_rows.payments_carried,
        payment_rows.invoices_collected,
        payment_rows.attempts,
        payment_rows.sandbox_charges,
        refund_rows.refunds_of_payments,
        refund_rows.refunds_of_notes,
        refund_rows.refunds_carried,
        refund_rows.sandbox_refunds,
        records.audit_chain,
        records.outbox_alive,
        records.notices_carried,
        records.events_applied,
        records.billing_details,
        records.one_charging_stop,
        records.price_versions,
    )
)


def run(session: Session) -> list[Finding]:
    """Every row that is wrong in the database of `session`; empty when all is as it must be."""
    return list(findings(session))


def findings(session: Session) -> Iterator[Finding]:
    """The same, one after the other as they are found."""
    with _snapshot(session) as reader:
        for check in CHECKS:
            for wrong in check.find(reader):
                yield Finding(check.name, *wrong)


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
