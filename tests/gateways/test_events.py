"""Stripe's news: signed, kept once, and acted on once, in whatever order and however often."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal import clock as wall
from portal import outbox
from portal.audit import SYSTEM
from portal.billing import accounts, credit_notes, payments
from portal.config import Settings
from portal.extensions import db
from portal.jobs import schedule
from portal.models import (
    Account,
    GatewayCustomer,
    GatewayEvent,
    Invoice,
    OutboxState,
    Payment,
    PaymentMethod,
    PaymentState,
    Refund,
    Subscription,
    User,
    Work,
)
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.gateways import stripe_server
from tests.gateways.conftest import settings_for
from tests.gateways.stripe_server import GOOD, Card, StripeServer, declining
from tests.gateways.stripe_wire import JSON, signed

Browser = Callable[[User | None], FlaskClient]
ADDRESS = "/gateways/stripe/events"


@pytest.fixture(scope="module")
def stripe_of_module() -> Iterator[StripeServer]:
    with stripe_server.running() as server:
        yield server


@pytest.fixture
def stripe_at(stripe_of_module: StripeServer) -> StripeServer:
    """One for all tests, so that they share an app; with its books empty."""
    stripe_of_module.clear()
    return stripe_of_module


@pytest.fixture
def settings(database_url: str, stripe_at: StripeServer, place: object) -> Settings:
    folder: Path = place.folder  # type: ignore[attr-defined]
    return replace(settings_for(stripe_at.url), data=folder / "data", database_url=database_url)


# --- Who sent it ---------------------------------------------------------------------------------


def test_signed_news_is_kept_once_however_often_it_comes(
    app: Flask, browser: Browser, stripe_at: StripeServer
) -> None:
    event = stripe_at.event("payment_intent.succeeded", INTENT)
    for _ in range(3):
        assert send(browser(None), event).status_code == 200
    (kept,) = events()
    assert (kept.gateway, kept.event_id, kept.kind) == ("stripe", event["id"], event["type"])
    assert outbox.find(db.session(), Work.GATEWAY_EVENT, kept.id).state is OutboxState.WAITING
    schedule.run_due()
    assert send(browser(None), event).status_code == 200
    assert schedule.run_due() == 0


def test_no_more_is_kept_than_what_the_news_is_about(
    app: Flask, browser: Browser, stripe_at: StripeServer
) -> None:
    """What gives access to a payment isn't."""
    send(browser(None), stripe_at.event("payment_intent.succeeded", INTENT))
    (kept,) = events()
    assert kept.payload == {
        "object": "payment_intent",
        "id": "pi_1",
        "customer": "cus_1",
        "metadata": {"portal_payment": "payment-1"},
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda body, header: (body, None),
        lambda body, header: (body, ""),
        lambda body, header: (body, "t=1,v1=00"),
        lambda body, header: (body, header.replace("v1=", "v0=")),
        lambda body, header: (body.replace("pi_1", "pi_2"), header),
        lambda body, header: (b"\xff\xfe", header),
        lambda body, header: signed(json.loads(body), secret="whsec_of_somebody_else"),
        lambda body, header: signed(json.loads(body), age_seconds=301),
        lambda body, header: signed({"id": "evt_1"}),
        lambda body, header: signed([1, 2, 3]),  # type: ignore[arg-type]
    ],
    ids=[
        "none",
        "empty",
        "wrong",
        "scheme",
        "changed",
        "bytes",
        "secret",
        "old",
        "incomplete",
        "list",
    ],
)
def test_what_stripe_did_not_sign_just_now_is_refused(
    app: Flask, browser: Browser, stripe_at: StripeServer, change: Callable[..., tuple[str, str]]
) -> None:
    body, header = change(*signed(stripe_at.event("payment_intent.succeeded", INTENT)))
    headers = {} if header is None else {"Stripe-Signature": header}
    answer = browser(None).post(ADDRESS, data=body, headers=headers)
    assert (answer.status_code, answer.mimetype) == (400, "text/plain")
    assert events() == []


def test_news_of_four_minutes_ago_is_heard(
    app: Flask, browser: Browser, stripe_at: StripeServer
) -> None:
    event = stripe_at.event("payment_intent.succeeded", INTENT)
    body, header = signed(event, age_seconds=240)
    answer = browser(None).post(ADDRESS, data=body, headers={"Stripe-Signature": header})
    assert answer.status_code == 200


def test_what_is_too_large_is_refused(
    app: Flask, browser: Browser, stripe_at: StripeServer
) -> None:
    event = stripe_at.event("payment_intent.succeeded", INTENT | {"description": "x" * 300_000})
    assert send(browser(None), event).status_code == 413
    assert events() == []


def test_the_signature_stands_in_for_the_token_of_forms(
    app: Flask, browser: Browser, stripe_at: StripeServer
) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    event = stripe_at.event("payment_intent.succeeded", INTENT)
    assert send(browser(None), event).status_code == 200


def test_without_its_secret_there_is_no_such_address(
    app: Flask, browser: Browser, stripe_at: StripeServer
) -> None:
    settings = app.config["PORTAL"]
    app.config["PORTAL"] = replace(settings, stripe=replace(settings.stripe, webhook_secret=""))
    event = stripe_at.event("payment_intent.succeeded", INTENT)
    assert send(browser(None), event).status_code == 404
    assert browser(None).get(ADDRESS).status_code == 405


# --- What became of a payment --------------------------------------------------------------------

KINDS = ("payment_intent.created", "charge.succeeded", "payment_intent.succeeded")


@pytest.mark.parametrize("order", list(itertools.permutations(KINDS)), ids="-".join)
def test_in_any_order_and_repeated_a_payment_succeeds_once(
    cast: Cast, browser: Browser, stripe_at: StripeServer, order: tuple[str, ...]
) -> None:
    """charge.once"""
    account, payment = a_payment_in_doubt(cast, stripe_at)
    (intent,) = stripe_at.of_key(payment.idempotency_key)
    news = [stripe_at.event(kind, intent) for kind in order]
    for event in [*news, *reversed(news)]:
        send(browser(None), event)
        schedule.run_due()
    assert states(account) == [PaymentState.SUCCEEDED]
    assert invoices(account) == [("paid", 5000)]
    assert stripe_at.collected(payment.idempotency_key) == [5000]
    assert all(event.applied_at for event in events())


def test_news_makes_a_payment_certain_at_once(
    cast: Cast, browser: Browser, stripe_at: StripeServer, clock: FixedClock
) -> None:
    """pay.unknown: without it the gateway would be asked in some minutes."""
    account, payment = a_payment_in_doubt(cast, stripe_at)
    schedule.run_due()
    assert states(account) == [PaymentState.UNKNOWN]
    (intent,) = stripe_at.of_key(payment.idempotency_key)
    send(browser(None), stripe_at.event("payment_intent.succeeded", intent))
    schedule.run_due()
    assert states(account) == [PaymentState.SUCCEEDED]


def test_news_is_asked_about_and_not_believed(
    cast: Cast, browser: Browser, stripe_at: StripeServer
) -> None:
    """It says that the money is there; Stripe, when asked, says that the card was declined."""
    account, payment = a_payment_in_doubt(cast, stripe_at, declining("insufficient_funds"))
    (intent,) = stripe_at.of_key(payment.idempotency_key)
    claimed = intent | {"status": "succeeded", "amount_received": 5000}
    send(browser(None), stripe_at.event("payment_intent.succeeded", claimed))
    schedule.run_due()
    assert states(account) == [PaymentState.DECLINED]
    assert invoices(account) == []


def test_news_that_comes_while_the_payment_is_carried_waits(
    cast: Cast, browser: Browser, stripe_at: StripeServer, clock: FixedClock
) -> None:
    """Else whoever carries it would put down the older answer last."""
    account, payment = a_payment_in_doubt(cast, stripe_at)
    hold(payment, seconds=60)
    (intent,) = stripe_at.of_key(payment.idempotency_key)
    send(browser(None), stripe_at.event("payment_intent.succeeded", intent))
    schedule.run_due()
    assert states(account) == [PaymentState.UNKNOWN]
    assert events()[0].applied_at is None
    hold(payment, seconds=-60)
    clock.advance(minutes=1)
    schedule.run_due()
    assert states(account) == [PaymentState.SUCCEEDED]
    assert events()[0].applied_at is not None


def test_news_of_what_is_none_of_the_portals_is_laid_aside(
    cast: Cast, browser: Browser, stripe_at: StripeServer
) -> None:
    a_payment_in_doubt(cast, stripe_at)
    for thing in (
        INTENT,
        INTENT | {"metadata": {}},
        {"id": "re_1", "object": "refund", "metadata": {"portal_refund": "refund-of-nobody"}},
        {"id": "po_1", "object": "payout"},
        {"id": "cs_1", "object": "checkout.session", "customer": "cus_of_nobody"},
    ):
        kind = f"{thing['object']}.completed"
        assert send(browser(None), stripe_at.event(kind, thing)).status_code == 200
    schedule.run_due()
    assert [event.applied_at is not None for event in events()] == [True] * 5


# --- What became of a refund ---------------------------------------------------------------------


@pytest.mark.parametrize("status", ["succeeded", "failed"])
def test_news_tells_when_a_refund_has_arrived_or_came_back(
    cast: Cast, browser: Browser, stripe_at: StripeServer, status: str
) -> None:
    account, _ = a_customer(cast, stripe_at)
    cast.subscribe(account, cast.price("standard", "5-users"))
    stripe_at.refund_status = "pending"
    refund = a_refund(cast, account)
    schedule.run_due()
    assert refund_state(refund) is PaymentState.PROCESSING
    (at_stripe,) = stripe_at.refunds.values()
    at_stripe["status"] = status
    for kind in ("refund.updated", "charge.refund.updated", "refund.updated"):
        send(browser(None), stripe_at.event(kind, at_stripe))
        schedule.run_due()
    outcomes = {"succeeded": PaymentState.SUCCEEDED, "failed": PaymentState.DECLINED}
    assert refund_state(refund) is outcomes[status]
    assert stripe_at.given_back(refund.idempotency_key) == [5000]


# --- A saved card --------------------------------------------------------------------------------


def test_a_saved_card_is_paid_with_though_the_customer_never_came_back(
    cast: Cast, browser: Browser, stripe_at: StripeServer
) -> None:
    account, first = a_customer(cast, stripe_at)
    saved = stripe_at.card(Card(brand="mastercard", last4="4444"), customer_of(account))
    for _ in range(2):
        send(browser(None), stripe_at.event(*a_visit(account)))
        schedule.run_due()
    assert ways_to_pay(account) == [first, saved]
    method = payments.method_of(db.session(), account.id)
    assert method is not None
    assert (method.reference, method.label) == (saved, "Mastercard ending 4444")


def test_older_news_does_not_bring_back_an_older_card(
    cast: Cast, browser: Browser, stripe_at: StripeServer
) -> None:
    account, first = a_customer(cast, stripe_at)
    stripe_at.card(GOOD, customer_of(account))
    older = stripe_at.event(*a_visit(account))
    newest = stripe_at.card(Card(last4="1881"), customer_of(account))
    for event in (stripe_at.event(*a_visit(account)), older, older):
        send(browser(None), event)
        schedule.run_due()
    assert ways_to_pay(account) == [first, newest]


def test_a_card_can_not_be_looked_for_while_stripe_is_silent(
    cast: Cast, browser: Browser, stripe_at: StripeServer, clock: FixedClock
) -> None:
    account, first = a_customer(cast, stripe_at)
    saved = stripe_at.card(GOOD, customer_of(account))
    stripe_at.fail("/v1/payment_methods", "500", after=False)
    send(browser(None), stripe_at.event(*a_visit(account)))
    schedule.run_due()
    assert ways_to_pay(account) == [first]
    clock.advance(minutes=1)
    schedule.run_due()
    assert ways_to_pay(account) == [first, saved]


# --- Helpers in the order they are used ----------------------------------------------------------

INTENT: JSON = {
    "id": "pi_1",
    "object": "payment_intent",
    "customer": "cus_1",
    "client_secret": "pi_1_secret_2",
    "status": "succeeded",
    "metadata": {"portal_payment": "payment-1"},
}


def send(client: FlaskClient, event: JSON):
    body, header = signed(event)
    return client.post(
        ADDRESS,
        data=body,
        headers={"Stripe-Signature": header},
        content_type="application/json; charset=utf-8",
    )


def events() -> list[GatewayEvent]:
    db.session.rollback()
    return list(db.session.scalars(select(GatewayEvent).order_by(GatewayEvent.id)))


def a_customer(cast: Cast, server: StripeServer, card: Card = GOOD) -> tuple[Account, str]:
    """An account without a plan that pays by Stripe; and what its card is called there."""
    account, customer = cast.account("Beta", None), server.customer()
    method = server.card(card, customer)
    with transaction() as session:
        session.add(GatewayCustomer(account_id=account.id, gateway="stripe", reference=customer))
        payments.set_method(
            session,
            account,
            gateway="stripe",
            reference=method,
            label="Visa ending 4242",
            now=cast.clock.now(),
        )
    return account, method


def a_payment_in_doubt(
    cast: Cast, server: StripeServer, card: Card = GOOD
) -> tuple[Account, Payment]:
    """The first payment of an account, $50.00: Stripe carried it out and its answer was lost."""
    account, _ = a_customer(cast, server, card)
    server.fail("POST /v1/payment_intents", "drop", after=True)
    cast.subscribe(account, cast.price("standard", "5-users"))
    server.faults.clear()
    payment = db.session.scalars(select(Payment).where(Payment.account_id == account.id)).one()
    assert payment.state is PaymentState.UNKNOWN
    return account, payment


def states(account: Account) -> list[PaymentState]:
    db.session.rollback()
    statement = select(Payment.state).where(Payment.account_id == account.id)
    return list(db.session.scalars(statement.order_by(Payment.id)))


def invoices(account: Account) -> list[tuple[str, int]]:
    """Each with its status and total; there is a subscription for each."""
    db.session.rollback()
    found = db.session.scalars(select(Invoice).where(Invoice.account_id == account.id)).all()
    owned = select(Subscription.id).where(Subscription.account_id == account.id)
    assert len(db.session.scalars(owned).all()) == len(found)
    return [(str(invoice.status), invoice.total_minor) for invoice in found]


def a_refund(cast: Cast, account: Account) -> Refund:
    """All of the account's first invoice is given back."""
    now = cast.clock.now()
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        invoice = session.scalars(select(Invoice).where(Invoice.account_id == account.id)).one()
        wish = credit_notes.Wish("Not what was expected.")
        credit_notes.issue(session, locked, invoice, wish, now=now, actor=SYSTEM)
    return db.session.scalars(select(Refund).where(Refund.account_id == account.id)).one()


def refund_state(refund: Refund) -> PaymentState:
    db.session.rollback()
    return db.session.get_one(Refund, refund.id).state


def hold(payment: Payment, *, seconds: int) -> None:
    """Somebody carries the payment at this moment, for so long."""
    with transaction() as session:
        item = outbox.find(session, Work.PAYMENT, payment.id)
        item.lease_owner = "somebody"
        item.lease_until = wall.wall_now() + timedelta(seconds=seconds)


def customer_of(account: Account) -> str:
    return db.session.get_one(GatewayCustomer, (account.id, "stripe")).reference


def a_visit(account: Account) -> tuple[str, JSON]:
    """A completed visit to Stripe's page."""
    session = {"id": "cs_1", "object": "checkout.session", "customer": customer_of(account)}
    return "checkout.session.completed", session | {"mode": "setup", "status": "complete"}


def ways_to_pay(account: Account) -> list[str]:
    """By Stripe, oldest first."""
    db.session.rollback()
    statement = select(PaymentMethod.reference).where(
        PaymentMethod.account_id == account.id, PaymentMethod.gateway == "stripe"
    )
    return list(db.session.scalars(statement.order_by(PaymentMethod.id)))
