"""invoice.numbering: one run of numbers a year for all accounts, without a gap."""

from datetime import UTC, datetime

from portal.extensions import db
from portal.models import Invoice
from tests.cast import Cast, FixedClock
from tests.credit_stories import credit
from tests.scenarios.test_renewals import invoices


def test_invoice_numbering_begins_anew_each_year(cast: Cast, clock: FixedClock) -> None:
    """By the instant of issue: a minute before and a minute after the year's end in UTC."""
    clock.at = datetime(2026, 12, 31, 23, 59, tzinfo=UTC)
    cast.account("Last", "standard", "5-users")
    clock.at = datetime(2027, 1, 1, 0, 1, tzinfo=UTC)
    for name in ("First", "Second"):
        cast.account(name, "standard", "5-users")

    numbers = [invoice.number_text for invoice in db.session.query(Invoice).order_by(Invoice.id)]
    assert numbers == [
        "INV-2026-000001", "INV-2026-000002", "INV-2026-000003",
        "INV-2027-000001", "INV-2027-000002",
    ]  # fmt: skip


def test_invoice_numbering_credit_notes_have_a_run_of_their_own(cast: Cast) -> None:
    """Of both accounts together."""
    notes = [credit(cast, invoices(account)[-1]) for account in (cast.acme, cast.other)]
    assert [note.number_text for note in notes] == ["CN-2026-000001", "CN-2026-000002"]
    assert cast.account("Next", "standard", "5-users").id
    assert db.session.query(Invoice).order_by(Invoice.id.desc()).first().number == 3
