"""Paying an open invoice with every test card: what the person sees, and what is charged."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import Account, Invoice, Payment, User
from tests.cast import Cast
from tests.payment_stories import (
    arrive,
    at_the_bank,
    collected,
    last_payment,
    open_invoice,
    pay_now,
    seen,
    tries,
    unpaid,
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
