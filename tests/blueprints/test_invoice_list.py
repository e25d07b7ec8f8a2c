"""The page of all invoices: narrowed down by its address, its sums, and what is said of nothing."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.billing import invoice_lists
from portal.billing.invoice_lists import Asked
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.jobs import schedule
from portal.models import Invoice, User
from tests.blueprints.pages import in_order, words
from tests.cast import Cast
from tests.credit_stories import credit, newest, unpaid

Browser = Callable[[User | None], FlaskClient]
HTMX = {"HX-Request": "true"}


def test_sums_and_credit_notes_where_they_belong(cast: Cast, browser: Browser) -> None:
    """$100.00 of 1 March, credited on 3 March; sent back as soon as the gateway says so."""
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
    schedule.run_due()
    sums = "Invoiced $100.00 Credited −$100.00 Paid back −$100.00 Paid $100.00 Still to pay $0.00"
    assert sums in words(browser(cast.carol).get("/invoices").text)


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
    ["year=", "year=%00", "state=", "q=%00", "q=%ff", "page=x"],
)
def test_an_address_that_means_nothing_asks_for_everything_or_nothing(
    cast: Cast, browser: Browser, address: str
) -> None:
    answer = browser(cast.carol).get(f"/invoices?{address}")
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("address", "shown", "said"),
    [
        ("year=abc", "abc", "“abc” is no year of this list. Choose another one."),
        ("year=-1", "-1", "“-1” is no year of this list."),
        ("year=1969", "1969", "“1969” is no year of this list."),
        ("year=99999", "99999", "“99999” is no year of this list."),
        (f"year={'9' * 5000}", "9" * 20, f"“{'9' * 20}” is no year of this list."),
        ("state=nope", "nope", "“nope” is no state of this list. Choose another one."),
    ],
)
def test_what_no_list_has_is_said_and_stays_in_the_form(
    cast: Cast, browser: Browser, address: str, shown: str, said: str
) -> None:
    """Neither the list nor a file of it is everything, as if nothing had been asked for."""
    client = browser(cast.carol)
    for answer in (
        client.get(f"/invoices?{address}&q=standard"),
        client.get(f"/invoices/lines.csv?{address}&q=standard"),
        client.post(f"/invoices/exports?{address}&q=standard", data={"all": "matching"}),
    ):
        assert answer.status_code == 422
        assert said in words(answer.text)
        assert f'<option value="{shown}" selected>' in answer.text
        assert 'aria-describedby="filter-problem"' in answer.text
        assert 'value="standard"' in answer.text
        assert newest(cast.acme).number_text not in answer.text
    assert client.get("/invoices?year=abc&state=nope").text.count("of this list. Choose") == 2


def test_what_no_list_has_is_said_to_htmx_too(cast: Cast, browser: Browser) -> None:
    answer = browser(cast.carol).get("/invoices?year=&state=nope", headers=HTMX)
    assert answer.status_code == 422
    assert "“nope” is no state" in answer.text
    assert answer.headers["HX-Push-Url"] == "/invoices?state=nope"


def test_a_year_without_invoices_is_what_the_choice_shows(cast: Cast, browser: Browser) -> None:
    answer = browser(cast.carol).get("/invoices?year=1999")
    assert answer.status_code == 200
    assert '<option value="1999" selected>1999</option>' in answer.text
    assert "Nothing matches" in answer.text
    assert "Download 1999 as ZIP" not in answer.text


def test_only_what_is_listed_is_named(cast: Cast, browser: Browser) -> None:
    """One invoice; two after an upgrade; each of them credited."""
    client = browser(cast.mallory)
    page = words(client.get("/invoices").text)
    in_order(page, "The one of this list:", "1 invoice")
    cast.let_pass(days=15)
    cast.change_plan(cast.other, cast.price("standard", "10-users"))
    in_order(words(client.get("/invoices").text), "All 2 of this list:", "2 invoices")
    for number in invoice_lists.numbers(db.session(), cast.other, Asked()):
        (invoice,) = invoice_lists.of_numbers(db.session(), cast.other.id, [number])
        assert isinstance(invoice, Invoice)
        credit(cast, invoice)
    notes = words(client.get("/invoices?state=credit_notes").text)
    in_order(notes, "All 2 of this list:", "2 credit notes")
    in_order(words(client.get("/invoices").text), "All 4", "4 invoices and credit notes")


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
