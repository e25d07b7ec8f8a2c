"""Emails that bring a PDF: when they go out, what they say of it, and that they go out once."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from portal import document_store, outbox
from portal.config import MailSettings
from portal.document_store import DocumentMissing
from portal.extensions import db, mail
from portal.file_store import StoreFailed
from portal.jobs import outbox_items, schedule
from portal.mail import enclosures, letters
from portal.models import (
    CreditNote,
    Invoice,
    InvoiceDocument,
    Notice,
    NoticeState,
    OutboxItem,
    OutboxState,
    Work,
)
from portal.papers import making
from portal.transaction import transaction
from tests.address_stories import agreed
from tests.cast import Cast, FixedClock
from tests.faults.mail_server import Mode, PostOffice, running
from tests.notices.post import named

CAN_BE_DOWNLOADED = "You can download it in the portal."
ATTACHED = "The PDF is attached."


@pytest.fixture(autouse=True)
def _nothing_waits(cast: Cast) -> None:
    """What the cast's own beginning left to do is not looked at."""
    with transaction() as session:
        for item in session.scalars(select(OutboxItem)):
            item.state = OutboxState.DONE


@pytest.fixture
def office(app: Flask) -> Iterator[PostOffice]:
    """A mail server that takes everything."""
    with running(Mode.ACCEPTS) as (taking, port):
        _use(app, port)
        yield taking


def test_the_pdf_goes_out_with_the_receipt_as_it_is_stored(
    cast: Cast, clock: FixedClock, office: PostOffice
) -> None:
    invoice = upgrade(cast)
    schedule.run_due()
    receipts = of_invoice(invoice)
    assert len(office.stored) == len(receipts) == 2
    stored = stored_of(invoice)
    for recipients, message in office.stored:
        (file,) = message.iter_attachments()
        assert file.get_content_type() == "application/pdf"
        assert file.get_filename() == f"{invoice.number_text}.pdf"
        content = file.get_content()
        assert content == document_store.read(stored)
        assert hashlib.sha256(content).hexdigest() == stored
        for kind in ("plain", "html"):
            body = " ".join(message.get_body((kind,)).get_content().split())
            assert ATTACHED in body or "The PDF is attached" in body
            assert stored in body
            assert CAN_BE_DOWNLOADED not in body
        assert recipients[0] in {cast.alice.email, cast.carol.email}
    assert {notice.state for notice in receipts} == {NoticeState.ACCEPTED}
    assert {notice.settled_at for notice in receipts} == {clock.now()}


def test_only_the_hash_is_kept_with_the_email(cast: Cast) -> None:
    invoice = upgrade(cast)
    schedule.run_due()
    assert {notice.enclosed_sha256 for notice in of_invoice(invoice)} == {stored_of(invoice)}
    assert all(len(notice.body_html) < 10_000 for notice in of_invoice(invoice))


def test_an_email_waits_for_its_pdf(cast: Cast, clock: FixedClock) -> None:
    """Looked at before the PDF is there, it isn't sent; once it is, it goes at once."""
    invoice = upgrade(cast)
    mails_only()
    assert states(invoice) == {NoticeState.WAITING}
    clock.advance(minutes=9)
    mails_only()
    assert states(invoice) == {NoticeState.WAITING}
    making.make(invoice.id)
    mails_only()
    assert states(invoice) == {NoticeState.ACCEPTED}
    assert all(notice.enclosed_sha256 for notice in of_invoice(invoice))


def test_one_that_is_asked_for_early_waits_all_the_same(cast: Cast, clock: FixedClock) -> None:
    invoice = upgrade(cast)
    first = of_invoice(invoice)[0]
    with pytest.raises(enclosures.NotYet):
        enclosures.decide(first.id, now=clock.now())
    with transaction() as session:
        outbox.hasten(outbox.find(session, Work.NOTICE, first.id), at=clock.now())
    mails_only()
    item = outbox.find(db.session(), Work.NOTICE, first.id)
    assert (item.state, item.last_error) == (
        OutboxState.WAITING,
        "the PDF it brings isn't there yet",
    )


def test_after_ten_minutes_it_goes_without_and_says_where_the_pdf_is(
    cast: Cast, clock: FixedClock, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreed(cast.acme, "books@example.com")
    monkeypatch.setattr(making, "_make", broken)
    invoice = upgrade(cast)
    schedule.run_due()
    assert office.stored == []
    clock.advance(minutes=10)
    schedule.run_due()
    said = {to[0]: message for to, message in office.stored}
    assert said.keys() == {cast.alice.email, cast.carol.email, "books@example.com"}
    for message in said.values():
        assert list(message.iter_attachments()) == []
    assert CAN_BE_DOWNLOADED in text_of(said[cast.alice.email])
    assert "Admins and billing contacts of Acme can download the PDF." in text_of(
        said["books@example.com"]
    )
    assert "SHA-256" not in text_of(said[cast.alice.email])
    assert f"<p>{letters.PLACE}</p>" not in of_invoice(invoice)[0].body_html


def test_it_never_goes_twice(
    cast: Cast, clock: FixedClock, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The PDF comes after the email went out without it: nothing more is sent."""
    real = making._make
    monkeypatch.setattr(making, "_make", broken)
    invoice = upgrade(cast)
    clock.advance(minutes=10)
    schedule.run_due()
    assert len(office.stored) == 2
    monkeypatch.setattr(making, "_make", real)
    clock.advance(hours=2)
    schedule.run_due()
    assert stored_of(invoice)
    clock.advance(days=1)
    schedule.run_due()
    assert len(office.stored) == 2
    assert [notice.enclosed_sha256 for notice in of_invoice(invoice)] == [None, None]


def test_what_it_brings_is_decided_once(
    app: Flask, cast: Cast, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mail server is away when the patience ends, and back when the PDF is there: what goes
    out is what was decided, under the same Message-ID."""
    real = making._make
    monkeypatch.setattr(making, "_make", broken)
    invoice = upgrade(cast)
    clock.advance(minutes=10)
    with running(Mode.IS_BUSY) as (_, port):
        _use(app, port)
        mails_only()
    monkeypatch.setattr(making, "_make", real)
    making.make(invoice.id)
    clock.advance(hours=1)
    with running(Mode.ACCEPTS) as (office, port):
        _use(app, port)
        mails_only()
    assert len(office.stored) == 2
    assert all(list(message.iter_attachments()) == [] for _, message in office.stored)


def test_a_worker_killed_after_the_server_took_it_sends_the_same_again(
    app: Flask, cast: Cast, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between acceptance and record: the same Message-ID, the same words, the same file."""
    invoice = upgrade(cast)
    making.make(invoice.id)
    with running(Mode.ACCEPTS) as (office, port):
        _use(app, port)
        with monkeypatch.context() as patched:
            patched.setattr("portal.mail.mailer.record", broken)
            mails_only()
        assert states(invoice) == {NoticeState.WAITING}
        clock.advance(minutes=5)
        mails_only()
    assert states(invoice) == {NoticeState.ACCEPTED}
    assert len(office.stored) == 4
    twice = {}
    for to, message in office.stored:
        (file,) = message.iter_attachments()
        digest = hashlib.sha256(file.get_content()).hexdigest()
        twice.setdefault(to[0], []).append((message["Message-ID"], text_of(message), digest))
    assert all(first == second for first, second in twice.values())


@pytest.mark.parametrize("damage", ["missing", "unreachable"])
def test_a_store_that_gives_nothing_holds_it_up_no_longer_than_that(
    cast: Cast,
    clock: FixedClock,
    office: PostOffice,
    monkeypatch: pytest.MonkeyPatch,
    damage: str,
) -> None:
    invoice = upgrade(cast)
    making.make(invoice.id)
    error = DocumentMissing("gone") if damage == "missing" else StoreFailed("no such store")
    monkeypatch.setattr(document_store, "read", lambda _sha256: throw(error))
    mails_only()
    assert states(invoice) == {NoticeState.WAITING}
    for _ in range(6):
        clock.advance(minutes=5)
        mails_only()
    assert states(invoice) == {NoticeState.ACCEPTED}
    assert CAN_BE_DOWNLOADED in text_of(office.stored[0][1])


def test_one_that_no_mail_server_takes_stays_in_the_portal(
    cast: Cast, office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enclosures, "MOST_BYTES", 1000)
    making.make(upgrade(cast).id)
    mails_only()
    _, message = office.stored[0]
    assert list(message.iter_attachments()) == []
    assert f"The PDF is too large for an email. {CAN_BE_DOWNLOADED}" in text_of(message)


def test_that_xml_is_inside_is_said(cast: Cast) -> None:
    invoice = upgrade(cast)
    making.make(invoice.id)
    mails_only()
    for notice in of_invoice(invoice):
        for body in (notice.body_text, notice.body_html):
            assert "The same is inside it as XML (EN 16931), for accounting software." in " ".join(
                body.split()
            )


def test_two_workers_decide_the_same(cast: Cast, clock: FixedClock) -> None:
    invoice = upgrade(cast)
    making.make(invoice.id)
    first = of_invoice(invoice)[0]
    enclosures.decide(first.id, now=clock.now())
    body = of_invoice(invoice)[0].body_text
    enclosures.decide(first.id, now=clock.now() + timedelta(days=1))
    assert of_invoice(invoice)[0].body_text == body


def test_what_people_write_takes_no_place(cast: Cast, clock: FixedClock) -> None:
    """Names of nothing but the sign that keeps the place stay names."""
    with transaction() as session:
        session.merge(cast.acme).name = "…"
        session.merge(cast.alice).name = "…\n\n…\n\n…"
    invoice = upgrade(cast)
    schedule.run_due()
    receipt = next(each for each in of_invoice(invoice) if each.user_id == cast.alice.id)
    assert receipt.body_text.startswith("Hello … … …,\n\n… changed its plan")
    assert receipt.body_text.count("Its SHA-256") == 1
    assert receipt.body_html.count("Its SHA-256") == 1


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("INV-2026-000001", "INV-2026-000001.pdf"),
        ("A/B 1\r\nX-Evil: 1", "A-B-1-X-Evil-1.pdf"),
        ('"; x="Ü', "-x-.pdf"),
    ],
)
def test_a_file_name_is_safe_in_a_header(number: str, name: str) -> None:
    assert enclosures.file_name(number) == name


def test_each_email_that_brings_a_pdf_keeps_a_place_for_it(cast: Cast) -> None:
    upgrade(cast)
    for notice in named("invoice_issued"):
        if notice.document_by is not None:
            assert f"\n\n{letters.PLACE}\n\n" in notice.body_text
            assert f"<p>{letters.PLACE}</p>\n" in notice.body_html


def upgrade(cast: Cast, tier: str = "20-users") -> Invoice:
    """Acme moves to a larger plan; its invoice, of which no PDF is made yet."""
    cast.change_plan(cast.acme, cast.price("standard", tier))
    statement = select(Invoice).where(Invoice.account_id == cast.acme.id)
    return db.session.scalars(statement.order_by(Invoice.id.desc()).limit(1)).one()


def mails_only() -> None:
    """The work of a worker that makes no PDFs."""
    mails = select(OutboxItem.id).where(
        OutboxItem.work == Work.NOTICE, OutboxItem.state == OutboxState.WAITING
    )
    for item_id in db.session.scalars(mails).all():
        outbox_items.perform(item_id)


def of_invoice(invoice: Invoice | CreditNote) -> list[Notice]:
    db.session.rollback()
    statement = select(Notice).where(Notice.invoice_id == invoice.id).order_by(Notice.id)
    return list(db.session.scalars(statement))


def states(invoice: Invoice) -> set[NoticeState]:
    return {notice.state for notice in of_invoice(invoice)}


def stored_of(invoice: Invoice) -> str:
    db.session.rollback()
    return db.session.get_one(InvoiceDocument, invoice.id).sha256


def text_of(message) -> str:  # type: ignore[no-untyped-def]
    return " ".join(message.get_body(("plain",)).get_content().split())


def broken(*_args: object, **_kwargs: object) -> None:
    raise RuntimeError("killed")


def throw(error: Exception) -> bytes:
    raise error


def _use(app: Flask, port: int) -> None:
    settings = MailSettings(server="127.0.0.1", port=port, use_tls=False, sender="v@example.com")
    app.config["PORTAL"] = replace(app.config["PORTAL"], mail=settings)
    app.config.update(
        MAIL_SERVER="127.0.0.1",
        MAIL_PORT=port,
        MAIL_USE_TLS=False,
        MAIL_DEFAULT_SENDER="v@example.com",
    )
    mail.init_app(app)
