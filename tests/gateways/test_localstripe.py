"""The main paths to Stripe, over HTTP against a server that others wrote.

It keeps no idempotency keys and lists no payments by customer: what needs them is shown against
the stand-in of this folder.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import stripe

from portal.billing.gateways import Answer, Charge, Outcome, Repayment
from portal.billing.gateways.stripe import StripeGateway, answers
from portal.billing.rules.money import Money
from portal.config import Settings, StripeSettings
from tests.gateways import local_stripe

_numbers = itertools.count(1)
NUMBERS = {
    "pays": "4242424242424242",
    "is declined": "4000000000000341",
    "asks": "4000002500003155",
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with local_stripe.running() as address:
        yield address


@pytest.fixture
def gateway(url: str) -> StripeGateway:
    return StripeGateway(Settings(stripe=StripeSettings(local_stripe.SECRET_KEY, "", url)))


@pytest.fixture
def api(url: str) -> stripe.StripeClient:
    """What the customer does on Stripe's own pages."""
    return stripe.StripeClient(local_stripe.SECRET_KEY, base_addresses={"api": url})


@pytest.mark.parametrize("amount", [Money(5000, "USD"), Money(5000, "JPY")], ids=str)
@pytest.mark.parametrize("on_session", [True, False], ids=["on-session", "off-session"])
def test_a_saved_card_is_charged(
    gateway: StripeGateway, api: stripe.StripeClient, amount: Money, on_session: bool
) -> None:
    charge = a_charge(api, "pays", amount=amount, on_session=on_session)
    paid = gateway.charge(charge)
    assert paid.outcome is Outcome.SUCCEEDED
    intent = api.v1.payment_intents.retrieve(str(paid.reference))
    assert (intent.amount, intent.currency) == (5000, amount.currency.lower())
    assert intent.metadata.to_dict() == {"portal_payment": charge.idempotency_key}
    assert gateway.enquire(replace(charge, gateway_reference=paid.reference)) == paid
    assert gateway.call_off(replace(charge, gateway_reference=paid.reference)) == paid


def test_a_card_is_declined(gateway: StripeGateway, api: stripe.StripeClient) -> None:
    """The server tells no reasons."""
    declined = gateway.charge(a_charge(api, "is declined"))
    assert declined == Answer(Outcome.DECLINED, message=answers.NO_REASON)


def test_a_card_that_needs_authentication_is_declined_at_renewals(
    gateway: StripeGateway, api: stripe.StripeClient
) -> None:
    """The server leaves the payment open, as Stripe would not: it is closed."""
    declined = gateway.charge(a_charge(api, "asks"))
    assert declined.outcome is Outcome.DECLINED
    assert declined.message == answers.ASKS_FOR_AUTHENTICATION
    assert api.v1.payment_intents.retrieve(str(declined.reference)).status == "canceled"


def test_it_is_given_back_in_parts(gateway: StripeGateway, api: stripe.StripeClient) -> None:
    charge = a_charge(api, "pays")
    paid = gateway.charge(charge)
    parts = [a_repayment(charge, paid, Money(amount, "USD")) for amount in (3333, 1667)]
    given = [gateway.refund(part) for part in parts]
    assert [answer.outcome for answer in given] == [Outcome.SUCCEEDED] * 2
    assert [gateway.enquire_refund(part) for part in parts] == given
    unsent = a_repayment(charge, paid, Money(1, "USD"))
    assert gateway.enquire_refund(unsent).outcome is Outcome.NEVER_HEARD
    refunds = api.v1.refunds.list({"payment_intent": str(paid.reference)}).data
    assert sorted(refund.amount for refund in refunds) == [1667, 3333]


def test_the_newest_card_is_known_by_name(gateway: StripeGateway, api: stripe.StripeClient) -> None:
    charge = a_charge(api, "pays")
    newest = gateway.newest_method(charge.customer_reference)
    assert newest is not None
    assert (newest.reference, newest.label) == (charge.method_reference, "Visa ending 4242")


def test_what_it_does_not_have_is_unknown(gateway: StripeGateway, api: stripe.StripeClient) -> None:
    """Neither lists of a customer's payments nor hosted pages: nothing is raised."""
    charge = a_charge(api, "pays")
    assert gateway.enquire(charge) == Answer(Outcome.UNKNOWN)
    begun = gateway.begin_method(
        account_public_id="0a1b",
        account_name="Acme",
        customer_reference=None,
        return_url="https://billing.example.com/saved",
        cancel_url="https://billing.example.com/cancelled",
    )
    assert begun is None


def a_charge(
    api: stripe.StripeClient,
    card: str,
    *,
    amount: Money = Money(5000, "USD"),  # noqa: B008
    on_session: bool = False,
) -> Charge:
    customer = api.v1.customers.create({"name": "Acme"})
    details = {"number": NUMBERS[card], "exp_month": 12, "exp_year": 2032, "cvc": "123"}
    method = api.v1.payment_methods.create({"type": "card", "card": details})  # type: ignore[typeddict-item]
    api.v1.payment_methods.attach(method.id, {"customer": customer.id})
    return Charge(
        idempotency_key=f"payment-{next(_numbers)}",
        amount=amount,
        customer_reference=customer.id,
        method_reference=method.id,
        description="Invoice INV-2026-00001",
        on_session=on_session,
        return_url="https://billing.example.com/payments/7",
        created_at=datetime.now(UTC),
    )


def a_repayment(charge: Charge, paid: Answer, amount: Money) -> Repayment:
    return Repayment(
        idempotency_key=f"refund-{next(_numbers)}",
        amount=amount,
        charge_key=charge.idempotency_key,
        charge_reference=str(paid.reference),
        created_at=datetime.now(UTC),
    )
