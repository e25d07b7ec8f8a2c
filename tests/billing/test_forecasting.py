"""The next charges that are foretold: the balance and an announced upgrade are in them."""

from datetime import timedelta

from portal.billing import forecast, ledger, subscriptions
from portal.billing.forecast import Cause, ComingCharge
from portal.billing.rules.period import Interval
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import Account
from tests.cast import START, Cast, FixedClock


def test_charge_credit_left_is_used_up_by_the_charges_foretold(
    cast: Cast, clock: FixedClock
) -> None:
    """$480.00 for a year, 65 days used: 300 ÷ 365 of it is $394.52, of which $100.00 are charged.
    $294.52 are left: they pay two cycles and $94.52 of the third."""
    account = cast.account("Foretold", "standard", "5-users", interval=Interval.YEARLY)
    clock.at = START + timedelta(days=65)
    cast.change_plan(account, cast.price("standard", "10-users"))
    assert ledger.credit_balance(db.session(), account).amount == 29452

    paid = [
        (charge.draft.balance_applied.amount, charge.draft.due.amount)
        for charge in coming(account, clock, days=120)
    ]
    assert paid == [(10000, 0), (10000, 0), (9452, 548), (0, 10000)]


def test_over_in_advance_the_upgrade_that_was_announced_is_foretold(
    cast: Cast, clock: FixedClock
) -> None:
    """Six of five seats since day 10: the upgrade of day 15 comes before the renewal's day."""
    account = cast.account("Foretold", "standard", "5-users")
    cast.member(account, "Fay", Role.ADMIN)
    clock.at = START + timedelta(days=10)
    cast.members(account, 5)
    cast.let_pass(days=1)

    first = coming(account, clock, days=60)[0]

    assert first.cause is Cause.AUTO_UPGRADE
    assert first.at < START + timedelta(days=20)
    assert first.basket.plan.name == "Standard, 10 users"


def coming(account: Account, clock: FixedClock, *, days: int) -> list[ComingCharge]:
    session, now = db.session(), clock.now()
    subscription = subscriptions.live(session, account.id)
    assert subscription is not None
    return forecast.coming(
        session,
        account,
        subscription,
        balance=ledger.credit_balance(session, account),
        scheduled=None,
        now=now,
        until=now + timedelta(days=days),
    )
