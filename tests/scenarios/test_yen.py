"""A currency without minor units, from sign-up to living off the balance: ¥5,000 is 5,000."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.billing import catalog, ledger
from portal.billing.rules.catalog import parse
from portal.billing.rules.money import Money
from portal.billing.rules.period import Interval
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import Account, Invoice, User
from portal.transaction import transaction
from portal.web import formatting
from tests.blueprints.pages import in_order, words
from tests.cast import PASSWORD, Cast, FixedClock
from tests.rules.small_catalog import in_three_currencies
from tests.scenarios.vendor import buy, lines

Browser = Callable[[User | None], FlaskClient]


@pytest.fixture
def cast(cast: Cast, clock: FixedClock) -> Cast:
    """The same people, and a vendor that sells in dollars, euros and yen."""
    text = in_three_currencies()
    with transaction() as session:
        catalog.apply(session, parse(text), text, now=clock.now())
    return cast


def test_charge_initial_in_yen_by_the_sign_up_page(cast: Cast, browser: Browser) -> None:
    """5 users in yen for a customer abroad of no tax: ¥5,000 today, and every 30 days."""
    client = browser(None)
    price = cast.price("standard", "5-users", currency="JPY")
    page = client.get(f"/signup?currency=JPY&plan={price.id}").text
    assert "¥5,000 today" in page
    op_id = re.search(r'name="op_id"[^>]*value="([^"]*)"', page)
    assert op_id

    client.post(
        "/signup",
        data={
            "op_id": op_id[1],
            "interval": "monthly",
            "currency": "JPY",
            "plan": str(price.id),
            "company": "Ninety & Co",
            "country": "US",
            "name": "Nina",
            "email": "nina@example.com",
            "password": PASSWORD,
            "card": "card_pays",
        },
    )

    account = db.session.scalars(select(Account).where(Account.name == "Ninety & Co")).one()
    assert account.currency == "JPY"
    assert [lines(invoice) for invoice in invoices(account)] == [[5000]]
    in_order(words(client.get("/account").text), "Standard, 5 users", "¥5,000")
    cast.let_pass(days=30)
    assert [lines(invoice) for invoice in invoices(account)] == [[5000], [5000]]


def test_charge_upgrade_in_yen_is_rounded_to_whole_yen(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    """13 of 30 days used: ¥5,000 × 17 ÷ 30 = ¥2,833.33; ¥10,000 − ¥2,833 = ¥7,167 today."""
    account = yen_account(cast)
    nina = cast.member(account, "Nina", Role.ADMIN)
    clock.advance(days=13)
    price = cast.price("standard", "10-users", currency="JPY")
    page = words(browser(nina).get(f"/account/change-plan/{price.id}").text)
    in_order(page, "¥10,000", "17 of 30 days × ¥5,000 = −¥2,833", "Due now ¥7,167", "¥10,000")

    cast.change_plan(account, price)

    invoice = invoices(account)[-1]
    assert lines(invoice) == [10000, -2833]
    assert invoice.due == Money(7167, "JPY")
    shown = words(browser(nina).get(f"/invoices/{invoice.number_text}").text)
    in_order(shown, "¥10,000", "−¥2,833", "¥7,167")
    assert ".00" not in shown


def test_charge_add_ons_in_yen(cast: Cast, clock: FixedClock) -> None:
    """A seat at ¥1,000 with 17 of 30 days left: ¥566.67, charged as ¥567; then ¥1,000."""
    account = yen_account(cast)
    clock.advance(days=13)
    assert lines(buy(account, "seat", 1, clock)) == [567]
    cast.let_pass(days=17)
    assert sorted(lines(invoices(account)[-1])) == [1000, 5000]


def test_charge_credit_left_in_yen_is_lived_off(cast: Cast, clock: FixedClock) -> None:
    """¥48,000 for 365 days, 100 used: ¥48,000 × 265 ÷ 365 = ¥34,849.3.

    To 10 users every 30 days at ¥10,000: nothing is charged and ¥24,849 is kept. Two renewals
    are paid of it, ¥14,849 and ¥4,849 are left; the third takes the rest and ¥5,151.
    """
    account = yen_account(cast, Interval.YEARLY)
    clock.advance(days=100)
    cast.change_plan(account, cast.price("standard", "10-users", currency="JPY"))
    assert lines(invoices(account)[-1]) == [10000, -34849]
    assert balance(account) == Money(24849, "JPY")

    cast.let_pass(days=90)

    paid = [(each.balance_applied_minor, each.due_minor) for each in invoices(account)[-3:]]
    assert paid == [(10000, 0), (10000, 0), (4849, 5151)]
    assert balance(account) == Money(0, "JPY")


def test_invoice_tax_in_yen(cast: Cast, clock: FixedClock) -> None:
    """10 %: ¥5,000 + ¥500. 13 days on to 10 users: ¥10,000 + ¥1,000 less ¥2,833 + ¥283.30.

    The credit's tax is rounded on its own line: −¥283. Due ¥11,000 − ¥3,116 = ¥7,884.
    """
    account = yen_account(cast, country="JP")
    first = invoices(account)[0]
    assert (first.subtotal_minor, first.tax_minor, first.due_minor) == (5000, 500, 5500)
    clock.advance(days=13)
    cast.change_plan(account, cast.price("standard", "10-users", currency="JPY"))

    invoice = invoices(account)[-1]
    assert [(line.amount_minor, line.tax_minor) for line in invoice.lines] == [
        (10000, 1000),
        (-2833, -283),
    ]
    assert (invoice.tax_minor, invoice.due_minor) == (717, 7884)
    assert {line.tax_name for line in invoice.lines} == {"Consumption tax"}


@pytest.mark.parametrize(
    ("currency", "amounts", "shown"),
    [
        ("USD", [10000, -2833], "$71.67"),
        ("EUR", [9000, -2550], "€64.50"),
        ("JPY", [10000, -2833], "¥7,167"),
    ],
)
def test_charge_upgrade_in_each_currency(
    cast: Cast, clock: FixedClock, currency: str, amounts: list[int], shown: str
) -> None:
    """13 of 30 days used. $50.00 × 17 ÷ 30 = $28.33; €45.00 × 17 ÷ 30 = €25.50; ¥2,833."""
    account = cast.account("Three", "standard", "5-users", currency=currency)
    clock.advance(days=13)
    cast.change_plan(account, cast.price("standard", "10-users", currency=currency))
    invoice = invoices(account)[-1]
    assert lines(invoice) == amounts
    assert formatting.money(invoice.due) == shown


def yen_account(
    cast: Cast, interval: Interval = Interval.MONTHLY, country: str | None = None
) -> Account:
    """An account on 5 users in yen; where a country is given, invoices are made out to there."""
    account = cast.account("Ninety", None, currency="JPY")
    if country is not None:
        with transaction() as session:
            session.get_one(Account, account.id).billing.country = country
    cast.subscribe(account, cast.price("standard", "5-users", interval, "JPY"))
    return account


def balance(account: Account) -> Money:
    db.session.expire_all()
    return ledger.credit_balance(db.session(), account)


def invoices(account: Account) -> list[Invoice]:
    db.session.expire_all()
    statement = select(Invoice).where(Invoice.account_id == account.id).order_by(Invoice.id)
    return list(db.session.scalars(statement))
