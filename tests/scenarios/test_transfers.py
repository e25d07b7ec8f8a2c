"""Bank transfers: awaited, reminded of, recorded, called off; and the subscription that ends."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.billing import subscriptions
from portal.config import Settings
from portal.extensions import db
from portal.models import (
    Account,
    EndReason,
    PlanChangeState,
    Subscription,
    SubscriptionStatus,
    User,
)
from tests.cast import Cast
from tests.payment_stories import (
    arrive,
    collected,
    emails,
    flat,
    last_change,
    last_payment,
    open_invoice,
    paid_with,
    pay_now,
    running,
    told,
    tries,
    unpaid,
    upgrade,
)

Browser = Callable[[User | None], FlaskClient]
BANK = "Example Bank\nIBAN DE00 0000 0000 0000 0000 00"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The vendor takes bank transfers, and no cards."""
    return Settings(
        data=settings.data,
        database_url=settings.database_url,
        gateway="manual",
        bank_details=BANK,
    )


@pytest.fixture
def acme(cast: Cast) -> Account:
    """Acme pays by transfer from now on."""
    cast.use_transfers(cast.acme)
    return cast.acme


def test_a_renewal_is_paid_by_a_transfer_with_a_reference(
    cast: Cast, acme: Account, browser: Browser
) -> None:
    """Asked for on 31 March, to arrive within 14 days; recorded, it is paid and receipted."""
    cast.let_pass(days=31)
    page = browser(cast.alice).get(f"/invoices/{unpaid(acme).number_text}").text
    reference = last_payment(acme).gateway_reference
    assert reference is not None
    assert reference in page
    assert "14 Apr 2026" in page
    assert "IBAN DE00" in page
    assert "now</button>" not in page
    assert running(acme).status is SubscriptionStatus.ACTIVE

    record(cast.app, reference)
    assert open_invoice(acme) is None
    assert collected(acme) == [10000, 10000]
    cast.let_pass(days=28)
    assert told(acme, "transfer_missing") == []


def test_pay_fails_a_transfer_that_never_comes_ends_the_subscription(
    cast: Cast, acme: Account
) -> None:
    """Due on 14 April; reminded then and 3 and 5 days after; 7 days after the plan ends."""
    subscription_id = running(acme).id
    cast.let_pass(days=45)
    assert running(acme).status is SubscriptionStatus.PAST_DUE
    cast.let_pass(days=7)

    days = ["14 Apr 09:00", "17 Apr 09:00", "19 Apr 09:00", "21 Apr 09:00"]
    assert told(acme, "transfer_missing", cast.alice.email) == days
    reminders = emails(acme, "transfer_missing", cast.alice.email)
    assert "We look again on 17 Apr 2026" in flat(reminders[0].body_text)
    assert last_payment(acme).gateway_reference in flat(reminders[0].body_html)
    assert "the plan has ended" in flat(reminders[-1].body_text)
    ended = db.session.get_one(Subscription, subscription_id, populate_existing=True)
    assert (ended.status, ended.end_reason) == (SubscriptionStatus.ENDED, EndReason.UNPAID)
    assert told(acme, "payment_failed") == []


@pytest.mark.parametrize("days", [46, 60])
def test_a_transfer_that_comes_late_is_recorded_all_the_same(
    cast: Cast, acme: Account, days: int
) -> None:
    """Past due on 14 April it is active again; after the end the invoice is paid, no more."""
    cast.let_pass(days=days)
    record(cast.app, last_payment(acme).idempotency_key)

    assert open_invoice(acme) is None
    live = subscriptions.live(db.session(), acme.id)
    assert (live is not None) == (days == 46)
    assert live is None or live.status is SubscriptionStatus.ACTIVE


def test_an_upgrade_begins_when_its_transfer_has_arrived(
    cast: Cast, acme: Account, browser: Browser
) -> None:
    client = browser(cast.alice)
    page = arrive(client, upgrade(client, cast.price("standard", "20-users"))).text
    assert "Standard, 20 users begins when your transfer of $80.00 has arrived" in page
    assert "IBAN DE00" in page
    assert "Call the change off" in page
    cast.let_pass(days=3)
    assert running(acme).price.tier.seats == 10

    record(cast.app, last_payment(acme).idempotency_key)
    assert running(acme).price.tier.seats == 20
    assert collected(acme) == [10000, 8000]


@pytest.mark.parametrize(
    ("begun_on_day", "called_off"),
    [(0, "15 Mar 09:00"), (20, "31 Mar 09:00")],
)
def test_a_change_whose_transfer_does_not_come_is_called_off(
    cast: Cast, acme: Account, browser: Browser, begun_on_day: int, called_off: str
) -> None:
    """After 14 days, or at the cycle's end by whose unused days it was priced; it renews then."""
    cast.let_pass(days=begun_on_day)
    upgrade(browser(cast.alice), cast.price("standard", "20-users"))
    cast.let_pass(days=31 - begun_on_day)

    change = last_change(acme)
    assert change.state is PlanChangeState.FAILED
    assert change.failure == "The transfer did not arrive in time."
    assert change.settled_at is not None
    assert f"{change.settled_at:%d %b %H:%M}" == called_off
    assert f"{running(acme).cycle_start_at:%d %b %H:%M}" == "31 Mar 09:00"


def test_a_change_that_waits_for_its_transfer_can_be_called_off(
    cast: Cast, acme: Account, browser: Browser
) -> None:
    client = browser(cast.alice)
    upgrade(client, cast.price("standard", "20-users"))
    op_id = last_change(acme).op_id
    page = arrive(client, client.post(f"/account/plan-changes/{op_id}/withdrawal")).text
    assert "It was called off. Nothing was charged" in page
    assert running(acme).price.tier.seats == 10
    assert last_change(acme).state is PlanChangeState.FAILED


def test_who_paid_by_card_can_pay_by_transfer(cast: Cast, browser: Browser) -> None:
    """The page explains it, and a click chooses it; the declined renewal is then transferred."""
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=31)
    client = browser(cast.alice)
    page = client.get("/account/payment-method").text
    assert "within 14 days" in page
    assert "IBAN DE00" in page
    answer = client.post("/account/payment-method")
    assert "You pay with Bank transfer from now on." in arrive(client, answer).text

    assert paid_with(cast.acme) == "bank-transfer"
    assert tries(unpaid(cast.acme))[-1][2] == "processing"
    assert "Pay by bank transfer from now on" not in client.get("/account/payment-method").text
    record(cast.app, last_payment(cast.acme).idempotency_key)
    assert open_invoice(cast.acme) is None
    assert running(cast.acme).status is SubscriptionStatus.ACTIVE


def test_a_transfer_can_be_asked_for_after_the_end(cast: Cast, browser: Browser) -> None:
    """The card failed to the end; what is owed is then transferred."""
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=38)
    assert subscriptions.live(db.session(), cast.acme.id) is None
    client = browser(cast.alice)
    client.post("/account/payment-method")
    page = arrive(client, pay_now(client, unpaid(cast.acme))).text
    assert "How to transfer it" in page
    cast.let_pass(days=40)
    assert told(cast.acme, "transfer_missing") == [], "there is nothing left to end"
    record(cast.app, last_payment(cast.acme).idempotency_key)
    assert open_invoice(cast.acme) is None


def test_who_paid_by_transfer_can_pay_by_card(
    cast: Cast, acme: Account, browser: Browser, app: Flask
) -> None:
    """The vendor takes cards now: the transfer that is awaited is no longer, the card pays."""
    cast.let_pass(days=31)
    invoice = unpaid(acme)
    cast.use_card(acme, "card_pays")
    client = browser(cast.alice)
    page = arrive(client, pay_now(client, invoice)).text
    assert "$100.00 paid with Test card ending 4242." in page
    assert [state for _d, _r, state, _h in tries(invoice)] == ["declined", "succeeded"]
    assert collected(acme) == [10000, 10000]


def record(app: Flask, key: str) -> None:
    result = app.test_cli_runner().invoke(args=["payments", "record", key])
    assert result.exit_code == 0, result.output
