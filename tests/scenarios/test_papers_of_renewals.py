"""The files of a renewal say whether it was paid: they wait for the first answer to its charge,
two hours at most, and stay a function of what is in the database."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal.billing.gateways import Answer, Charge, Outcome
from portal.billing.gateways.sandbox import SandboxGateway
from portal.extensions import db
from portal.models import Invoice, RefundTo, User
from portal.papers import invoice_display, making
from portal.papers.invoice_display import IssuedInvoice
from tests.cast import Cast
from tests.credit_stories import credit, newest
from tests.payment_stories import new_card, open_invoice, pay_now

Browser = Callable[[User | None], FlaskClient]
Made = dict[str, tuple[str, str]]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, cast: Cast) -> Made:
    """When the files of each invoice were made, and what they say of its payment."""
    files: Made = {}

    def render(invoice: IssuedInvoice) -> making.Files:
        if isinstance(invoice, IssuedInvoice):
            files[invoice.number] = (f"{cast.clock.at:%d %b %H:%M}", _paid(invoice))
        return making.Files(invoice.number.encode())

    monkeypatch.setattr(making, "render", render)
    return files


def test_paid_at_once_they_say_so_at_once(cast: Cast, made: Made) -> None:
    cast.let_pass(days=30)
    assert made[newest(cast.acme).number_text] == ("31 Mar 09:00", "31 Mar by 4242")


@pytest.mark.parametrize("by_hand", [False, True])
def test_declined_they_show_what_is_due_whatever_comes_later(
    cast: Cast, made: Made, browser: Browser, by_hand: bool
) -> None:
    """Also where a new card pays in the same instant, by itself or by hand."""
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=30)
    renewal = newest(cast.acme)
    assert made[renewal.number_text] == ("31 Mar 09:00", "due")
    client = browser(cast.alice)
    if by_hand:
        cast.use_card(cast.acme, "card_pays")
        pay_now(client, renewal)
    else:
        new_card(client, "card_pays")
    assert open_invoice(cast.acme) is None
    assert _paid(_shown(renewal)) == "due", "made anew, they would be the same"


@pytest.mark.parametrize(
    ("card", "says"),
    [("card_times_out_paid", "31 Mar by 4319"), ("card_times_out_unpaid", "due")],
)
def test_a_silent_gateway_is_waited_for(
    cast: Cast, made: Made, browser: Browser, card: str, says: str
) -> None:
    """It is asked after five minutes. Meanwhile the pages say what the PDF waits for."""
    cast.use_card(cast.acme, card)
    cast.let_pass(days=30, minutes=4)
    number = newest(cast.acme).number_text
    assert number not in made
    client = browser(cast.carol)
    page = client.get(f"/invoices/{number}").text
    assert "The PDF is made once it is known whether this is paid." in page
    download = client.get(f"/invoices/{number}.pdf")
    assert download.status_code == 409
    assert "that is being found out" in download.text
    cast.let_pass(minutes=2)
    assert made[number] == ("31 Mar 09:05", says)
    assert "The PDF is made once" not in client.get(f"/invoices/{number}").text


def test_they_wait_for_two_hours_and_not_for_ever(
    cast: Cast, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked after 5 minutes, an hour and a day, the gateway answers the third time only."""
    with monkeypatch.context() as patch:
        patch.setattr(SandboxGateway, "enquire", _silent)
        cast.use_card(cast.acme, "card_times_out_paid")
        cast.let_pass(days=30, hours=3)
    renewal = newest(cast.acme)
    assert made[renewal.number_text] == ("31 Mar 11:05", "due")
    cast.let_pass(days=2)
    assert open_invoice(cast.acme) is None
    assert _paid(_shown(renewal)) == "due", "made anew, they would be the same"


def test_an_answer_of_the_last_minute_is_in_them(
    cast: Cast, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway is asked at 9:05 and 10:05: it is there by then."""
    with monkeypatch.context() as patch:
        patch.setattr(SandboxGateway, "enquire", _silent)
        cast.use_card(cast.acme, "card_times_out_paid")
        cast.let_pass(days=30, minutes=59)
    cast.let_pass(hours=1)
    assert made[newest(cast.acme).number_text] == ("31 Mar 10:05", "31 Mar by 4319")


def test_nothing_to_pay_waits_for_nothing(cast: Cast, made: Made) -> None:
    """A balance that covers the renewal leaves no charge to be answered."""
    credit(cast, newest(cast.acme), to=RefundTo.BALANCE)
    cast.let_pass(days=30)
    assert made[newest(cast.acme).number_text] == ("31 Mar 09:00", "due")


def _silent(_gateway: SandboxGateway, _charge: Charge) -> Answer:
    return Answer(Outcome.UNKNOWN)


def _shown(invoice: Invoice) -> IssuedInvoice:
    db.session.rollback()
    return invoice_display.issued(db.session(), invoice)


def _paid(invoice: IssuedInvoice) -> str:
    """As in "31 Mar by 4242", or "due"."""
    if invoice.paid is None:
        return "due"
    return f"{invoice.paid.at:%d %b} by {invoice.paid.method[-4:]}"
