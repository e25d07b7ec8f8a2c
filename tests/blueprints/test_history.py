"""The billing history: who sees what of it, how it is narrowed down, and the file."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from html import unescape

import pytest
from flask.testing import FlaskClient

from portal.audit import SYSTEM
from portal.billing import accounts, overages, people
from portal.billing.rules.counting import Metric
from portal.billing.rules.roles import Role
from portal.blueprints import history as pages
from portal.extensions import db
from portal.models import Account, Membership, User
from portal.papers import making
from portal.transaction import transaction
from tests.blueprints.pages import in_order, use, words
from tests.cast import Cast, FixedClock
from tests.credit_stories import credit, newest

Browser = Callable[[User | None], FlaskClient]
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _quick_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "render", lambda invoice: making.Files(invoice.number.encode()))


# --- Who sees what -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "status"), [("alice", 200), ("carol", 200), ("bob", 403), ("nobody", 303)]
)
@pytest.mark.parametrize("path", ["/account/history", "/account/history.csv"])
def test_roles_server_side(
    cast: Cast, browser: Browser, person: str, status: int, path: str
) -> None:
    assert browser(getattr(cast, person, None)).get(path).status_code == status


def test_over_history_an_admin_sees_what_who_counts_amount_and_document(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    """2 of 10 seats and 312 clients, then 20 users for $80.00: the credit is all of $100.00."""
    use(cast.acme, Metric.CLIENTS, 312)
    clock.advance(hours=1)
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    number = newest(cast.acme).number_text
    page = browser(cast.alice).get("/account/history").text
    in_order(
        words(page),
        "What changed Date Who Seats Clients Amount Document",
        "Upgrade from Standard, 10 users to Standard, 20 users Paid $80.00."
        f" 1 Mar 2026 10:00 UTC The portal 2 312 $80.00 {number}",
        "Payment of $80.00 received 1 Mar 2026 10:00 UTC The portal $80.00",
        "Carol was added As Billing contact. 1 Mar 2026 09:00 UTC The portal 2 0",
        "Bob was added As Member.",
        "First invoice $100.00 by invoice INV-2026-000001.",
        "The account was opened 1 Mar 2026 09:00 UTC The portal",
    )
    assert f'href="/invoices/{number}"' in page


def test_roles_a_billing_contact_sees_money_and_neither_counts_nor_people(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    client = browser(cast.carol)
    page = client.get("/account/history?kind=people").text
    text = words(page)
    in_order(
        text,
        "What changed Date Amount Document",
        "Invoice for the change of plan",
        "Payment of $80.00 received",
        "First invoice",
    )
    for hidden in ("Seats", "Clients", "Who", "was added", "Alice", "The account was opened"):
        assert hidden not in text
    assert 'name="kind"' not in page
    file = rows_of(client, "kind=people")
    assert {row["About"] for row in file} == {"Invoices and payments"}
    assert file[0].keys() & {"Who", "Seats", "Clients"} == set()


def test_nothing_of_another_account_is_there(cast: Cast, browser: Browser) -> None:
    client = browser(cast.mallory)
    for path in ("/account/history", "/account/history.csv"):
        text = client.get(path).text
        assert "INV-2026-000002" in text
        assert "INV-2026-000001" not in text
        assert "Alice" not in text


# --- Narrowing down ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "there", "not_there"),
    [
        ("", "Upgrade from", "Nothing matches"),
        ("plan", "Upgrade from", "Payment of"),
        ("money", "Payment of $80.00", "Upgrade from"),
        ("limits", "Over the limit of 10 seats", "Upgrade from"),
        ("people", "Bob was added", "Payment of"),
        ("details", "Nothing matches", "Upgrade from"),
        ("anything", "Upgrade from", "Nothing matches"),
    ],
)
def test_by_kind(
    cast: Cast, browser: Browser, clock: FixedClock, kind: str, there: str, not_there: str
) -> None:
    use(cast.acme, Metric.SEATS, 9)
    with transaction() as session:
        account = accounts.lock(session, cast.acme.id)
        overages.open_if_over(session, account, Metric.SEATS, now=clock.now())
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    page = browser(cast.alice).get(f"/account/history?kind={kind}").text
    text = words(page)
    assert there in text
    assert not_there not in text
    chosen = f'<option value="{kind}" selected>' in page
    assert chosen == (kind not in ("", "anything"))


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("from=2026-03-01&to=2026-03-01", ["Standard, 10 users began"]),
        ("from=2026-03-02", ["Upgrade from Standard, 10 users to Standard, 20 users"]),
        ("to=2026-03-11&from=2026-03-11", []),
        # 23:30 UTC on 10 March is 12:30 on the 11th in Auckland.
        ("to=2026-03-11&from=2026-03-11&zone", ["Upgrade from"]),
    ],
)
def test_by_dates_of_the_accounts_zone(
    cast: Cast, browser: Browser, clock: FixedClock, query: str, titles: list[str]
) -> None:
    if "zone" in query:
        in_zone(cast.acme, "Pacific/Auckland")
    clock.at = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    text = words(browser(cast.alice).get(f"/account/history?kind=plan&{query}").text)
    in_order(text, *titles)
    known = ("Standard, 10 users began", "Upgrade from")
    assert [title for title in known if title in text and not _in(title, titles)] == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("from=yesterday", "From: Write a date like 2026-03-31."),
        ("to=2026-02-30", "To: Write a date like 2026-03-31."),
        ("to=9999-12-31", "To: Choose a date from 1 Jan 1970 to 31 Dec 2999."),
        ("from=0001-01-01", "From: Choose a date from 1 Jan 1970 to 31 Dec 2999."),
        ("from=2026-03-02&to=2026-03-01", "To: This is before the first date"),
    ],
)
def test_what_is_no_date_is_said_and_stays_in_its_field(
    cast: Cast, browser: Browser, query: str, said: str
) -> None:
    in_zone(cast.acme, "Asia/Tokyo")
    client = browser(cast.alice)
    answer = client.get(f"/account/history?{query}")
    assert answer.status_code == 422
    assert said in words(unescape(answer.text))
    assert f'value="{query.partition("=")[2].partition("&")[0]}"' in answer.text
    fragment = client.get(f"/account/history?{query}", headers=HTMX)
    assert fragment.status_code == 422
    assert fragment.text.startswith('<section id="history-list"')
    file = client.get(f"/account/history.csv?{query}")
    assert (file.status_code, file.mimetype) == (422, "text/html")


def test_a_date_is_asked_for_by_the_button_alone(cast: Cast, browser: Browser) -> None:
    """Typed on a keyboard, 2026 is the years 2, 20 and 202 before."""
    page = browser(cast.alice).get("/account/history").text
    assert 'hx-trigger="submit, change from:#select-kind"' in page


def test_it_is_read_a_page_at_a_time_and_keeps_the_filter(
    cast: Cast, browser: Browser, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_LENGTH", 2)
    client = browser(cast.alice)
    first = client.get("/account/history?kind=people&from=2026-03-01").text
    in_order(words(first), "Carol was added", "Bob was added", "3 entries · page 1 of 2")
    assert "kind=people&from=2026-03-01&page=2" in unescape(first)
    last = client.get("/account/history?kind=people&page=2", headers=HTMX).text
    in_order(words(last), "Alice was added", "page 2 of 2")
    chosen = client.get("/account/history?kind=people&from=&to=&page=2", headers=HTMX)
    assert chosen.headers["HX-Push-Url"] == "/account/history?kind=people&page=2"
    assert "Alice was added" in words(client.get("/account/history?kind=people&page=77").text)


def test_an_account_where_nothing_happened_yet(cast: Cast, browser: Browser) -> None:
    account = cast.account("Empty", None)
    client = browser(cast.member(account, "Eve", Role.BILLING))
    in_order(words(client.get("/account/history").text), "Nothing here yet", "first charge")


# --- The file ------------------------------------------------------------------------------------


def test_the_file_has_plain_numbers_and_iso_dates(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    """In Tokyo, nine hours ahead; $100.00 came in and were given back."""
    in_zone(cast.acme, "Asia/Tokyo")
    clock.at = datetime(2026, 3, 10, 20, 0, tzinfo=UTC)
    note = credit(cast, newest(cast.acme)).number_text
    client = browser(cast.alice)
    rows = rows_of(client, "kind=money")
    assert rows[0] == {
        "Date": "2026-03-11",
        "Time": "05:00:00",
        "About": "Invoices and payments",
        "What": "$100.00 of invoice INV-2026-000001 credited",
        "Details": "Charged by mistake. $100.00 to the payment method.",
        "Amount": "-100.00",
        "Currency": "USD",
        "Document": note,
        "Who": "The vendor",
        "Seats": "2",
        "Clients": "0",
    }
    assert [row["Amount"] for row in rows[1:]] == ["100.00", "100.00"]
    answer = client.get("/account/history.csv?kind=money")
    assert answer.text.startswith("\ufeff")
    disposition = answer.headers["Content-Disposition"]
    assert disposition == 'attachment; filename="billing-history-2026-03-11.csv"'
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_a_name_is_no_formula_in_the_file_and_only_text_on_the_page(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    with transaction() as session:
        session.get_one(User, cast.bob.id).name = "=HYPERLINK(1)<b>"
        membership = people.membership_in(session, cast.acme.id, cast.bob.id)
        assert membership is not None
        row = session.get_one(Membership, membership.id)
        people.deactivate(session, row, now=clock.now(), actor=SYSTEM)
    client = browser(cast.alice)
    assert rows_of(client, "kind=people")[0]["What"] == "'=HYPERLINK(1)<b> was deactivated"
    assert "=HYPERLINK(1)&lt;b&gt; was deactivated" in client.get("/account/history").text


def test_the_file_is_of_the_filter(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    assert (
        'href="/account/history.csv?kind=people"' in client.get("/account/history?kind=people").text
    )
    assert [row["What"] for row in rows_of(client, "kind=people")] == [
        "Carol was added",
        "Bob was added",
        "Alice was added",
    ]
    assert rows_of(client, "from=2027-01-01") == []


def test_my_account_leads_there(cast: Cast, browser: Browser) -> None:
    assert 'href="/account/history"' in browser(cast.alice).get("/account").text
    assert 'href="/account/history"' in browser(cast.carol).get("/invoices").text


def rows_of(client: FlaskClient, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"/account/history.csv?{query}")
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


def in_zone(account: Account, zone: str) -> None:
    with transaction() as session:
        accounts.lock(session, account.id).time_zone = zone
    db.session.rollback()


def _in(title: str, titles: list[str]) -> bool:
    return any(title in known or known in title for known in titles)
