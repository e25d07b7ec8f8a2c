"""`flask payments`: a bank transfer arrives, and what it was for happens."""

import json
from collections.abc import Callable

import pytest
from click.testing import Result
from sqlalchemy import select

from portal import collection
from portal.audit import SYSTEM
from portal.billing import accounts, payments, plan_changes, subscriptions, verify
from portal.extensions import db
from portal.models import Account, Payment, PlanChange
from portal.transaction import transaction
from tests.cast import Cast

Run = Callable[..., Result]


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
    assert lines[1].startswith(f"{key}  Transfer  $50.00  the change to Standard, 5 users")
    (row,) = json.loads(run("payments", "list", "--json").output)
    assert (row["key"], row["amount"]) == (key, "$50.00")


def test_nothing_is_awaited(run: Run, cast: Cast) -> None:
    assert run("payments", "list").output == "No bank transfer is awaited.\n"


def test_a_transfer_that_arrived_does_what_it_was_for(run: Run, key: str) -> None:
    result = run("payments", "record", key, "--reference", "bank 77")

    assert result.exit_code == 0, result.output
    assert result.output == "$50.00 from Transfer: succeeded.\n"
    payment = db.session.scalars(select(Payment).where(Payment.idempotency_key == key)).one()
    assert payment.gateway_reference == "bank 77"
    subscription = subscriptions.live(db.session(), payment.account_id)
    assert subscription is not None
    assert run("payments", "list").output == "No bank transfer is awaited.\n"
    assert verify.run(db.session()) == []


def test_it_is_recorded_once(run: Run, key: str) -> None:
    run("payments", "record", key)

    again = run("payments", "record", key)

    assert again.exit_code == 1
    assert "This transfer was settled already: succeeded." in again.output
    assert db.session.query(PlanChange).filter_by(op_id="by-transfer").one().invoice_id
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
