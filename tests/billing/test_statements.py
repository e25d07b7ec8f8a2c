"""A statement of account: opening, each step, closing, and that it agrees with the books."""

from datetime import UTC, datetime

import pytest

from portal.billing import ledger, statements
from portal.billing.gateways import Answer, Outcome
from portal.billing.rules.period import Interval
from portal.billing.statements import Event, Statement
from portal.extensions import db
from portal.models import Account, Refund, RefundTo
from tests.cast import Cast
from tests.credit_stories import buy, credit, newest, settle, unpaid

EVER, NEVER = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def state(account: Account, since: datetime = EVER, before: datetime = NEVER) -> Statement:
    return statements.of(db.session(), account, since_at=since, before_at=before)


def steps(found: Statement) -> list[tuple[str, int, int]]:
    return [(entry.event, entry.amount.amount, entry.after.amount) for entry in found.entries]


def agrees(account: Account) -> None:
    """Closing is what the books call owed, and opening and entries lead to it."""
    found = state(account)
    session = db.session()
    owed = ledger.receivable(session, account) - ledger.credit_balance(session, account)
    assert found.closing == owed
    assert found.credit == ledger.credit_balance(session, account)
    sums = (found.sum_of(event) for event in Event)
    assert sum(sums, start=found.opening) == found.closing


def test_an_invoice_that_is_paid_leaves_nothing_owed(cast: Cast) -> None:
    found = state(cast.acme)
    assert steps(found) == [("invoice", 10000, 10000), ("payment", -10000, 0)]
    assert {entry.number for entry in found.entries} == {newest(cast.acme).number_text}
    assert found.entries[1].method == "Test card ending 4242"
    agrees(cast.acme)


def test_a_time_begins_with_what_was_owed_before(cast: Cast) -> None:
    """$50.00 of 31 March stays unpaid; April opens with it."""
    account = unpaid(cast)
    april = state(account, datetime(2026, 4, 1, tzinfo=UTC))
    assert (april.opening.amount, april.entries, april.closing.amount) == (5000, (), 5000)
    march = state(account, datetime(2026, 3, 31, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    assert steps(march) == [("invoice", 5000, 5000)]
    assert state(account, EVER, datetime(2026, 3, 1, tzinfo=UTC)).closing.amount == 0
    agrees(account)


def test_credit_kept_and_used_again_is_no_payment(cast: Cast) -> None:
    """$100.00 credited to the balance, of which the renewal of $100.00 is paid."""
    credit(cast, newest(cast.acme), to=RefundTo.BALANCE)
    before = state(cast.acme)
    assert (before.closing.amount, before.credit.amount) == (-10000, 10000)
    agrees(cast.acme)
    cast.let_pass(days=31)
    after = state(cast.acme)
    assert [amount for _event, amount, _owed in steps(after)] == [10000, -10000, -10000, 10000]
    assert (after.closing.amount, after.credit.amount) == (0, 0)
    agrees(cast.acme)


def test_a_refund_on_its_way_is_owed_to_the_account(cast: Cast) -> None:
    note = credit(cast, newest(cast.acme))
    assert state(cast.acme).closing.amount == -10000
    agrees(cast.acme)
    settle(cast, note, Answer(Outcome.SUCCEEDED, "there"))
    found = state(cast.acme)
    assert steps(found)[2:] == [("credit_note", -10000, -10000), ("refund", 10000, 0)]
    assert found.entries[3].number == note.number_text
    assert found.entries[3].method == "Test card ending 4242"
    agrees(cast.acme)


def test_a_refund_that_did_not_go_through_changes_nothing(cast: Cast) -> None:
    note = credit(cast, newest(cast.acme))
    settle(cast, note, Answer(Outcome.DECLINED, "there", "No such card."))
    found = state(cast.acme)
    assert [event for event, _amount, _owed in steps(found)] == [
        "invoice", "payment", "credit_note",
    ]  # fmt: skip
    assert (found.closing.amount, found.credit.amount) == (-10000, 10000)
    agrees(cast.acme)


def test_what_an_invoice_kept_is_known_of_its_step(cast: Cast) -> None:
    """$960.00 for a year given back at once, $180.00 charged: $780.00 are credit balance."""
    account = cast.account("Yearly", None)
    cast.subscribe(account, cast.price("standard", "10-users", Interval.YEARLY))
    cast.change_plan(account, cast.price("standard", "20-users"))
    found = state(account)
    assert steps(found)[2:] == [("invoice", -78000, -78000)]
    assert [entry.kept.amount for entry in found.entries] == [0, 0, 78000]
    assert (found.kept.amount, found.credit.amount) == (78000, 78000)
    agrees(account)


@pytest.mark.parametrize("days", [3, 12, 25])
def test_invoices_with_credits_and_kept_surplus_agree_with_the_books(cast: Cast, days: int) -> None:
    """Upgrades in the midst of a cycle, more seats, a switch to yearly, credit notes of lines."""
    cast.let_pass(days=days)
    cast.change_plan(cast.other, cast.price("standard", "20-users"))
    buy(cast, cast.other, seat=2)
    agrees(cast.other)
    credit(cast, newest(cast.other), to=RefundTo.BALANCE)
    cast.let_pass(days=40)
    agrees(cast.other)
    assert db.session.query(Refund).count() == 0


def test_no_other_accounts_steps_are_in_it(cast: Cast) -> None:
    numbers = {entry.number for entry in state(cast.other).entries}
    assert numbers == {newest(cast.other).number_text}
