"""Renewals whose payment fails, lacks an answer or needs the customer: what follows, day by day."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal.audit import SYSTEM
from portal.billing import accounts, bounds, payments, subscriptions
from portal.billing.gateways import Answer, Charge, Outcome
from portal.billing.gateways.sandbox import SandboxGateway
from portal.extensions import db
from portal.models import (
    ChargingStop,
    EndReason,
    InvoiceStatus,
    OutboxItem,
    OutboxState,
    PaymentState,
    Subscription,
    SubscriptionStatus,
    User,
    Work,
)
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.payment_stories import (
    at_the_bank,
    collected,
    emails,
    flat,
    last_payment,
    new_card,
    open_invoice,
    pay_now,
    running,
    told,
    tries,
    unpaid,
)

Browser = Callable[[User | None], FlaskClient]
FIRST, SECOND, THIRD, LAST = "31 Mar 09:00", "03 Apr 09:00", "05 Apr 09:00", "07 Apr 09:00"


@pytest.fixture
def declining(cast: Cast) -> Cast:
    """31 March, an hour after Acme's renewal of $100.00 was declined."""
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=30, hours=1)
    return cast


def test_pay_fails_is_retried_after_3_5_and_7_days_each_time_with_an_email(
    declining: Cast,
) -> None:
    acme, invoice = declining.acme, unpaid(declining.acme)
    assert running(acme).status is SubscriptionStatus.PAST_DUE
    declining.let_pass(days=7)

    assert told(acme, "payment_failed", declining.alice.email) == [FIRST, SECOND, THIRD, LAST]
    assert [retry for _day, retry, _state, _by_hand in tries(invoice)] == [0, 1, 2, 3]
    assert collected(acme) == [10000], "the first cycle alone"


def test_pay_fails_each_email_names_the_next_date_and_the_ways_out(declining: Cast) -> None:
    declining.let_pass(days=7)
    for_admin = emails(declining.acme, "payment_failed", declining.alice.email)
    for_bookkeeper = emails(declining.acme, "payment_failed", declining.carol.email)
    number = unpaid(declining.acme).number_text

    for notice, next_day in zip(for_admin, ("3 Apr", "5 Apr", "7 Apr"), strict=False):
        assert f"We try again on {next_day} 2026" in flat(notice.body_text)
    for notice in for_admin:
        assert f"/invoices/{number}" in notice.body_text
        assert "/account/payment-method" in notice.body_html
    assert "the plan has ended" in flat(for_admin[-1].body_text)
    assert len(for_bookkeeper) == 4
    assert "An Admin of the account can pay it now" in flat(for_bookkeeper[0].body_text)
    assert "/account/payment-method" not in for_bookkeeper[0].body_text


def test_pay_fails_the_last_time_ends_the_subscription(declining: Cast, browser: Browser) -> None:
    """The invoice stays owed, and can be paid by hand afterwards."""
    subscription_id = running(declining.acme).id
    declining.let_pass(days=7)
    ended = db.session.get_one(Subscription, subscription_id, populate_existing=True)
    assert (ended.status, ended.end_reason) == (SubscriptionStatus.ENDED, EndReason.UNPAID)

    invoice, client = unpaid(declining.acme), browser(declining.alice)
    page = client.get(f"/invoices/{invoice.number_text}").text
    assert "the invoice stays to be paid" in page
    new_card(client, "card_pays")
    assert open_invoice(declining.acme) is not None, "a new card alone collects nothing any more"
    assert "$100.00 paid" in client.get(pay_now(client, invoice).headers["Location"]).text
    assert open_invoice(declining.acme) is None
    assert subscriptions.live(db.session(), declining.acme.id) is None


def test_card_fails_three_times_new_card_on_day_4(declining: Cast, browser: Browser) -> None:
    """Declined on 31 March, on 3 April and by hand on 4 April; the new card pays at once."""
    client, invoice = browser(declining.alice), unpaid(declining.acme)
    declining.let_pass(days=4)
    failed = pay_now(client, invoice)
    page = client.get(failed.headers["Location"]).text
    assert "The card was declined. Nothing was charged." in page
    assert "tried again on <time" in page
    assert "5 Apr 2026, 09:00 UTC" in page

    answer = new_card(client, "card_pays")
    page = client.get(answer.headers["Location"]).text
    assert "You pay with Test card ending 4242 from now on." in page
    assert "$100.00 paid with Test card ending 4242." in page
    assert tries(invoice) == [
        ("31 Mar", 0, "declined", False),
        ("31 Mar", 1, "declined", False),
        ("03 Apr", 2, "declined", True),
        ("04 Apr", 2, "succeeded", True),
    ]
    assert running(declining.acme).status is SubscriptionStatus.ACTIVE
    assert told(declining.acme, "payment_failed", declining.alice.email) == [FIRST, SECOND]
    declining.let_pass(days=10)
    assert collected(declining.acme) == [10000, 10000]


def test_declined_by_hand_leaves_the_automatic_attempts_as_they_were(
    declining: Cast, browser: Browser
) -> None:
    """However often somebody tries: 3, 5 and 7 days, four emails, then the end."""
    client, invoice = browser(declining.alice), unpaid(declining.acme)
    for _day in range(3):
        declining.let_pass(hours=12)
        pay_now(client, invoice)
    declining.let_pass(days=6)

    automatic = [retry for _d, retry, _s, by_hand in tries(invoice) if not by_hand]
    assert automatic == [0, 1, 2, 3]
    assert told(declining.acme, "payment_failed", declining.alice.email) == [
        FIRST, SECOND, THIRD, LAST,
    ]  # fmt: skip
    assert subscriptions.live(db.session(), declining.acme.id) is None


def test_a_card_that_pays_only_while_the_customer_is_there(cast: Cast, browser: Browser) -> None:
    """Declined at the renewal, paid by hand; then nothing more is tried."""
    cast.use_card(cast.acme, "card_declines_later")
    cast.let_pass(days=31)
    invoice, client = unpaid(cast.acme), browser(cast.alice)
    pay_now(client, invoice)
    cast.let_pass(days=10)

    assert tries(invoice) == [
        ("31 Mar", 0, "declined", False),
        ("31 Mar", 1, "succeeded", True),
    ]
    assert running(cast.acme).status is SubscriptionStatus.ACTIVE


def test_a_renewal_that_needs_authentication_waits_for_the_customer(
    cast: Cast, browser: Browser
) -> None:
    """Off-session nobody is asked: it counts as declined, and is confirmed on the page."""
    cast.use_card(cast.acme, "card_authenticates")
    cast.let_pass(days=31)
    invoice, client = unpaid(cast.acme), browser(cast.alice)
    assert tries(invoice)[0][2] == "declined"
    assert last_payment(cast.acme).action_url is None

    sent = pay_now(client, invoice)
    assert "paid with" in at_the_bank(client, sent, "authenticate").text
    assert open_invoice(cast.acme) is None


@pytest.mark.parametrize(
    ("card", "status"),
    [("card_times_out_paid", InvoiceStatus.PAID), ("card_times_out_unpaid", InvoiceStatus.OPEN)],
)
def test_pay_unknown_is_asked_about_after_five_minutes(
    cast: Cast, card: str, status: InvoiceStatus
) -> None:
    """What became of it is asked under the same key; a decline begins the days from 31 March."""
    cast.use_card(cast.acme, card)
    cast.let_pass(days=30, minutes=4)
    payment = last_payment(cast.acme)
    assert payment.state is PaymentState.UNKNOWN
    assert running(cast.acme).status is SubscriptionStatus.ACTIVE, "nobody knows yet"
    cast.let_pass(minutes=2)

    settled = db.session.get_one(type(payment), payment.id, populate_existing=True)
    assert settled.settled_at is not None
    assert f"{settled.settled_at:%d %b %H:%M}" == "31 Mar 09:05"
    invoice = open_invoice(cast.acme)
    assert (invoice.status if invoice else InvoiceStatus.PAID) is status
    if invoice is not None:
        cast.use_card(cast.acme, "card_pays")
        cast.let_pass(days=3)
        assert f"{last_payment(cast.acme).settled_at:%d %b %H:%M}" == "03 Apr 09:00"


def test_pay_unknown_for_ever_is_left_to_the_operator(
    cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked after 5 minutes, an hour and then daily five times; never sent again meanwhile."""
    asked: list[str] = []

    def silent(_gateway: SandboxGateway, _charge: Charge) -> Answer:
        asked.append(f"{cast.clock.now():%d %b %H:%M}")
        return Answer(Outcome.UNKNOWN)

    with monkeypatch.context() as patch:
        patch.setattr(SandboxGateway, "enquire", silent)
        cast.use_card(cast.acme, "card_times_out_paid")
        cast.let_pass(days=37)
        assert asked == [
            "31 Mar 09:05", "31 Mar 10:05", "01 Apr 10:05", "02 Apr 10:05", "03 Apr 10:05",
            "04 Apr 10:05", "05 Apr 10:05",
        ]  # fmt: skip
        client, invoice = browser(cast.alice), unpaid(cast.acme)
        page = client.get(f"/invoices/{invoice.number_text}").text
        assert "We look into it ourselves" in page
        assert "Pay $100.00 now" not in page
        new_card(client, "card_pays")
        assert len(tries(invoice)) == 1, "nothing else is tried while nobody knows"
        assert len(emails(cast.acme, "vendor_told")) == 1

    key = last_payment(cast.acme).idempotency_key
    result = cast.app.test_cli_runner().invoke(args=["payments", "ask", key])
    assert result.output == "$100.00: succeeded.\n"
    assert open_invoice(cast.acme) is None
    assert collected(cast.acme) == [10000, 10000]


def test_what_is_charged_by_itself_waits_while_the_account_is_parked(
    declining: Cast, browser: Browser
) -> None:
    """No retry is sent, but somebody who wants to pay can; once released it goes on."""
    declining.use_card(declining.acme, "card_pays")
    with transaction() as session:
        account = accounts.lock(session, declining.acme.id)
        bounds.park(session, account, "a look is needed", now=declining.clock.now())
    declining.let_pass(days=5)
    assert [state for _d, _r, state, _h in tries(unpaid(declining.acme))] == ["declined", "created"]

    with transaction() as session:
        account = accounts.lock(session, declining.acme.id)
        bounds.release(session, account, now=declining.clock.now(), actor=SYSTEM)
    declining.let_pass(hours=1)
    assert open_invoice(declining.acme) is None


def test_what_is_charged_by_itself_waits_while_charging_stands_still(
    declining: Cast, browser: Browser, clock: FixedClock
) -> None:
    declining.use_card(declining.acme, "card_pays")
    with transaction() as session:
        session.add(ChargingStop(stopped_at=clock.now(), reason="too many"))
    declining.let_pass(days=5)
    invoice = unpaid(declining.acme)
    assert [state for _d, _r, state, _h in tries(invoice)] == ["declined", "created"]

    pay_now(browser(declining.alice), invoice)
    assert open_invoice(declining.acme) is None


def test_money_that_can_t_be_invoiced_is_kept_for_a_person(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bounds refuse what was paid already: the account is parked, and it is not lost."""
    account = cast.account("Newcomer", None)
    with monkeypatch.context() as patch:
        checks = iter([None])

        def second_time(*_args: object, **_facts: object) -> None:
            if next(checks, "refuse") is not None:
                raise bounds.OutOfBounds("this is a test", "this is a test")

        patch.setattr(bounds, "check", second_time)
        cast.subscribe(account, cast.price("standard", "5-users"))
    assert last_payment(account).state is PaymentState.PROCESSING
    assert emails(account, "vendor_told")
    db.session.refresh(account)
    assert account.parked_at is not None
    cast.let_pass(hours=1)
    assert collected(account) == [5000]
    assert {last_payment(account).state} <= payments.FINAL
    item = db.session.query(OutboxItem).filter_by(
        work=Work.PAYMENT, subject_id=last_payment(account).id
    )
    assert item.one().state is OutboxState.DONE
