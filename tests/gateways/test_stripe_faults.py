"""Whatever happens between the portal and Stripe, an amount is collected once or not at all."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal.billing.gateways import Answer, Charge, Outcome
from portal.billing.gateways.stripe import StripeGateway
from portal.billing.rules.money import Money
from tests.gateways import stripe_server
from tests.gateways.stripe_server import ASKS, StripeServer, declining
from tests.gateways.test_stripe import a_charge, a_repayment

INTENTS, REFUNDS = "/v1/payment_intents", "/v1/refunds"
UNKNOWN = Answer(Outcome.UNKNOWN)
FAULTS = ["500", "429", "drop", "hang", "nonsense"]


@pytest.mark.parametrize("how", ["500", "drop", "hang", "nonsense"])
def test_the_money_is_taken_and_the_answer_lost(
    stripe_at: StripeServer, stripe_gateway: StripeGateway, how: str
) -> None:
    """pay.unknown"""
    charge = a_charge(stripe_at)
    stripe_at.fail(INTENTS, how, after=True)
    assert stripe_gateway.charge(charge) == UNKNOWN
    assert as_collection_goes_on(stripe_gateway, charge).outcome is Outcome.SUCCEEDED
    assert stripe_at.collected(charge.idempotency_key) == [5000]


@pytest.mark.parametrize("how", ["429", "drop", "hang", "nonsense"])
def test_the_request_never_arrives(
    stripe_at: StripeServer, stripe_gateway: StripeGateway, how: str
) -> None:
    """pay.unknown"""
    charge = a_charge(stripe_at)
    stripe_at.fail(INTENTS, how, after=False)
    assert stripe_gateway.charge(charge) == UNKNOWN
    assert stripe_gateway.enquire(charge) == Answer(Outcome.NEVER_HEARD)
    assert as_collection_goes_on(stripe_gateway, charge).outcome is Outcome.SUCCEEDED
    assert stripe_at.collected(charge.idempotency_key) == [5000]


def test_stripe_breaks_before_anything_is_done(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    """Its answer, an error 500, is given again for a day to whoever comes with the key."""
    charge = a_charge(stripe_at)
    stripe_at.fail(INTENTS, "500", after=False)
    assert stripe_gateway.charge(charge) == UNKNOWN
    assert as_collection_goes_on(stripe_gateway, charge) == UNKNOWN
    stripe_at.forget_keys()
    later = replace(charge, created_at=charge.created_at - timedelta(days=1))
    assert as_collection_goes_on(stripe_gateway, later).outcome is Outcome.SUCCEEDED
    assert stripe_at.collected(charge.idempotency_key) == [5000]


@pytest.mark.parametrize("how", FAULTS)
def test_the_enquiry_fails(
    stripe_at: StripeServer, stripe_gateway: StripeGateway, how: str
) -> None:
    """Nothing is sent again on the strength of an enquiry without an answer."""
    charge = a_charge(stripe_at)
    paid = stripe_gateway.charge(charge)
    stripe_at.fail(INTENTS, how, after=False)
    assert stripe_gateway.enquire(charge) == UNKNOWN
    stripe_at.fail(f"{INTENTS}/{paid.reference}", how, after=False)
    known = replace(charge, gateway_reference=paid.reference)
    assert stripe_gateway.enquire(known) == UNKNOWN
    assert stripe_gateway.enquire(known) == paid
    assert stripe_at.collected(charge.idempotency_key) == [5000]


@pytest.mark.parametrize("days", [1, 3, 400])
@pytest.mark.parametrize("arrived", [True, False], ids=["arrived", "never arrived"])
def test_an_old_key_is_looked_for_and_not_relied_on(
    stripe_at: StripeServer, stripe_gateway: StripeGateway, days: int, arrived: bool
) -> None:
    """Stripe forgets keys after a day: sent once more, one would collect once more."""
    charge = a_charge(stripe_at)
    stripe_at.fail(INTENTS, "drop", after=arrived)
    assert stripe_gateway.charge(charge) == UNKNOWN
    stripe_at.forget_keys()
    charge = replace(charge, created_at=charge.created_at - timedelta(days=days))
    assert stripe_gateway.charge(charge).outcome is Outcome.SUCCEEDED
    assert stripe_at.collected(charge.idempotency_key) == [5000]
    stripe_at.forget_keys()
    assert stripe_gateway.charge(charge).outcome is Outcome.SUCCEEDED
    assert stripe_at.collected(charge.idempotency_key) == [5000]


def test_an_old_key_that_can_not_be_looked_for_is_not_sent(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    charge = a_charge(stripe_at)
    old = replace(charge, created_at=charge.created_at - timedelta(days=2))
    stripe_at.fail(INTENTS, "500", after=False)
    assert stripe_gateway.charge(old) == UNKNOWN
    assert [method for method, _, _ in stripe_at.requests] == []


def test_a_portal_whose_clock_is_ahead_looks_first_too(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    """A sandbox's clock says nothing of how old a key is at Stripe."""
    charge = a_charge(stripe_at)
    charge = replace(charge, created_at=charge.created_at + timedelta(days=60))
    stripe_gateway.charge(charge)
    stripe_at.forget_keys()
    assert stripe_gateway.enquire(charge).outcome is Outcome.SUCCEEDED
    assert stripe_gateway.charge(charge).outcome is Outcome.SUCCEEDED
    assert stripe_at.collected(charge.idempotency_key) == [5000]


def test_a_payment_is_found_among_many(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    """Page after page."""
    stripe_at.longest_page = 2
    first = a_charge(stripe_at)
    charges = [replace(first, idempotency_key=f"payment-{number}") for number in range(7)]
    answers = [stripe_gateway.charge(charge) for charge in charges]
    assert [stripe_gateway.enquire(charge) for charge in charges] == answers
    unsent = replace(first, idempotency_key="payment-7")
    assert stripe_gateway.enquire(unsent).outcome is Outcome.NEVER_HEARD


def test_a_decline_that_can_not_be_closed_is_not_final_yet(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    charge = a_charge(stripe_at, declining("insufficient_funds"))
    stripe_at.fail(INTENTS, "drop", after=True)
    assert stripe_gateway.charge(charge) == UNKNOWN
    (intent,) = stripe_at.of_key(charge.idempotency_key)
    assert intent["status"] == "requires_payment_method"
    stripe_at.fail(f"{INTENTS}/{intent['id']}/cancel", "500", after=False)
    assert stripe_gateway.enquire(charge) == UNKNOWN
    declined = stripe_gateway.enquire(charge)
    assert declined.message == "There is not enough money on the card."
    assert intent["status"] == "canceled"


def test_closed_already_it_is_declined_all_the_same(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    """The answer to the closing was lost."""
    charge = a_charge(stripe_at, declining("insufficient_funds"))
    stripe_gateway.charge(charge)
    (intent,) = stripe_at.of_key(charge.idempotency_key)
    intent["status"] = "requires_payment_method"
    stripe_at.fail(f"{INTENTS}/{intent['id']}/cancel", "drop", after=True)
    assert stripe_gateway.enquire(charge) == UNKNOWN
    assert stripe_gateway.enquire(charge).outcome is Outcome.DECLINED


def test_authenticated_in_the_moment_of_calling_off(
    stripe_at: StripeServer, stripe_gateway: StripeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    charge = a_charge(stripe_at, ASKS, on_session=True)
    asked = stripe_gateway.charge(charge)
    cancel = StripeServer.cancel_intent

    def too_late(server: StripeServer, params: dict[str, object], intent_id: str) -> object:
        server.authenticate(intent_id, agreed=True)
        return cancel(server, params, intent_id)

    routes = stripe_server.ROUTES
    routes = [(pattern, too_late if act is cancel else act) for pattern, act in routes]
    monkeypatch.setattr(stripe_server, "ROUTES", routes)
    assert stripe_gateway.call_off(charge) == Answer(Outcome.SUCCEEDED, asked.reference)
    assert stripe_at.collected(charge.idempotency_key) == [5000]


def test_a_payment_over_another_amount_is_nobodys_success(
    stripe_at: StripeServer, stripe_gateway: StripeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    charge = a_charge(stripe_at)
    stripe_gateway.charge(charge)
    other = replace(charge, amount=Money(7500, "USD"))
    assert stripe_gateway.enquire(other) == UNKNOWN
    assert stripe_gateway.charge(other) == UNKNOWN
    assert "over another amount" in caplog.text
    assert stripe_at.collected(charge.idempotency_key) == [5000]


@pytest.mark.parametrize("how", ["500", "drop", "hang", "nonsense"])
@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
def test_a_refund_whose_answer_is_lost_is_given_back_once(
    stripe_at: StripeServer, stripe_gateway: StripeGateway, how: str, after: bool
) -> None:
    charge = a_charge(stripe_at)
    back = a_repayment(charge, stripe_gateway.charge(charge), Money(1250, "USD"))
    stripe_at.fail(REFUNDS, how, after=after)
    assert stripe_gateway.refund(back) == UNKNOWN
    known = stripe_gateway.enquire_refund(back)
    assert known.outcome is (Outcome.SUCCEEDED if after else Outcome.NEVER_HEARD)
    stripe_at.forget_keys()
    old = replace(back, created_at=back.created_at - timedelta(days=2))
    assert stripe_gateway.refund(old).outcome is Outcome.SUCCEEDED
    assert stripe_at.given_back(back.idempotency_key) == [1250]


def test_a_refund_on_its_way_is_awaited_until_it_arrives_or_comes_back(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    charge = a_charge(stripe_at)
    stripe_at.refund_status = "pending"
    back = a_repayment(charge, stripe_gateway.charge(charge), charge.amount)
    sent = stripe_gateway.refund(back)
    assert sent.outcome is Outcome.AWAITED
    (refund,) = stripe_at.refunds.values()
    refund["status"] = "succeeded"
    assert stripe_gateway.enquire_refund(back) == Answer(Outcome.SUCCEEDED, sent.reference)
    refund.update(status="failed", failure_reason="expired_or_canceled_card")
    told = "The card has expired or was cancelled."
    assert stripe_gateway.enquire_refund(back) == Answer(Outcome.DECLINED, sent.reference, told)


def as_collection_goes_on(gateway: StripeGateway, charge: Charge) -> Answer:
    """Ask; send again only what never arrived."""
    known = gateway.enquire(charge)
    return gateway.charge(charge) if known.outcome is Outcome.NEVER_HEARD else known
