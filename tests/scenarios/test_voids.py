"""The vendor voids what nobody is to pay: it stays as it was issued, and nothing is owed on it.

Unpaid is on Standard, 5 users ($50.00 every 30 days) since 1 March 2026; the renewal of 31 March
was declined, and is tried again on 3 April.
"""

import pytest

from portal.billing import situations, statements
from portal.billing.credit_notes import PaymentUnderWay
from portal.billing.rules.correcting import NotUnpaid
from portal.billing.rules.crediting import NothingLeft
from portal.billing.rules.period import Interval
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import (
    CreditNotePurpose,
    InvoiceStatus,
    PaymentState,
    SubscriptionStatus,
)
from tests.cast import START, Cast
from tests.correction_stories import WRONG_INVOICE, as_it_is, numbered, void
from tests.credit_stories import (
    balance,
    credit,
    emails,
    newest,
    owed,
    parts,
    payments_of,
    status_of,
    subscribe,
    unpaid,
)


def test_pay_fails_and_the_invoice_is_voided(cast: Cast) -> None:
    """1 Apr: nothing is owed, the plan runs on, nothing is tried on 3 April, and no reminder
    follows. Changing the plan waits for nothing any more."""
    account = unpaid(cast)
    invoice = newest(account)
    before = {name: getattr(invoice, name) for name in ("total_minor", "due_minor", "customer")}
    assert situations.what_waits(db.session(), account) is not None

    note = void(cast, invoice)
    cast.let_pass(days=10)

    assert (note.number_text, note.purpose) == ("CN-2026-000001", CreditNotePurpose.VOID)
    assert (note.total_minor, parts(note)) == (50_00, (50_00, 0, 0))
    row = as_it_is(invoice)
    assert (row.status, row.paid_at, row.outstanding.amount) == (InvoiceStatus.VOID, None, 0)
    assert {name: getattr(row, name) for name in before} == before
    assert (owed(account), balance(account)) == (0, 0)
    assert status_of(account) is SubscriptionStatus.ACTIVE
    assert [each.state for each in payments_of(invoice)] == [PaymentState.DECLINED] * 2
    assert len(emails(account, "payment_failed")) == 1
    assert situations.what_waits(db.session(), account) is None


def test_who_is_told_of_a_void_invoice(cast: Cast) -> None:
    """Who gets invoices gets one email, with the credit note."""
    account = unpaid(cast)
    note = void(cast, newest(account))
    cast.let_pass(minutes=15)

    (told,) = emails(account, "invoice_voided")
    assert emails(account, "credit_note_issued") == []
    assert (told.credit_note_id, told.enclosed_sha256) == (note.id, note.document.sha256)
    assert told.subject == "Invoice INV-2026-000006 is void: nothing is to be paid"
    text = " ".join(told.body_text.split())
    assert (
        "Invoice INV-2026-000006 of 31 Mar 2026 is void. Nothing is to be paid on it, and nothing"
        " is collected any more: credit note CN-2026-000001 takes back $50.00, all that was left"
        " of it." in text
    )
    assert f"The reason: {WRONG_INVOICE}" in text


def test_charge_renewal_after_a_void_one(cast: Cast) -> None:
    """The cycle of the void renewal is charged once and never again; the next on 30 April."""
    account = unpaid(cast)
    void(cast, newest(account))
    cast.use_card(account, "card_pays")

    cast.let_pass(days=30)

    assert [status for _number, status in numbered(account)] == ["paid", "void", "paid"]
    renewal = newest(account)
    assert renewal.period_start_at.day == 30
    assert (renewal.due_minor, owed(account)) == (50_00, 0)


def test_charge_paid_not_list_of_a_void_cycle(cast: Cast) -> None:
    """What was never paid is worth nothing: 15 days on, 10 users cost the full $100.00."""
    account = unpaid(cast)
    void(cast, newest(account))
    cast.use_card(account, "card_pays")
    cast.let_pass(days=14)

    cast.change_plan(account, cast.price("standard", "10-users"))

    assert [line.amount_minor for line in newest(account).lines] == [100_00]


def test_what_was_taken_from_the_balance_comes_back(cast: Cast) -> None:
    """A year of 10 users ($960.00) given up for 20 users at $180.00 leaves $780.00. The fifth
    renewal takes the last $60.00 of them, and the $120.00 to pay are declined: void, the $60.00
    are there again."""
    account = cast.account("Yearly", "standard", "10-users", interval=Interval.YEARLY)
    cast.member(account, "Yves", Role.ADMIN)
    cast.change_plan(account, cast.price("standard", "20-users"))
    cast.use_card(account, "card_declines_later")
    cast.let_pass(days=5 * 30)
    invoice = newest(account)
    assert (invoice.balance_applied_minor, invoice.due_minor) == (60_00, 120_00)
    assert invoice.status is InvoiceStatus.OPEN

    note = void(cast, invoice)

    assert (note.total_minor, parts(note)) == (180_00, (120_00, 0, 60_00))
    assert (balance(account), owed(account)) == (60_00, 0)
    cast.let_pass(minutes=15)
    text = " ".join(emails(account, "invoice_voided")[0].body_text.split())
    assert "The $60.00 that it had taken from your credit balance are there again." in text


def test_a_partly_credited_invoice_is_voided_by_a_note_for_the_rest(cast: Cast) -> None:
    """$50.00 + $20.00 for two seats, declined. The seats are credited; void, the rest is too."""
    account = cast.account("Seats", None, card="card_declines_later")
    subscribe(cast, account, cast.price("standard", "5-users"), seat=2)
    cast.let_pass(days=30)
    invoice = newest(account)
    credit(cast, invoice, 2)

    note = void(cast, invoice)

    assert (note.total_minor, parts(note)) == (50_00, (50_00, 0, 0))
    assert (as_it_is(invoice).status, owed(account)) == (InvoiceStatus.VOID, 0)


def test_invoice_numbering_of_what_is_voided_twice(cast: Cast) -> None:
    """The second time nothing happens, and nothing is left to credit either."""
    account = unpaid(cast)
    invoice = newest(account)
    void(cast, invoice)

    with pytest.raises(NotUnpaid, match="it is void already"):
        void(cast, as_it_is(invoice))
    with pytest.raises(NothingLeft):
        credit(cast, as_it_is(invoice))


def test_a_paid_invoice_is_credited_instead(cast: Cast) -> None:
    with pytest.raises(NotUnpaid, match="Credit it instead"):
        void(cast, newest(cast.acme))


def test_a_credited_invoice_is_not_voided(cast: Cast) -> None:
    account = unpaid(cast)
    credit(cast, newest(account))

    with pytest.raises(NotUnpaid, match="nothing is owed on it any more"):
        void(cast, newest(account))


def test_pay_unknown_of_an_invoice_to_be_voided(cast: Cast) -> None:
    """The renewal's payment has no answer yet: it may have been taken, so nothing is voided."""
    account = cast.account("Lost", "standard", "5-users", card="card_pays")
    cast.use_card(account, "card_times_out_paid")
    cast.let_pass(days=30)
    invoice = newest(account)
    assert payments_of(invoice)[-1].state is PaymentState.UNKNOWN

    with pytest.raises(PaymentUnderWay):
        void(cast, invoice)
    cast.let_pass(minutes=10)
    with pytest.raises(NotUnpaid, match="it is paid"):
        void(cast, as_it_is(invoice))


def test_an_unpaid_plan_that_has_ended(cast: Cast) -> None:
    """After the last attempt the plan ended and $50.00 stayed owed: void, nothing is owed, and a
    new plan can begin."""
    account = unpaid(cast)
    cast.let_pass(days=10)
    assert status_of(account) is SubscriptionStatus.ENDED
    assert owed(account) == 50_00

    void(cast, newest(account))

    assert (owed(account), status_of(account)) == (0, SubscriptionStatus.ENDED)
    assert situations.what_waits(db.session(), account) is None


def test_invoice_balance_of_a_void_invoice(cast: Cast) -> None:
    """The statement of the year: $50.00 paid, $50.00 invoiced and credited, nothing owed."""
    account = unpaid(cast)
    void(cast, newest(account))

    told = statements.of(
        db.session(), account, since_at=START.replace(month=1), before_at=START.replace(year=2027)
    )

    assert [entry.amount.amount for entry in told.entries] == [50_00, -50_00, 50_00, -50_00]
    assert (told.closing.amount, told.credit.amount) == (0, 0)
