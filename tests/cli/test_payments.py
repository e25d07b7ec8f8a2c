"""`flask payments`: a bank transfer arrives, and what it was for happens."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result
from sqlalchemy import select

from portal.audit import SYSTEM
from portal.billing import accounts, bounds, payments, plan_changes, subscriptions, verify
from portal.billing.gateways.manual import transfer_reference
from portal.collecting import collection
from portal.extensions import db
from portal.models import Account, Invoice, Payment, PlanChange
from portal.transaction import transaction
from tests.cast import Cast
from tests.credit_stories import credit

Run = Callable[..., Result]
NOTHING = "No bank transfer is awaited, and every payment has its answer.\n"


@pytest.fixture
def key(cast: Cast) -> str:
    """The key of a transfer that is awaited for a first plan."""
    account = cast.account("Transfer", None)
    _pay_by_transfer(cast, account)
    with transaction() as session:
        change_id = plan_changes.subscribe(
            session,
            accounts.lock(session, account.id),
            cast.price("standard", "5-users"),
            op_id="by-transfer",
            now=cast.clock.now(),
            actor=SYSTEM,
        ).id
    collection.carry_change(change_id)
    statement = select(Payment.idempotency_key).where(Payment.plan_change_id == change_id)
    return db.session.scalars(statement).one()


def test_what_is_awaited_is_listed(run: Run, key: str) -> None:
    lines = run("payments", "list").output.splitlines()

    assert len(lines) == 2
    reference = transfer_reference(key)
    assert lines[1].startswith(f"{key}  {reference}  Transfer  $50.00  the change to Standard, 5")
    (row,) = json.loads(run("payments", "list", "--json").output)
    assert (row["key"], row["amount"]) == (key, "$50.00")
    assert (row["reference"], row["waits_for"]) == (reference, "the customer")


def test_nothing_is_awaited(run: Run, cast: Cast) -> None:
    assert run("payments", "list").output == NOTHING


def test_a_transfer_that_arrived_does_what_it_was_for(run: Run, key: str) -> None:
    result = run("payments", "record", key, "--reference", "bank 77")

    assert result.exit_code == 0, result.output
    assert result.output == "$50.00 from Transfer: succeeded.\n"
    payment = db.session.scalars(select(Payment).where(Payment.idempotency_key == key)).one()
    assert payment.gateway_reference == "bank 77"
    subscription = subscriptions.live(db.session(), payment.account_id)
    assert subscription is not None
    assert run("payments", "list").output == NOTHING
    assert verify.run(db.session()) == []


def test_it_is_recorded_by_the_reference_on_the_statement(run: Run, key: str) -> None:
    written = transfer_reference(key).replace(" ", "").lower()
    assert run("payments", "record", written).output == "$50.00 from Transfer: succeeded.\n"


def test_what_was_called_off_is_not_recorded_any_more(run: Run, key: str, cast: Cast) -> None:
    cast.let_pass(days=15)
    result = run("payments", "record", key)
    assert result.exit_code == 1
    told = "settled already: declined (The transfer did not arrive in time.)."
    assert told in " ".join(result.output.split())


def test_a_refund_by_transfer_is_recorded_too(run: Run, key: str, cast: Cast) -> None:
    """The vendor sends $50.00 back by hand, and says so."""
    run("payments", "record", key)
    account = db.session.scalars(select(Account).where(Account.name == "Transfer")).one()
    invoice = db.session.scalars(select(Invoice).where(Invoice.account_id == account.id)).one()
    credit(cast, invoice)
    cast.let_pass(minutes=1)

    (row,) = json.loads(run("payments", "list", "--json").output)
    assert (row["amount"], row["waits_for"]) == ("$50.00", "you, to send it back")
    result = run("payments", "record", row["key"], "--reference", "bank 78")
    assert result.output == "$50.00 back to Transfer: succeeded.\n"
    assert run("payments", "list").output == NOTHING
    assert run("payments", "record", row["key"]).exit_code == 1
    assert verify.run(db.session()) == []


def test_a_payment_without_an_answer_is_listed_and_asked_about(run: Run, cast: Cast) -> None:
    cast.use_card(cast.acme, "card_times_out_paid")
    cast.let_pass(days=30, minutes=1)
    (row,) = json.loads(run("payments", "list", "--json").output)
    assert (row["amount"], row["waits_for"]) == ("$100.00", "sandbox's answer")

    assert run("payments", "ask", row["key"]).output == "$100.00: succeeded.\n"
    assert run("payments", "ask", row["key"]).output == "$100.00: succeeded.\n"
    assert run("payments", "list").output == NOTHING
    assert run("payments", "ask", "nothing").exit_code == 1


def test_it_is_recorded_once(run: Run, key: str) -> None:
    run("payments", "record", key)

    again = run("payments", "record", key)

    assert again.exit_code == 1
    assert "This transfer was settled already: succeeded." in again.output
    assert db.session.query(PlanChange).filter_by(op_id="by-transfer").one().invoice_id
    assert verify.run(db.session()) == []


def test_what_can_t_be_invoiced_is_not_recorded(
    run: Run, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "TIMES_DEAREST", 0)
    result = run("payments", "record", key)

    assert result.exit_code == 1
    assert "Nothing was recorded: $50.00 is more than 0 times the dearest plan." in result.output
    assert "$50.00" in run("payments", "list").output
    assert verify.run(db.session()) == []


def test_a_key_that_is_none(run: Run, cast: Cast) -> None:
    card = db.session.scalars(select(Payment.idempotency_key)).first() or ""

    for written in ("nothing", card):
        result = run("payments", "record", written)
        assert result.exit_code == 1
        assert f"No bank transfer is awaited as “{written}”: see payments list." in result.output


def _pay_by_transfer(cast: Cast, account: Account) -> None:
    with transaction() as session:
        payments.set_method(
            session,
            accounts.lock(session, account.id),
            gateway="manual",
            reference="invoice",
            label="Bank transfer",
            now=cast.clock.now(),
        )
