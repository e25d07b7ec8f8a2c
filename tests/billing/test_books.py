"""What the books and the trail are worth: every sum is found again, every change shows."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.audit import chain_hash
from portal.billing import ledger, verify
from portal.extensions import db
from portal.models import Account, AuditEntry, Invoice, LedgerAccount, LedgerTransfer
from tests.cast import START, Cast, FixedClock
from tests.credit_stories import change_details


def test_invoice_balance_with_tax_and_credit(cast: Cast, clock: FixedClock) -> None:
    """In Germany, half-way from 5 to 10 users: what the customer owes is nothing after each
    invoice, and the tax that is owed on is what the invoices say, credits included."""
    account = cast.account("Taxed", None)
    change_details(account, country="DE")
    cast.subscribe(account, cast.price("standard", "5-users"))
    clock.advance(days=15)
    cast.change_plan(account, cast.price("standard", "10-users"))
    clock.advance(minutes=1)

    sums = select(func.sum(Invoice.tax_minor)).where(Invoice.account_id == account.id)
    taxed = db.session.execute(sums).scalar_one()
    assert taxed == 950 + 1900 - 475
    assert balance_of(account, LedgerAccount.TAX) == -taxed
    assert ledger.receivable(db.session(), account).amount == 0
    assert verify.run(db.session()) == []


@pytest.mark.parametrize(
    ("fact", "other"),
    [
        ("account_id", 2),
        ("position", 2),
        ("at", START + timedelta(microseconds=1)),
        ("action", "plan.unchanged"),
        ("actor", {"kind": "user", "name": "Alice"}),
        ("details", {"paid": "$50.01"}),
        ("previous_hash", "1" * 64),
    ],
)
def test_the_hash_of_an_entry_covers(fact: str, other: object) -> None:
    facts = {
        "account_id": 1,
        "position": 1,
        "at": START,
        "action": "plan.changed",
        "actor": {"kind": "system", "name": "the portal"},
        "details": {"paid": "$50.00"},
        "previous_hash": "0" * 64,
    }
    same = chain_hash(AuditEntry(**facts))
    assert chain_hash(AuditEntry(**facts)) == same
    assert chain_hash(AuditEntry(**facts | {fact: other})) != same


def test_each_entry_follows_the_one_before(cast: Cast) -> None:
    statement = select(AuditEntry).where(AuditEntry.account_id == cast.acme.id)
    entries = list(db.session.scalars(statement.order_by(AuditEntry.position)))
    heads = ["0" * 64, *(entry.hash for entry in entries)]
    assert len(entries) > 3
    assert [entry.previous_hash for entry in entries] == heads[:-1]
    assert cast.acme.audit_head == heads[-1]


def balance_of(account: Account, kind: LedgerAccount) -> int:
    """Debits less credits."""
    total = 0
    for transfer in db.session.query(LedgerTransfer).filter_by(account_id=account.id):
        total += transfer.amount_minor * ((transfer.debit == kind) - (transfer.credit == kind))
    return total
