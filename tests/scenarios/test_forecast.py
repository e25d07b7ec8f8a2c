"""What My Account foretells is what is charged: the forecast is followed and compared."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from portal.billing import forecast, ledger, situations, subscriptions
from portal.billing.forecast import Cause, ComingCharge
from portal.billing.rules.period import Interval
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import Account
from tests.cast import Cast, FixedClock
from tests.scenarios.test_renewals import invoices

# How far My Account looks, and how much of it is lived through day by day.
LONGEST, AHEAD = 365, 95


def nothing(_cast: Cast, _account: Account) -> None: ...


def a_downgrade(cast: Cast, account: Account) -> None:
    cast.change_plan(account, cast.price("standard", "5-users"))


def add_ons_of_which_one_goes(cast: Cast, account: Account) -> None:
    cast.buy(account, seat=2, clients_100=1)
    cast.let_go(account, "seat", renewing=1)


def a_balance(cast: Cast, account: Account) -> None:
    cast.change_plan(account, cast.price("standard", "20-users"))


def one_too_many(cast: Cast, account: Account) -> None:
    cast.members(account, 11)
    cast.let_pass(days=1)


@pytest.mark.parametrize(
    ("interval", "prepare"),
    [
        pytest.param(Interval.MONTHLY, nothing, id="renewals"),
        pytest.param(Interval.YEARLY, nothing, id="one yearly renewal"),
        pytest.param(Interval.MONTHLY, a_downgrade, id="a scheduled downgrade"),
        pytest.param(Interval.MONTHLY, add_ons_of_which_one_goes, id="add-ons"),
        pytest.param(Interval.YEARLY, a_balance, id="months that the balance pays for"),
        pytest.param(Interval.MONTHLY, one_too_many, id="an automatic upgrade that was announced"),
    ],
)
def test_the_forecast_is_what_is_charged(
    cast: Cast,
    clock: FixedClock,
    interval: Interval,
    prepare: Callable[[Cast, Account], None],
) -> None:
    account = cast.account("Foretold", "standard", "10-users", interval=interval)
    if prepare is one_too_many:
        cast.member(account, "Fay", Role.ADMIN)
    prepare(cast, account)
    before = len(invoices(account))
    foretold = coming(account, clock)
    if interval is Interval.YEARLY and prepare is nothing:
        # Nothing happens in between: the clock may go there at once.
        clock.advance(days=LONGEST - 1)
    cast.let_pass(days=AHEAD if interval is Interval.MONTHLY or prepare is a_balance else 1)

    until = clock.at
    assert [
        (charge.at, charge.draft.total.amount, charge.draft.due.amount)
        for charge in foretold
        if charge.at <= until
    ] == [
        (invoice.period_start_at, invoice.total_minor, invoice.due_minor)
        for invoice in invoices(account)[before:]
    ]
    assert foretold


def test_a_cancelled_plan_has_nothing_to_come(cast: Cast, clock: FixedClock) -> None:
    cast.cancel(cast.acme)
    assert coming(cast.acme, clock) == []


def test_a_downgrade_that_does_not_fit_is_not_foretold(cast: Cast, clock: FixedClock) -> None:
    cast.change_plan(cast.acme, cast.price("standard", "5-users"))
    assert coming(cast.acme, clock)[0].cause is Cause.DOWNGRADE
    cast.members(cast.acme, 5)
    first = coming(cast.acme, clock)[0]
    assert (first.cause, first.draft.total.amount) == (Cause.RENEWAL, 10000)


def coming(account: Account, clock: FixedClock) -> list[ComingCharge]:
    session, now = db.session(), clock.now()
    subscription = subscriptions.live(session, account.id)
    assert subscription is not None
    return forecast.coming(
        session,
        account,
        subscription,
        balance=ledger.credit_balance(session, account),
        scheduled=situations.scheduled(session, account.id),
        now=now,
        until=now + timedelta(days=LONGEST),
    )
