"""What is Stripe's own: saved cards, reasons, how it counts money, and what is sent to it."""

import logging
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import stripe

from portal.billing.gateways import Answer, Charge, MethodPages, Outcome, Repayment
from portal.billing.gateways.stripe import StripeGateway, answers
from portal.billing.rules.money import Money
from tests.gateways.conftest import settings_for
from tests.gateways.stripe_server import ASKS, GOOD, Card, StripeServer, declining
from tests.gateways.stripe_wire import SECRET_KEY

BACK = "https://billing.example.com/payments/7"


# --- Cards, saved on Stripe's own page -----------------------------------------------------------


def test_a_card_is_saved_on_stripes_page(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    assert isinstance(stripe_gateway, MethodPages)
    begun = begin(stripe_gateway)
    assert begun.url == f"https://checkout.stripe.com/c/pay/{begun.reference}"
    assert stripe_gateway.finish_method(begun.reference) is None

    card = stripe_at.enter_card(begun.reference, Card(brand="amex", last4="0005"))
    saved = stripe_gateway.finish_method(begun.reference)
    assert saved is not None
    assert (saved.reference, saved.label) == (card, "American Express ending 0005")
    assert saved.customer_reference == begun.customer_reference
    assert stripe_gateway.newest_method(begun.customer_reference) == saved


def test_the_customer_is_led_back_with_the_visits_name(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    begin(stripe_gateway)
    (session,) = stripe_at.sessions.values()
    assert session["success_url"] == f"{BACK}?next=%2F&reference={{CHECKOUT_SESSION_ID}}"
    assert session["cancel_url"] == "https://billing.example.com/cancelled"
    assert (session["mode"], session["allowed_payment_method_types"]) == ("setup", ["card"])


def test_an_account_is_one_customer_however_often_it_begins(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    """Also where the portal forgot what Stripe called it, and under a new name."""
    first = begin(stripe_gateway)
    again = begin(stripe_gateway, name="Acme & Daughters")
    third = begin(stripe_gateway, customer=first.customer_reference)
    assert first.customer_reference == again.customer_reference == third.customer_reference
    (customer,) = stripe_at.customers.values()
    assert customer["name"] == "Acme & Daughters"
    assert customer["metadata"] == {"portal_account": "0a1b"}


def test_the_newest_card_is_the_one_saved_last(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    customer = stripe_at.customer()
    assert stripe_gateway.newest_method(customer) is None
    stripe_at.card(GOOD, customer)
    last = stripe_at.card(Card(last4="1881"), customer)
    newest = stripe_gateway.newest_method(customer)
    assert newest is not None
    assert (newest.reference, newest.label) == (last, "Visa ending 1881")


def test_without_an_answer_no_page_is_opened_and_no_card_is_saved(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    reference = begin(stripe_gateway).reference
    assert stripe_gateway.finish_method("cs_test_of_somebody_else") is None
    stripe_at.stop()
    assert stripe_gateway.begin_method(**WHERE, customer_reference=None) is None
    assert stripe_gateway.finish_method(reference) is None
    assert stripe_gateway.newest_method("cus_1") is None


# --- Why a card was declined ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "told"),
    [
        (declining("insufficient_funds"), "There is not enough money on the card."),
        (declining("expired_card", "expired_card"), "The card has expired: use another card."),
        (
            declining("incorrect_cvc", "incorrect_cvc"),
            "The card's security code is wrong: enter the card again.",
        ),
        (
            declining("processing_error", "processing_error"),
            "The bank could not process the card: try again later.",
        ),
        (declining("generic_decline"), answers.NO_REASON),
        # What a bank suspects is not told on.
        (declining("stolen_card"), answers.NO_REASON),
        (declining("fraudulent"), answers.NO_REASON),
        (declining("a code of next year"), answers.NO_REASON),
        (ASKS, answers.ASKS_FOR_AUTHENTICATION),
    ],
    ids=lambda value: value.decline_code or "asks" if isinstance(value, Card) else "",
)
def test_people_are_told_why(
    stripe_at: StripeServer, stripe_gateway: StripeGateway, card: Card, told: str
) -> None:
    charge = a_charge(stripe_at, card)
    declined = stripe_gateway.charge(charge)
    assert (declined.outcome, declined.message) == (Outcome.DECLINED, told)
    assert stripe_gateway.enquire(charge) == declined


def test_what_was_declined_is_closed_at_stripe(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    """Otherwise somebody could pay it later, unnoticed."""
    charge = a_charge(stripe_at, declining("insufficient_funds"))
    stripe_gateway.charge(charge)
    (intent,) = stripe_at.of_key(charge.idempotency_key)
    assert intent["status"] == "canceled"


@pytest.mark.parametrize("texts", [answers.DECLINES, answers.REFUND_REFUSALS])
def test_reasons_are_sentences_that_fit(texts: dict[str, str]) -> None:
    """A payment keeps 200 characters of them."""
    assert [text for text in texts.values() if len(text) > 200 or text[-1] != "."] == []


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        (Money(49, "USD"), "The amount is smaller than cards can be charged."),
        (Money(5000, "CHF"), "The card can't be charged in this currency: use another card."),
    ],
)
def test_what_no_card_can_pay_is_declined(
    stripe_at: StripeServer, stripe_gateway: StripeGateway, amount: Money, told: str
) -> None:
    declined = stripe_gateway.charge(a_charge(stripe_at, amount=amount))
    assert declined == Answer(Outcome.DECLINED, message=told)


def test_a_card_that_stripe_does_not_keep_any_more_is_declined(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    charge = a_charge(stripe_at)
    stripe_at.methods.clear()
    told = "The card is no longer kept: enter it again, or use another card."
    assert stripe_gateway.charge(charge) == Answer(Outcome.DECLINED, message=told)


# --- How Stripe counts ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("money", "at_stripe"),
    [
        (Money(5000, "USD"), 5000),
        (Money(5000, "JPY"), 5000),  # ¥5,000, not ¥50
        (Money(500, "KRW"), 500),
        (Money(5, "ISK"), 500),  # two digits at Stripe, always 00
        (Money(1500, "MGA"), 15),  # none at Stripe
        (Money(1550, "MGA"), None),
        (Money(5120, "KWD"), 5120),
        (Money(5124, "KWD"), None),  # the last of three digits must be 0
        (Money(5, "UGX"), None),
        (Money(1045, "HUF"), 1045),
    ],
    ids=str,
)
def test_amounts_are_in_stripes_units(money: Money, at_stripe: int | None) -> None:
    assert answers.amount_of(money) == at_stripe


def test_an_amount_that_stripe_can_not_count_is_declined_and_not_sent(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    charge = a_charge(stripe_at, amount=Money(5, "UGX"))
    told = "This amount can't be collected by card in UGX."
    assert stripe_gateway.charge(charge) == Answer(Outcome.DECLINED, message=told)
    assert stripe_at.requests == []


def test_yen_are_collected_and_given_back_as_yen(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    charge = a_charge(stripe_at, amount=Money(5000, "JPY"))
    paid = stripe_gateway.charge(charge)
    back = a_repayment(charge, paid, Money(1667, "JPY"))
    assert stripe_gateway.refund(back).outcome is Outcome.SUCCEEDED
    assert stripe_at.collected(charge.idempotency_key) == [5000]
    assert stripe_at.given_back(back.idempotency_key) == [1667]


# --- What is sent --------------------------------------------------------------------------------


def test_a_renewal_is_sent_as_one_without_the_customer(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    charge = a_charge(stripe_at)
    stripe_gateway.charge(charge)
    assert stripe_at.requests == [
        (
            "POST",
            "/v1/payment_intents",
            {
                "amount": "5000",
                "currency": "usd",
                "customer": charge.customer_reference,
                "payment_method": charge.method_reference,
                "allowed_payment_method_types": ["card"],
                "confirm": "true",
                "metadata": {"portal_payment": charge.idempotency_key},
                "description": "Invoice INV-2026-00001",
                "off_session": "true",
            },
        )
    ]
    assert list(stripe_at.keys) == [charge.idempotency_key]


def test_a_customer_who_is_there_is_led_to_the_bank_and_back(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    asked = stripe_gateway.charge(a_charge(stripe_at, ASKS, on_session=True))
    assert asked.action_url == f"https://hooks.stripe.com/redirect/authenticate/{asked.reference}"
    (intent,) = stripe_at.intents.values()
    assert intent["next_action"]["redirect_to_url"]["return_url"] == BACK
    (sent,) = [params for _, path, params in stripe_at.requests if path == "/v1/payment_intents"]
    assert "off_session" not in sent


def test_logs_say_what_failed_and_nothing_secret(
    stripe_at: StripeServer, stripe_gateway: StripeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    charge = a_charge(stripe_at)
    stripe_at.fail("/v1/payment_intents", "500", after=True)
    stripe_gateway.charge(charge)
    stripe_gateway.enquire(charge)
    (record,) = [one for one in caplog.records if one.name.startswith("portal")]
    assert "APIError, status 500" in record.getMessage()
    for secret in (SECRET_KEY, "pi_secret", charge.method_reference):
        assert secret not in caplog.text


def test_a_wrong_key_is_unknown_and_an_error_for_the_operator(
    stripe_at: StripeServer, stripe_gateway: StripeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    """A setting of the vendor's went wrong: no customer's card was declined."""
    charge = a_charge(stripe_at)
    settings = settings_for(stripe_at.url)
    wrong = StripeGateway(
        type(settings)(stripe=type(settings.stripe)("sk_test_wrong", "", stripe_at.url))
    )
    assert wrong.charge(charge) == Answer(Outcome.UNKNOWN)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "sk_test" not in caplog.text


def test_the_sdk_is_loaded_only_where_it_is_used() -> None:
    """It is larger than the portal, in memory and in time to start."""
    script = "import portal, sys; sys.exit('stripe' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


# --- The stand-in itself -------------------------------------------------------------------------


def test_the_stand_in_has_the_shapes_of_the_current_api(
    stripe_at: StripeServer, stripe_gateway: StripeGateway
) -> None:
    charge = a_charge(stripe_at, ASKS, on_session=True)
    stripe_gateway.charge(charge)
    paid = a_charge(stripe_at)
    back = a_repayment(paid, stripe_gateway.charge(paid), paid.amount)
    stripe_gateway.refund(back)
    begin(stripe_gateway)
    made = (
        (stripe.PaymentIntent, stripe_at.intents),
        (stripe.Refund, stripe_at.refunds),
        (stripe.Customer, stripe_at.customers),
        (stripe.PaymentMethod, stripe_at.methods),
        (stripe.checkout.Session, stripe_at.sessions),
    )
    foreign = [
        f"{kind.__name__}.{name}"
        for kind, things in made
        for thing in things.values()
        for name in thing
        if name not in kind.__annotations__ and name != "livemode"
    ]
    assert foreign == []


# --- Helpers in the order they are used ----------------------------------------------------------

WHERE = {
    "account_public_id": "0a1b",
    "account_name": "Acme",
    "return_url": f"{BACK}?next=%2F",
    "cancel_url": "https://billing.example.com/cancelled",
}


def begin(gateway: StripeGateway, *, name: str = "Acme", customer: str | None = None):
    begun = gateway.begin_method(**(WHERE | {"account_name": name}), customer_reference=customer)
    assert begun is not None
    return begun


def a_charge(
    server: StripeServer,
    card: Card = GOOD,
    *,
    amount: Money = Money(5000, "USD"),  # noqa: B008
    on_session: bool = False,
) -> Charge:
    customer = server.customer()
    return Charge(
        idempotency_key=f"payment-{customer}",
        amount=amount,
        customer_reference=customer,
        method_reference=server.card(card, customer),
        description="Invoice INV-2026-00001",
        on_session=on_session,
        return_url=BACK,
        created_at=datetime.now(UTC) - timedelta(seconds=1),
    )


def a_repayment(charge: Charge, paid: Answer, amount: Money) -> Repayment:
    assert paid.reference is not None
    return Repayment(
        idempotency_key=f"refund-{paid.reference}",
        amount=amount,
        charge_key=charge.idempotency_key,
        charge_reference=paid.reference,
        created_at=charge.created_at,
    )
