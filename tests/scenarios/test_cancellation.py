"""charge.cancel: the plan ends with its cycle, can be kept until then, and comes back later."""

import pytest
from flask import Flask
from sqlalchemy import select

from portal.audit import SYSTEM
from portal.billing import accounts, cancellations, ledger, situations, subscriptions
from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import CancellationScheduled, CycleEnded, NoPlan
from portal.billing.rules.period import Interval
from portal.extensions import db
from portal.models import (
    Account,
    EndReason,
    Episode,
    EpisodeState,
    Notice,
    PlanChangeState,
    Subscription,
    SubscriptionStatus,
)
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.scenarios.test_renewals import invoices


def test_charge_cancel_ends_with_the_cycle(cast: Cast, clock: FixedClock) -> None:
    clock.advance(days=10)
    cast.cancel(cast.acme)
    cast.let_pass(days=19)
    assert subscriptions.live(db.session(), cast.acme.id) is not None
    cast.let_pass(days=2)

    ended = latest(cast.acme)
    assert (ended.status, ended.end_reason) == (SubscriptionStatus.ENDED, EndReason.CANCELLED)
    assert f"{ended.ended_at:%d %b %H:%M}" == "31 Mar 09:00"
    assert len(invoices(cast.acme)) == 1, "nothing more is charged"
    assert told("cancelled") == told("subscription_ended") == [cast.alice.email, cast.carol.email]


def test_charge_cancel_noticed_late_ends_where_the_cycle_ended(
    cast: Cast, clock: FixedClock
) -> None:
    cast.cancel(cast.acme)
    clock.advance(days=100)
    cast.let_pass(minutes=1)

    assert f"{latest(cast.acme).ended_at:%d %b %H:%M}" == "31 Mar 09:00"
    assert len(invoices(cast.acme)) == 1


def test_charge_cancel_withdrawn_renews_as_before(cast: Cast, clock: FixedClock) -> None:
    cast.cancel(cast.acme)
    clock.advance(days=29)
    assert withdraw(cast.acme, clock)
    assert not withdraw(cast.acme, clock), "said twice it changes nothing"
    cast.let_pass(days=1)

    assert [invoice.reason for invoice in invoices(cast.acme)] == ["initial", "renewal"]


def test_charge_cancel_withdraw_cancel_end_return(cast: Cast, clock: FixedClock) -> None:
    """The whole way: what was kept as credit pays for the plan one comes back to."""
    account = cast.account("Back", "standard", "10-users", interval=Interval.YEARLY)
    cast.change_plan(account, cast.price("standard", "20-users"))
    assert ledger.credit_balance(db.session(), account).amount == 96000 - 18000
    cast.cancel(account)
    withdraw(account, clock)
    cast.cancel(account)
    cast.let_pass(days=40)
    assert subscriptions.live(db.session(), account.id) is None

    cast.subscribe(account, cast.price("standard", "5-users"))
    back = invoices(account)[-1]
    assert (back.reason, back.total_minor, back.due_minor) == ("initial", 5000, 0)
    assert ledger.credit_balance(db.session(), account).amount == 78000 - 5000
    assert latest(account).started_at == clock.now()


def test_charge_cancel_calls_a_scheduled_downgrade_off(cast: Cast) -> None:
    change = cast.change_plan(cast.acme, cast.price("standard", "5-users"))
    cast.cancel(cast.acme)

    assert change.state is PlanChangeState.WITHDRAWN


def test_charge_cancel_stops_what_would_be_charged_by_itself(cast: Cast) -> None:
    cast.members(cast.acme, 9)
    cast.let_pass(days=1)
    episode = db.session.query(Episode).one()
    cast.cancel(cast.acme)

    assert episode.state is EpisodeState.SUPERSEDED
    cast.let_pass(days=40)
    assert len(invoices(cast.acme)) == 1
    assert db.session.query(Episode).count() == 1


def test_plan_changes_wait_while_the_plan_is_cancelled(cast: Cast) -> None:
    cast.cancel(cast.acme)

    with pytest.raises(CancellationScheduled, match="Withdraw the cancellation first"):
        cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    with pytest.raises(CancellationScheduled):
        cast.buy(cast.acme, seat=1)


def test_charge_cancel_too_late_waits_for_the_renewal(cast: Cast, clock: FixedClock) -> None:
    clock.advance(days=30)
    with pytest.raises(CycleEnded):
        cast.cancel(cast.acme)


def test_charge_cancel_cannot_be_withdrawn_after_the_end(cast: Cast, clock: FixedClock) -> None:
    cast.cancel(cast.acme)
    clock.advance(days=30)
    with pytest.raises(NoPlan):
        withdraw(cast.acme, clock)
    cast.let_pass(minutes=1)
    with pytest.raises(NoPlan):
        withdraw(cast.acme, clock)


def test_charge_cancel_with_an_unpaid_invoice_leaves_it_owed(cast: Cast) -> None:
    cast.let_pass(days=29)
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=2)
    cast.cancel(cast.acme)

    assert situations.what_waits(db.session(), cast.acme) is not None
    assert ledger.receivable(db.session(), cast.acme).amount == 10000


def test_an_ended_account_keeps_its_counts_and_gets_new_limits_when_it_returns(
    cast: Cast, app: Flask
) -> None:
    cast.cancel(cast.acme)
    cast.let_pass(days=31)
    cast.subscribe(cast.acme, cast.price("standard", "20-users"))
    subscription = subscriptions.live(db.session(), cast.acme.id)
    assert subscription is not None
    assert subscriptions.limits(subscription)[Metric.SEATS] == 20


def withdraw(account: Account, clock: FixedClock) -> bool:
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        return cancellations.withdraw(session, locked, now=clock.now(), actor=SYSTEM)


def latest(account: Account) -> Subscription:
    statement = (
        select(Subscription)
        .where(Subscription.account_id == account.id)
        .order_by(Subscription.id.desc())
        .limit(1)
    )
    return db.session.scalars(statement).one()


def told(name: str) -> list[str]:
    statement = select(Notice.recipient).where(Notice.name == name).order_by(Notice.id)
    return list(db.session.scalars(statement))
