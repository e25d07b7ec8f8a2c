"""Ways to go on being served without paying for it."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.billing import plan_changes, price_list
from portal.billing.bounds import OutOfBounds
from portal.billing.gateways import Answer, Outcome
from portal.billing.gateways.sandbox import SandboxGateway
from portal.billing.rules.roles import Role
from portal.extensions import db, limiter
from portal.models import EndReason, PlanChangeState, User
from tests.cast import Cast
from tests.payment_stories import (
    confirmation,
    last_change,
    last_payment,
    new_card,
    open_invoice,
    pay_now,
    running,
    seen,
    tries,
    unpaid,
)

Browser = Callable[[User | None], FlaskClient]


@pytest.fixture
def limited(app: Flask) -> Iterator[None]:
    limiter.enabled = True
    limiter.reset()
    yield
    limiter.enabled = False


def test_pay_fails_who_leaves_the_bank_waiting_puts_off_nothing(
    cast: Cast, browser: Browser
) -> None:
    """pay.fails: a payment by hand that is under way when the automatic attempt is due, and comes
    to nothing, takes its place: after the third day of these the plan ends."""
    client = browser(cast.alice)
    cast.use_card(cast.acme, "card_authenticates")
    cast.let_pass(days=30)
    invoice, subscription_id = unpaid(cast.acme), running(cast.acme).id
    cast.let_pass(days=2, hours=23, minutes=30)
    for wait in ({"days": 2}, {"days": 2}, {"hours": 1}):
        pay_now(client, invoice)
        cast.let_pass(**wait)
    assert tries(invoice) == [
        ("31 Mar", 0, "declined", False),
        ("31 Mar", 1, "declined", True),
        ("03 Apr", 2, "declined", True),
        ("05 Apr", 3, "declined", True),
    ]
    ended = db.session.get_one(type(running(cast.other)), subscription_id)
    assert ended.end_reason is EndReason.UNPAID
    assert open_invoice(cast.acme) is not None, "what was used is still owed"


def test_what_would_be_refused_at_the_renewal_is_not_scheduled(cast: Cast) -> None:
    """Its renewal would park the account, which is served on and charged nothing until somebody
    looks: 1,000 × $10.00 + 1,000 × $12.00 is more than twice the dearest plan."""
    smaller = cast.price("standard", "5-users")
    sold = price_list.add_ons_for(db.session(), smaller)
    wanted = {row.id: 1000 for row in sold if row.add_on.key in ("seat", "clients-100")}
    assert len(wanted) == 2
    for tier in ("5-users", "20-users"):
        with pytest.raises(OutOfBounds):
            plan_changes.quote(
                db.session(),
                cast.acme,
                cast.price("standard", tier),
                add_ons=wanted,
                now=cast.clock.now(),
            )


def test_a_page_loaded_again_and_again_uses_up_no_enquiry(cast: Cast, browser: Browser) -> None:
    """pay.unknown: the portal asks by itself until it knows, however often the customer looks."""
    client = browser(cast.alice)
    form = confirmation(client, cast.price("standard", "20-users"), "card_times_out_paid")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SandboxGateway, "enquire", lambda self, charge: Answer(Outcome.UNKNOWN))
        client.post("/account/change-plan", data=form)
        key = last_payment(cast.acme).idempotency_key
        for _ in range(12):
            assert client.get(f"/payments/{key}").status_code == 303
    assert last_change(cast.acme).state is PlanChangeState.PENDING
    cast.let_pass(minutes=6)
    assert last_change(cast.acme).state is PlanChangeState.APPLIED


@pytest.mark.usefixtures("limited")
def test_no_more_than_ten_declined_payments_an_hour(cast: Cast, browser: Browser) -> None:
    """Who has cards to try out is no customer; the one who owes may look at the invoice as before.
    Of all the ways to pay together, and of all Admins of the account."""
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=30, hours=1)
    client, invoice = browser(cast.alice), unpaid(cast.acme)
    for _ in range(8):
        assert pay_now(client, invoice).status_code == 303
    for _ in range(2):
        assert new_card(client, "card_declines").status_code == 303
    form = seen(client, invoice)
    second = browser(cast.member(cast.acme, "Dave", Role.ADMIN))
    for admin in (client, second):
        page = f"/invoices/{invoice.number_text}"
        assert admin.post(f"{page}/payment", data=form).status_code == 429
        assert admin.get(page).status_code == 200
        assert new_card(admin, "card_pays").status_code == 429
    assert len(tries(invoice)) == 12, "the first, ten by hand, and the automatic one to come"
    assert new_card(browser(cast.mallory), "card_declines").status_code == 303
