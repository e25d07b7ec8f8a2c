"""An invoice with wrong details is issued again: the same amounts, to who the customer is.

Acme is on Standard, 10 users ($100.00 every 30 days), Other on Standard, 5 users ($50.00), both
since 1 March 2026, 09:00 UTC.
"""

import pytest
from sqlalchemy.exc import IntegrityError

from portal.billing import accounts, invoice_lists, reissues, statements
from portal.billing.credit_notes import PaymentUnderWay
from portal.billing.invoice_lists import Asked
from portal.billing.reissues import StaleDetails
from portal.billing.rules.correcting import (
    AnotherTax,
    EndedAlready,
    NothingCharged,
    NotWhole,
    SameDetails,
    TooOften,
    TooOld,
)
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.period import Interval
from portal.extensions import db
from portal.models import (
    CreditNotePurpose,
    Invoice,
    InvoiceStatus,
    PaymentState,
    SandboxCharge,
    SandboxRefund,
    SubscriptionStatus,
)
from portal.transaction import transaction
from tests.cast import START, Cast
from tests.correction_stories import (
    WRONG_DETAILS,
    as_it_is,
    note_of,
    numbered,
    offer,
    reissue,
    void,
)
from tests.credit_stories import (
    VENDOR,
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
from tests.taking_back_stories import makes_room, take_back, upgraded

MOVED = {"company": "Acme Holding", "address": ["2 New Street"]}


def test_invoice_snapshot_of_one_that_is_issued_again(cast: Cast) -> None:
    """5 Mar: Acme has moved. $100.00 are credited and invoiced again; what was paid on 1 March
    stands for the new invoice, and no money moves."""
    first = newest(cast.acme)
    kept = {name: getattr(first, name) for name in ("customer", "total_minor", "issued_at")}
    cast.let_pass(days=4)
    change_details(cast.acme, **MOVED)

    row = reissue(cast, first)
    cast.let_pass(minutes=15)

    former, note = as_it_is(first), note_of(first)
    assert numbered(cast.acme) == [("INV-2026-000001", "replaced"), ("INV-2026-000003", "paid")]
    assert {name: getattr(former, name) for name in kept} == kept
    assert (row.customer["name"], row.customer["address"]) == ("Acme Holding", ["2 New Street"])
    assert (note.purpose, note.reason) == (CreditNotePurpose.REISSUE, WRONG_DETAILS)
    assert (note.total_minor, note.customer) == (100_00, kept["customer"])
    assert parts(note) == (100_00, 0, 0)
    (paid,) = payments_of(row)
    assert (paid.state, paid.amount_minor) == (PaymentState.SUCCEEDED, 100_00)
    assert payments_of(former) == []
    assert db.session.query(SandboxCharge).count() == 2
    assert db.session.query(SandboxRefund).count() == 0
    assert (owed(cast.acme), balance(cast.acme)) == (0, 0)


def test_charge_once_of_an_invoice_issued_again(cast: Cast) -> None:
    """Confirmed twice, it is issued once."""
    first = newest(cast.acme)
    change_details(cast.acme, **MOVED)
    reissue(cast, first)

    with pytest.raises(EndedAlready, match="replaced by INV-2026-000003"):
        reissue(cast, as_it_is(first))
    assert len(numbered(cast.acme)) == 2


def test_there_is_one_invoice_of_each_edition(cast: Cast) -> None:
    """The database refuses a second one, whatever the code does."""
    first = newest(cast.acme)
    change_details(cast.acme, **MOVED)
    row = reissue(cast, first)
    columns = {
        column.key: getattr(row, column.key)
        for column in Invoice.__mapper__.column_attrs
        if column.key not in {"id", "number", "number_text"}
    }

    with pytest.raises(IntegrityError), transaction() as session:
        session.add(Invoice(**columns, number=999, number_text="INV-2026-000999"))


def test_the_next_charge_is_what_it_was(cast: Cast) -> None:
    """Renewed on 31 March for $100.00, to the new name; the cycle is charged once."""
    change_details(cast.acme, **MOVED)
    reissue(cast, newest(cast.acme))

    cast.let_pass(days=31)

    assert [status for _number, status in numbered(cast.acme)] == ["replaced", "paid", "paid"]
    renewal = newest(cast.acme)
    assert (renewal.due_minor, renewal.customer["name"]) == (100_00, "Acme Holding")


def test_charge_upgrade_after_an_invoice_was_issued_again(cast: Cast) -> None:
    """16 Mar: $180.00 − 15 of 30 days of the $100.00 on the new invoice = $130.00."""
    change_details(cast.acme, **MOVED)
    row = reissue(cast, newest(cast.acme))
    cast.let_pass(days=15)

    cast.change_plan(cast.acme, cast.price("standard", "20-users"))

    upgrade = newest(cast.acme)
    assert [line.amount_minor for line in upgrade.lines] == [180_00, -50_00]
    assert upgrade.lines[1].source_line_id == row.lines[0].id


def test_an_upgrade_is_issued_again_with_its_credit(cast: Cast) -> None:
    """16 Mar: $100.00 − $25.00 = $75.00. Issued again, the $25.00 are given back once, still."""
    cast.let_pass(days=15)
    cast.change_plan(cast.other, cast.price("standard", "10-users"))
    change_details(cast.other, company="Other Holding")

    row = reissue(cast, newest(cast.other))

    assert [line.amount_minor for line in row.lines] == [100_00, -25_00]
    assert (row.due_minor, row.status) == (75_00, InvoiceStatus.PAID)
    note = credit(cast, row)
    cast.let_pass(minutes=1)
    assert (note.total_minor, parts(note)) == (75_00, (0, 75_00, 0))
    assert refund_of(note).state is PaymentState.SUCCEEDED


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first one first", "last one first"])
def test_both_invoices_of_an_upgrade_are_issued_again(cast: Cast, order: tuple[int, int]) -> None:
    """$50.00 and, on 16 March, $100.00 − $25.00. Both get the new name; a further upgrade on
    21 March gives back what the running cycle was charged, and all of it can be credited: $180.00
    − 25 of 30 days of $100.00 ($83.33) = $96.67."""
    papers = [newest(cast.other)]
    cast.let_pass(days=15)
    cast.change_plan(cast.other, cast.price("standard", "10-users"))
    papers.append(newest(cast.other))
    change_details(cast.other, company="Other Holding")

    for index in order:
        papers[index] = reissue(cast, papers[index])
    cast.let_pass(days=5)
    cast.change_plan(cast.other, cast.price("standard", "20-users"))

    last = newest(cast.other)
    assert [line.amount_minor for line in last.lines] == [180_00, -83_33]
    back = [credit(cast, as_it_is(paper)).total_minor for paper in (*papers, last)]
    cast.let_pass(minutes=1)
    assert sum(back) == 50_00 + 75_00 + 96_67
    assert back[0] == 25_00


def test_the_first_invoice_again_after_its_upgrade_was_taken_back(cast: Cast) -> None:
    """An automatic upgrade gives back a part of the first invoice; both are issued again, the
    upgrade is taken back, and the first one is whole: $50.00 can be credited."""
    first = newest(cast.other)
    change = upgraded(cast, cast.other)
    change_details(cast.other, company="Other Holding")
    again = reissue(cast, newest(cast.other))
    paid = again.due_minor
    renewed = reissue(cast, as_it_is(first))
    makes_room(cast, cast.other, seats=5)

    note = take_back(cast, change)
    cast.let_pass(minutes=1)

    assert (note.invoice_id, note.to_method_minor) == (again.id, paid)
    assert credit(cast, as_it_is(renewed)).total_minor == 50_00
    cast.let_pass(minutes=1)


def test_add_ons_go_along(cast: Cast) -> None:
    """5 users and 2 seats, $70.00, and on 16 March one more seat for $5.00: both again."""
    account = cast.account("Seats", None)
    subscribe(cast, account, cast.price("standard", "5-users"), seat=2)
    first = newest(account)
    cast.let_pass(days=15)
    buy(cast, account, seat=1)
    second = newest(account)
    change_details(account, company="Seats Holding")

    rows = [reissue(cast, first), reissue(cast, second)]
    cast.let_pass(days=16)

    assert [row.due_minor for row in rows] == [70_00, 5_00]
    assert newest(account).due_minor == 80_00


def test_what_came_from_the_balance_comes_from_it_again(cast: Cast) -> None:
    """The fifth renewal after a yearly plan was given up took $60.00 from the balance and $120.00
    from the card. Issued again, it does so still, and nothing is left over."""
    account = cast.account("Yearly", "standard", "10-users", interval=Interval.YEARLY)
    cast.change_plan(account, cast.price("standard", "20-users"))
    cast.let_pass(days=5 * 30)
    invoice = newest(account)
    change_details(account, company="Yearly Holding")

    row = reissue(cast, invoice)

    assert (row.balance_applied_minor, row.due_minor) == (60_00, 120_00)
    assert parts(note_of(invoice)) == (120_00, 0, 60_00)
    assert (balance(account), owed(account)) == (0, 0)


def test_pay_fails_and_the_invoice_is_issued_again(cast: Cast) -> None:
    """1 Apr: an unpaid renewal is issued again. It is tried on its own days, 3, 5 and 7 after the
    first, and the plan ends as it would have."""
    account = unpaid(cast)
    change_details(account, company="Unpaid Holding")
    invoice = newest(account)

    row = reissue(cast, invoice)
    cast.let_pass(days=10)

    assert [(each.state, each.retry) for each in payments_of(row)] == [
        (PaymentState.DECLINED, retry) for retry in range(4)
    ]
    assert {each.created_at.day for each in payments_of(row)} <= {31, 3, 5, 7}
    assert status_of(account) is SubscriptionStatus.ENDED
    assert (as_it_is(row).status, owed(account)) == (InvoiceStatus.OPEN, 50_00)
    assert void(cast, as_it_is(row)).total_minor == 50_00


def test_pay_fails_and_the_new_invoice_is_paid(cast: Cast) -> None:
    """3 Apr: the new card pays the invoice that is valid."""
    account = unpaid(cast)
    change_details(account, company="Unpaid Holding")
    row = reissue(cast, newest(account))
    cast.use_card(account, "card_pays")

    cast.let_pass(days=3)

    assert as_it_is(row).status is InvoiceStatus.PAID
    assert status_of(account) is SubscriptionStatus.ACTIVE


def test_pay_unknown_of_an_invoice_to_be_issued_again(cast: Cast) -> None:
    account = cast.account("Lost", "standard", "5-users")
    cast.use_card(account, "card_times_out_paid")
    cast.let_pass(days=30)
    change_details(account, company="Lost Holding")

    with pytest.raises(PaymentUnderWay):
        reissue(cast, newest(account))
    cast.let_pass(minutes=10)
    assert reissue(cast, newest(account)).status is InvoiceStatus.PAID


def test_invoice_tax_stays_as_it_was(cast: Cast) -> None:
    """$50.00 + 20 % are $60.00, with the new name too."""
    account = cast.account("Paris", None)
    change_details(account, country="FR")
    cast.subscribe(account, cast.price("standard", "5-users"))
    change_details(account, company="Paris Holding")

    row = reissue(cast, newest(account))

    assert (row.tax_minor, row.total_minor) == (10_00, 60_00)


def test_invoice_tax_that_would_be_another(cast: Cast) -> None:
    """A tax id would make it reverse charge: $10.00 of tax less. That is refused, not guessed."""
    account = cast.account("Paris", None)
    change_details(account, country="FR")
    cast.subscribe(account, cast.price("standard", "5-users"))
    change_details(account, tax_id="FR12345678221")

    with pytest.raises(AnotherTax, match="instead of VAT 20"):
        reissue(cast, newest(account))
    change_details(account, tax_id="", country="US")
    with pytest.raises(AnotherTax):
        reissue(cast, newest(account))


def test_a_corrected_tax_id(cast: Cast) -> None:
    """Reverse charge before and after: the new number stands on the new invoice."""
    account = cast.account("Paris", None)
    change_details(account, country="FR", tax_id="FR12345678221")
    cast.subscribe(account, cast.price("standard", "5-users"))
    before = newest(account)
    change_details(account, tax_id="FR40303265045")

    row = reissue(cast, before)

    assert (row.tax_minor, row.tax_note) == (0, as_it_is(before).tax_note)
    assert row.tax_note.startswith("Reverse charge")
    assert row.customer["tax_id"] == "FR40303265045"


@pytest.mark.parametrize(
    ("what", "refusal"),
    [("same details", SameDetails), ("credited", EndedAlready), ("in part", NotWhole)],
)
def test_what_is_not_issued_again(cast: Cast, what: str, refusal: type[RuleBroken]) -> None:
    account = unpaid(cast)
    if what != "same details":
        change_details(account, company="Unpaid Holding")
    if what == "credited":
        void(cast, newest(account))
    if what == "in part":
        account = cast.account("Seats", None)
        subscribe(cast, account, cast.price("standard", "5-users"), seat=2)
        credit(cast, newest(account), 2)
        cast.let_pass(minutes=1)
        change_details(account, company="Seats Holding")

    with pytest.raises(refusal):
        reissue(cast, newest(account))


def test_an_invoice_that_came_to_nothing(cast: Cast) -> None:
    account = cast.account("Yearly", "standard", "10-users", interval=Interval.YEARLY)
    cast.change_plan(account, cast.price("standard", "20-users"))
    change_details(account, company="Yearly Holding")

    with pytest.raises(NothingCharged):
        reissue(cast, newest(account))


def test_a_credit_whose_charge_was_credited_stays(cast: Cast) -> None:
    """The first invoice's $25.00 that were left are credited, so the upgrade's credit of $25.00
    can't be made anew: what is issued again would come to more."""
    first = newest(cast.other)
    cast.let_pass(days=15)
    cast.change_plan(cast.other, cast.price("standard", "10-users"))
    credit(cast, first)
    cast.let_pass(minutes=1)
    change_details(cast.other, company="Other Holding")

    with pytest.raises(NotWhole):
        reissue(cast, newest(cast.other))


def test_how_often_and_how_long_a_customer_may(cast: Cast) -> None:
    """Three times, and for 90 days from the first; the vendor as often as it wants."""
    for name in ("One", "Two", "Three"):
        change_details(cast.acme, company=name)
        reissue(cast, newest(cast.acme), by_customer=True)
    change_details(cast.acme, company="Four")
    with pytest.raises(TooOften):
        reissue(cast, newest(cast.acme), by_customer=True)
    assert reissue(cast, newest(cast.acme)).edition == 5

    change_details(cast.other, company="Other Holding")
    first = newest(cast.other)
    cast.let_pass(days=91)
    with pytest.raises(TooOld):
        reissue(cast, first, by_customer=True)
    assert reissue(cast, first).edition == 2


def test_details_that_changed_while_somebody_looked(cast: Cast) -> None:
    change_details(cast.acme, **MOVED)
    seen = offer(cast, newest(cast.acme)).fingerprint()
    change_details(cast.acme, company="Acme Group")

    with pytest.raises(StaleDetails), transaction() as session:
        reissues.reissue(
            session,
            accounts.lock(session, cast.acme.id),
            newest(cast.acme),
            WRONG_DETAILS,
            seen=seen,
            now=cast.clock.now(),
            actor=VENDOR,
        )
    assert len(numbered(cast.acme)) == 1


def test_invoice_balance_of_one_that_is_issued_again(cast: Cast) -> None:
    """List and statement sum to the same: $200.00 invoiced, $100.00 of them credited, $100.00
    paid, nothing owed."""
    cast.let_pass(days=1)
    change_details(cast.acme, **MOVED)
    reissue(cast, newest(cast.acme))

    sums = invoice_lists.totals(db.session(), cast.acme, Asked())
    told = statements.of(
        db.session(), cast.acme, since_at=START, before_at=START.replace(year=2027)
    )

    assert (sums.invoiced.amount, sums.credited.amount) == (200_00, 100_00)
    assert (sums.paid.amount, sums.owed.amount) == (100_00, 0)
    assert [entry.amount.amount for entry in told.entries] == [100_00, -100_00, -100_00, 100_00]
    assert told.closing.amount == 0


def test_who_is_told_of_the_new_invoice(cast: Cast) -> None:
    """Who gets invoices: one email each, with the new PDF."""
    cast.let_pass(days=1)
    change_details(cast.acme, **MOVED)
    row = reissue(cast, newest(cast.acme))
    cast.let_pass(minutes=15)

    told = emails(cast.acme, "invoice_reissued")
    assert {each.recipient for each in told} == {cast.alice.email, cast.carol.email}
    assert told[0].subject == "Invoice INV-2026-000003 replaces INV-2026-000001"
    assert {each.enclosed_sha256 for each in told} == {row.document.sha256}
    text = " ".join(told[0].body_text.split())
    assert "It was issued again as INV-2026-000003, with the billing details of today" in text
    assert "Credit note CN-2026-000001 credits all of INV-2026-000001." in text
    assert "What you paid for it counts for the new one: nothing is charged" in text
    assert emails(cast.acme, "credit_note_issued") == []
