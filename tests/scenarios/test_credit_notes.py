"""The vendor corrects what was invoiced: what was paid goes back, what is owed is owed no more.

Acme is on Standard, 10 users ($100.00 every 30 days), Other on Standard, 5 users ($50.00), both
since 1 March 2026, 09:00 UTC.
"""

import pytest

from portal.billing.gateways import Answer, Outcome
from portal.billing.gateways.sandbox import SandboxGateway
from portal.billing.rules.crediting import NotAboveZero, NothingLeft
from portal.billing.rules.period import Interval
from portal.collecting import repayments
from portal.extensions import db
from portal.models import (
    InvoiceStatus,
    PaymentState,
    RefundTo,
    SandboxRefund,
    SubscriptionStatus,
)
from tests.address_stories import agreed
from tests.cast import Cast
from tests.credit_stories import (
    balance,
    buy,
    change_details,
    credit,
    emails,
    newest,
    owed,
    parts,
    payments_of,
    refund_of,
    status_of,
    subscribe,
    unpaid,
)


def test_the_whole_of_an_upgrade_goes_back_to_the_card(cast: Cast) -> None:
    """16 Mar: $100.00 − $25.00 = $75.00 for the upgrade. 18 Mar: all of it is given back.

    The credit of $25.00 is taken back with it: 5 users were charged $50.00, and that stands.
    """
    cast.let_pass(days=15)
    cast.change_plan(cast.other, cast.price("standard", "10-users"))
    cast.let_pass(days=2)

    note = credit(cast, newest(cast.other))
    cast.let_pass(minutes=1)

    assert note.number_text == "CN-2026-000001"
    assert [line.amount_minor for line in note.lines] == [100_00, -25_00]
    assert (note.total_minor, parts(note)) == (75_00, (0, 75_00, 0))
    refund = refund_of(note)
    assert refund.state is PaymentState.SUCCEEDED
    assert db.session.get_one(SandboxRefund, refund.idempotency_key).amount_minor == 75_00
    assert (owed(cast.other), balance(cast.other)) == (0, 0)
    assert newest(cast.other).status is InvoiceStatus.PAID


def test_invoice_numbering(cast: Cast) -> None:
    """Credit notes have a series of their own, without gaps, and invoices keep theirs."""
    cast.let_pass(days=1)
    first = credit(cast, newest(cast.acme))
    with pytest.raises(NothingLeft):
        credit(cast, newest(cast.acme))
    second = credit(cast, newest(cast.other))
    cast.let_pass(days=30)

    assert [first.number_text, second.number_text] == ["CN-2026-000001", "CN-2026-000002"]
    assert newest(cast.other).number_text == "INV-2026-000004"


def test_what_the_payment_took_goes_back_to_it_and_the_rest_to_the_balance(cast: Cast) -> None:
    """A year of 10 users ($960.00) given up on its first day for 20 users at $180.00 leaves
    $960.00 − $180.00 = $780.00. Four renewals use $720.00; the fifth takes the last $60.00 and
    $120.00 from the card."""
    account = cast.account("Yearly", "standard", "10-users", interval=Interval.YEARLY)
    cast.change_plan(account, cast.price("standard", "20-users"))
    cast.let_pass(days=5 * 30)
    invoice = newest(account)
    assert (invoice.balance_applied_minor, invoice.due_minor) == (60_00, 120_00)

    note = credit(cast, invoice)
    cast.let_pass(minutes=1)

    assert (note.total_minor, parts(note)) == (180_00, (0, 120_00, 60_00))
    assert balance(account) == 60_00


def test_all_of_it_to_the_balance(cast: Cast) -> None:
    """The vendor gives $100.00 back as credit: the next renewal uses it up and charges nothing."""
    note = credit(cast, newest(cast.acme), to=RefundTo.BALANCE)
    assert (parts(note), balance(cast.acme)) == ((0, 0, 100_00), 100_00)

    cast.let_pass(days=30)

    assert newest(cast.acme).due_minor == 0
    assert balance(cast.acme) == 0


def test_a_line_of_several(cast: Cast) -> None:
    """5 users and 2 extra seats: $50.00 + 2 × $10.00. The seats are given back."""
    account = cast.account("Seats", None)
    subscribe(cast, account, cast.price("standard", "5-users"), seat=2)

    note = credit(cast, newest(account), 2)
    cast.let_pass(minutes=1)

    assert [(line.description, line.amount_minor) for line in note.lines] == [("2 × 1 seat", 20_00)]
    assert parts(note) == (0, 20_00, 0)
    rest = credit(cast, newest(account))
    cast.let_pass(minutes=1)
    assert [(line.description, line.amount_minor) for line in rest.lines] == [
        ("Standard, 5 users", 50_00)
    ]
    assert refund_of(rest).state is PaymentState.SUCCEEDED
    assert owed(account) == 0


def test_only_what_a_later_invoice_left_is_given_back(cast: Cast) -> None:
    """16 Mar: an upgrade gave back $25.00 of the $50.00. What is left of them is $25.00."""
    first = newest(cast.other)
    cast.let_pass(days=15)
    cast.change_plan(cast.other, cast.price("standard", "10-users"))

    note = credit(cast, first)

    assert note.total_minor == 25_00
    assert note.lines[0].explanation == (
        "$50.00 charged − $25.00 given back by INV-2026-000003 = $25.00"
    )
    cast.let_pass(minutes=1)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first invoice first", "last one first"])
def test_everything_credited_gives_everything_back(cast: Cast, order: tuple[int, int]) -> None:
    """$50.00 + ($100.00 − $25.00) = $125.00 were paid, and all of it is the customer's again,
    whichever invoice is credited first."""
    invoices = [newest(cast.other)]
    cast.let_pass(days=15)
    cast.change_plan(cast.other, cast.price("standard", "10-users"))
    invoices.append(newest(cast.other))

    notes = [credit(cast, invoices[index]) for index in order]
    cast.let_pass(minutes=1)

    back = sum(refund_of(note).amount_minor for note in notes)
    assert back + balance(cast.other) == 125_00
    assert sum(note.total_minor for note in notes) == 125_00
    assert owed(cast.other) == 0


def test_charge_paid_not_list_of_a_credited_line(cast: Cast) -> None:
    """A line that was credited is worth nothing in an upgrade: 20 users cost the full $180.00."""
    credit(cast, newest(cast.acme))
    cast.let_pass(days=5)

    cast.change_plan(cast.acme, cast.price("standard", "20-users"))

    invoice = newest(cast.acme)
    assert invoice.due_minor == 180_00
    assert [line.amount_minor for line in invoice.lines] == [180_00]


def test_an_add_on_bought_later_is_credited_by_itself(cast: Cast) -> None:
    """16 Mar: one more seat for 15 of 30 days, $5.00; it is given back, the plan is not."""
    cast.let_pass(days=15)
    buy(cast, cast.other, seat=1)

    note = credit(cast, newest(cast.other))
    cast.let_pass(minutes=1)

    assert (note.total_minor, parts(note)) == (5_00, (0, 5_00, 0))


def test_a_surplus_kept_as_balance_is_not_given_again(cast: Cast) -> None:
    """$180.00 − $960.00: the invoice came to nothing and left $780.00. Its plan line can be
    credited: $180.00 more are balance then, all of the $960.00."""
    account = cast.account("Yearly", "standard", "10-users", interval=Interval.YEARLY)
    cast.change_plan(account, cast.price("standard", "20-users"))

    with pytest.raises(NotAboveZero, match=r"comes to −\$780\.00"):
        credit(cast, newest(account))
    note = credit(cast, newest(account), 1)

    assert (parts(note), balance(account)) == ((0, 0, 180_00), 960_00)


def test_pay_fails_and_the_invoice_is_credited(cast: Cast) -> None:
    """31 Mar: the renewal is declined. 1 Apr: it is credited. Nothing is tried on 3 April, no
    email follows, and the plan runs on."""
    account = unpaid(cast)
    invoice = newest(account)
    assert status_of(account) is SubscriptionStatus.PAST_DUE

    note = credit(cast, invoice)

    assert parts(note) == (50_00, 0, 0)
    assert newest(account).status is InvoiceStatus.CREDITED
    assert status_of(account) is SubscriptionStatus.ACTIVE
    assert owed(account) == 0
    cast.let_pass(days=10)
    tried = payments_of(invoice)
    assert [payment.state for payment in tried] == [PaymentState.DECLINED] * 2
    assert tried[1].failure == "Called off: CN-2026-000001 credits what was owed."
    assert len(emails(account, "payment_failed")) == 1


def test_a_part_of_what_is_owed_is_credited_and_the_rest_collected(cast: Cast) -> None:
    """A declined renewal of $50.00 + $20.00 for two seats; the seats are credited, and $50.00 is
    collected by the new card."""
    account = cast.account("Seats", None, card="card_declines_later")
    subscribe(cast, account, cast.price("standard", "5-users"), seat=2)
    cast.let_pass(days=30)
    invoice = newest(account)

    note = credit(cast, invoice, 2)

    assert parts(note) == (20_00, 0, 0)
    assert (newest(account).outstanding.amount, owed(account)) == (50_00, 50_00)
    assert payments_of(invoice)[-1].amount_minor == 50_00
    assert status_of(account) is SubscriptionStatus.PAST_DUE
    cast.use_card(account, "card_pays")
    cast.let_pass(days=4)
    assert payments_of(invoice)[-1].state is PaymentState.SUCCEEDED
    assert newest(account).status is InvoiceStatus.PAID
    assert status_of(account) is SubscriptionStatus.ACTIVE
    rest = credit(cast, invoice)
    cast.let_pass(minutes=1)
    assert parts(rest) == (0, 50_00, 0)


def test_a_declined_refund_becomes_credit_balance(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card is closed: $100.00 are credit balance, the people and the vendor are told, and the
    next renewal uses them."""
    refused = Answer(Outcome.DECLINED, message="The card is closed.")
    monkeypatch.setattr(SandboxGateway, "refund", lambda *_: refused)
    note = credit(cast, newest(cast.acme))
    assert balance(cast.acme) == 0

    cast.let_pass(minutes=1)

    refund = refund_of(note)
    assert (refund.state, refund.failure) == (PaymentState.DECLINED, "The card is closed.")
    assert (balance(cast.acme), owed(cast.acme)) == (100_00, 0)
    told = emails(cast.acme, "refund_declined")
    assert {notice.recipient for notice in told} == {cast.alice.email, cast.carol.email}
    assert "The card is closed." in told[0].body_text
    assert len(emails(cast.acme, "vendor_told")) == 1
    cast.let_pass(days=30)
    assert newest(cast.acme).balance_applied_minor == 100_00


def test_pay_unknown_of_a_refund(cast: Cast) -> None:
    """The gateway gives the money back and its answer is lost: it is asked, and nothing is sent a
    second time."""
    account = cast.account("Lost", "standard", "5-users", card="card_times_out_paid")
    cast.let_pass(days=1)
    note = credit(cast, newest(account))
    cast.let_pass(minutes=1)
    assert refund_of(note).state is PaymentState.UNKNOWN
    assert owed(account) == -50_00

    cast.let_pass(minutes=5)

    refund = refund_of(note)
    assert refund.state is PaymentState.SUCCEEDED
    assert db.session.query(SandboxRefund).count() == 1
    assert (owed(account), balance(account)) == (0, 0)


def test_a_refund_that_never_arrived_is_sent_again_under_its_key(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str] = []
    monkeypatch.setattr(
        SandboxGateway,
        "refund",
        lambda _, repayment: keys.append(repayment.idempotency_key) or Answer(Outcome.UNKNOWN),
    )
    note = credit(cast, newest(cast.acme))
    cast.let_pass(hours=2)

    assert keys == [refund_of(note).idempotency_key] * 3
    monkeypatch.undo()
    cast.let_pass(days=1)
    assert refund_of(note).state is PaymentState.SUCCEEDED


def test_a_gateway_that_never_answers_is_left_to_a_person_after_a_week(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SandboxGateway, "refund", lambda *_: Answer(Outcome.UNKNOWN))
    note = credit(cast, newest(cast.acme))
    cast.let_pass(days=8)

    (told,) = emails(cast.acme, "vendor_told")
    assert refund_of(note).idempotency_key in told.body_text
    monkeypatch.undo()
    assert repayments.ask_again(refund_of(note)).state is PaymentState.SUCCEEDED
    assert repayments.ask_again(refund_of(note)).state is PaymentState.SUCCEEDED


def test_invoice_snapshot(cast: Cast) -> None:
    """The note corrects the invoice, so it names those who stand on the invoice."""
    before = newest(cast.acme).customer
    change_details(cast.acme, company="Acme Renamed")

    note = credit(cast, newest(cast.acme))

    assert note.customer == before
    assert note.vendor == newest(cast.acme).vendor
    cast.let_pass(minutes=1)


def test_invoice_tax(cast: Cast) -> None:
    """20 % on each line: $100.00 + $20.00 − ($25.00 + $5.00) = $90.00 paid, and given back."""
    account = cast.account("Paris", None)
    change_details(account, country="FR")
    cast.subscribe(account, cast.price("standard", "5-users"))
    cast.let_pass(days=15)
    cast.change_plan(account, cast.price("standard", "10-users"))
    assert newest(account).due_minor == 90_00
    change_details(account, country="US")

    note = credit(cast, newest(account))
    cast.let_pass(minutes=1)

    assert [(line.amount_minor, line.tax_minor) for line in note.lines] == [
        (100_00, 20_00),
        (-25_00, -5_00),
    ]
    assert [(tax.tax.text, tax.base.amount, tax.amount.amount) for tax in note.taxes] == [
        ("VAT 20 %", 75_00, 15_00)
    ]
    assert parts(note) == (0, 90_00, 0)


def test_who_is_told(cast: Cast) -> None:
    """Admins, billing contacts and the addresses that get invoices; Members are not."""
    agreed(cast.acme, "books@example.com", cast.alice.email)
    note = credit(cast, newest(cast.acme))
    cast.let_pass(minutes=1)

    told = emails(cast.acme, "credit_note_issued")
    assert [notice.recipient for notice in told] == [
        cast.alice.email,
        cast.carol.email,
        "books@example.com",
    ]
    text = " ".join(told[0].body_text.split())
    assert told[0].subject == f"Credit note {note.number_text}: $100.00 credited"
    assert "Invoice INV-2026-000001 of 1 Mar 2026 has been credited." in text
    assert "The reason: Charged by mistake" in text
    assert "Where the money goes: $100.00 back to Test card ending 4242." in text
    assert emails(cast.acme, "refund_sent") == []
