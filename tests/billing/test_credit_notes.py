"""Crediting an invoice: what is refused, what happens once only, and by whom it was done."""

from collections.abc import Callable, Iterator
from pkgutil import resolve_name
from typing import Any

import pytest
from sqlalchemy import inspect, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from portal.audit import SYSTEM
from portal.billing import (
    accounts,
    payments,
    plan_changes,
    refunds,
    settlements,
    verify,
)
from portal.billing.credit_notes import PaymentUnderWay
from portal.billing.gateways import Answer, Outcome, Repayment
from portal.billing.gateways.sandbox import SandboxGateway
from portal.billing.rules.crediting import LineGivenBack, NoSuchLine, NothingLeft
from portal.billing.rules.errors import ChangeUnderWay
from portal.billing.rules.roles import Role
from portal.collecting import collection, repayments
from portal.extensions import db
from portal.jobs import schedule
from portal.models import (
    Account,
    AuditEntry,
    CreditNote,
    CreditNoteLine,
    InvoiceSeries,
    OutboxItem,
    OutboxState,
    Payment,
    PaymentState,
    Refund,
    SandboxRefund,
    Work,
)
from portal.transaction import assert_outside, transaction
from tests.cast import Cast
from tests.credit_stories import (
    balance,
    credit,
    emails,
    newest,
    owed,
    parts,
    payments_of,
    refund_of,
    settle,
    subscribe,
    unpaid,
)


class Killed(BaseException):
    """The process ended here."""


@pytest.fixture(autouse=True)
def _everything_holds(cast: Cast) -> Iterator[None]:
    yield
    db.session.rollback()
    schedule.run_due()
    assert verify.run(db.session()) == []


def test_a_second_note_finds_nothing_left(cast: Cast) -> None:
    credit(cast, newest(cast.acme))
    with pytest.raises(NothingLeft):
        credit(cast, newest(cast.acme))
    with pytest.raises(LineGivenBack):
        credit(cast, newest(cast.acme), 1)
    assert db.session.query(CreditNote).count() == 1


def test_a_number_that_is_not_used_is_given_back(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No gap: the second note's transaction rolled back after it had taken number 2."""
    credit(cast, newest(cast.acme))
    other = newest(cast.other)
    with monkeypatch.context() as patched:
        kill_at(patched, "portal.mail.credit_notices.issued", "after")
        with pytest.raises(Killed):
            credit(cast, other)
    assert credit(cast, newest(cast.other)).number_text == "CN-2026-000002"
    assert db.session.get_one(InvoiceSeries, "CN-2026").last_number == 2


def test_the_database_refuses_a_second_note_on_a_line(cast: Cast) -> None:
    line = credit(cast, newest(cast.acme)).lines[0]
    columns = [column.name for column in inspect(CreditNoteLine).columns]
    values = {name: getattr(line, name) for name in columns} | {"id": None, "position": 2}
    with pytest.raises(IntegrityError, match="invoice_line_id"), transaction() as session:
        session.add(CreditNoteLine(**values))


def test_an_issued_note_never_changes(cast: Cast) -> None:
    note_id = credit(cast, newest(cast.acme)).id
    for change in (
        update(CreditNote).values(reason="x"),
        update(CreditNoteLine).values(position=9),
    ):
        with pytest.raises(DBAPIError, match="never changes"), transaction() as session:
            session.execute(change)
    assert db.session.get_one(CreditNote, note_id).currency == "USD"


@pytest.mark.parametrize("position", [0, 2, -1])
def test_a_line_that_is_not_there(cast: Cast, position: int) -> None:
    with pytest.raises(NoSuchLine):
        credit(cast, newest(cast.acme), position)


def test_pay_unknown_of_the_invoices_payment(cast: Cast) -> None:
    """A renewal whose payment nobody can tell the outcome of is not credited until it is told."""
    account = cast.account("Lost", "standard", "5-users")
    cast.use_card(account, "card_times_out_paid")
    cast.let_pass(days=30)
    assert payments_of(newest(account))[-1].state is PaymentState.UNKNOWN

    with pytest.raises(PaymentUnderWay):
        credit(cast, newest(account))
    cast.let_pass(minutes=5)

    assert parts(credit(cast, newest(account))) == (0, 50_00, 0)


def test_a_plan_change_that_waits_for_its_payment_keeps_what_it_gives_back(cast: Cast) -> None:
    """Its terms, with the credit of $50.00 in them, were confirmed: so that is not given twice."""
    cast.use_card(cast.other, "card_times_out_paid")
    price = cast.price("standard", "10-users")
    now = cast.clock.now()
    quote = plan_changes.quote(db.session(), cast.other, price, now=now)
    confirmation = plan_changes.Confirmation("up", quote.fingerprint(), quote.valid_until)
    with transaction() as session:
        account = accounts.lock(session, cast.other.id)
        change_id = plan_changes.confirm(
            session, account, price, confirmation, now=now, actor=SYSTEM
        ).id
    collection.carry_change(change_id)
    first = newest(cast.other)

    with pytest.raises(ChangeUnderWay):
        credit(cast, first)
    cast.let_pass(minutes=5)

    with pytest.raises(NothingLeft):
        credit(cast, first)
    assert credit(cast, newest(cast.other)).total_minor == 50_00


def test_a_bank_transfer_that_is_awaited_is_called_off(cast: Cast) -> None:
    """The transfer for a renewal has not come; the invoice is credited and nothing is awaited."""
    account = by_transfer(cast)
    cast.let_pass(days=30)
    invoice = newest(account)
    assert payments.in_flight(db.session(), invoice) is not None

    note = credit(cast, invoice)
    cast.let_pass(days=30)

    assert parts(note) == (50_00, 0, 0)
    assert payments_of(invoice)[0].state is PaymentState.DECLINED
    assert len(payments_of(invoice)) == 1
    assert emails(account, "transfer_missing") == []


def test_a_refund_by_transfer_waits_until_it_is_recorded(cast: Cast) -> None:
    """The vendor sends it three days later: then it is booked, and the customer hears of it."""
    account = by_transfer(cast)
    cast.member(account, "Tina", Role.ADMIN)
    note = credit(cast, newest(account))
    schedule.run_due()
    refund = refund_of(note)
    assert refund.state is PaymentState.PROCESSING
    assert owed(account) == -50_00

    cast.let_pass(days=3)
    settle(cast, note, Answer(Outcome.SUCCEEDED, "bank 77"))
    settle(cast, note, Answer(Outcome.DECLINED))

    assert refund_of(note).state is PaymentState.SUCCEEDED
    assert refund_of(note).gateway_reference == "bank 77"
    assert (owed(account), balance(account)) == (0, 0)
    assert len(emails(account, "refund_sent")) == 1


def test_no_more_goes_back_than_the_payment_took(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """$50.00 + $20.00 by one payment: what was sent back can't be sent back again, and what could
    not be sent back is not tried again for the same note."""
    account = cast.account("Seats", None)
    subscribe(cast, account, cast.price("standard", "5-users"), seat=2)
    (payment,) = payments_of(newest(account))
    with monkeypatch.context() as patched:
        patched.setattr(SandboxGateway, "refund", lambda *_: Answer(Outcome.DECLINED))
        credit(cast, newest(account), 2)
        assert refunds.returnable(db.session(), payment).amount == 50_00
        schedule.run_due()
    assert refunds.returnable(db.session(), payment).amount == 70_00
    assert balance(account) == 20_00
    assert parts(credit(cast, newest(account), 1)) == (0, 50_00, 0)


def test_the_trail_says_who_and_how(cast: Cast) -> None:
    note = credit(cast, newest(cast.acme))
    schedule.run_due()

    issued, sent = (
        entry(cast.acme, action) for action in ("credit_note.issued", "refund.succeeded")
    )
    assert issued.actor["name"] == "the vendor"
    assert issued.details | {"counts": {}} == {
        "counts": {},
        "number": note.number_text,
        "invoice": "INV-2026-000001",
        "reason": "Charged by mistake",
        "total": "$100.00",
        "off_invoice": "$0.00",
        "to_method": "$100.00",
        "to_balance": "$0.00",
    }
    assert sent.details["amount"] == "$100.00"
    assert sent.details["method"] == "Test card ending 4242"


def test_the_gateway_is_asked_outside_any_transaction(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a refund that is done is not carried again."""

    give_back = SandboxGateway.refund

    def refund(gateway: SandboxGateway, repayment: Repayment) -> Answer:
        assert_outside()
        return give_back(gateway, repayment)

    monkeypatch.setattr(SandboxGateway, "refund", refund)
    credit(cast, newest(cast.acme))
    item = waiting_refund()
    assert repayments.carry(item) is True
    assert repayments.carry(item) is False


STEPS = {
    "before it is claimed": ("portal.collecting.repayments._claim", "before"),
    "after it was claimed": ("portal.collecting.repayments._ask", "before"),
    "after the gateway gave it back": ("portal.collecting.repayments._ask", "after"),
    "before it is put down": ("portal.collecting.repayments._put_down", "before"),
    "before the commit": ("portal.collecting.repayments._put_down", "after"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_gives_it_back_once(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    credit(cast, newest(cast.acme))
    item = waiting_refund()
    with monkeypatch.context() as patched:
        kill_at(patched, *STEPS[step])
        with pytest.raises(Killed):
            repayments.carry(item)
    db.session.rollback()
    let_leases_run_out()

    schedule.run_due()

    assert db.session.query(Refund).one().state is PaymentState.SUCCEEDED
    assert db.session.query(SandboxRefund).count() == 1
    assert owed(cast.acme) == 0


def test_what_is_owed_no_more_is_said_in_the_email(cast: Cast) -> None:
    account = unpaid(cast)
    note = credit(cast, newest(account))
    text = " ".join(emails(account, "credit_note_issued")[0].body_text.split())
    assert f"$50.00 less is owed on {note.invoice.number_text} now: nothing is left to pay" in text


def by_transfer(cast: Cast) -> Account:
    """5 users, paid by bank transfer; the first one has arrived."""
    account = cast.account("Transfer", None)
    with transaction() as session:
        payments.set_method(
            session,
            accounts.lock(session, account.id),
            gateway="manual",
            reference="invoice",
            label="Bank transfer",
            now=cast.clock.now(),
        )
    cast.subscribe(account, cast.price("standard", "5-users"))
    (payment,) = db.session.scalars(select(Payment).where(Payment.account_id == account.id))
    payment_id, account_id = payment.id, account.id
    with transaction() as session:
        locked = accounts.lock(session, account_id)
        row = session.get_one(Payment, payment_id)
        arrived = Answer(Outcome.SUCCEEDED, "bank 1")
        settlements.apply(session, locked, row, arrived, now=cast.clock.now())
    return account


def entry(account: Account, action: str) -> AuditEntry:
    statement = select(AuditEntry).where(
        AuditEntry.account_id == account.id, AuditEntry.action == action
    )
    return db.session.scalars(statement).one()


def waiting_refund() -> int:
    """The outbox's item of the only refund."""
    statement = select(OutboxItem.id).where(
        OutboxItem.work == Work.REFUND, OutboxItem.state == OutboxState.WAITING
    )
    return db.session.scalars(statement).one()


def let_leases_run_out() -> None:
    with transaction() as session:
        for item in session.scalars(select(OutboxItem)):
            item.lease_until = None


def kill_at(patched: pytest.MonkeyPatch, target: str, moment: str) -> None:
    """The process ends as it calls `target`, or as that returns."""
    real: Callable[..., Any] = resolve_name(target)

    def killed(*arguments: Any, **keywords: Any) -> None:
        if moment == "after":
            real(*arguments, **keywords)
        raise Killed

    patched.setattr(target, killed)
