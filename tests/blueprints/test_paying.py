"""Upgrades and open invoices with every test card: what the person sees, and what is charged."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import Account, Invoice, Payment, PlanChangeState, User
from tests.cast import Cast
from tests.payment_stories import (
    arrive,
    at_the_bank,
    collected,
    confirmation,
    last_change,
    last_payment,
    new_card,
    open_invoice,
    paid_with,
    pay_now,
    running,
    seen,
    tries,
    unpaid,
    upgrade,
)

Browser = Callable[[User | None], FlaskClient]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def client(cast: Cast, browser: Browser) -> FlaskClient:
    return browser(cast.alice)


@pytest.fixture
def past_due(cast: Cast) -> Invoice:
    """Acme's renewal of $100.00, declined an hour ago."""
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=30, hours=1)
    return unpaid(cast.acme)


# --- An upgrade ----------------------------------------------------------------------------------


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


# --- An open invoice -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "says", "paid"),
    [
        ("card_pays", "$100.00 paid with Test card ending 4242.", [10000, 10000]),
        ("card_declines_later", "$100.00 paid with Test card ending 0341.", [10000, 10000]),
        ("card_declines", "The card was declined. Nothing was charged.", [10000]),
        ("card_times_out_paid", "Whether it is paid is being found out", [10000]),
        ("card_times_out_unpaid", "Whether it is paid is being found out", [10000]),
    ],
)
def test_pay_now_with_every_card(
    cast: Cast, client: FlaskClient, past_due: Invoice, card: str, says: str, paid: list[int]
) -> None:
    cast.use_card(cast.acme, card)
    assert says in arrive(client, pay_now(client, past_due)).text
    assert collected(cast.acme) == paid


def test_pay_now_says_what_it_takes_from_what(
    cast: Cast, client: FlaskClient, past_due: Invoice
) -> None:
    page = client.get(f"/invoices/{past_due.number_text}").text
    assert "Pay $100.00 now" in page
    assert "Collected from Test card ending 0002." in page
    assert "Past due" in page
    assert "3 Apr 2026, 09:00 UTC" in page


def test_charge_once_two_clicks_are_one_attempt(
    cast: Cast, client: FlaskClient, past_due: Invoice
) -> None:
    cast.use_card(cast.acme, "card_pays")
    form, url = seen(client, past_due), f"/invoices/{past_due.number_text}/payment"
    client.post(url, data=form)
    again = client.post(url, data=form)
    assert "Nothing new was charged" in arrive(client, again).text
    assert collected(cast.acme) == [10000, 10000]


def test_charge_once_an_old_page_tries_nothing_again(
    cast: Cast, client: FlaskClient, past_due: Invoice
) -> None:
    """The second of two clicks on a card that declines is not a second attempt."""
    form, url = seen(client, past_due), f"/invoices/{past_due.number_text}/payment"
    client.post(url, data=form)
    client.post(url, data=form)
    assert [by_hand for _d, _r, _s, by_hand in tries(past_due)] == [False, True, False]


@pytest.mark.parametrize("form", [{}, {"seen": ""}, {"seen": "open-1-1"}, {"seen": "\0"}])
def test_a_click_on_what_was_never_shown_begins_nothing(
    cast: Cast, client: FlaskClient, past_due: Invoice, form: dict[str, str]
) -> None:
    client.post(f"/invoices/{past_due.number_text}/payment", data=form)
    assert len(tries(past_due)) == 2


def test_nothing_new_is_begun_while_a_payment_has_no_answer(
    cast: Cast, client: FlaskClient, past_due: Invoice
) -> None:
    cast.use_card(cast.acme, "card_times_out_paid")
    pay_now(client, past_due)
    page = client.get(f"/invoices/{past_due.number_text}").text
    assert "now</button>" not in page
    assert "nothing else is charged for this invoice meanwhile" in page
    client.post(f"/invoices/{past_due.number_text}/payment", data={"seen": "open-10000-2"})
    assert last_payment(cast.acme).id == max(_ids(past_due))
    cast.let_pass(minutes=6)
    assert collected(cast.acme) == [10000, 10000]


@pytest.mark.parametrize(
    ("answer", "says"),
    [("authenticate", "$100.00 paid with"), ("refuse", "The payment was not authenticated.")],
)
def test_paying_an_invoice_leads_to_the_bank_and_back(
    cast: Cast, client: FlaskClient, past_due: Invoice, answer: str, says: str
) -> None:
    cast.use_card(cast.acme, "card_authenticates")
    sent = pay_now(client, past_due)
    page = client.get(f"/invoices/{past_due.number_text}").text
    assert "Confirm with your bank" in page
    assert says in at_the_bank(client, sent, answer).text


def test_an_invoice_not_confirmed_within_the_hour_is_tried_on_its_own_day(
    cast: Cast, client: FlaskClient, past_due: Invoice
) -> None:
    cast.use_card(cast.acme, "card_authenticates")
    pay_now(client, past_due)
    cast.let_pass(hours=2)
    assert tries(past_due)[-2:] == [
        ("31 Mar", 1, "declined", True),
        ("31 Mar", 1, "created", False),
    ]
    assert "3 Apr 2026, 09:00" in client.get(f"/invoices/{past_due.number_text}").text


def test_an_open_page_follows_a_payment_and_loads_anew_at_its_end(
    cast: Cast, client: FlaskClient, past_due: Invoice
) -> None:
    cast.use_card(cast.acme, "card_times_out_paid")
    pay_now(client, past_due)
    url = f"/invoices/{past_due.number_text}/payment"
    waiting = client.get(url, headers=HTMX)
    assert 'id="payment"' in waiting.text
    assert f'hx-get="{url}"' in waiting.text
    assert "<html" not in waiting.text
    assert client.get(url).headers["Location"] == f"/invoices/{past_due.number_text}"
    cast.let_pass(minutes=6)
    assert client.get(url, headers=HTMX).headers["HX-Refresh"] == "true"


@pytest.mark.parametrize(("person", "status"), [("bob", 403), ("carol", 403), ("mallory", 404)])
def test_roles_server_side(
    cast: Cast, browser: Browser, past_due: Invoice, person: str, status: int
) -> None:
    client, key = browser(getattr(cast, person)), last_payment(cast.acme).idempotency_key
    number = past_due.number_text
    assert client.post(f"/invoices/{number}/payment").status_code == status
    assert client.get(f"/payments/{key}").status_code == status
    assert client.post("/account/plan-changes/any/withdrawal").status_code == status
    assert open_invoice(cast.acme) is not None


def test_a_billing_contact_sees_that_it_is_open_and_who_can_pay(
    cast: Cast, browser: Browser, past_due: Invoice
) -> None:
    cast.member(cast.acme, "Ada", Role.ADMIN)
    page = browser(cast.carol).get(f"/invoices/{past_due.number_text}").text
    assert "Who can pay it: Alice, Ada." in page
    assert "now</button>" not in page


def test_without_a_way_to_pay_one_is_asked_for(cast: Cast, browser: Browser) -> None:
    account: Account = cast.account("Bare", None)
    admin = cast.member(account, "Bea", Role.ADMIN)
    page = browser(admin).get("/account/payment-method").text
    assert "Test card ending 4242" in page


def _ids(invoice: Invoice) -> list[int]:
    return [row.id for row in db.session.query(Payment).filter_by(invoice_id=invoice.id)]
