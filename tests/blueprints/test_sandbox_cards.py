"""The sandbox's bank: its page asks for authentication, and leads back to the portal."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.billing.gateways import Charge, Outcome
from portal.billing.gateways.sandbox import CARDS, SandboxGateway
from portal.billing.rules.money import Money
from portal.config import Mode
from portal.models import User
from tests.blueprints.pages import in_order, words

Browser = Callable[[User | None], FlaskClient]
GATEWAY = SandboxGateway()


@pytest.fixture
def charge(app: Flask) -> Charge:
    """A payment whose bank asks for authentication."""
    charge = Charge(
        idempotency_key="payment-1",
        amount=Money(7500, "USD"),
        customer_reference="",
        method_reference="card_authenticates",
        description="",
        on_session=True,
        return_url="http://127.0.0.1:8000/in/0a1b/payments/payment-1?from=mail",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    asked = GATEWAY.charge(charge)
    assert asked.outcome is Outcome.NEEDS_ACTION
    assert asked.action_url == f"http://127.0.0.1:8000{PAGE}?back={BACK_QUOTED}"
    return charge


def test_the_bank_says_which_card_and_how_much(charge: Charge, browser: Browser) -> None:
    page = browser(None).get(f"{PAGE}?back={BACK_QUOTED}").text
    told = ("Authenticate a payment", "No money moves", "Test card ending 3155", "$75.00")
    in_order(words(page), *told, "Authenticate", "Refuse")
    assert f'name="back" value="{BACK}"' in page


@pytest.mark.parametrize(
    ("answer", "outcome"), [("authenticate", Outcome.SUCCEEDED), ("refuse", Outcome.DECLINED)]
)
def test_the_answer_decides_and_leads_back(
    charge: Charge, browser: Browser, answer: str, outcome: Outcome
) -> None:
    client = browser(None)
    back = client.post(PAGE, data={"answer": answer, "back": BACK})
    assert (back.status_code, back.location) == (303, BACK)
    assert GATEWAY.enquire(charge).outcome is outcome
    other = "refuse" if answer == "authenticate" else "authenticate"
    client.post(PAGE, data={"answer": other, "back": BACK})
    assert GATEWAY.enquire(charge).outcome is outcome
    page = client.get(f"{PAGE}?back={BACK_QUOTED}").text
    assert "<form" not in page.partition("</main>")[0]
    assert f'href="{BACK}"' in page


def test_what_was_called_off_can_not_be_authenticated(charge: Charge, browser: Browser) -> None:
    GATEWAY.call_off(charge)
    client = browser(None)
    assert "refused or called off" in client.get(PAGE).text
    client.post(PAGE, data={"answer": "authenticate"})
    assert GATEWAY.enquire(charge).outcome is Outcome.DECLINED


@pytest.mark.parametrize("answer", ["", "yes", "Authenticate"])
def test_any_other_answer_is_none(charge: Charge, browser: Browser, answer: str) -> None:
    assert browser(None).post(PAGE, data={"answer": answer}).status_code == 422
    assert GATEWAY.enquire(charge).outcome is Outcome.NEEDS_ACTION


@pytest.mark.parametrize(
    "back", ["https://example.com/", "//example.com", "/\\example.com", "javascript:1", ""]
)
def test_the_way_back_stays_on_this_site(charge: Charge, browser: Browser, back: str) -> None:
    answer = browser(None).post(PAGE, data={"answer": "authenticate", "back": back})
    assert (answer.status_code, answer.location) == (303, "/")
    assert 'href="/"' in browser(None).get(PAGE, query_string={"back": back}).text


def test_a_payment_nobody_knows_is_not_found(app: Flask, browser: Browser) -> None:
    assert browser(None).get("/sandbox/cards/payment-2").status_code == 404
    answer = browser(None).post("/sandbox/cards/payment-2", data={"answer": "authenticate"})
    assert answer.status_code == 404


def test_never_in_production(app: Flask, charge: Charge, browser: Browser) -> None:
    app.config["PORTAL"] = replace(app.config["PORTAL"], mode=Mode.PRODUCTION)
    client = browser(None)
    assert client.get(PAGE).status_code == 404
    assert client.post(PAGE, data={"answer": "authenticate"}).status_code == 404
    assert GATEWAY.enquire(charge).outcome is Outcome.NEEDS_ACTION


def test_without_its_csrf_token_nothing_is_decided(
    app: Flask, charge: Charge, browser: Browser
) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    assert browser(None).post(PAGE, data={"answer": "authenticate"}).status_code == 400
    assert GATEWAY.enquire(charge).outcome is Outcome.NEEDS_ACTION


def test_pages_say_what_each_card_does() -> None:
    assert {card.reference: card.label[-4:] for card in CARDS.values()} == {
        "card_pays": "4242",
        "card_declines": "0002",
        "card_authenticates": "3155",
        "card_declines_later": "0341",
        "card_times_out_paid": "4319",
        "card_times_out_unpaid": "0119",
    }
    assert all(card.does and not card.does.endswith(".") for card in CARDS.values())


PAGE = "/sandbox/cards/payment-1"
BACK = "/in/0a1b/payments/payment-1?from=mail"
BACK_QUOTED = "%2Fin%2F0a1b%2Fpayments%2Fpayment-1%3Ffrom%3Dmail"
