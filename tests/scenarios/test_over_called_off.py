"""Seats dropping in the second before the upgrade, and in the seconds after it was begun.

Acme has 11 of 10 seats since 1 March; the upgrade to 20 users is told for 7 March, 06:00.
"""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from portal.billing import accounts, payments
from portal.billing.gateways import MANUAL
from portal.collecting import collection
from portal.extensions import db
from portal.jobs import overages
from portal.models import (
    Account,
    Episode,
    EpisodeState,
    Payment,
    PaymentState,
    PlanChange,
    PlanChangeState,
)
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.scenarios.over import emails, episode, plan_amount, the_upgrade, upgrades

DEADLINE = datetime(2026, 3, 7, 6, 0, tzinfo=UTC)


@pytest.fixture
def over(cast: Cast) -> Account:
    cast.let_pass(minutes=1)
    cast.members(cast.acme, 9)
    cast.let_pass(days=5, hours=20, minutes=58)
    assert len(emails(cast.acme, "warning")) == 3
    return cast.acme


@pytest.fixture
def begun(cast: Cast, clock: FixedClock, over: Account) -> Account:
    """The upgrade was begun: its payment is written, and not sent yet."""
    clock.at = DEADLINE
    overages.step(episode(over).id)
    assert the_payment().state is PaymentState.CREATED
    return over


def test_over_fixed_in_time_in_the_last_second(
    cast: Cast, clock: FixedClock, over: Account
) -> None:
    clock.at = DEADLINE.replace(hour=5, minute=59, second=59)
    cast.leave(over, cast.bob)
    cast.let_pass(days=3)
    assert upgrades(over) == []
    assert episode(over).state is EpisodeState.RESOLVED
    assert len(emails(over, "all_clear")) == 1


def test_over_fixed_when_the_payment_is_written_but_not_sent(cast: Cast, begun: Account) -> None:
    """Nothing is charged; the Admins read that all is well, not that a payment failed."""
    cast.leave(begun, cast.bob)
    cast.let_pass(days=3)

    assert upgrades(begun) == []
    assert plan_amount(begun) == 10000
    assert the_payment().state is PaymentState.DECLINED
    assert episode(begun).state is EpisodeState.RESOLVED
    assert len(emails(begun, "all_clear")) == 1
    assert emails(begun, "payment_failed") == []


def test_over_fixed_when_the_payment_was_made_already_is_an_upgrade(
    cast: Cast, begun: Account
) -> None:
    """The card had paid; only the answer got lost. The upgrade is made, once, and the episode ends
    as upgraded: nobody reads that nothing is charged."""
    cast.use_card(begun, "card_times_out_paid")
    with transaction() as session:
        # The payment was begun with the card of before: let it be this one's.
        method = payments.method_of(session, begun.id)
        assert method is not None
        session.get_one(Payment, the_payment().id).payment_method_id = method.id
    collection.carry_payment(the_payment().id)
    assert the_payment().state is PaymentState.UNKNOWN
    cast.leave(begun, cast.bob)
    cast.let_pass(days=1)

    assert the_upgrade(begun).due_minor == 9667
    assert episode(begun).state is EpisodeState.UPGRADED
    assert emails(begun, "all_clear") == []


def test_over_fixed_while_a_transfer_is_waited_for(
    cast: Cast, clock: FixedClock, over: Account
) -> None:
    """Asked for on 7 March; back at ten on 9 March: nobody waits for the transfer any more."""
    with transaction() as session:
        account = accounts.lock(session, over.id)
        payments.set_method(
            session,
            account,
            gateway=MANUAL,
            reference="transfer",
            label="Bank transfer",
            now=clock.now(),
        )
    cast.let_pass(days=2)
    assert the_payment().state is PaymentState.PROCESSING
    cast.leave(over, cast.bob)
    cast.let_pass(days=1)

    assert the_change().state is PlanChangeState.FAILED
    assert episode(over).state is EpisodeState.RESOLVED
    assert len(emails(over, "all_clear")) == 1
    assert emails(over, "payment_failed") == []


def test_over_again_later_is_new_though_the_payment_was_being_called_off(
    cast: Cast, begun: Account
) -> None:
    """Ten for a moment on 7 March, and eleven again: a new episode, with all its days."""
    cast.leave(begun, cast.bob)
    cast.members(begun, 1)
    cast.let_pass(days=2)

    assert upgrades(begun) == []
    first = db.session.scalars(select(Episode).order_by(Episode.id).limit(1)).one()
    assert first.state is EpisodeState.RESOLVED
    assert episode(begun).opened_at.day in (7, 8)
    assert emails(begun, "payment_failed") == []
    assert emails(begun, "all_clear") == [], "not all is well"
    cast.let_pass(days=5)
    assert len(upgrades(begun)) == 1
    assert len(emails(begun, "warning")) == 3 + 3


def the_payment() -> Payment:
    db.session.rollback()
    statement = select(Payment).join(PlanChange, PlanChange.id == Payment.plan_change_id)
    return db.session.scalars(statement.where(PlanChange.episode_id.is_not(None))).one()


def the_change() -> PlanChange:
    db.session.rollback()
    return db.session.scalars(select(PlanChange).where(PlanChange.episode_id.is_not(None))).one()
