"""The files of a renewal say whether it was paid: they wait for the first answer to its charge,
two hours at most, and stay a function of what is in the database."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal.billing.gateways import Answer, Charge, Outcome
from portal.billing.gateways.sandbox import SandboxGateway
from portal.extensions import db
from portal.jobs import renewals, schedule
from portal.models import Invoice, RefundTo, User
from portal.papers import invoice_display, making
from portal.papers.invoice_display import IssuedInvoice
from tests.cast import Cast
from tests.correction_stories import reissue, void
from tests.credit_stories import change_details, credit, newest
from tests.payment_stories import collected, new_card, open_invoice, pay_now

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
    _renewed_in_silence(cast, monkeypatch, hours=3)
    renewal = newest(cast.acme)
    assert made[renewal.number_text] == ("31 Mar 11:05", "due")
    cast.let_pass(days=2)
    assert open_invoice(cast.acme) is None
    assert _paid(_shown(renewal)) == "due", "made anew, they would be the same"


def test_an_answer_of_the_last_minute_is_in_them(
    cast: Cast, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway is asked at 9:05 and 10:05: it is there by then."""
    _renewed_in_silence(cast, monkeypatch, minutes=59)
    cast.let_pass(hours=1)
    assert made[newest(cast.acme).number_text] == ("31 Mar 10:05", "31 Mar by 4319")


def test_nothing_to_pay_waits_for_nothing(cast: Cast, made: Made) -> None:
    """A balance that covers the renewal leaves no charge to be answered."""
    credit(cast, newest(cast.acme), to=RefundTo.BALANCE)
    cast.let_pass(days=30)
    assert made[newest(cast.acme).number_text] == ("31 Mar 09:00", "due")


def test_less_than_what_was_due_is_no_payment_of_it(cast: Cast, made: Made) -> None:
    """Credited in part before the charge was sent: the files agree with each other, and the credit
    note says the rest."""
    cast.buy(cast.acme, seat=1)
    renewal = _renewed(cast)
    credit(cast, renewal, 2)
    schedule.run_due()
    assert collected(cast.acme)[-1] == 100_00
    assert made[renewal.number_text] == ("31 Mar 09:00", "due")
    assert _paid(_shown(renewal)) == "due"


@pytest.mark.parametrize("by_void", [False, True], ids=["credited", "voided"])
def test_what_is_charged_no_more_waits_for_no_answer(cast: Cast, made: Made, by_void: bool) -> None:
    renewal = _renewed(cast)
    if by_void:
        void(cast, renewal)
    else:
        credit(cast, renewal)
    schedule.run_due()
    assert made[renewal.number_text] == ("31 Mar 09:00", "due")


def test_of_one_issued_again_before_its_charge_both_are_made(cast: Cast, made: Made) -> None:
    """The answer is one of the new edition, and neither says more than it did when it was made."""
    former = _renewed(cast)
    cast.clock.advance(minutes=10)
    change_details(cast.acme, company="Acme Incorporated")
    reissue(cast, former)
    cast.clock.advance(minutes=1)
    schedule.run_due()
    assert open_invoice(cast.acme) is None
    for invoice in (former, newest(cast.acme)):
        assert made[invoice.number_text] == ("31 Mar 09:11", "due")
        assert _paid(_shown(invoice)) == "due", "made anew, they would be the same"


def test_one_issued_again_after_it_was_paid_says_so_still(cast: Cast, made: Made) -> None:
    cast.let_pass(days=30)
    former = newest(cast.acme)
    cast.let_pass(minutes=10)
    change_details(cast.acme, company="Acme Incorporated")
    reissue(cast, former)
    schedule.run_due()
    for invoice in (former, newest(cast.acme)):
        assert made[invoice.number_text][1] == _paid(_shown(invoice)) == "31 Mar by 4242"


def test_a_transfer_chosen_before_the_charge_is_sent_waits_for_nothing(
    cast: Cast, made: Made
) -> None:
    renewal = _renewed(cast)
    cast.use_transfers(cast.acme)
    schedule.run_due()
    assert made[renewal.number_text] == ("31 Mar 09:00", "due")


def _renewed(cast: Cast) -> Invoice:
    """A renewal whose charge is still to be sent."""
    cast.clock.advance(days=30)
    renewals.renew(cast.acme.id)
    return newest(cast.acme)


def _renewed_in_silence(cast: Cast, monkeypatch: pytest.MonkeyPatch, **by: float) -> None:
    """The renewal was charged, and for so long the gateway says nothing of it."""
    with monkeypatch.context() as patch:
        patch.setattr(SandboxGateway, "enquire", _silent)
        cast.use_card(cast.acme, "card_times_out_paid")
        cast.let_pass(days=30, **by)


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
