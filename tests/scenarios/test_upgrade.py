"""A plan changed by hand: what is paid, what follows, and never twice."""

from portal.billing import subscriptions
from portal.extensions import db
from portal.models import Invoice, InvoiceStatus, PlanChangeState
from tests.cast import Cast, FixedClock


def test_charge_upgrade_half_way_pays_the_difference(cast: Cast, clock: FixedClock) -> None:
    """1 Mar: $50.00. 16 Mar, 15 days in: $100.00 − $25.00 = $75.00. Next: $100.00, 15 Apr."""
    account = cast.account("Fifteen", "standard", "5-users")
    clock.advance(days=15)

    change = cast.change_plan(account, cast.price("standard", "10-users"))

    assert change.state is PlanChangeState.APPLIED
    invoice = db.session.get_one(Invoice, change.invoice_id)
    assert [line.amount_minor for line in invoice.lines] == [10000, -2500]
    assert (invoice.due_minor, invoice.status) == (7500, InvoiceStatus.PAID)
    subscription = subscriptions.live(db.session(), account.id)
    assert subscription is not None
    assert subscription.price.money.amount == 10000
    assert f"{subscription.cycle_end_at:%d %b}" == "15 Apr"
