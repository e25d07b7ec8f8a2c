"""What was sent about an invoice, having it sent once more, and who wants invoices at all."""

from collections.abc import Callable
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.audit import SYSTEM
from portal.billing import accounts, invoice_emails, people
from portal.billing.invoice_emails import NobodyReads
from portal.billing.rules.money import Money
from portal.extensions import db, limiter
from portal.jobs import schedule
from portal.mail import mailer, payment_notices
from portal.mail.payment_notices import Failure
from portal.models import Account, AuditEntry, CreditNote, Invoice, Notice, NoticeState, User
from portal.papers import making
from portal.transaction import transaction
from tests.address_stories import agreed
from tests.blueprints.pages import in_order, words
from tests.cast import Cast, FixedClock
from tests.credit_stories import credit, newest

Browser = Callable[[User | None], FlaskClient]
NUMBER = "INV-2026-000001"
PAGE = f"/invoices/{NUMBER}"
AGAIN = f"{PAGE}/emails"


@pytest.fixture(autouse=True)
def _pdfs_are_there(cast: Cast) -> None:
    schedule.run_due()


def test_the_page_says_what_was_sent_to_whom_and_when(cast: Cast, browser: Browser) -> None:
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    number = newest(cast.acme).number_text
    client = browser(cast.carol)
    page = words(client.get(f"/invoices/{number}").text)
    assert page.count("waits for the PDF") == 2
    schedule.run_due()
    page = words(client.get(f"/invoices/{number}").text)
    receipt = f"Receipt: $80.00 paid, {number} Written 1 Mar 2026, 09:00 UTC, with the PDF"
    in_order(
        page,
        "Sent Email To State",
        f"{receipt} {cast.alice.email} Accepted 1 Mar 2026, 09:00 UTC",
        f"{receipt} {cast.carol.email} Accepted 1 Mar 2026, 09:00 UTC",
        "Email it again to Email it",
    )
    assert "Nothing was emailed about it. Email it to" in words(client.get(PAGE).text)


@pytest.mark.parametrize(
    ("state", "answer", "said"),
    [
        (NoticeState.ACCEPTED, "250 Ok", "Accepted 1 Mar 2026, 09:00 UTC"),
        (NoticeState.REFUSED, "550 No such user", "The mail server said: 550 No such user"),
        (NoticeState.REFUSED, f"{mailer.GIVEN_UP}451 Later", "The mail server said: 451 Later"),
        (NoticeState.REFUSED, f"{mailer.GIVEN_UP}StoreFailed: /srv", "Refused 1 Mar 2026"),
        (NoticeState.WAITING, None, "On its way"),
    ],
)
def test_how_each_email_ended(
    cast: Cast,
    browser: Browser,
    clock: FixedClock,
    state: NoticeState,
    answer: str | None,
    said: str,
) -> None:
    client = browser(cast.alice)
    send(client, cast.alice.email, "a1")
    with transaction() as session:
        notice = session.merge(again()[-1])
        notice.state, notice.server_answer = state, answer
        notice.settled_at = clock.now() if answer else None
    for person in (cast.alice, cast.carol):
        page = words(browser(person).get(PAGE).text)
        assert said in page
        assert "/srv" not in page, "what is for the vendor to read"


def test_failed_payments_are_on_the_page_of_what_they_were_for(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    with transaction() as session:
        row = session.get_one(Invoice, invoice().id)
        failure = Failure(Money(10000, "USD"), "The card was declined.", invoice=row)
        payment_notices.failed(
            session, session.get_one(Account, cast.acme.id), failure, now=clock.now()
        )
    page = words(browser(cast.carol).get(PAGE).text)
    assert page.count(f"We could not collect $100.00 for invoice {row.number_text}") == 2


@pytest.mark.parametrize(
    ("person", "status"), [("alice", 303), ("carol", 303), ("bob", 403), ("mallory", 404)]
)
def test_roles_server_side(cast: Cast, browser: Browser, person: str, status: int) -> None:
    who = getattr(cast, person)
    answer = browser(who).post(AGAIN, data={"to": who.email, "op_id": "a1"})
    assert answer.status_code == status
    assert len(again()) == (status == 303)


def test_a_form_without_its_csrf_token_sends_nothing(
    app: Flask, cast: Cast, browser: Browser
) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    data = {"to": cast.alice.email, "op_id": "a1"}
    assert browser(cast.alice).post(AGAIN, data=data).status_code == 400
    assert again() == []


def test_a_reader_has_it_sent_again_with_its_pdf(cast: Cast, browser: Browser) -> None:
    client = browser(cast.carol)
    assert f"It is on its way to {cast.carol.email}." in send(client, cast.carol.email, "a1")
    schedule.run_due()
    (notice,) = again()
    assert notice.subject == f"Invoice {NUMBER}, sent again"
    assert notice.state is NoticeState.ACCEPTED
    assert notice.enclosed_sha256 == invoice().document.sha256
    text = " ".join(notice.body_text.split())
    assert "You asked for this invoice of Acme again. Here it is." in text
    assert "$100.00. It is the same document as before: nothing is charged again." in text
    assert "The PDF is attached." in text
    assert notice.enclosed_sha256 in notice.body_html


def test_one_sent_again_waits_for_no_pdf_that_is_there(cast: Cast, browser: Browser) -> None:
    page = words(send(browser(cast.carol), cast.carol.email, "a1"))
    in_order(
        page,
        f"Invoice {NUMBER}, sent again Written 1 Mar 2026, 09:00 UTC {cast.carol.email}",
        "On its way",
    )
    assert "waits for the PDF" not in page


@pytest.mark.parametrize(
    ("state", "waits"), [(NoticeState.WAITING, True), (NoticeState.WITHDRAWN, False)]
)
def test_only_what_is_on_its_way_waits_for_the_pdf(
    cast: Cast, browser: Browser, state: NoticeState, waits: bool
) -> None:
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    with transaction() as session:
        for notice in receipts():
            session.merge(notice).state = state
    page = words(browser(cast.carol).get(f"/invoices/{newest(cast.acme).number_text}").text)
    assert ("waits for the PDF" in page) == waits


def test_to_somebody_else_it_says_who_asked(cast: Cast, browser: Browser) -> None:
    send(browser(cast.carol), cast.alice.email, "a1")
    (notice,) = again()
    assert notice.user_id == cast.alice.id
    assert "Carol asked us to send you this invoice of Acme again." in " ".join(
        notice.body_text.split()
    )


def test_one_click_sends_one_email(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    send(client, cast.alice.email, "a1")
    assert f"It was sent to {cast.alice.email} already." in send(client, cast.alice.email, "a1")
    assert len(again()) == 1
    assert "This confirmation was used for something else." in send(client, cast.carol.email, "a1")
    send(client, cast.alice.email, "a2")
    assert len(again()) == 2


@pytest.mark.parametrize("to", ["bob", "mallory", "stranger@example.com", "", "a\0b"])
def test_only_who_gets_invoices_anyway(cast: Cast, browser: Browser, to: str) -> None:
    email = getattr(cast, to).email if to in ("bob", "mallory") else to
    page = send(browser(cast.alice), email, "a1")
    assert "Invoices aren't sent to that address. Choose one of those that get them." in page
    assert again() == []


def test_oneself_also_without_wanting_invoices(cast: Cast, browser: Browser) -> None:
    client = browser(cast.carol)
    client.post("/billing/my-invoices", data={"wants": "no"})
    send(client, cast.carol.email, "a1")
    assert [notice.recipient for notice in again()] == [cast.carol.email]
    # Others can't have it sent to who wants none.
    assert "Invoices aren't sent to that address." in send(
        browser(cast.alice), cast.carol.email, "a2"
    )


@pytest.mark.parametrize("op_id", ["", "x" * 65, "a b", "a\0"])
def test_a_click_has_an_id(cast: Cast, browser: Browser, op_id: str) -> None:
    data = {"to": cast.alice.email, "op_id": op_id}
    assert browser(cast.alice).post(AGAIN, data=data).status_code == 422
    assert again() == []


def test_no_more_than_thirty_an_hour(app: Flask, cast: Cast, browser: Browser) -> None:
    limiter.enabled = True
    limiter.reset()
    try:
        client = browser(cast.alice)
        answers = [
            client.post(AGAIN, data={"to": cast.alice.email, "op_id": f"a{number}"}).status_code
            for number in range(32)
        ]
    finally:
        limiter.enabled = False
    assert answers.count(303) == 30
    assert answers[-2:] == [429, 429]


def test_over_history_tells_of_it(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    send(client, cast.carol.email, "a1")
    client.post("/billing/my-invoices", data={"wants": "no"})
    page = client.get("/account/history?kind=details").text
    in_order(
        words(page),
        "Alice gets no invoices by email any more",
        f"{NUMBER} sent again To {cast.carol.email}.",
    )
    assert f'href="{PAGE}"' in page


def test_a_credit_note_is_sent_again_too(cast: Cast, browser: Browser) -> None:
    note = credit(cast, invoice())
    making.make_credit_note(note.id)
    client = browser(cast.carol)
    place = f"/credit-notes/{note.number_text}"
    page = words(client.get(place).text)
    assert f"Credit note {note.number_text}: $100.00 credited" in page
    data = {"to": cast.carol.email, "op_id": "a1"}
    assert client.post(f"{place}/emails", data=data).status_code == 303
    schedule.run_due()
    (notice,) = again()
    assert notice.credit_note_id == note.id
    assert notice.subject == f"Credit note {note.number_text}, sent again"
    assert notice.enclosed_sha256 == document_of(note)
    assert "nothing is credited again" in " ".join(notice.body_text.split())


# --- Who wants invoices --------------------------------------------------------------------------


def test_who_wants_none_gets_none(cast: Cast, browser: Browser) -> None:
    answer = browser(cast.carol).post("/billing/my-invoices", data={"wants": "no"})
    assert answer.status_code == 303
    before = len(receipts())
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    assert [notice.recipient for notice in receipts()[before:]] == [cast.alice.email]
    browser(cast.carol).post("/billing/my-invoices", data={"wants": "yes"})
    before = len(receipts())
    cast.buy(cast.acme, seat=1)
    assert {notice.recipient for notice in receipts()[before:]} == {
        cast.alice.email,
        cast.carol.email,
    }


def test_the_page_says_who_gets_them(cast: Cast, browser: Browser) -> None:
    agreed(cast.acme, "books@example.com")
    browser(cast.carol).post("/billing/my-invoices", data={"wants": "no"})
    in_order(
        words(browser(cast.alice).get("/billing").text),
        "Who gets invoices by email",
        f"{cast.alice.email} Alice (you) Admin Gets them",
        f"{cast.carol.email} Carol Billing contact Turned off",
        "books@example.com Address from the billing details Gets them",
    )


def test_somebody_always_gets_them(cast: Cast, browser: Browser) -> None:
    browser(cast.carol).post("/billing/my-invoices", data={"wants": "no"})
    answer = browser(cast.alice).post("/billing/my-invoices", data={"wants": "no"})
    assert answer.status_code == 422
    assert "Invoices would be sent to nobody then." in words(answer.text)
    assert wanting(cast) == {cast.alice.email}


def test_the_last_address_stays_while_nobody_else_wants_them(cast: Cast, browser: Browser) -> None:
    form = {"company": "Acme", "country": "US", "invoice_emails": "books@example.com"}
    client = browser(cast.alice)
    agreed(cast.acme, "books@example.com")
    for person in (cast.carol, cast.alice):
        assert browser(person).post("/billing/my-invoices", data={"wants": "no"}).status_code == 303
    answer = client.post("/billing", data=form | {"invoice_emails": ""})
    assert answer.status_code == 422
    assert "Invoices would be sent to nobody then." in unescape(answer.text)
    assert client.post("/billing", data=form | {"company": "Acme Ltd"}).status_code == 303


def test_where_the_last_who_wanted_them_left_every_admin_gets_them(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    browser(cast.alice).post("/billing/my-invoices", data={"wants": "no"})
    with transaction() as session:
        carol = people.membership_in(session, cast.acme.id, cast.carol.id)
        assert carol is not None
        people.deactivate(session, carol, now=clock.now(), actor=SYSTEM)
    assert wanting(cast) == {cast.alice.email}
    assert f"{cast.alice.email} Alice (you) Admin Gets them" in words(
        browser(cast.alice).get("/billing").text
    )


@pytest.mark.parametrize("wants", ["", "maybe", None])
def test_a_choice_is_yes_or_no(cast: Cast, browser: Browser, wants: str | None) -> None:
    data = {"wants": wants} if wants is not None else {}
    assert browser(cast.alice).post("/billing/my-invoices", data=data).status_code == 422


def test_choosing_what_holds_writes_nothing(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    before = len(db.session.scalars(select(AuditEntry.id)).all())
    assert client.post("/billing/my-invoices", data={"wants": "yes"}).status_code == 303
    assert len(db.session.scalars(select(AuditEntry.id)).all()) == before


def test_two_who_turn_them_off_at_once(cast: Cast, clock: FixedClock) -> None:
    """Each reads under the account's lock what the other did."""
    for user, refused in ((cast.alice, False), (cast.carol, True)):
        with transaction() as session:
            accounts.lock(session, cast.acme.id)
            mine = people.membership_in(session, cast.acme.id, user.id)
            assert mine is not None
            if refused:
                with pytest.raises(NobodyReads):
                    invoice_emails.want(session, mine, False, now=clock.now(), actor=SYSTEM)
                session.rollback()
            else:
                invoice_emails.want(session, mine, False, now=clock.now(), actor=SYSTEM)


def send(client: FlaskClient, to: str, op_id: str) -> str:
    """Ask for the email and follow to the page as it is then."""
    answer = client.post(AGAIN, data={"to": to, "op_id": op_id})
    assert (answer.status_code, answer.location) == (303, PAGE)
    return unescape(client.get(PAGE).text)


def invoice() -> Invoice:
    db.session.rollback()
    return db.session.scalars(select(Invoice).where(Invoice.number_text == NUMBER)).one()


def document_of(note: CreditNote) -> str:
    db.session.rollback()
    document = db.session.get_one(CreditNote, note.id).document
    assert document is not None
    return document.sha256


def again() -> list[Notice]:
    db.session.rollback()
    return list(db.session.scalars(select(Notice).where(Notice.name == "sent_again")))


def receipts() -> list[Notice]:
    db.session.rollback()
    statement = select(Notice).where(Notice.name == "invoice_issued").order_by(Notice.id)
    return list(db.session.scalars(statement))


def wanting(cast: Cast) -> set[str]:
    db.session.rollback()
    account = db.session.get_one(Account, cast.acme.id)
    return {each.email for each in invoice_emails.readers(db.session(), account) if each.gets}
