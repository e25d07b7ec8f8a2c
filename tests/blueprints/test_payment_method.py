"""The payment method's page: what it offers with each gateway, and what a change leads to."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.audit import SYSTEM
from portal.billing import accounts
from portal.billing.gateways import BegunMethod, SavedMethod
from portal.billing.gateways.sandbox import CARDS, SandboxGateway
from portal.billing.rules.roles import Role
from portal.collecting.gateways import EXTENSION
from portal.config import StripeSettings
from portal.extensions import db
from portal.models import (
    Account,
    AuditEntry,
    GatewayCustomer,
    PaymentMethod,
    SubscriptionStatus,
    User,
)
from portal.transaction import transaction
from tests.cast import Cast
from tests.payment_stories import (
    METHOD,
    arrive,
    at_the_bank,
    collected,
    new_card,
    open_invoice,
    paid_with,
    running,
    told,
    tries,
    unpaid,
    upgrade,
)

Browser = Callable[[User | None], FlaskClient]
ELSEWHERE = "https://cards.example.com/visit"


@pytest.fixture
def client(cast: Cast, browser: Browser) -> FlaskClient:
    return browser(cast.alice)


@pytest.fixture
def past_due(cast: Cast) -> Account:
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=30, hours=1)
    return cast.acme


@pytest.mark.parametrize(("person", "status"), [("alice", 200), ("bob", 403), ("carol", 403)])
def test_roles_server_side(cast: Cast, browser: Browser, person: str, status: int) -> None:
    client = browser(getattr(cast, person))
    assert client.get(METHOD).status_code == status
    assert client.get(f"{METHOD}/saved").status_code == (303 if status == 200 else status)
    assert new_card(client, "card_declines").status_code == (303 if status == 200 else status)


def test_the_sandbox_says_what_each_test_card_does(client: FlaskClient) -> None:
    page = client.get(METHOD).text
    assert "Test card ending 4242, which pays" in page
    assert page.count('name="card" type="radio"') == len(CARDS)
    assert page.count('checked id="card-0"') == 1, "the one that is paid with"


def test_another_card_is_kept_and_put_on_record(cast: Cast, client: FlaskClient) -> None:
    page = arrive(client, new_card(client, "card_declines_later")).text
    assert "You pay with Test card ending 0341 from now on." in page
    assert paid_with(cast.acme) == "card_declines_later"
    new_card(client, "card_declines_later")
    [entry] = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "payment_method.changed")
    )
    assert entry.details == {
        "label": "Test card ending 0341",
        "before": "Test card ending 4242",
    }
    assert "card_" not in str(entry.details), "no reference of a gateway's is told"


@pytest.mark.parametrize("card", ["", "card_stolen", "\0", "4242 4242 4242 4242"])
def test_what_is_no_test_card_is_refused_with_a_word(
    cast: Cast, client: FlaskClient, card: str
) -> None:
    answer = new_card(client, card)
    assert answer.status_code == 422
    assert "Choose one of the test cards." in answer.text
    assert paid_with(cast.acme) == "card_pays"


@pytest.mark.parametrize(
    ("card", "says", "paid"),
    [
        ("card_pays", "$100.00 paid with Test card ending 4242.", [10000, 10000]),
        ("card_declines_later", "$100.00 paid with Test card ending 0341.", [10000, 10000]),
        ("card_times_out_paid", "is being found out", [10000]),
        ("card_times_out_unpaid", "is being found out", [10000]),
    ],
)
def test_a_new_card_is_tried_on_what_is_past_due(
    past_due: Account, client: FlaskClient, card: str, says: str, paid: list[int]
) -> None:
    assert says in arrive(client, new_card(client, card)).text
    assert collected(past_due) == paid


def test_a_new_card_that_is_declined_leaves_the_next_attempt_to_its_day(
    cast: Cast, past_due: Account, client: FlaskClient
) -> None:
    cast.use_card(past_due, "card_pays")
    invoice = unpaid(past_due)
    page = arrive(client, new_card(client, "card_declines")).text
    assert "The card was declined. Nothing was charged." in page
    assert "3 Apr 2026, 09:00" in page
    assert tries(invoice)[-1] == ("31 Mar", 1, "created", False)
    assert told(past_due, "payment_failed", cast.alice.email) == ["31 Mar 09:00"]


@pytest.mark.parametrize(
    ("answer", "says", "status"),
    [
        ("authenticate", "$100.00 paid with", SubscriptionStatus.ACTIVE),
        ("refuse", "The payment was not authenticated.", SubscriptionStatus.PAST_DUE),
    ],
)
def test_a_new_card_that_needs_authentication_leads_to_the_bank(
    past_due: Account, client: FlaskClient, answer: str, says: str, status: SubscriptionStatus
) -> None:
    sent = new_card(client, "card_authenticates")
    assert says in at_the_bank(client, sent, answer).text
    assert running(past_due).status is status


def test_the_page_says_what_is_owed_and_when_it_is_tried(
    past_due: Account, client: FlaskClient
) -> None:
    page = client.get(METHOD).text
    assert f"$100.00 of invoice {unpaid(past_due).number_text} is not paid" in page
    assert "3 Apr 2026, 09:00 UTC" in page


@pytest.mark.parametrize(
    ("asked", "lands"),
    [
        ("/account/change-plan", "/account/change-plan"),
        ("//evil.example", METHOD),
        ("https://evil.example/", METHOD),
        ("", METHOD),
    ],
)
def test_afterwards_it_goes_back_to_where_one_came_from(
    client: FlaskClient, asked: str, lands: str
) -> None:
    answer = client.post(METHOD, data={"card": "card_declines_later", "next": asked})
    assert answer.headers["Location"] == lands


# --- Cards that are entered on the gateway's own pages -------------------------------------------


class CardPages(SandboxGateway):
    """A gateway whose card page saves what `card` says, for the customer it was opened for."""

    card: str | None = "card_pays"
    answers = True

    def begin_method(self, **asked: str | None) -> BegunMethod | None:
        self.asked = asked
        customer = asked["customer_reference"] or f"cus_{asked['account_public_id']}"
        return BegunMethod(ELSEWHERE, "visit_1", customer) if self.answers else None

    def finish_method(self, reference: str) -> SavedMethod | None:
        if self.card is None or reference != "visit_1":
            return None
        return SavedMethod(self.card, CARDS[self.card].label, self.customer)

    def newest_method(self, customer_reference: str) -> SavedMethod | None:
        return None

    @property
    def customer(self) -> str:
        return f"cus_{self.asked['account_public_id']}"


@pytest.fixture
def pages(app: Flask) -> Iterator[CardPages]:
    """The vendor takes cards by Stripe, for which a gateway with pages of its own stands in."""
    stripe = StripeSettings("sk_test_x", "whsec_x")
    app.config["PORTAL"] = replace(app.config["PORTAL"], gateway="stripe", stripe=stripe)
    gateway = CardPages()
    gateways = app.extensions.setdefault(EXTENSION, {})
    before = dict(gateways)
    gateways["stripe"] = gateway
    yield gateway
    gateways.clear()
    gateways.update(before)


def test_a_card_is_entered_elsewhere_and_known_by_its_label(
    cast: Cast, client: FlaskClient, pages: CardPages
) -> None:
    assert "Enter a card at Stripe" in client.get(METHOD).text
    left = client.post(METHOD)
    assert left.headers["Refresh"] == f"0; url={ELSEWHERE}"
    assert f'href="{ELSEWHERE}"' in left.text
    assert pages.asked["return_url"].startswith("http://127.0.0.1:8000/account/payment-method/s")

    pages.card = "card_declines_later"
    page = arrive(client, client.get(f"{METHOD}/saved?reference=visit_1")).text
    assert "You pay with Test card ending 0341 from now on." in page
    method = db.session.scalars(
        select(PaymentMethod).where(
            PaymentMethod.account_id == cast.acme.id, PaymentMethod.replaced_at.is_(None)
        )
    ).one()
    assert (method.gateway, method.reference) == ("stripe", "card_declines_later")
    customer = db.session.get_one(GatewayCustomer, (cast.acme.id, "stripe"))
    assert customer.reference == pages.customer
    client.post(METHOD)
    assert pages.asked["customer_reference"] == customer.reference


def test_coming_back_twice_or_with_an_old_visit_keeps_the_newest_card(
    cast: Cast, client: FlaskClient, pages: CardPages
) -> None:
    client.post(METHOD)
    client.get(f"{METHOD}/saved?reference=visit_1")
    client.get(f"{METHOD}/saved?reference=visit_1")
    assert paid_with(cast.acme) == "card_pays"
    pages.card = "card_declines_later"
    client.get(f"{METHOD}/saved?reference=visit_1")
    pages.card = "card_pays"
    page = arrive(client, client.get(f"{METHOD}/saved?reference=visit_1")).text
    assert "was replaced by another one" in page
    assert paid_with(cast.acme) == "card_declines_later"


def test_another_account_s_visit_saves_nothing(
    cast: Cast, client: FlaskClient, browser: Browser, pages: CardPages
) -> None:
    """Mallory has Alice follow a link that would make Acme pay by a card of Mallory's."""
    client.post(METHOD)
    browser(cast.mallory).post(METHOD)
    page = arrive(client, client.get(f"{METHOD}/saved?reference=visit_1")).text
    assert "No card was saved. You pay as before." in page
    assert (
        db.session.scalars(select(PaymentMethod.id).where(PaymentMethod.gateway == "stripe")).all()
        == []
    )


@pytest.mark.parametrize("reference", ["", "visit_2", "\0", "x" * 3000])
def test_a_visit_that_was_none_saves_nothing(
    cast: Cast, client: FlaskClient, pages: CardPages, reference: str
) -> None:
    client.post(METHOD)
    answer = client.get(f"{METHOD}/saved", query_string={"reference": reference})
    assert "No card was saved" in arrive(client, answer).text


def test_a_gateway_that_does_not_answer_is_told(client: FlaskClient, pages: CardPages) -> None:
    pages.answers = False
    answer = client.post(METHOD)
    assert answer.status_code == 503
    assert "try again in a moment" in answer.text


def test_a_new_card_from_elsewhere_pays_what_is_past_due(
    past_due: Account, client: FlaskClient, pages: CardPages
) -> None:
    client.post(METHOD)
    answer = client.get(f"{METHOD}/saved?reference=visit_1&next=/invoices")
    assert answer.headers["Location"] == "/invoices"
    assert "$100.00 paid with Test card ending 4242." in arrive(client, answer).text
    assert open_invoice(past_due) is None


def test_a_plan_asks_for_a_card_where_there_is_none(
    cast: Cast, browser: Browser, pages: CardPages
) -> None:
    """Signed up by Stripe's gateway: first the card, then the plan, from one page to the next."""
    account = without_way_to_pay(cast)
    client = browser(cast.member(account, "Bea", Role.ADMIN))
    price = cast.price("standard", "5-users")
    quote = f"/account/change-plan/{price.id}"
    assert "There is no card yet." in client.get(quote).text
    refused = upgrade(client, price)
    assert refused.status_code == 409
    assert "There is no way to pay on file. Add one first." in refused.text

    client.post(METHOD, data={"next": quote})
    assert pages.asked["return_url"].endswith(f"next={quote}")
    back = client.get(f"{METHOD}/saved?reference=visit_1&next={quote}")
    assert back.headers["Location"] == quote
    assert "You are on Standard, 5 users" in arrive(client, upgrade(client, price)).text


def without_way_to_pay(cast: Cast) -> Account:
    with transaction() as session:
        account_id = accounts.open_account(
            session,
            name="Bare",
            country="US",
            currency="USD",
            time_zone="UTC",
            now=cast.clock.now(),
            actor=SYSTEM,
        ).id
    return db.session.get_one(Account, account_id)
