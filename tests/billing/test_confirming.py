"""What is looked at again when a change is confirmed, under the lock, whatever the page showed."""

from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from portal.audit import SYSTEM
from portal.billing import accounts, add_ons, plan_changes
from portal.billing.rules.errors import (
    CancellationScheduled,
    ChangeUnderWay,
    InvoiceUnpaid,
    RuleBroken,
)
from portal.collecting import collection
from portal.extensions import db
from portal.models import Account, PlanChange, PlanChangeState
from portal.transaction import transaction
from tests.cast import Cast


def an_unpaid_renewal(cast: Cast, account: Account) -> None:
    cast.use_card(account, "card_declines")
    cast.let_pass(days=31)
    cast.use_card(account, "card_pays")


def a_change_without_an_answer(cast: Cast, account: Account) -> None:
    cast.use_card(account, "card_times_out_paid")
    with transaction() as session:
        change_id = confirm(cast, session, account, "first").id
    assert collection.carry_change(change_id).state is PlanChangeState.PENDING


def a_cancellation(cast: Cast, account: Account) -> None:
    cast.cancel(account)


@pytest.mark.parametrize(
    ("bring_about", "refusal"),
    [
        pytest.param(an_unpaid_renewal, InvoiceUnpaid, id="an unpaid invoice"),
        pytest.param(a_change_without_an_answer, ChangeUnderWay, id="a change under way"),
        pytest.param(a_cancellation, CancellationScheduled, id="a cancellation"),
    ],
)
def test_charge_no_plan_change_unpaid_nor_beside_another(
    cast: Cast, bring_about: Callable[[Cast, Account], None], refusal: type[RuleBroken]
) -> None:
    """Somebody else was quicker, after the page was shown and before it was confirmed."""
    bring_about(cast, cast.acme)
    before = db.session.query(PlanChange).count()
    with pytest.raises(refusal), transaction() as session:
        confirm(cast, session, cast.acme, "second")
    with pytest.raises(refusal), transaction() as session:
        buy(cast, session, cast.acme)
    assert db.session.query(PlanChange).count() == before


def confirm(cast: Cast, session: Session, account: Account, op_id: str) -> PlanChange:
    """20 users, on the figures of now."""
    price, now = cast.price("standard", "20-users"), cast.clock.now()
    locked = accounts.lock(session, account.id)
    quote = plan_changes.quote(session, locked, price, now=now)
    confirmation = plan_changes.Confirmation(op_id, quote.fingerprint(), quote.valid_until)
    return plan_changes.confirm(session, locked, price, confirmation, now=now, actor=SYSTEM)


def buy(cast: Cast, session: Session, account: Account) -> PlanChange:
    """A seat more, on the figures of now."""
    wanted, now = {cast.add_on(account, "seat").id: 1}, cast.clock.now()
    locked = accounts.lock(session, account.id)
    quote = add_ons.quote(session, locked, wanted, now=now)
    confirmation = plan_changes.Confirmation("seat", quote.fingerprint(), quote.valid_until)
    return add_ons.confirm(session, locked, wanted, confirmation, now=now, actor=SYSTEM)
