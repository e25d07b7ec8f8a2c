"""Links to one invoice: made by whoever sees invoices, for whoever has them, until they end."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal import outbox, tokens
from portal.audit import Actor
from portal.billing import accounts, invoice_links
from portal.billing.invoice_links import LinkRefused
from portal.extensions import db, limiter
from portal.models import AuditEntry, Invoice, InvoiceLink, User, Work
from portal.papers import making
from portal.transaction import transaction
from tests.blueprints.pages import in_order, words
from tests.cast import Cast, FixedClock
from tests.credit_stories import credit, newest

Browser = Callable[[User | None], FlaskClient]
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _quick_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        making, "render", lambda paper: making.Files(paper.number.encode(), b"<Invoice/>")
    )


@pytest.fixture
def number(cast: Cast) -> str:
    making.make(newest(cast.acme).id)
    return newest(cast.acme).number_text


def fields(client: FlaskClient, number: str) -> dict[str, str]:
    """What the form on the invoice's page carries."""
    page = client.get(f"/invoices/{number}").text
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found
    return {"token": unescape(found[1])}


def make(client: FlaskClient, number: str, days: str = "30") -> TestResponse:
    form = fields(client, number)
    return client.post(f"/invoices/{number}/links", data=form | {"days": days})


def address_in(answer: TestResponse) -> str:
    """The path of the link that was just made."""
    assert answer.status_code == 200
    found = re.search(r'id="new-link" value="http[^"]*?(/i/[^"]+)"', answer.text)
    assert found, "no link was made"
    return found[1]


def link() -> InvoiceLink:
    return db.session.scalars(select(InvoiceLink).execution_options(populate_existing=True)).one()


# --- Making, listing, withdrawing ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "status"), [("alice", 200), ("carol", 200), ("bob", 403), ("nobody", 303)]
)
def test_roles_server_side(
    cast: Cast, browser: Browser, number: str, person: str, status: int
) -> None:
    form = fields(browser(cast.alice), number) | {"days": "7"}
    client = browser(getattr(cast, person, None))
    assert client.get(f"/invoices/{number}/links").status_code == status
    assert client.post(f"/invoices/{number}/links", data=form).status_code == status
    make(browser(cast.alice), number)
    name = db.session.scalars(select(InvoiceLink.public_id).order_by(InvoiceLink.id.desc())).first()
    withdrawn = client.post(f"/invoices/{number}/links/{name}/withdrawal")
    assert withdrawn.status_code == (303 if status == 200 else status)


def test_another_accounts_invoice_and_link_are_not_there(
    cast: Cast, browser: Browser, number: str
) -> None:
    make(browser(cast.alice), number)
    mallory, own = browser(cast.mallory), newest(cast.other).number_text
    form = fields(mallory, own) | {"days": "7"}
    assert mallory.get(f"/invoices/{number}/links").status_code == 404
    assert mallory.post(f"/invoices/{number}/links", data=form).status_code == 404
    path = f"/invoices/{own}/links/{link().public_id}/withdrawal"
    assert mallory.post(path).status_code == 404
    assert link().withdrawn_at is None


def test_it_is_shown_once_and_only_its_hash_is_kept(
    cast: Cast, browser: Browser, number: str
) -> None:
    client = browser(cast.carol)
    answer = make(client, number, "7")
    address = address_in(answer)
    in_order(words(answer.text), "Copy it now: it is not shown again. It works until 8 Mar 2026")
    assert link().token_sha256 == tokens.hash_of(address.rpartition("/")[2])
    for path in (f"/invoices/{number}", f"/invoices/{number}/links"):
        page = client.get(path).text
        assert address not in page
        in_order(words(page), "8 Mar 2026, 09:00 UTC", "by Carol", "not yet", "Withdraw")


def test_a_form_sent_twice_is_one_link(cast: Cast, browser: Browser, number: str) -> None:
    client = browser(cast.carol)
    form = fields(client, number) | {"days": "90"}
    answers = [client.post(f"/invoices/{number}/links", data=form) for _ in range(2)]
    assert len({address_in(answer) for answer in answers}) == 1
    assert link().opened == 0
    made = [entry for entry in _actions() if entry == "invoice_link.made"]
    assert len(made) == 1


def test_the_form_of_a_link_that_was_withdrawn_shows_none(
    cast: Cast, browser: Browser, number: str
) -> None:
    client = browser(cast.carol)
    form = fields(client, number) | {"days": "7"}
    path = f"/invoices/{number}/links"
    client.post(path, data=form)
    client.post(f"{path}/{link().public_id}/withdrawal")
    again = client.post(path, data=form)
    assert again.status_code == 422
    assert "The link of this form works no more. Make another." in words(again.text)
    assert 'id="new-link"' not in again.text
    assert link().withdrawn_at is not None


def test_by_htmx_the_region_tells_the_same(cast: Cast, browser: Browser, number: str) -> None:
    client = browser(cast.carol)
    form = fields(client, number) | {"days": "7"}
    answer = client.post(f"/invoices/{number}/links", data=form, headers=HTMX)
    assert answer.text.strip().startswith('<section id="invoice-links"')
    assert client.get(address_in(answer)).status_code == 200


@pytest.mark.parametrize("days", ["", "0", "8", "-7", "x", "36500"])
def test_only_some_times_can_be_chosen(
    cast: Cast, browser: Browser, number: str, days: str
) -> None:
    answer = make(browser(cast.carol), number, days)
    assert answer.status_code == 422
    assert "Choose for how long the link is to work." in answer.text


@pytest.mark.parametrize("token", ["", "short", "x" * 5000])
def test_a_secret_of_ones_own_is_not_taken(
    cast: Cast, browser: Browser, number: str, token: str
) -> None:
    form = {"token": token, "days": "7"}
    answer = browser(cast.carol).post(f"/invoices/{number}/links", data=form)
    assert answer.status_code == 422
    assert "This form can&#39;t be used any more." in answer.text


def test_the_form_of_one_invoice_makes_no_link_to_another(
    cast: Cast, browser: Browser, number: str, clock: FixedClock
) -> None:
    clock.advance(days=1)
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    client, other = browser(cast.carol), newest(cast.acme).number_text
    form = fields(client, number) | {"days": "7"}
    assert client.post(f"/invoices/{other}/links", data=form).status_code == 422
    address_in(client.post(f"/invoices/{number}/links", data=form))
    path = f"/invoices/{other}/links/{link().public_id}/withdrawal"
    assert client.post(path).status_code == 404


def test_only_so_many_links_work_at_once(
    cast: Cast, browser: Browser, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.billing.invoice_links.LIVE_AT_MOST", 1)
    client = browser(cast.carol)
    address_in(make(client, number))
    answer = make(client, number)
    assert answer.status_code == 422
    assert "1 links to this invoice work already." in answer.text
    client.post(f"/invoices/{number}/links/{link().public_id}/withdrawal")
    address_in(make(client, number))


def test_who_left_while_the_form_was_sent_makes_none(cast: Cast, number: str) -> None:
    """The request was let in, and waited for the account's lock while its sender was put out."""
    invoice = db.session.query(Invoice).filter_by(number_text=number).one()
    actor = Actor("user", "Mallory", user_id=cast.mallory.id)
    with transaction() as session:
        account = accounts.lock(session, cast.acme.id)
        with pytest.raises(LinkRefused, match="don't see this account's invoices any more"):
            invoice_links.make(
                session, account, invoice, "t" * 43, 7, now=invoice.issued_at, actor=actor
            )


def test_the_history_tells_of_it(cast: Cast, browser: Browser, number: str) -> None:
    client = browser(cast.carol)
    address = address_in(make(client, number))
    browser(None).get(address)
    for _ in range(2):
        client.post(f"/invoices/{number}/links/{link().public_id}/withdrawal")
    history = words(client.get("/account/history").text)
    in_order(
        history,
        f"Link to invoice {number} withdrawn It was opened 1 time.",
        f"Link to invoice {number} made Whoever has it sees the invoice without signing in, until"
        " 31 Mar 2026.",
    )
    assert history.count("withdrawn") == 1


# --- Opening it ----------------------------------------------------------------------------------


def test_whoever_has_it_sees_the_invoice_and_its_files(
    cast: Cast, browser: Browser, number: str
) -> None:
    """Nothing else of the account: no menu, no form, nobody's email, no other address of it."""
    note = credit(cast, newest(cast.acme)).number_text
    carol, guest = browser(cast.carol), browser(None)
    address = address_in(make(carol, number))
    page = guest.get(address)
    in_order(
        words(page.text),
        f"Invoice {number}", "Paid on 1 Mar 2026", f"credited on 1 Mar 2026 by credit note {note}",
        "How it was worked out", "Full price for 30 days: $100.00", "$100.00",
        "From", "Billed to", "Acme", "SHA-256", "works until 31 Mar 2026, 09:00 UTC",
    )  # fmt: skip
    assert "<form" not in page.text.partition("</main>")[0]
    assert 'href="/invoices' not in page.text
    assert "Main" not in page.text
    assert guest.get(f"{address}.pdf").data == carol.get(f"/invoices/{number}.pdf").data
    xml = guest.get(f"{address}.xml")
    assert (xml.data, xml.mimetype) == (b"<Invoice/>", "application/xml")
    assert xml.headers["Content-Disposition"] == f"attachment; filename={number}.xml"
    for path in ("/invoices", f"/invoices/{number}", "/account"):
        assert guest.get(path).status_code == 303


def test_it_says_that_a_pdf_is_given_up_and_which_file_there_is_none_of(
    cast: Cast, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, guest = newest(cast.acme), browser(None)
    address = address_in(make(browser(cast.carol), row.number_text))
    assert guest.get(f"{address}.xml").status_code == 409
    with transaction() as session:
        outbox.give_up(outbox.find(session, Work.INVOICE_PDF, row.id), "no paper")
    page = words(guest.get(address).text)
    assert "The PDF could not be made." in page
    assert "is being made" not in page
    monkeypatch.setattr(making, "render", lambda paper: making.Files(paper.number.encode()))
    making.make(row.id)
    absent = guest.get(f"{address}.xml")
    assert absent.status_code == 404
    assert "has no file for accounting software" in absent.text
    assert absent.headers["Referrer-Policy"] == "same-origin"


def test_its_address_is_told_to_nobody(cast: Cast, browser: Browser, number: str) -> None:
    address = address_in(make(browser(cast.carol), number))
    for path in (address, f"{address}.pdf", f"{address}.xml", "/i/unknown"):
        headers = browser(None).get(path).headers
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Robots-Tag"] == "noindex, nofollow, noarchive"
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_each_opening_is_counted(
    cast: Cast, browser: Browser, number: str, clock: FixedClock
) -> None:
    address = address_in(make(browser(cast.carol), number))
    clock.advance(days=2)
    for _ in range(3):
        browser(None).get(address)
    browser(None).get(f"{address}.pdf")
    assert (link().opened, link().last_opened_at) == (3, clock.now())
    page = words(browser(cast.carol).get(f"/invoices/{number}").text)
    in_order(page, "3 times last on 3 Mar 2026, 09:00 UTC")


@pytest.mark.parametrize("end", ["withdrawn", "over", "never there"])
def test_a_link_that_leads_nowhere_says_the_same_whatever_it_was(
    cast: Cast, browser: Browser, number: str, clock: FixedClock, end: str
) -> None:
    client, guest = browser(cast.carol), browser(None)
    address = address_in(make(client, number, "7"))
    if end == "withdrawn":
        client.post(f"/invoices/{number}/links/{link().public_id}/withdrawal")
    elif end == "over":
        clock.advance(days=7)
    else:
        address = f"/i/{tokens.new()}"
    unknown = guest.get("/i/unknown")
    for suffix in ("", ".pdf", ".xml"):
        answer = guest.get(address + suffix)
        assert answer.status_code == 404
        assert words(answer.text) == words(unknown.text)
        strangers = (browser(None).get(path) for path in (address + suffix, "/i/unknown"))
        one, other = (list(stranger.headers.keys()) for stranger in strangers)
        assert one == other
    assert "it was withdrawn" in unknown.text


@pytest.mark.parametrize("token", ["%00", "%ff", "x" * 3000, "a.b", "%F0%9F%98%80"])
def test_what_is_no_link_is_not_there(browser: Browser, cast: Cast, token: str) -> None:
    for suffix in ("", ".pdf", ".xml"):
        assert browser(None).get(f"/i/{token}{suffix}").status_code == 404


def test_links_are_tried_only_so_often(cast: Cast, browser: Browser) -> None:
    limiter.enabled = True
    limiter.reset()
    guest = browser(None)
    try:
        statuses = [guest.get(f"/i/{number}").status_code for number in range(61)]
    finally:
        limiter.enabled = False
        limiter.reset()
    assert statuses[:60] == [404] * 60
    assert statuses[60] == 429


def _actions() -> list[str]:
    return list(db.session.scalars(select(AuditEntry.action)))
