"""Cycles that renew: every 30 or 365 days, to the second, never skipped and never twice."""

import pytest
from sqlalchemy import select

from portal.billing import subscriptions
from portal.billing.rules.period import Interval
from portal.extensions import db
from portal.models import (
    Account,
    Invoice,
    InvoiceStatus,
    Notice,
    PlanChange,
    PlanChangeState,
    Subscription,
    SubscriptionStatus,
)
from tests.cast import Cast, FixedClock


def test_charge_renewal_every_30_days(cast: Cast) -> None:
    cast.let_pass(days=91)

    assert starts(cast.acme) == ["01 Mar 09:00", "31 Mar 09:00", "30 Apr 09:00", "30 May 09:00"]
    assert all(invoice.due_minor == 10000 for invoice in invoices(cast.acme))


def test_charge_renewal_every_365_days(cast: Cast, clock: FixedClock) -> None:
    """$50 × 12 less 20 % = $480.00; 1 March 2027 is 365 days on, 29 February 2028 the next 365."""
    account = cast.account("Yearly", "standard", "5-users", interval=Interval.YEARLY)
    clock.advance(days=731)
    cast.let_pass(minutes=1)

    assert starts(account) == ["01 Mar 09:00", "01 Mar 09:00", "29 Feb 09:00"]
    assert [invoice.total_minor for invoice in invoices(account)] == [48000, 48000, 48000]


def test_charge_renewal_catches_up_exactly(cast: Cast, clock: FixedClock) -> None:
    """The worker was away for 100 days: three cycles are charged, each where the last ended."""
    clock.advance(days=100)
    cast.let_pass(minutes=1)

    assert starts(cast.acme) == ["01 Mar 09:00", "31 Mar 09:00", "30 Apr 09:00", "30 May 09:00"]
    cast.let_pass(minutes=1)
    assert len(invoices(cast.acme)) == 4, "running again adds nothing"


@pytest.mark.parametrize(("days", "seconds", "charged"), [(29, 86399, 1), (30, 0, 2)])
def test_charge_renewal_to_the_second(
    cast: Cast, clock: FixedClock, days: int, seconds: int, charged: int
) -> None:
    clock.advance(days=days, seconds=seconds)
    cast.let_pass(seconds=0)

    assert len(invoices(cast.acme)) == charged


def test_catalog_grandfathered_price_renews_at_what_it_was_bought_at(cast: Cast) -> None:
    price = cast.price("standard", "10-users")
    cast.reprice(price, 11000)
    cast.let_pass(days=31)

    assert [invoice.total_minor for invoice in invoices(cast.acme)] == [10000, 10000]


def test_charge_downgrade_waits_for_the_cycle_end(cast: Cast) -> None:
    change = cast.change_plan(cast.acme, cast.price("standard", "5-users"))
    assert change.state is PlanChangeState.SCHEDULED
    cast.let_pass(days=31)

    assert [invoice.total_minor for invoice in invoices(cast.acme)] == [10000, 5000]
    assert running(cast.acme).price.money.amount == 5000


def test_charge_downgrade_that_stopped_fitting_renews_the_old_plan(cast: Cast) -> None:
    """Seven of five seats at the cycle's end: Standard, 10 users renews, the Admins hear why."""
    cast.change_plan(cast.acme, cast.price("standard", "5-users"))
    cast.members(cast.acme, 5)
    cast.let_pass(days=31)

    assert [invoice.total_minor for invoice in invoices(cast.acme)] == [10000, 10000]
    told = db.session.scalars(select(Notice).where(Notice.name == "downgrade_not_made")).one()
    assert "2 seats" in told.body_text
    assert changes(cast.acme)[-1].state is PlanChangeState.FAILED


def test_pay_fails_leaves_the_plan_running_then_ends_it(cast: Cast) -> None:
    """Declined on 31 March and on days 3, 5 and 7 after: past due meanwhile, then ended."""
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=31)
    assert running(cast.acme).status is SubscriptionStatus.PAST_DUE
    cast.let_pass(days=7)

    assert subscriptions.live(db.session(), cast.acme.id) is None
    statement = select(Notice).where(Notice.name == "payment_failed")
    told = sorted({f"{notice.created_at:%d %b}" for notice in db.session.scalars(statement)})
    assert told == ["03 Apr", "05 Apr", "07 Apr", "31 Mar"]


def test_pay_fails_then_succeeds(cast: Cast) -> None:
    """A card that pays before the second retry: the invoice is paid once, the plan is active."""
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=33, hours=1)
    cast.use_card(cast.acme, "card_pays")
    cast.let_pass(days=3)

    assert [invoice.status for invoice in invoices(cast.acme)] == [InvoiceStatus.PAID] * 2
    assert running(cast.acme).status is SubscriptionStatus.ACTIVE


def test_charge_credit_left_is_used_up_by_the_next_invoices(cast: Cast) -> None:
    """Standard, 20 users, yearly to a bigger monthly plan after 65 days: the rest pays months."""
    account = cast.account("Balance", "standard", "20-users", interval=Interval.YEARLY)
    paid = invoices(account)[0].total_minor
    cast.let_pass(days=65)
    bigger = cast.price("standard", "40-users")
    cast.change_plan(account, bigger)

    credit = (paid * 300 * 2 + 365) // (2 * 365)
    change = invoices(account)[-1]
    assert (change.due_minor, change.surplus_minor) == (0, credit - bigger.amount_minor)
    cast.let_pass(days=61)
    left = change.surplus_minor
    for invoice in invoices(account)[2:]:
        applied = min(left, bigger.amount_minor)
        assert (invoice.balance_applied_minor, invoice.due_minor) == (
            applied,
            bigger.amount_minor - applied,
        )
        left -= applied


def test_pay_unknown_is_asked_not_sent_again(cast: Cast) -> None:
    """The gateway took the money but did not answer: asking settles it, and nothing is doubled."""
    cast.use_card(cast.acme, "card_times_out_paid")
    cast.let_pass(days=31)

    assert [invoice.status for invoice in invoices(cast.acme)] == [InvoiceStatus.PAID] * 2


def invoices(account: Account) -> list[Invoice]:
    statement = select(Invoice).where(Invoice.account_id == account.id).order_by(Invoice.id)
    return list(db.session.scalars(statement))


def starts(account: Account) -> list[str]:
    return [f"{invoice.period_start_at:%d %b %H:%M}" for invoice in invoices(account)]


def running(account: Account) -> Subscription:
    subscription = subscriptions.live(db.session(), account.id)
    assert subscription is not None
    return subscription


def changes(account: Account) -> list[PlanChange]:
    statement = select(PlanChange).where(PlanChange.account_id == account.id)
    return list(db.session.scalars(statement.order_by(PlanChange.id)))
