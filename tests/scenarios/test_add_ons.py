"""charge.add-ons as customers live it: bought, given back, carried along, let go, kept."""

import pytest

from portal.audit import SYSTEM
from portal.billing import accounts, add_ons, ledger, subscriptions, usage
from portal.billing.intentions import Confirmation, StaleQuote
from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import DoesNotFit, DowngradeScheduled, NothingChosen
from portal.billing.rules.period import Interval
from portal.collecting import collection
from portal.extensions import db
from portal.models import Account, Episode, EpisodeState, Invoice, Notice, PlanChangeState
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.scenarios.test_renewals import invoices


def test_charge_add_ons_bought_for_the_days_left(cast: Cast, clock: FixedClock) -> None:
    """Day 13 of 30: 17 days of a seat at $10.00 are $5.67; the renewal charges $110.00."""
    clock.advance(days=13)
    change = cast.buy(cast.acme, seat=1)

    assert change.state is PlanChangeState.APPLIED
    assert lines(cast.acme) == [("1 seat", "$10.00 × 17 of 30 days = $5.67", 567)]
    assert limit(cast.acme, Metric.SEATS) == 11
    cast.let_pass(days=17)
    assert lines(cast.acme) == [
        ("Standard, 10 users", "Full price for 30 days: $100.00", 10000),
        ("1 seat", "Full price for 30 days: $10.00", 1000),
    ]
    assert invoices(cast.acme)[-1].due_minor == 11000


def test_charge_add_ons_then_upgrade(cast: Cast, clock: FixedClock) -> None:
    """*Add-on bought, then upgrade*: each line is given back by its own days, and the add-on goes
    along at the price of the new cycle."""
    clock.advance(days=13)
    cast.buy(cast.acme, seat=2)
    clock.advance(days=7)
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))

    assert lines(cast.acme) == [
        ("Standard, 20 users", "Full price for 30 days: $180.00", 18000),
        ("2 × 1 seat", "2 × $10.00 for 30 days = $20.00", 2000),
        ("Unused time on Standard, 10 users", "10 of 30 days × $100.00 = −$33.33", -3333),
        ("Unused time on 2 × 1 seat", "10 of 17 days × $11.33 = −$6.66", -666),
    ]
    assert invoices(cast.acme)[-1].due_minor == 16001
    assert limit(cast.acme, Metric.SEATS) == 22


def test_charge_upgrade_leaves_add_ons_behind_that_are_not_wanted(
    cast: Cast, clock: FixedClock
) -> None:
    cast.buy(cast.acme, seat=1)
    clock.advance(days=15)
    price = cast.price("standard", "20-users")
    cast.change_plan(cast.acme, price, add_ons={})

    assert limit(cast.acme, Metric.SEATS) == 20
    assert invoices(cast.acme)[-1].due_minor == 18000 - 5000 - 500


def test_charge_add_ons_of_another_family_are_bought_anew_at_its_price(cast: Cast) -> None:
    """A seat beside Standard costs $10.00, beside Pro $15.00."""
    cast.buy(cast.acme, seat=1)
    cast.change_plan(cast.acme, cast.price("pro", "10-users"))

    assert [line[2] for line in lines(cast.acme)] == [16000, 1500, -10000, -1000]


def test_charge_add_ons_let_go_at_the_renewal(cast: Cast) -> None:
    cast.buy(cast.acme, seat=2)
    cast.let_go(cast.acme, "seat", renewing=1)

    assert limit(cast.acme, Metric.SEATS) == 12, "paid for until the cycle ends"
    cast.let_pass(days=30)
    assert limit(cast.acme, Metric.SEATS) == 11
    assert invoices(cast.acme)[-1].due_minor == 11000
    cast.let_go(cast.acme, "seat")
    cast.let_pass(days=30)
    assert limit(cast.acme, Metric.SEATS) == 10
    assert invoices(cast.acme)[-1].due_minor == 10000


def test_charge_add_ons_in_use_cannot_be_let_go(cast: Cast) -> None:
    cast.buy(cast.acme, seat=1)
    cast.members(cast.acme, 9)

    with pytest.raises(DoesNotFit, match="Remove 1 seat first"):
        cast.let_go(cast.acme, "seat")
    assert cast.running_add_on(cast.acme, "seat").renewing == 1


def test_charge_add_ons_of_one_kind_go_whatever_is_used_of_another(cast: Cast) -> None:
    """The seat was let go when it was free and is in use now: that says nothing of the clients,
    and where it still is at the renewal, the seat stays."""
    cast.buy(cast.acme, **{"seat": 1, "clients-100": 1})
    cast.let_go(cast.acme, "seat")
    cast.members(cast.acme, 9)
    cast.let_go(cast.acme, "clients-100")
    assert cast.running_add_on(cast.acme, "clients-100").renewing == 0
    cast.let_pass(days=30)
    assert cast.running_add_on(cast.acme, "seat").renewing == 1


def test_charge_add_ons_that_came_into_use_again_renew_and_the_admins_hear_why(
    cast: Cast,
) -> None:
    cast.buy(cast.acme, seat=1)
    cast.let_go(cast.acme, "seat")
    cast.members(cast.acme, 9)
    cast.let_pass(days=30)

    assert limit(cast.acme, Metric.SEATS) == 11
    assert invoices(cast.acme)[-1].due_minor == 11000
    (told,) = db.session.query(Notice).filter_by(name="add_ons_not_removed").all()
    assert told.recipient == cast.alice.email
    assert "Without 1 × 1 seat the plan no longer fits: 1 seat too many." in told.body_text


def test_charge_add_ons_another_metric_over_its_limit_does_not_hold_a_seat(cast: Cast) -> None:
    cast.buy(cast.acme, seat=1)
    cast.let_go(cast.acme, "seat")
    with transaction() as session:
        usage.of(session, cast.acme.id)[Metric.CLIENTS].limit_value = 600
    cast.let_pass(days=30)

    assert limit(cast.acme, Metric.SEATS) == 10


def test_charge_add_ons_end_an_episode_they_make_room_for(cast: Cast, clock: FixedClock) -> None:
    cast.members(cast.acme, 9)
    cast.let_pass(days=1)
    episode = db.session.query(Episode).one()
    assert episode.state is EpisodeState.OPEN
    cast.buy(cast.acme, seat=1)

    assert episode.state is EpisodeState.RESOLVED
    cast.let_pass(days=6)
    assert [invoice.reason for invoice in invoices(cast.acme)] == ["initial", "add_ons"]


def test_charge_add_ons_of_a_yearly_plan(cast: Cast, clock: FixedClock) -> None:
    """$96.00 a year, 200 of 365 days left: $52.60."""
    account = cast.account("Yearly", "standard", "10-users", interval=Interval.YEARLY)
    clock.advance(days=165)
    cast.buy(account, seat=1)

    assert invoices(account)[-1].due_minor == 5260


def test_charge_add_ons_paid_from_the_credit_balance(cast: Cast, clock: FixedClock) -> None:
    account = cast.account("Yearly", "standard", "10-users", interval=Interval.YEARLY)
    cast.change_plan(account, cast.price("standard", "20-users"))
    before = ledger.credit_balance(db.session(), account).amount
    cast.buy(account, seat=1)

    invoice = invoices(account)[-1]
    assert (invoice.balance_applied_minor, invoice.due_minor) == (1000, 0)
    assert ledger.credit_balance(db.session(), account).amount == before - 1000


def test_charge_add_ons_are_not_sold_while_a_downgrade_waits(cast: Cast) -> None:
    cast.change_plan(cast.acme, cast.price("standard", "5-users"))

    with pytest.raises(DowngradeScheduled, match="Withdraw it first"):
        cast.buy(cast.acme, seat=1)


def test_charge_downgrade_takes_the_add_ons_along(cast: Cast) -> None:
    cast.buy(cast.acme, seat=2)
    cast.change_plan(cast.acme, cast.price("standard", "5-users"))
    cast.let_pass(days=30)

    assert invoices(cast.acme)[-1].due_minor == 5000 + 2000
    assert limit(cast.acme, Metric.SEATS) == 7


def test_charge_once_the_same_confirmation_buys_once(cast: Cast, clock: FixedClock) -> None:
    wanted = {cast.add_on(cast.acme, "seat").id: 1}
    quote = add_ons.quote(db.session(), cast.acme, wanted, now=clock.now())
    confirmation = Confirmation("one-intention", quote.fingerprint(), quote.valid_until)
    changes = {confirm(cast.acme, wanted, confirmation, clock) for _ in range(3)}

    assert len(changes) == 1
    for change_id in changes:
        collection.carry_change(change_id)
    assert cast.running_add_on(cast.acme, "seat").quantity == 1


def test_charge_quote_is_charge_a_day_later_it_is_another(cast: Cast, clock: FixedClock) -> None:
    wanted = {cast.add_on(cast.acme, "seat").id: 1}
    quote = add_ons.quote(db.session(), cast.acme, wanted, now=clock.now())
    confirmation = Confirmation("too-late", quote.fingerprint(), quote.valid_until)
    clock.advance(days=1)

    with pytest.raises(StaleQuote):
        confirm(cast.acme, wanted, confirmation, clock)
    assert len(invoices(cast.acme)) == 1


def test_a_purchase_of_nothing_is_refused(cast: Cast, clock: FixedClock) -> None:
    wanted = {cast.add_on(cast.acme, "seat").id: 0}
    with pytest.raises(NothingChosen):
        add_ons.quote(db.session(), cast.acme, wanted, now=clock.now())


@pytest.mark.parametrize("card", ["card_declines", "card_times_out_unpaid"])
def test_charge_paid_first_a_declined_card_adds_nothing(cast: Cast, card: str) -> None:
    cast.use_card(cast.acme, card)
    change = cast.buy(cast.acme, seat=1)
    cast.let_pass(hours=2)

    db.session.refresh(change)
    assert change.state is PlanChangeState.FAILED
    assert limit(cast.acme, Metric.SEATS) == 10
    assert len(invoices(cast.acme)) == 1


def test_catalog_grandfathered_an_add_on_renews_at_the_price_it_was_bought_at(cast: Cast) -> None:
    cast.buy(cast.acme, seat=1)
    cast.reprice_add_on(cast.add_on(cast.acme, "seat"), 1500)
    cast.buy(cast.acme, seat=1)
    cast.let_pass(days=30)

    assert [line[2] for line in lines(cast.acme)] == [10000, 1000, 1500]


def confirm(
    account: Account, wanted: dict[int, int], confirmation: Confirmation, clock: FixedClock
) -> int:
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        now = clock.now()
        return add_ons.confirm(session, locked, wanted, confirmation, now=now, actor=SYSTEM).id


def lines(account: Account) -> list[tuple[str, str, int]]:
    """Of the latest invoice."""
    latest: Invoice = invoices(account)[-1]
    return [(line.description, line.explanation, line.amount_minor) for line in latest.lines]


def limit(account: Account, metric: Metric) -> int | None:
    subscription = subscriptions.live(db.session(), account.id)
    assert subscription is not None
    kept = usage.of(db.session(), account.id)[metric].limit_value
    assert kept == subscriptions.limits(subscription)[metric]
    return kept
