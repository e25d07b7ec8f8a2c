"""What no rule should lead to is not charged: it waits for a person, and only what is odd waits."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.billing import bounds, subscriptions
from portal.billing.bounds import OutOfBounds
from portal.billing.rules.errors import AccountParked
from portal.extensions import db
from portal.models import Account, ChargingStop, Notice, User
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.scenarios.test_renewals import invoices


def test_a_fourth_automatic_charge_within_a_day_parks_the_account(
    cast: Cast, clock: FixedClock, app: Flask
) -> None:
    """The worker was away for 130 days: three cycles are charged, the fourth waits for a look."""
    clock.advance(days=130)
    cast.let_pass(minutes=1)

    assert [invoice.reason for invoice in invoices(cast.acme)] == ["initial"] + ["renewal"] * 3
    account = parked(cast.acme)
    assert account.parked_reason == "more than 3 automatic charges within 24 hours"
    assert "Nothing was invoiced" in vendors_mail("Acme is parked")

    released = app.test_cli_runner().invoke(args=["charging", "release", "Acme"])
    assert released.output == "Acme is charged again.\n"
    clock.advance(days=1, minutes=1)
    cast.let_pass(minutes=1)
    assert len(invoices(cast.acme)) == 5


def test_a_parked_account_changes_nothing(cast: Cast, clock: FixedClock) -> None:
    clock.advance(days=130)
    cast.let_pass(minutes=1)

    with pytest.raises(AccountParked, match="stopped a charge that looked wrong"):
        cast.change_plan(cast.acme, cast.price("standard", "20-users"))


def test_pages_of_a_parked_account_open_and_say_why(
    cast: Cast, clock: FixedClock, browser: Callable[[User | None], FlaskClient]
) -> None:
    clock.advance(days=130)
    cast.let_pass(minutes=1)

    alice = browser(cast.alice)
    for path in ("/account/change-plan", "/account/add-ons"):
        page = alice.get(path)
        assert page.status_code == 200
        assert "stopped a charge that looked wrong" in page.text


def test_an_invoice_over_twice_the_dearest_plan_is_not_sold(cast: Cast) -> None:
    """Two times $8,601.60 for a year of Pro, 80 users, is the most: 1,720 seats are more."""
    with pytest.raises(OutOfBounds, match=r"more than 2 times the dearest plan"):
        cast.buy(cast.acme, seat=1720)
    assert cast.buy(cast.acme, seat=1700).invoice_id is not None


def test_a_renewal_that_grew_out_of_bounds_parks_instead_of_charging(
    cast: Cast, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "TIMES_DEAREST", 0)
    clock.advance(days=30)
    cast.let_pass(minutes=1)

    assert len(invoices(cast.acme)) == 1
    assert parked(cast.acme)
    subscription = subscriptions.live(db.session(), cast.acme.id)
    assert subscription is not None
    assert subscription.cycle_end_at <= clock.at


def test_charging_stops_when_a_day_is_nothing_like_the_days_before(
    cast: Cast, clock: FixedClock, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 60 renewals at once, 50 are the most that is never unusual: the rest wait."""
    monkeypatch.setattr("portal.jobs.renewals.LOOK_EVERY", 1)
    for number in range(60):
        cast.account(f"Customer {number}", "standard", "5-users")
    clock.advance(days=30)
    cast.let_pass(minutes=1)

    stop = db.session.query(ChargingStop).one()
    assert stop.reason == "51 automatic charges in one day, where at most 50 are usual"
    assert "flask charging resume" in vendors_mail("stopped")
    runner = app.test_cli_runner()
    assert "Stopped: 51 automatic charges" in runner.invoke(args=["charging", "status"]).output
    assert runner.invoke(args=["charging", "resume"]).output == "Automatic charging goes on.\n"
    cast.let_pass(minutes=1)
    assert renewed() == 62, "a person has looked: the same day is not stopped again"


def test_a_usual_day_is_not_stopped(cast: Cast, clock: FixedClock) -> None:
    """Twice what has been usual for 30 days is a busy day, not a mistake."""
    for day in range(31):
        clock.advance(days=1)
        cast.account(f"Customer {day}", "standard", "5-users")
    cast.let_pass(days=31)
    with transaction() as session:
        assert bounds.stop_if_unusual(session, floor=0, now=clock.at) is None


def parked(account: Account) -> Account:
    row = db.session.get_one(Account, account.id, populate_existing=True)
    assert row.parked_at is not None
    return row


def vendors_mail(about: str) -> str:
    """The one email to the vendor whose subject says so."""
    (notice,) = (
        notice
        for notice in db.session.query(Notice).filter_by(name="vendor_told")
        if about in notice.subject
    )
    return notice.body_text


def renewed() -> int:
    return sum(
        1
        for account in db.session.query(Account)
        for invoice in invoices(account)
        if invoice.reason == "renewal"
        and invoice.issued_at > invoice.period_start_at - timedelta(1)
    )
