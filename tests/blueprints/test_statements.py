"""The statement of account: of which time, what it says, and its PDF by the worker."""

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select

from portal.billing import accounts
from portal.billing.rules.period import Interval
from portal.billing.rules.roles import Role
from portal.blueprints import statements
from portal.extensions import db
from portal.jobs import schedule
from portal.models import InvoiceExport, RefundTo, User
from portal.transaction import transaction
from tests.blueprints.pages import in_order, words
from tests.cast import Cast, FixedClock
from tests.credit_stories import credit, newest

Browser = Callable[[User | None], FlaskClient]
PAGE = "/invoices/statement"
HTMX = {"HX-Request": "true"}


@pytest.mark.parametrize(
    ("person", "status"), [("alice", 200), ("carol", 200), ("bob", 403), ("nobody", 303)]
)
def test_roles_server_side(cast: Cast, browser: Browser, person: str, status: int) -> None:
    client = browser(getattr(cast, person, None))
    assert client.get(PAGE).status_code == status
    assert client.post(PAGE).status_code == (303 if status == 200 else status)


def test_this_year_so_far(cast: Cast, browser: Browser) -> None:
    """$100.00 paid on 1 March and credited to the balance on 3 March."""
    invoice = newest(cast.acme).number_text
    cast.let_pass(days=2)
    note = credit(cast, newest(cast.acme), to=RefundTo.BALANCE).number_text
    page = words(browser(cast.carol).get(PAGE).text)
    in_order(
        page,
        "In your favour on 3 Mar 2026 $100.00",
        "A credit balance of $100.00 is taken off already.",
        "Owed before 1 Jan 2026 $0.00",
        "Invoiced $100.00 Credited −$100.00 Paid −$100.00",
        "Owed at the end −$100.00",
        f"Invoice {invoice} 1 Mar 2026 $100.00 $100.00",
        f"Payment Test card ending 4242, for invoice {invoice} 1 Mar 2026 −$100.00 $0.00",
        f"Credit note {note} 3 Mar 2026 −$100.00 −$100.00",
    )


def test_the_address_names_the_time_in_the_accounts_days(cast: Cast, browser: Browser) -> None:
    cast.let_pass(days=5)
    client = browser(cast.carol)
    before = words(client.get(f"{PAGE}?from=2026-01-01&to=2026-02-28").text)
    assert "Nothing happened in this time" in before
    after = words(client.get(f"{PAGE}?from=2026-03-02&to=2026-03-05").text)
    in_order(after, "Owed before 2 Mar 2026 $0.00", "Owed at the end $0.00")
    answer = client.get(f"{PAGE}?from=2026-03-01&to=2026-03-01", headers=HTMX)
    assert answer.text.strip().startswith('<section id="statement"')
    assert answer.headers["HX-Push-Url"] == f"{PAGE}?from=2026-03-01&to=2026-03-01"


@pytest.mark.parametrize(
    ("first", "last", "problem"),
    [
        ("yesterday", "2026-03-01", "From: Write a date like 2026-03-31."),
        ("2026-03-01", "2026-02-30", "To: Write a date like 2026-03-31."),
        ("2026-03-01", "2026-02-01", "To: This is before the first date"),
        ("0000-00-00", "2026-03-01", "From: Write a date"),
        ("0001-01-01", "2026-03-01", "From: Choose a date from 1 Jan 1970 to 31 Dec 2999."),
        ("2026-03-01", "9999-12-31", "To: Choose a date from 1 Jan 1970 to 31 Dec 2999."),
        ("2026-03-02", "2026-12-31", "From: This day is still to come"),
    ],
)
def test_dates_that_are_none(
    cast: Cast, browser: Browser, first: str, last: str, problem: str
) -> None:
    client = browser(cast.carol)
    for way in (client.get, client.post):
        answer = way(PAGE, query_string={"from": first, "to": last})
        assert answer.status_code == 422
        assert problem in words(answer.text)
        assert fields(answer.text) == (first, last)
    assert db.session.scalars(select(InvoiceExport)).all() == []


def test_a_time_that_goes_on_ends_today_for_now(cast: Cast, browser: Browser) -> None:
    """The renewal of 31 March is not known on 3 March: nothing is said of what is owed then."""
    cast.let_pass(days=2)
    client = browser(cast.carol)
    page = client.get(f"{PAGE}?from=2026-01-01&to=2026-12-31").text
    in_order(words(page), "This statement ends today, on 3 Mar 2026:", "Owed on 3 Mar 2026 $0.00")
    assert "31 Dec 2026" not in words(page)
    assert fields(page) == ("2026-01-01", "2026-03-03")
    assert "ends today" not in words(client.get(f"{PAGE}?to=2026-03-03").text)
    client.post(f"{PAGE}?from=2026-01-01&to=2026-12-31", data={"op_id": "once"})
    asked = words(client.get("/invoices/exports").text)
    assert "Statement of account, 1 Jan 2026 to 3 Mar 2026" in asked


def test_today_is_a_day_of_the_account(cast: Cast, browser: Browser, clock: FixedClock) -> None:
    """Late on 3 March in UTC it is the 4th in Auckland already."""
    with transaction() as session:
        accounts.lock(session, cast.acme.id).time_zone = "Pacific/Auckland"
    db.session.rollback()
    clock.at = datetime(2026, 3, 3, 22, 0, tzinfo=UTC)
    page = browser(cast.carol).get(f"{PAGE}?to=2026-03-04").text
    assert "ends today" not in words(page)
    assert fields(page) == ("2026-01-01", "2026-03-04")


@pytest.mark.parametrize(
    ("query", "used"),
    [
        ("from=&to=2025-06-30", ("2025-01-01", "2025-06-30")),
        ("from=&to=2027-12-31", ("2026-01-01", "2026-03-01")),
        ("from=2025-06-30&to=", ("2025-06-30", "2026-03-01")),
        ("from=&to=", ("2026-01-01", "2026-03-01")),
    ],
)
def test_a_cleared_field_follows_the_other_and_shows_what_is_used(
    cast: Cast, browser: Browser, query: str, used: tuple[str, str]
) -> None:
    client = browser(cast.carol)
    assert fields(client.get(f"{PAGE}?{query}").text) == used
    fragment = client.get(f"{PAGE}?{query}", headers=HTMX)
    assert fragment.status_code == 200
    assert fields(fragment.text) == used
    assert '<form hx-swap-oob="true" class="toolbar" id="statement-dates"' in fragment.text
    assert fragment.headers["HX-Push-Url"] == f"{PAGE}?from={used[0]}&to={used[1]}"


def test_only_the_button_asks(cast: Cast, browser: Browser) -> None:
    """Typed on a keyboard, 2026 is the years 2, 20 and 202 before."""
    form = form_of(browser(cast.carol).get(PAGE).text)
    assert "hx-trigger" not in form
    assert 'method="get" action="/invoices/statement"' in form


def test_an_invoice_that_kept_a_surplus_says_so(cast: Cast, browser: Browser) -> None:
    """Yearly for $960.00, and at once a bigger plan for $180.00 monthly: $780.00 are kept."""
    account = cast.account("Yearly", None)
    cast.subscribe(account, cast.price("standard", "10-users", Interval.YEARLY))
    cast.change_plan(account, cast.price("standard", "20-users"))
    number = newest(account).number_text
    client = browser(cast.member(account, "Yara", Role.ADMIN))
    in_order(
        words(client.get(PAGE).text),
        "In your favour on 1 Mar 2026 $780.00",
        "Invoiced $960.00 Kept as credit balance −$780.00 Paid −$960.00",
        "Owed at the end −$780.00",
        f"Invoice {number} It gives back $780.00 more than it charges: its total is $0.00, and"
        " $780.00 is kept as credit balance 1 Mar 2026 −$780.00 −$780.00",
    )
    assert "Invoiced $960.00" in words(client.get("/invoices").text)


def test_a_pdf_that_would_take_too_long_to_set_is_not_asked_for(
    cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An invoice and its payment are two steps; thousands would only be tried again and again."""
    monkeypatch.setattr(statements, "STEPS_AT_MOST", 1)
    client = browser(cast.carol)
    answer = client.post(PAGE, data={"op_id": "once"})
    assert answer.status_code == 422
    assert "holds up to 1 steps, and this time has more. Choose a shorter" in words(answer.text)
    assert db.session.scalars(select(InvoiceExport)).all() == []
    shorter = client.post(f"{PAGE}?from=2026-01-01&to=2026-02-28", data={"op_id": "once"})
    assert shorter.status_code == 303


def test_its_pdf_says_the_same(cast: Cast, browser: Browser) -> None:
    invoice = newest(cast.acme).number_text
    cast.let_pass(days=2)
    note = credit(cast, newest(cast.acme), to=RefundTo.BALANCE).number_text
    client = browser(cast.carol)
    asked = client.post(f"{PAGE}?from=2026-01-01&to=2026-03-03", data={"op_id": "once"})
    assert asked.location == "/invoices/exports"
    schedule.run_due()
    page = client.get("/invoices/exports").text
    in_order(words(page), "Statement of account, 1 Jan 2026 to 3 Mar 2026 As PDF", "Download")
    export = db.session.scalars(select(InvoiceExport)).one()
    answer = client.get(f"/invoices/exports/{export.public_id}/file")
    assert answer.mimetype == "application/pdf"
    assert answer.headers["Content-Disposition"] == (
        "attachment; filename=statement-of-account-1-jan-2026-to-3-mar-2026.pdf"
    )
    reader = PdfReader(io.BytesIO(answer.data))
    text = " ".join(" ".join(page.extract_text() for page in reader.pages).split())
    in_order(
        text,
        "Statement of account",
        "In your favour on 3 Mar 2026",
        "A credit balance of $100.00 is taken off already.",
        "Acme",
        f"Invoice {invoice}",
        "Test card ending 4242",
        f"Credit note {note}",
        "Owed at the end",
        "−$100.00",
    )
    assert len(reader.pages) == 1


def fields(page: str) -> tuple[str, ...]:
    """The days that stand in the form."""
    return tuple(re.findall(r'type="date"[^>]* value="([^"]*)"', page))


def form_of(page: str) -> str:
    """The beginning of the form with the dates."""
    found = re.search(r"<form [^>]*toolbar[^>]*>", page)
    assert found is not None
    return found[0]
