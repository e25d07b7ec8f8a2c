"""A database of the first revisions keeps all it had when it is migrated, on either database."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from portal import create_app
from portal.billing import drafts, verify
from portal.config import Settings
from portal.extensions import db
from portal.models import BillingDetails, Episode, Invoice, LedgerTransfer, Payment, PlanChange
from portal.transaction import rehearsal, transaction
from tests import former_rows
from tests.cast import START, FixedClock
from tests.conftest import Databases

FORMER = "2026_11_22_frozen"


@pytest.fixture(scope="module")
def migrated(place: Databases) -> Iterator[Flask]:
    """A portal on a database that was filled at the former revision, then migrated."""
    app = create_app(Settings(database_url=place.make("former")), FixedClock(START))
    with app.app_context():
        upgrade(revision=FORMER)
        with transaction() as session:
            former_rows.insert(session.connection())
        upgrade()
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(autouse=True)
def _fresh(migrated: Flask) -> Iterator[None]:
    yield
    db.session.rollback()


def test_nothing_is_wrong_with_the_books_afterwards() -> None:
    assert verify.run(db.session()) == []


def test_who_invoices_are_made_out_to_moves_out_of_the_account() -> None:
    details = db.session.get_one(BillingDetails, 1)
    assert (details.company, details.address) == ("Acme", ["2 Side Street", "75001 Paris"])
    assert (details.country, details.tax_id, details.invoice_emails) == ("FR", "", [])


def test_a_credit_is_shown_whole_and_what_is_kept_beside_it() -> None:
    """$50.00 − 265 ÷ 365 × $365.00 = −$215.00, kept as credit balance: $0.00 in total."""
    invoice = db.session.get_one(Invoice, 2)
    charge, credit = invoice.lines
    assert (charge.base_minor, charge.days, charge.days_in_cycle) == (5000, 30, 30)
    assert (credit.base_minor, credit.quantity) == (36500, 1)
    assert (credit.days, credit.days_in_cycle, credit.amount_minor) == (265, 365, -26500)
    assert credit.explanation == "265 of 365 days × $365.00 = −$265.00"
    sums = (invoice.subtotal_minor, invoice.surplus_minor, invoice.total_minor)
    assert sums == (-21500, 21500, 0)


def test_the_ledger_says_the_same_with_the_names_of_today() -> None:
    booked = db.session.query(LedgerTransfer).filter_by(invoice_id=2).order_by(LedgerTransfer.id)
    assert [(row.event, row.debit, row.credit, row.amount_minor) for row in booked] == [
        ("invoice:2:charged", "receivable", "revenue", 5000),
        ("invoice:2:credited", "revenue", "receivable", 26500),
        ("invoice:2:surplus", "receivable", "customer_credit", 21500),
    ]


def test_attempts_to_collect_an_invoice_are_counted() -> None:
    attempts = db.session.query(Payment).filter_by(invoice_id=5).order_by(Payment.id)
    assert [payment.retry for payment in attempts] == [0, 1, 2, 3]


def test_a_change_that_waits_for_its_payment_is_carried_out_from_what_was_confirmed() -> None:
    """$365.00 − 15 ÷ 30 × $50.00 = $340.00."""
    draft = drafts.load(db.session.get_one(PlanChange, 5).invoice_draft)
    charge, credit = draft.lines
    assert (draft.total.amount, draft.due.amount, draft.surplus.amount) == (34000, 34000, 0)
    assert (charge.base.amount, charge.quantity, credit.amount.amount) == (36500, 1, -2500)
    assert credit.source_line_id == 7


def test_why_an_episode_ended_is_a_key_whatever_words_it_was_kept_in() -> None:
    rows = db.session.query(Episode).order_by(Episode.id)
    assert [row.close_reason for row in rows] == [
        *("within_limit", "plan_changed", "answered_by_another", "no_auto_upgrade")
    ]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE invoice SET surplus_minor = 0",
        "UPDATE invoice SET tax_note = 'none'",
        "DELETE FROM invoice",
        "UPDATE invoice_line SET tax_minor = 1",
        "DELETE FROM invoice_line",
        "UPDATE invoice_document SET size_bytes = 0",
        "UPDATE ledger_transfer SET amount_minor = 1",
        "DELETE FROM ledger_transfer",
        "UPDATE price SET amount_minor = 0",
    ],
)
def test_what_was_issued_never_changes_afterwards(change: str) -> None:
    with pytest.raises(DatabaseError, match="never changes"):
        _tried(change)


def test_what_becomes_of_an_invoice_still_can() -> None:
    _tried("UPDATE invoice SET status = 'credited', credited_minor = due_minor WHERE id = 5")


def test_references_are_checked_again(migrated: Flask) -> None:
    with pytest.raises(DatabaseError, match=r"(?i)foreign key"):
        _tried("UPDATE invoice_series SET key = 'X'")


def _tried(change: str) -> None:
    """Make a change, beside a document, that is not kept."""
    with rehearsal() as session:
        _add_document(session)
        session.execute(text(change))


def _add_document(session: Session) -> None:
    columns: dict[str, Any] = {"invoice_id": 1, "account_id": 1, "template": "1", "sha256": "0"}
    values = ", ".join(f":{name}" for name in columns)
    session.execute(
        text(
            f"INSERT INTO invoice_document ({', '.join(columns)}, size_bytes, rendered_at)"  # noqa: S608
            f" VALUES ({values}, 1, 1)"
        ),
        columns,
    )
