"""The sign-up page: what it will cost, and what becomes of the form."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from portal.billing import people, price_list, subscriptions
from portal.extensions import db
from portal.models import Account, Invoice, Price, User
from portal.transaction import transaction
from tests.cast import PASSWORD, Cast, FixedClock

Browser = Callable[..., FlaskClient]
NINA = "nina@example.com"


class SignUp:
    """A browser on the sign-up page, and what is typed into it."""

    def __init__(self, client: FlaskClient, price: Price) -> None:
        self.client = client
        self.fields = {
            "op_id": self.field("op_id", client.get("/signup").text),
            "interval": price.interval.value,
            "currency": price.currency,
            "plan": str(price.id),
            "company": "Ninety & Co",
            "country": "US",
            "name": "Nina",
            "email": NINA,
            "password": PASSWORD,
            "card": "card_pays",
        }

    def send(self, **changed: str):
        return self.client.post("/signup", data=self.fields | changed)

    @staticmethod
    def field(name: str, page: str) -> str:
        found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', page)
        assert found, name
        return found[1]


@pytest.fixture
def form(cast: Cast, browser: Browser) -> SignUp:
    return SignUp(browser(), cast.price("standard", "5-users"))


def accounts() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count(Account.id))) or 0


def test_charge_initial_is_said_before(cast: Cast, browser: Browser) -> None:
    price = cast.price("standard", "5-users")
    page = browser().get(f"/signup?plan={price.id}").text
    assert "$50.00 today" in page
    assert "from 1 Mar 2026 to 31 Mar 2026" in page
    assert "Next charge: $50.00 on 31 Mar 2026, then every 30 days" in page
    assert "Open the account and pay $50.00" in page


def test_prices_follow_interval_and_currency(cast: Cast, browser: Browser) -> None:
    """Without JavaScript by the form's own button, with it by the region alone."""
    monthly = cast.price("standard", "5-users")
    yearly = next(
        offer
        for offer in price_list.offered(db.session(), currency="EUR")
        if offer.tier_id == monthly.tier_id and offer.interval == "yearly"
    )
    chosen = {"plan": str(monthly.id), "interval": "yearly", "currency": "EUR"}
    shown = browser().post("/signup", data=chosen | {"show": "prices", "company": "Kept"})
    assert shown.status_code == 200
    assert 'value="Kept"' in shown.text
    assert re.search(rf'value="{yearly.id}" required checked', shown.text)
    assert "then every 365 days" in shown.text
    region = browser().get("/signup", query_string=chosen, headers={"HX-Request": "true"}).text
    assert region.lstrip().startswith('<div id="plan-chooser"')
    assert '<div id="pay" class="actions" hx-swap-oob="true"' in region.replace(
        ' hx-swap-oob="true" id="pay" class="actions"',
        ' id="pay" class="actions" hx-swap-oob="true"',
    )
    assert "<html" not in region


@pytest.mark.parametrize(
    "chosen",
    [
        {"plan": "nonsense"},
        {"plan": "999999999"},
        {"plan": "99999999999999999999999"},
        {"interval": "weekly", "currency": "XXX"},
    ],
)
def test_nonsense_in_the_address_is_left_out(
    cast: Cast, browser: Browser, chosen: dict[str, str]
) -> None:
    assert browser().get("/signup", query_string=chosen).status_code == 200


def test_the_form_opens_the_account_and_signs_in(form: SignUp) -> None:
    answer = form.send()
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    assert form.client.get("/users").status_code == 200
    nina = people.find_by_email(db.session(), NINA)
    assert nina is not None
    [place] = people.memberships_of(db.session(), nina.id)
    assert place.account.name == "Ninety & Co"
    assert place.account.time_zone == "America/New_York"
    assert subscriptions.live(db.session(), place.account_id) is not None


def test_a_declined_card_leads_to_change_plan(form: SignUp) -> None:
    answer = form.send(card="card_declines")
    assert answer.headers["Location"] == "/account/change-plan"
    with form.client.session_transaction() as session:
        [(category, message)] = session["_flashes"]
    assert category == "error"
    assert "The card was declined. Nothing was charged." in message
    assert form.client.get("/account").status_code == 200


def test_charge_once_the_form_posted_twice_opens_one_account(form: SignUp) -> None:
    before = accounts()
    assert form.send().headers["Location"] == "/account"
    assert form.send().headers["Location"] == "/account"
    assert accounts() == before + 1


def test_the_form_sent_again_with_something_else_opens_nothing(form: SignUp) -> None:
    form.send()
    before = accounts()
    answer = form.send(company="Another")
    assert answer.status_code == 422
    assert "used for something else" in answer.text
    assert form.field("op_id", answer.text) != form.fields["op_id"]
    assert accounts() == before


def test_a_known_person_uses_the_same_password(form: SignUp, cast: Cast) -> None:
    wrong = form.send(email=cast.mallory.email, password="some other long password")
    assert wrong.status_code == 422
    assert "already opens another" in wrong.text
    assert form.send(email=cast.mallory.email).status_code == 303
    names = [row.account.name for row in people.memberships_of(db.session(), cast.mallory.id)]
    assert names == ["Ninety & Co", "Other"]


def test_everything_else_is_checked_before_the_email_is_looked_up(form: SignUp, cast: Cast) -> None:
    """A guess at an email must be good enough to open an account."""
    for email in (cast.mallory.email, NINA):
        answer = form.send(email=email, password="short")
        assert "At least 12" in answer.text
        assert "go together" not in answer.text


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"company": "  "}, "Enter your company"),
        ({"company": "x" * 121}, "at most 120 characters"),
        ({"name": "\u202e\u200f"}, "Enter your name"),
        ({"email": "nina@"}, "like name@example.com"),
        ({"email": ""}, "Enter an email address"),
        ({"country": ""}, "Choose a country"),
        ({"country": "ZZ"}, "Not a valid choice"),
        ({"password": ""}, "Enter a password"),
        ({"password": "Password1234"}, "tried first"),
        ({"password": "Ninety & Co 1"}, "too close"),
        ({"password": "x y" * 400}, "at most 128"),
        ({"card": "card_stolen"}, "Choose one of the test cards"),
        ({"plan": ""}, "Choose a plan"),
        ({"plan": "77777"}, "Choose a plan"),
        ({"op_id": "'; --"}, "load the page again"),
    ],
)
def test_what_was_typed_stays_and_the_field_says_what_is_wrong(
    form: SignUp, changed: dict[str, str], message: str
) -> None:
    before = accounts()
    answer = form.send(**changed)
    assert answer.status_code == 422
    assert message in answer.text
    kept = "Nina" if "name" not in changed else "Ninety &amp; Co"
    assert f'value="{kept}"' in answer.text
    assert form.fields["password"] not in answer.text
    assert accounts() == before


def test_the_price_that_was_shown_is_the_price_charged(form: SignUp, clock: FixedClock) -> None:
    with transaction() as session:
        shown = session.get_one(Price, int(form.fields["plan"]))
        shown.retired_at = clock.now()
        session.flush()
        session.add(
            Price(
                tier_id=shown.tier_id,
                interval=shown.interval,
                currency=shown.currency,
                amount_minor=shown.amount_minor + 100,
                version=2,
                offered_at=clock.now(),
            )
        )
    before = accounts()
    answer = form.send()
    assert answer.status_code == 422
    assert "another one now" in answer.text
    assert "$51.00 today" in answer.text
    assert accounts() == before


def test_an_interval_switched_without_looking_is_shown_first(form: SignUp) -> None:
    answer = form.send(interval="yearly")
    assert answer.status_code == 422
    assert "$480.00 today" in answer.text


def test_what_is_typed_is_text_and_nothing_else(form: SignUp) -> None:
    form.send(company="<b>Ninety</b>\u202e\x07  GmbH", name="<script>alert(1)</script>")
    page = form.client.get("/users").text
    assert "<script>alert" not in page
    nina = people.find_by_email(db.session(), NINA)
    assert nina is not None
    [place] = people.memberships_of(db.session(), nina.id)
    assert place.account.name == "<b>Ninety</b> GmbH"


def test_where_cards_are_entered_elsewhere_the_plan_waits_for_one(
    app: Flask, form: SignUp, cast: Cast
) -> None:
    """The account is open, nothing is charged; the card comes next, then the plan."""
    app.config["PORTAL"] = type(app.config["PORTAL"])(gateway="stripe")
    assert "on a page of the payment provider next" in form.client.get("/signup").text
    del form.fields["card"]
    price = cast.price("standard", "5-users")
    landed = form.send().headers["Location"]
    assert landed == f"/account/payment-method?next=/account/change-plan/{price.id}"
    assert form.send().headers["Location"] == landed, "sent twice it is one account"
    assert "Add a card, and your plan begins" in form.client.get(landed).text
    nina = db.session.scalars(select(User).where(User.email == NINA)).one()
    assert len(people.memberships_of(db.session(), nina.id)) == 1


def test_where_money_comes_by_transfer_no_card_is_asked_for(
    app: Flask, form: SignUp, cast: Cast
) -> None:
    app.config["PORTAL"] = type(app.config["PORTAL"])(gateway="manual")
    assert "bank transfer" in form.client.get("/signup").text
    del form.fields["card"]
    landed = form.client.get(form.send().headers["Location"]).text
    assert "when your transfer of $50.00 has arrived" in landed
    assert "RF" in landed
    nina = db.session.scalars(select(User).where(User.email == NINA)).one()
    [place] = people.memberships_of(db.session(), nina.id)
    assert subscriptions.live(db.session(), place.account_id) is None


def test_invoice_tax_is_said_before_and_charged(form: SignUp) -> None:
    """$50.00 and 19 % VAT: whoever was not shown $59.50 is shown it first, then pays it."""
    first = form.send(country="DE")
    assert first.status_code == 422
    assert "Look at what is due with tax and add-ons" in first.text
    assert "$59.50 today" in first.text
    assert accounts() == 2
    answer = form.send(country="DE", shown="5950", op_id=SignUp.field("op_id", first.text))
    assert answer.status_code == 303
    invoice = db.session.scalars(select(Invoice).order_by(Invoice.id.desc()).limit(1)).one()
    assert (invoice.subtotal_minor, invoice.tax_minor, invoice.due_minor) == (5000, 950, 5950)


def test_invoice_tax_a_business_abroad_accounts_for_it_itself(form: SignUp) -> None:
    answer = form.send(country="DE", tax_id="DE 123 456 788", shown="5000")
    assert answer.status_code == 303
    invoice = db.session.scalars(select(Invoice).order_by(Invoice.id.desc()).limit(1)).one()
    assert (invoice.tax_minor, invoice.due_minor) == (0, 5000)
    assert "Reverse charge" in invoice.tax_note
    assert invoice.customer["tax_id"] == "DE123456788"


def test_a_tax_id_with_wrong_digits_is_said_at_its_field(form: SignUp) -> None:
    answer = form.send(country="DE", tax_id="DE123456789", shown="5950")
    assert answer.status_code == 422
    assert 'id="tax_id-error"' in answer.text
    assert 'value="DE123456789"' in answer.text
    assert accounts() == 2


def test_charge_initial_reflects_the_add_ons_chosen(form: SignUp) -> None:
    first = form.send(seat="2")
    assert first.status_code == 422
    assert "$70.00 today" in first.text
    answer = form.send(seat="2", shown="7000")
    assert answer.status_code == 303
    invoice = db.session.scalars(select(Invoice).order_by(Invoice.id.desc()).limit(1)).one()
    assert [(line.description, line.amount_minor) for line in invoice.lines] == [
        ("Standard, 5 users", 5000),
        ("2 × 1 seat", 2000),
    ]


def test_a_number_of_add_ons_that_is_none_is_said_at_its_field(form: SignUp) -> None:
    answer = form.send(seat="many")
    assert answer.status_code == 422
    assert 'id="seat-error"' in answer.text
    assert 'value="many"' in answer.text


def test_what_happens_when_seats_run_out_is_agreed_to_as_it_was_read(form: SignUp) -> None:
    """The form carries a mark of the words it showed: with another one it is shown again."""
    mark = form.field("seats_rule", form.client.get("/signup").text)
    answer = form.send(seats_rule="0" * len(mark))
    assert answer.status_code == 422
    assert "reads otherwise now" in answer.text
    assert accounts() == 2
    assert form.send(seats_rule=mark).status_code == 303
    assert accounts() == 3


@pytest.mark.parametrize("asked", ["de", "en"])
def test_an_account_speaks_the_language_of_the_page_it_was_opened_on(
    cast: Cast, form: SignUp, asked: str
) -> None:
    """Its first invoice is what the page said, in its words."""
    explained = {
        "de": "Voller Preis für 30 Tage: 50,00\xa0$",
        "en": "Full price for 30 days: $50.00",
    }
    answer = form.client.post(
        "/signup", data=form.fields, headers={"Accept-Language": f"{asked};q=0.9"}
    )
    assert answer.status_code == 303
    account = db.session.scalars(select(Account).where(Account.name == "Ninety & Co")).one()
    invoice = db.session.scalars(select(Invoice).where(Invoice.account_id == account.id)).one()
    assert (account.language, invoice.language) == (asked, asked)
    assert invoice.lines[0].explanation == explained[asked]
