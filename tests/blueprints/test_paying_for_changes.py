"""Plan changes with every test card: what the person sees, what is charged, and what is not."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal.billing.gateways import Answer, Charge, Outcome
from portal.billing.gateways.sandbox import SandboxGateway
from portal.extensions import db
from portal.models import Invoice, PlanChangeState, User
from tests.cast import Cast
from tests.payment_stories import (
    arrive,
    at_the_bank,
    buy_seats,
    collected,
    confirmation,
    last_change,
    new_card,
    paid_with,
    running,
    upgrade,
)

Browser = Callable[[User | None], FlaskClient]
HTMX = {"HX-Request": "true"}
BANK = "https://bank.example.com/authenticate?payment=1"


@pytest.fixture
def client(cast: Cast, browser: Browser) -> FlaskClient:
    return browser(cast.alice)


@pytest.mark.parametrize(
    ("card", "says", "state"),
    [
        ("card_pays", "You are on Standard, 20 users", PlanChangeState.APPLIED),
        ("card_declines_later", "You are on Standard, 20 users", PlanChangeState.APPLIED),
        ("card_declines", "The card was declined. Nothing was charged", PlanChangeState.FAILED),
        ("card_times_out_paid", "has no answer yet", PlanChangeState.PENDING),
        ("card_times_out_unpaid", "has no answer yet", PlanChangeState.PENDING),
    ],
)
def test_an_upgrade_says_what_came_of_its_payment(
    cast: Cast, client: FlaskClient, card: str, says: str, state: PlanChangeState
) -> None:
    answer = upgrade(client, cast.price("standard", "20-users"), card)
    assert says in arrive(client, answer).text
    assert last_change(cast.acme).state is state


@pytest.mark.parametrize(
    ("card", "seats", "paid"),
    [("card_times_out_paid", 20, [10000, 8000]), ("card_times_out_unpaid", 10, [10000])],
)
def test_an_upgrade_without_an_answer_is_clarified_in_five_minutes(
    cast: Cast, client: FlaskClient, card: str, seats: int, paid: list[int]
) -> None:
    """The day of the sign-up nothing is used: $180.00 − $100.00 = $80.00."""
    upgrade(client, cast.price("standard", "20-users"), card)
    cast.let_pass(minutes=6)
    assert running(cast.acme).price.tier.seats == seats
    assert collected(cast.acme) == paid


@pytest.mark.parametrize("card", ["card_declines", "card_times_out_unpaid"])
def test_an_upgrade_that_fails_changes_nothing_not_even_the_card(
    cast: Cast, client: FlaskClient, card: str
) -> None:
    upgrade(client, cast.price("standard", "20-users"), card)
    cast.let_pass(minutes=6)
    assert paid_with(cast.acme) == "card_pays"
    cast.let_pass(days=31)
    assert collected(cast.acme) == [10000, 10000]


def test_a_confirmation_sent_again_leaves_the_card_as_it_was_set_since(
    cast: Cast, client: FlaskClient
) -> None:
    price = cast.price("standard", "20-users")
    form = confirmation(client, price, "card_pays")
    first = client.post("/account/change-plan", data=form)
    new_card(client, "card_declines_later")
    again = client.post("/account/change-plan", data=form)
    assert again.headers["Location"] == first.headers["Location"]
    assert paid_with(cast.acme) == "card_declines_later"


@pytest.mark.parametrize(
    ("answer", "says", "seats"),
    [
        ("authenticate", "You are on Standard, 20 users", 20),
        ("refuse", "The payment was not authenticated.", 10),
    ],
)
def test_an_upgrade_that_needs_authentication_leads_to_the_bank_at_once(
    cast: Cast, client: FlaskClient, answer: str, says: str, seats: int
) -> None:
    sent = upgrade(client, cast.price("standard", "20-users"), "card_authenticates")
    assert running(cast.acme).price.tier.seats == 10, "not before it is paid"
    assert says in at_the_bank(client, sent, answer).text
    assert running(cast.acme).price.tier.seats == seats


def test_authentication_that_nobody_gives_is_called_off_after_an_hour(
    cast: Cast, client: FlaskClient
) -> None:
    sent = upgrade(client, cast.price("standard", "20-users"), "card_authenticates")
    page = client.get(f"/account/plan-changes/{last_change(cast.acme).op_id}").text
    assert "Your bank asks you to confirm the payment of $80.00" in page
    assert "called off on <time" in page
    cast.let_pass(minutes=59)
    assert last_change(cast.acme).state is PlanChangeState.PENDING
    cast.let_pass(minutes=2)

    change = last_change(cast.acme)
    assert change.state is PlanChangeState.FAILED
    assert change.failure == "The payment was not confirmed with the bank within an hour."
    late = client.get(sent.headers["Location"]).text
    assert "This payment was refused or called off." in late
    assert collected(cast.acme) == [10000]


def test_what_tax_follows_from_stays_as_confirmed_until_the_bank_has_answered(
    cast: Cast, client: FlaskClient
) -> None:
    """invoice.snapshot, invoice.tax: the invoice shows the customer that its tax was for."""
    details = {"company": "Acme", "country": "US"}
    sent = upgrade(client, cast.price("standard", "20-users"), "card_authenticates")
    refused = client.post("/billing", data=details | {"country": "DE"})
    assert refused.status_code == 422
    assert "A plan change waits for its payment, with the tax that follows" in refused.text
    assert '<option selected value="DE">' in refused.text, "what was chosen is still there"
    assert client.post("/billing", data=details | {"po_number": "PO-9"}).status_code == 303

    at_the_bank(client, sent, "authenticate")
    assert client.post("/billing", data=details | {"country": "DE"}).status_code == 303
    change = last_change(cast.acme)
    customer = db.session.get_one(Invoice, change.invoice_id).customer
    assert (customer["country"], customer["po_number"]) == ("US", "PO-9")


def test_authentication_given_in_time_counts_when_nobody_comes_back(
    cast: Cast, client: FlaskClient
) -> None:
    """The window was closed at the bank: the portal asks before it calls off."""
    sent = upgrade(client, cast.price("standard", "20-users"), "card_authenticates")
    path = sent.headers["Location"].partition("?")[0]
    client.post(path, data={"answer": "authenticate"})
    assert last_change(cast.acme).state is PlanChangeState.PENDING
    cast.let_pass(hours=1)
    assert last_change(cast.acme).state is PlanChangeState.APPLIED
    assert collected(cast.acme) == [10000, 8000]


def test_a_change_that_waits_for_the_bank_can_be_called_off(
    cast: Cast, client: FlaskClient
) -> None:
    upgrade(client, cast.price("standard", "20-users"), "card_authenticates")
    op_id = last_change(cast.acme).op_id
    page = arrive(client, client.post(f"/account/plan-changes/{op_id}/withdrawal")).text
    assert "It was called off. Nothing was charged" in page
    again = arrive(client, client.post(f"/account/plan-changes/{op_id}/withdrawal")).text
    assert "called off any more" in again
    assert "The card was" not in again
    assert paid_with(cast.acme) == "card_pays"


def test_what_the_gateway_is_busy_with_can_t_be_called_off(cast: Cast, client: FlaskClient) -> None:
    upgrade(client, cast.price("standard", "20-users"), "card_times_out_paid")
    op_id = last_change(cast.acme).op_id
    assert "Call the change off" not in client.get(f"/account/plan-changes/{op_id}").text
    client.post(f"/account/plan-changes/{op_id}/withdrawal")
    cast.let_pass(minutes=6)
    assert last_change(cast.acme).state is PlanChangeState.APPLIED


def test_htmx_is_led_to_the_bank_too(cast: Cast, client: FlaskClient) -> None:
    price = cast.price("standard", "20-users")
    page = client.get(f"/account/change-plan/{price.id}").text
    token = page.partition('name="confirmation" value="')[2].partition('"')[0]
    answer = client.post(
        "/account/change-plan",
        data={"confirmation": token, "card": "card_authenticates"},
        headers=HTMX,
    )
    assert (answer.status_code, answer.headers["HX-Redirect"][:15]) == (204, "/sandbox/cards/")


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_bank_elsewhere_is_reached_by_a_page_that_goes_on_by_itself(
    cast: Cast,
    client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
) -> None:
    """A redirect after a form is held to this site by the content policy."""
    asked: list[Charge] = []

    def ask(_gateway: SandboxGateway, charge: Charge) -> Answer:
        asked.append(charge)
        return Answer(Outcome.NEEDS_ACTION, "pi_1", action_url=BANK)

    monkeypatch.setattr(SandboxGateway, "charge", ask)
    form = confirmation(client, cast.price("standard", "20-users"))
    answer = client.post("/account/change-plan", data=form, headers=headers)
    if headers:
        assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, BANK)
    else:
        assert answer.headers["Refresh"] == f"0; url={BANK}"
        assert f'href="{BANK}"' in answer.text
    [charge] = asked
    assert charge.on_session
    assert charge.description == "Standard, 20 users"
    key, account = charge.idempotency_key, cast.acme.public_id
    assert charge.return_url == f"http://127.0.0.1:8000/in/{account}/payments/{key}"


@pytest.mark.parametrize(
    ("card", "says", "seats"),
    [
        ("card_pays", "You have 2 × 1 seat", 2),
        ("card_declines", "The card was declined. Nothing was charged, and nothing was added.", 0),
        ("card_times_out_paid", "has no answer yet", 2),
        ("card_times_out_unpaid", "has no answer yet", 0),
    ],
)
def test_a_purchase_of_add_ons_that_fails_changes_nothing(
    cast: Cast, client: FlaskClient, card: str, says: str, seats: int
) -> None:
    """Two seats of $10.00 for all 30 days."""
    assert says in arrive(client, buy_seats(client, 2, card)).text
    cast.let_pass(minutes=6)
    assert sum(row.quantity for row in running(cast.acme).add_ons) == seats
    assert collected(cast.acme) == ([10000, 2000] if seats else [10000])
    assert paid_with(cast.acme) == (card if seats else "card_pays")


@pytest.mark.parametrize(("answer", "seats"), [("authenticate", 2), ("refuse", 0)])
def test_add_ons_lead_to_the_bank_too(
    cast: Cast, client: FlaskClient, answer: str, seats: int
) -> None:
    at_the_bank(client, buy_seats(client, 2, "card_authenticates"), answer)
    assert sum(row.quantity for row in running(cast.acme).add_ons) == seats
