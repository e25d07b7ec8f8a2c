"""Addresses of the billing details: asked before invoices go there, and ended by whoever reads."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.billing import billing_details
from portal.billing.rules.roles import Role
from portal.extensions import db, limiter
from portal.jobs import schedule
from portal.models import AuditEntry, InvoiceAddress, Notice, NoticeState, User
from portal.papers import making
from portal.transaction import transaction
from tests.address_stories import FORM, agreed, link_in, questions, send_to
from tests.blueprints.pages import in_order, words
from tests.cast import Cast, FixedClock
from tests.credit_stories import credit, newest

Browser = Callable[[User | None], FlaskClient]
BOOKS = "books@example.com"
LURE = "Acme: your parcel waits at https://example.net"


@pytest.fixture(autouse=True)
def _quick_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "render", lambda paper: making.Files(paper.number.encode()))


def receipts(cast: Cast) -> set[str]:
    """To whom the invoice of an upgrade is written: 10 users for $100.00, then 20 for $180.00."""
    before = newest(cast.acme).id
    cast.buy(cast.acme, seat=1)
    invoice_id = newest(cast.acme).id
    assert invoice_id > before
    return {notice.recipient for notice in written(invoice_id=invoice_id)}


def written(**about: object) -> list[Notice]:
    db.session.rollback()
    return list(db.session.query(Notice).filter_by(**about).order_by(Notice.id))


def listed(cast: Cast) -> tuple[str, ...]:
    db.session.rollback()
    return billing_details.of(cast.acme).invoice_emails


# --- Asked first ---------------------------------------------------------------------------------


def test_nothing_is_sent_to_an_address_before_its_reader_agrees(
    cast: Cast, browser: Browser
) -> None:
    client = browser(cast.alice)
    assert send_to(client, BOOKS) == 303
    [question] = questions()
    assert (question.recipient, question.user_id) == (BOOKS, None)
    in_order(
        words(client.get("/billing").text),
        f"{BOOKS} Address from the billing details Not confirmed",
        "Waiting for confirmation since 1 Mar 2026. No invoice is sent there before. Ask once more",
    )
    assert receipts(cast) == {cast.alice.email, cast.carol.email}
    page = browser(cast.carol).get(f"/invoices/{newest(cast.acme).number_text}").text
    assert BOOKS not in page, "nor is it offered to send one again"
    answer = browser(cast.alice).post(
        f"/invoices/{newest(cast.acme).number_text}/emails", data={"to": BOOKS, "op_id": "a1"}
    )
    assert answer.status_code == 303
    assert written(name="sent_again") == []


def test_the_question_has_no_word_that_a_customer_chose(cast: Cast, browser: Browser) -> None:
    """Whoever may sign up could else have the vendor's server send what he likes to anybody."""
    with transaction() as session:
        account = session.merge(cast.acme)
        account.name = account.billing.company = LURE
        session.merge(cast.alice).name = LURE
    send_to(browser(cast.alice), BOOKS)
    [question] = questions()
    assert question.subject == "Invoices of Example Software Ltd by email: please confirm"
    text = " ".join(question.body_text.split())
    in_order(
        text,
        "Hello, Somebody asked Example Software Ltd to send invoices to this address.",
        "Whose invoices they are, and whether you want them, is on this page:",
        "No invoice is sent here before you confirm it there.",
        "You get this because somebody entered this address as one that invoices are sent to.",
    )
    for said in (question.subject, text, unescape(question.body_html)):
        assert "parcel" not in said
        assert "example.net" not in said


def test_whoever_reads_there_agrees_without_signing_in(cast: Cast, browser: Browser) -> None:
    send_to(browser(cast.alice), BOOKS)
    link, guest = link_in(questions()[0]), browser(None)
    in_order(
        words(guest.get(link).text),
        f"Somebody at Acme entered {BOOKS} as an address that its invoices and credit notes are"
        " sent to",
        "Send them here",
        "Don't send them",
    )
    assert receipts(cast) == {cast.alice.email, cast.carol.email}, "looking is not agreeing"

    answer = guest.post(f"{link}/confirmation")

    assert (answer.status_code, answer.location) == (303, link)
    assert f"{BOOKS} gets each invoice and credit note of Acme" in words(guest.get(link).text)
    assert receipts(cast) == {cast.alice.email, cast.carol.email, BOOKS}
    assert f"{BOOKS} Address from the billing details Gets them" in words(
        browser(cast.alice).get("/billing").text
    )
    guest.post(f"{link}/confirmation")
    kept = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "invoice_address.confirmed")
    ).all()
    assert [(entry.actor["kind"], entry.details) for entry in kept] == [
        ("address", {"email": BOOKS})
    ]


def test_people_of_the_account_are_asked_nothing(cast: Cast, browser: Browser) -> None:
    """Carol wants none by her own choice, and is on the list all the same: she gets one."""
    browser(cast.carol).post("/billing/my-invoices", data={"wants": "no"})
    assert send_to(browser(cast.alice), cast.carol.email.upper(), cast.alice.email) == 303
    assert questions() == []
    assert receipts(cast) == {cast.alice.email, cast.carol.email}
    [to_carol] = [
        notice for notice in written(name="invoice_issued") if notice.recipient == cast.carol.email
    ][-1:]
    assert to_carol.user_id == cast.carol.id


def test_a_member_sees_no_invoices_and_is_asked(cast: Cast, browser: Browser) -> None:
    send_to(browser(cast.alice), cast.bob.email)
    assert [question.recipient for question in questions()] == [cast.bob.email]
    assert cast.bob.email not in receipts(cast)


def test_who_left_is_asked_like_anybody_else(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    send_to(client, cast.carol.email)
    cast.leave(cast.acme, cast.carol)
    assert receipts(cast) == {cast.alice.email}
    assert "Nobody there was asked yet." in words(client.get("/billing").text)
    client.post("/billing/addresses", data={"email": cast.carol.email})
    assert [question.recipient for question in questions()] == [cast.carol.email]


def test_an_address_that_comes_back_is_asked_anew(cast: Cast, browser: Browser) -> None:
    client, guest = browser(cast.alice), browser(None)
    send_to(client, BOOKS)
    guest.post(f"{link_in(questions()[0])}/confirmation")
    send_to(client)
    send_to(client, BOOKS)
    assert len(questions()) == 2
    assert BOOKS not in receipts(cast)


def test_changing_the_company_asks_nobody(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    send_to(client, BOOKS)
    form = FORM | {"company": "Acme Ltd", "invoice_emails": BOOKS}
    assert client.post("/billing", data=form).status_code == 303
    assert len(questions()) == 1


def test_an_address_that_waits_is_nobody_who_reads(cast: Cast, browser: Browser) -> None:
    """Somebody always gets invoices, and who only might is not somebody."""
    send_to(browser(cast.alice), BOOKS)
    browser(cast.carol).post("/billing/my-invoices", data={"wants": "no"})
    answer = browser(cast.alice).post("/billing/my-invoices", data={"wants": "no"})
    assert answer.status_code == 422
    assert "Invoices would be sent to nobody then." in words(answer.text)


# --- How often -----------------------------------------------------------------------------------


def test_an_address_is_asked_three_times_a_day(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    client = browser(cast.alice)
    send_to(client, BOOKS)
    for _ in range(2):
        page = client.post("/billing/addresses", data={"email": BOOKS}, follow_redirects=True).text
        assert f"An email that asks for it is on its way to {BOOKS}." in page
    page = client.post("/billing/addresses", data={"email": BOOKS}, follow_redirects=True).text
    assert f"{BOOKS} was asked often enough today. Ask again tomorrow." in page
    assert len(questions()) == 3
    clock.advance(days=1)
    client.post("/billing/addresses", data={"email": BOOKS})
    assert len(questions()) == 4
    assert "since 1 Mar 2026" in words(client.get("/billing").text)


def test_an_address_is_asked_ten_times_a_day_whoever_asks(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    """However it is written, and also by accounts that were made for it."""
    for number in range(10):
        account = cast.account(f"Account {number}", "standard", "5-users")
        asker = cast.member(account, f"asker{number}", Role.ADMIN)
        assert send_to(browser(asker), BOOKS.title() if number % 2 else BOOKS) == 303
    assert len(questions()) == 10
    client, again = browser(cast.alice), {"email": BOOKS}
    form = FORM | {"company": "Acme Ltd", "invoice_emails": BOOKS}
    saved = client.post("/billing", data=form, follow_redirects=True).text
    assert "The billing details are saved." in saved, "who did nothing wrong is refused nothing"
    assert "on its way" not in saved
    assert (
        f"{BOOKS} Address from the billing details Not confirmed Nobody there was asked yet."
        " No invoice is sent there before. Ask now" in words(saved)
    )
    refused = client.post("/billing/addresses", data=again, follow_redirects=True).text
    assert f"{BOOKS} was asked often enough today. Ask again tomorrow." in unescape(refused)
    assert listed(cast) == (BOOKS,)
    assert len(questions()) == 10
    clock.advance(days=1)
    client.post("/billing/addresses", data=again)
    assert len(questions()) == 11
    browser(None).post(f"{link_in(questions()[-1])}/confirmation")
    assert BOOKS in receipts(cast)


def test_an_account_asks_fifteen_times_a_day(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    first = [f"a{number}@example.com" for number in range(10)]
    second = [f"b{number}@example.com" for number in range(6)]
    assert send_to(client, *first) == 303
    form = FORM | {"invoice_emails": "\n".join(second)}
    answer = client.post("/billing", data=form)
    assert answer.status_code == 422
    assert (
        "15 emails that ask for confirmation were sent today, and no more are. Add b5@example.com"
        " tomorrow." in unescape(answer.text)
    )
    assert listed(cast) == tuple(first), "nothing of it is kept"
    assert len(questions()) == 10
    assert send_to(client, *second[:5]) == 303
    assert len(questions()) == 15


@pytest.mark.parametrize("plan", [None, "5-users"])
def test_an_account_that_was_charged_nothing_asks_twice_a_day(
    cast: Cast, browser: Browser, plan: str | None
) -> None:
    """Without a plan, or on one that costs nothing: of such accounts anybody can have many."""
    cast.reprice(cast.price("standard", "5-users"), 0)
    account = cast.account("New", "standard" if plan else None, plan or "")
    client = browser(cast.member(account, "Nora", Role.ADMIN))
    emails = [f"a{number}@example.com" for number in range(3)]
    answer = client.post("/billing", data=FORM | {"invoice_emails": "\n".join(emails)})
    assert answer.status_code == 422
    assert (
        "2 emails that ask for confirmation were sent today, and no more are. Add a2@example.com"
        " tomorrow." in unescape(answer.text)
    )
    assert send_to(client, *emails[:2]) == 303
    assert len(questions()) == 2
    price = cast.price("standard", "10-users")
    if plan:
        cast.change_plan(account, price)
    else:
        cast.subscribe(account, price)
    assert send_to(client, *emails) == 303
    assert len(questions()) == 3


@pytest.mark.parametrize(("person", "status"), [("alice", 303), ("carol", 403), ("bob", 403)])
def test_roles_server_side(cast: Cast, browser: Browser, person: str, status: int) -> None:
    send_to(browser(cast.alice), BOOKS)
    client = browser(getattr(cast, person))
    assert client.post("/billing/addresses", data={"email": BOOKS}).status_code == status
    assert len(questions()) == (2 if status == 303 else 1)


@pytest.mark.parametrize("email", ["stranger@example.com", "", "carol", "\0"])
def test_only_who_waits_is_asked(cast: Cast, browser: Browser, email: str) -> None:
    email = cast.carol.email if email == "carol" else email
    client = browser(cast.alice)
    page = client.post("/billing/addresses", data={"email": email}, follow_redirects=True).text
    assert "That address waits for no confirmation. Nothing was sent." in page
    assert questions() == []


# --- Ended ---------------------------------------------------------------------------------------


def test_each_email_to_it_carries_a_way_to_end_them(cast: Cast, browser: Browser) -> None:
    """Also a credit note's; not those to people, who choose when they are signed in."""
    agreed(cast.acme, BOOKS)
    cast.buy(cast.acme, seat=1)
    invoice = newest(cast.acme)
    credit(cast, invoice)
    browser(cast.alice).post(
        f"/invoices/{invoice.number_text}/emails", data={"to": BOOKS, "op_id": "a1"}
    )
    kinds = ("invoice_issued", "credit_note_issued", "sent_again")
    to_books = [written(name=name, recipient=BOOKS)[-1] for name in kinds]
    assert len({link_in(notice) for notice in to_books}) == 3
    for notice in to_books:
        assert notice.body_text.startswith("Hello,\n"), "no company's name greets a stranger"
        assert "To get no more of them here:" in notice.body_text
    to_alice = written(name="invoice_issued", recipient=cast.alice.email)[-1]
    assert "/invoice-address/" not in to_alice.body_text + to_alice.body_html
    assert to_alice.body_text.startswith("Hello Alice,\n")


def test_one_click_and_a_confirmation_end_them(cast: Cast, browser: Browser) -> None:
    agreed(cast.acme, BOOKS, "pay@example.com")
    assert receipts(cast) >= {BOOKS, "pay@example.com"}
    link, guest = link_in(written(name="invoice_issued", recipient=BOOKS)[-1]), browser(None)
    page = guest.get(link).text
    assert "Get no more of them" in page
    assert listed(cast) == (BOOKS, "pay@example.com"), "looking ends nothing"

    assert guest.post(f"{link}/end").location == link
    assert guest.post(f"{link}/end").location == link

    assert f"{BOOKS} gets no invoices of Acme." in words(guest.get(link).text)
    assert listed(cast) == ("pay@example.com",)
    assert BOOKS not in receipts(cast)
    guest.post(f"{link}/confirmation")
    assert listed(cast) == ("pay@example.com",), "who is off the list can't come back by it"
    in_order(
        words(browser(cast.alice).get("/account/history?kind=details").text),
        f"{BOOKS} wants no invoices",
        "Whoever reads there said so. It is off the list of the billing details.",
    )


def test_the_question_is_declined_by_the_same_link(cast: Cast, browser: Browser) -> None:
    send_to(browser(cast.alice), BOOKS)
    browser(None).post(f"{link_in(questions()[0])}/end")
    assert listed(cast) == ()
    assert db.session.scalars(select(InvoiceAddress)).all() == []


def test_where_the_last_reader_ends_them_every_admin_gets_them(
    cast: Cast, browser: Browser
) -> None:
    agreed(cast.acme, BOOKS)
    for person in (cast.carol, cast.alice):
        browser(person).post("/billing/my-invoices", data={"wants": "no"})
    assert receipts(cast) == {BOOKS}
    browser(None).post(f"{link_in(written(name='invoice_issued', recipient=BOOKS)[-1])}/end")
    assert receipts(cast) == {cast.alice.email}


def test_an_invoice_under_way_does_not_come_any_more(cast: Cast, browser: Browser) -> None:
    schedule.run_due()
    agreed(cast.acme, BOOKS)
    receipts(cast)
    [waiting] = written(name="invoice_issued", recipient=BOOKS)
    browser(None).post(f"{link_in(waiting)}/end")
    schedule.run_due()
    [left] = written(name="invoice_issued", recipient=BOOKS)
    assert left.state is NoticeState.WITHDRAWN
    page = words(browser(cast.alice).get(f"/invoices/{newest(cast.acme).number_text}").text)
    in_order(page, BOOKS, "Not sent")


def test_the_same_address_in_two_accounts_is_two_lists(cast: Cast, browser: Browser) -> None:
    send_to(browser(cast.alice), BOOKS)
    of_acme = link_in(questions()[0])
    send_to(browser(cast.mallory), BOOKS)
    browser(None).post(f"{of_acme}/confirmation")
    states = {
        row.account_id: row.confirmed_at is not None
        for row in db.session.scalars(select(InvoiceAddress))
    }
    assert states == {cast.acme.id: True, cast.other.id: False}


# --- The link ------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["no-such-link", "%00", "x" * 3000, "%F0%9F%98%80"])
def test_what_is_no_link_is_not_there(browser: Browser, cast: Cast, token: str) -> None:
    guest = browser(None)
    assert guest.get(f"/invoice-address/{token}").status_code == 404
    for act in ("confirmation", "end"):
        assert guest.post(f"/invoice-address/{token}/{act}").status_code == 404


def test_the_secret_is_told_to_nobody_else(cast: Cast, browser: Browser) -> None:
    send_to(browser(cast.alice), BOOKS)
    link = link_in(questions()[0])
    answer = browser(None).get(link)
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    assert questions()[0].token_sha256 not in (None, link.rpartition("/")[2])


def test_over_https_a_browser_sends_its_forms(app: Flask, cast: Cast, browser: Browser) -> None:
    """It says where a form was, as the page lets it; one that says nothing isn't heard."""
    send_to(browser(cast.alice), BOOKS)
    link, guest = link_in(questions()[0]), browser(None)
    app.config["WTF_CSRF_ENABLED"] = True
    host = app.config["PORTAL"].base_url.replace("http://", "https://")
    page = guest.get(link, base_url=host)
    [token] = set(re.findall(r'name="csrf_token" value="([^"]*)"', page.text))
    says_where = page.headers["Referrer-Policy"] == "same-origin"
    for path, left in (("/language", link), (f"{link}/confirmation", link)):
        answer = guest.post(
            path,
            data={"csrf_token": token, "language": "de"},
            headers={"Referer": f"{host}{left}"} if says_where else {},
            base_url=host,
        )
        assert (answer.status_code, answer.location) == (303, link)
    assert receipts(cast) == {cast.alice.email, cast.carol.email, BOOKS}


def test_a_form_without_its_csrf_token_does_nothing(
    app: Flask, cast: Cast, browser: Browser
) -> None:
    agreed(cast.acme, BOOKS)
    receipts(cast)
    link = link_in(written(name="invoice_issued", recipient=BOOKS)[-1])
    app.config["WTF_CSRF_ENABLED"] = True
    assert browser(None).post(f"{link}/end").status_code == 400
    assert listed(cast) == (BOOKS,)


def test_links_are_tried_only_so_often(cast: Cast, browser: Browser) -> None:
    limiter.enabled = True
    limiter.reset()
    guest = browser(None)
    try:
        statuses = [guest.get(f"/invoice-address/{number}").status_code for number in range(31)]
    finally:
        limiter.enabled = False
        limiter.reset()
    assert statuses == [404] * 30 + [429]
