"""The page of all invoices: narrowed down by its address, its sums, and what is said of nothing."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import User
from tests.blueprints.pages import in_order, words
from tests.cast import Cast
from tests.credit_stories import credit, newest, unpaid

Browser = Callable[[User | None], FlaskClient]
HTMX = {"HX-Request": "true"}


def test_sums_and_credit_notes_where_they_belong(cast: Cast, browser: Browser) -> None:
    """$100.00 of 1 March, credited on 3 March."""
    invoice = newest(cast.acme).number_text
    cast.let_pass(days=2)
    note = credit(cast, newest(cast.acme)).number_text
    page = browser(cast.carol).get("/invoices").text
    in_order(
        words(page),
        "Invoiced $100.00 Credited −$100.00 Paid $100.00 Still to pay $0.00",
        f"{note} 3 Mar 2026 Charged by mistake Corrects {invoice} Credit note −$100.00 ",
        f"{invoice} 1 Mar 2026 Standard, 10 users Credited: $100.00 by {note} Paid $100.00 ",
        "2 invoices and credit notes",
    )
    assert f'href="/credit-notes/{note}"' in page


def test_the_address_narrows_the_list_down(cast: Cast, browser: Browser) -> None:
    note = credit(cast, newest(cast.acme)).number_text
    client = browser(cast.carol)
    page = client.get("/invoices?year=2026&state=credit_notes&q=mistake").text
    assert 'value="credit_notes" selected' in page
    assert 'value="2026" selected' in page
    assert 'value="mistake"' in page
    assert "1 credit note" in words(page)
    assert f'href="/credit-notes/{note}"' in page
    assert 'href="/invoices/lines.csv?year=2026&amp;state=credit_notes&amp;q=mistake"' in page


def test_htmx_gets_the_list_and_an_address_without_what_says_nothing(
    cast: Cast, browser: Browser
) -> None:
    answer = browser(cast.carol).get("/invoices?year=&state=paid&q=", headers=HTMX)
    assert answer.text.strip().startswith('<section id="invoice-list"')
    assert answer.headers["HX-Push-Url"] == "/invoices?state=paid"


@pytest.mark.parametrize(
    "address",
    ["year=x", "year=-1", "year=99999", f"year={'9' * 5000}", "state=none", "q=%00", "q=%ff"],
)
def test_an_address_that_means_nothing_asks_for_everything_or_nothing(
    cast: Cast, browser: Browser, address: str
) -> None:
    answer = browser(cast.carol).get(f"/invoices?{address}")
    assert answer.status_code == 200


def test_nothing_matches_and_nothing_is_there(cast: Cast, browser: Browser) -> None:
    page = browser(cast.carol).get("/invoices?q=nothing-is-called-this").text
    in_order(words(page), "Nothing matches", "Show everything")
    empty = cast.account("Empty", None)
    page = browser(cast.member(empty, "Erin", Role.BILLING)).get("/invoices").text
    assert "No invoices yet" in page
    assert "data-select" not in page
    assert "A whole year" not in page


def test_what_is_past_due_is_to_pay_still(cast: Cast, browser: Browser) -> None:
    unpaid(cast)
    uma = db.session.scalars(select(User).where(User.name == "Uma")).one()
    page = browser(uma).get("/invoices?state=past_due").text
    in_order(words(page), "Paid $0.00 Still to pay $50.00", "Past due $50.00")
    assert len(re.findall(r'name="number"', page)) == 1
