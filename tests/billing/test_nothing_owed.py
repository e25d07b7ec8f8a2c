"""What is collected is what is owed at that moment, whatever was owed when it was planned."""

from sqlalchemy import func, select

from portal.extensions import db
from portal.models import Invoice, InvoiceStatus, PaymentState, SandboxCharge
from portal.transaction import transaction
from tests.cast import Cast
from tests.credit_stories import credit, subscribe
from tests.payment_stories import collected, last_payment, unpaid


def test_what_is_owed_no_more_is_not_collected(cast: Cast) -> None:
    """Declined on day 30, and closed behind the portal's back before its first retry."""
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=31)
    cast.use_card(cast.acme, "card_pays")
    invoice_id, before = unpaid(cast.acme).id, asked()
    with transaction() as session:
        session.get_one(Invoice, invoice_id).status = InvoiceStatus.PAID

    cast.let_pass(days=7)

    assert asked() == before
    assert last_payment(cast.acme).state is PaymentState.DECLINED


def test_what_was_credited_meanwhile_is_not_collected(cast: Cast) -> None:
    """$50.00 and two seats at $10.00 declined; the seats are credited, the retry takes $50.00."""
    account = cast.account("Seats", None, card="card_declines_later")
    subscribe(cast, account, cast.price("standard", "5-users"), seat=2)
    cast.let_pass(days=30)
    credit(cast, unpaid(account), 2)
    cast.use_card(account, "card_pays")

    cast.let_pass(days=3)

    assert collected(account) == [7000, 5000]


def asked() -> int:
    """How many charges the gateway has heard of."""
    return db.session.execute(select(func.count(SandboxCharge.idempotency_key))).scalar_one()
