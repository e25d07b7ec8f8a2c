"""What is hidden can't be bought by any form: an old one, a forged one, or an address."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from portal.billing import plan_changes, price_list
from portal.extensions import db
from portal.models import Account, Invoice, Payment, PlanChange, User
from portal.web import confirmations
from tests.blueprints.pages import in_order, words
from tests.cast import PASSWORD, Cast, FixedClock
from tests.scenarios.vendor import VendorsFile, add_on, in_dollars_alone, running

Browser = Callable[[User | None], FlaskClient]
PLANS, ADD_ONS = "/account/change-plan", "/account/add-ons"
TEN, SEAT = 'key = "10-users"', 'key = "seat"'


@pytest.fixture
def file(clock: FixedClock) -> VendorsFile:
    return VendorsFile(clock)


def test_a_hidden_plan_is_on_no_page(cast: Cast, browser: Browser, file: VendorsFile) -> None:
    ten = cast.price("standard", "10-users")
    hide(file, TEN)

    page = browser(cast.mallory).get(PLANS).text
    assert "Standard, 20 users" in page
    assert "Standard, 10 users" not in page
    assert browser(cast.mallory).get(f"{PLANS}/{ten.id}").status_code == 404
    assert f'value="{ten.id}"' not in browser(None).get("/signup").text


def test_a_hidden_plan_is_still_named_to_who_has_it(
    cast: Cast, browser: Browser, file: VendorsFile
) -> None:
    hide(file, TEN)
    client = browser(cast.alice)
    for path in ("/account", PLANS, ADD_ONS):
        page = client.get(path)
        assert page.status_code == 200, path
        assert "Standard, 10 users" in page.text, path


def test_catalog_grandfathered_the_own_plan_says_what_is_paid_and_what_is_asked_today(
    cast: Cast, browser: Browser, file: VendorsFile
) -> None:
    assert "You keep paying" not in browser(cast.mallory).get(PLANS).text
    file.edit('USD = "50.00"', 'USD = "55.00"', below='key = "5-users"')
    file.apply()
    page = words(browser(cast.mallory).get(PLANS).text)
    in_order(page, "Your plan", "$55.00", "You keep paying $50.00 until you change plan.")
    assert "You keep paying" not in browser(cast.alice).get(PLANS).text


def test_an_old_form_for_a_plan_hidden_since_buys_nothing(
    cast: Cast, browser: Browser, file: VendorsFile
) -> None:
    client = browser(cast.mallory)
    page = client.get(f"{PLANS}/{cast.price('standard', '10-users').id}").text
    hide(file, TEN)
    before = bought()

    answer = client.post(PLANS, data={"confirmation": confirmation_on(page)})

    assert answer.status_code == 409
    assert "Standard, 10 users is no longer sold. Choose another plan." in answer.text
    assert bought() == before
    assert running(cast.other).price.plan_name == "Standard, 5 users"


def test_a_form_made_up_for_a_hidden_plan_buys_nothing(
    cast: Cast, browser: Browser, clock: FixedClock, file: VendorsFile
) -> None:
    """Even a token with the portal's own signature, on the right figures."""
    ten = cast.price("standard", "10-users")
    hide(file, TEN)
    terms = plan_changes.quote(db.session(), cast.other, ten, now=clock.now())
    token = confirmations.sign(terms, account_id=cast.other.id, user_id=cast.mallory.id)
    before = bought()

    answer = browser(cast.mallory).post(PLANS, data={"confirmation": token})

    assert answer.status_code == 409
    assert bought() == before


@pytest.mark.parametrize("key", [TEN, 'key = "standard"'], ids=["the plan", "its family"])
def test_a_sign_up_form_for_what_is_hidden_opens_nothing(
    cast: Cast, browser: Browser, file: VendorsFile, key: str
) -> None:
    """Loaded before, sent after; and with the id of the plan written in by hand."""
    client, ten = browser(None), cast.price("standard", "10-users")
    op_id = field("op_id", client.get("/signup").text)
    hide(file, key)
    before = bought()

    answer = client.post(
        "/signup",
        data={
            "op_id": op_id,
            "interval": "monthly",
            "currency": "USD",
            "plan": str(ten.id),
            "company": "Ninety & Co",
            "country": "US",
            "name": "Nina",
            "email": "nina@example.com",
            "password": PASSWORD,
            "card": "card_pays",
        },
    )

    assert answer.status_code == 422
    assert "Choose a plan." in answer.text
    assert 'value="Ninety &amp; Co"' in answer.text
    assert bought() == before


def test_a_sign_up_page_offers_no_currency_in_which_all_is_hidden(
    cast: Cast, browser: Browser, file: VendorsFile
) -> None:
    """Standard is sold in dollars alone from now on; Pro is left out, its prices in euros too."""
    assert "EUR" in browser(None).get("/signup").text
    file.text = in_dollars_alone(file.text[: file.text.index('[[family]]\nkey = "pro"')])
    file.apply()
    assert "EUR" not in browser(None).get("/signup").text


def test_an_old_form_for_an_add_on_hidden_since_buys_nothing(
    cast: Cast, browser: Browser, file: VendorsFile
) -> None:
    seat = add_on(cast.other, "seat")
    client = browser(cast.mallory)
    page = client.get(f"{ADD_ONS}/quote?add_on_{seat.id}=1").text
    token = confirmation_on(page)
    hide(file, SEAT)
    before = bought()

    answer = client.post(ADD_ONS, data={"confirmation": token})

    assert answer.status_code == 409
    assert "no longer sold" in answer.text
    assert bought() == before
    assert "1 seat" not in client.get(ADD_ONS).text
    assert price_list.add_ons_for(db.session(), running(cast.other).price)


def hide(file: VendorsFile, key: str) -> None:
    file.edit(key, f"{key}\nhidden = true")
    file.apply()


def confirmation_on(page: str) -> str:
    return field("confirmation", page)


def field(name: str, page: str) -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', page)
    assert found, name
    return found[1]


def bought() -> tuple[int, ...]:
    db.session.rollback()
    tables = (Account, PlanChange, Payment, Invoice)
    return tuple(db.session.scalar(select(func.count(table.id))) or 0 for table in tables)
