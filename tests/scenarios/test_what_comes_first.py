"""Which of two things that are due is done, and what no gateway is ever asked twice."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.audit import SYSTEM
from portal.billing import accounts, bounds, plan_changes, renewals, settlements
from portal.billing.gateways import Answer, Charge, Outcome
from portal.billing.gateways.sandbox import SandboxGateway
from portal.billing.rules.roles import Role
from portal.collecting import collection
from portal.extensions import db
from portal.jobs import schedule
from portal.models import (
    Account,
    EpisodeWarning,
    OutboxItem,
    Payment,
    PaymentState,
    PlanChange,
    PlanChangeState,
    SandboxCharge,
    Work,
)
from portal.transaction import assert_outside, transaction
from tests.cast import START, Cast, FixedClock
from tests.payment_stories import last_payment
from tests.scenarios.test_renewals import invoices

CYCLE_END = START + timedelta(days=30)


def test_charge_renewal_waits_for_a_change_whose_payment_is_unknown(
    cast: Cast, clock: FixedClock
) -> None:
    """Confirmed a minute before the cycle's end, at which nobody knows whether it was paid: its
    price holds, with a credit for the last of 30 days, and the old cycle is not charged again."""
    account = cast.account("Waiting", "standard", "5-users", card="card_times_out_paid")
    cast.let_pass(minutes=5)
    clock.at = CYCLE_END - timedelta(minutes=1)
    change = confirmed(cast, account)
    assert change.state is PlanChangeState.PENDING
    clock.at = CYCLE_END

    assert renewed(account, clock) is None
    cast.let_pass(minutes=5)

    assert amounts(account) == [[5000], [10000, -167]]


def test_over_upgrade_that_was_due_before_the_cycles_end_comes_before_the_renewal(
    cast: Cast, clock: FixedClock
) -> None:
    """Nobody worked from its deadline, a day before the cycle's end, until that end."""
    account = cast.account("Grown", "standard", "5-users")
    cast.member(account, "Gail", Role.ADMIN)
    clock.at = START + timedelta(days=24)
    cast.members(account, 5)
    cast.let_pass(days=4, hours=12)
    deadline_at = db.session.execute(select(func.max(EpisodeWarning.deadline_at))).scalar_one()
    assert clock.at < deadline_at < CYCLE_END
    clock.at = CYCLE_END

    assert renewed(account, clock) is None
    cast.let_pass(minutes=1)

    assert [invoice.reason for invoice in invoices(account)] == ["initial", "auto_upgrade"]


def test_charge_renewal_waits_for_the_payment_of_the_cycle_before(
    cast: Cast, clock: FixedClock
) -> None:
    """Declined on day 30 and nobody worked until day 60: one unpaid invoice, not two."""
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=30, hours=1)
    clock.at = START + timedelta(days=60)
    assert renewed(cast.acme, clock) is None
    assert len(invoices(cast.acme)) == 2


def test_charge_renewal_waits_while_the_account_is_parked(cast: Cast, clock: FixedClock) -> None:
    with transaction() as session:
        bounds.park(session, accounts.lock(session, cast.acme.id), "a look", now=clock.at)
    clock.at = CYCLE_END
    assert renewed(cast.acme, clock) is None
    cast.let_pass(minutes=1)
    assert len(invoices(cast.acme)) == 1


def test_charge_renewal_a_second_before_the_cycles_end_is_too_early(
    cast: Cast, clock: FixedClock
) -> None:
    clock.at = CYCLE_END - timedelta(seconds=1)
    assert renewed(cast.acme, clock) is None
    clock.at = CYCLE_END
    assert renewed(cast.acme, clock) is not None
    db.session.rollback()
    assert renewed(cast.acme, clock) is None


def test_pay_unknown_is_the_same_charge_however_often_it_is_sent(cast: Cast) -> None:
    """The answer gets lost, so does the first enquiry's; the gateway was asked for $50.00 once."""
    account = cast.account("Lost", "standard", "5-users", card="card_times_out_paid")
    cast.let_pass(days=1)

    assert taken() == {"card_pays": 2, "card_times_out_paid": 1}
    assert len(invoices(account)) == 1


@pytest.mark.parametrize("at_renewal", [False, True], ids=["a first plan", "a renewal"])
def test_the_gateway_is_asked_outside_any_transaction(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, at_renewal: bool
) -> None:
    """While it thinks, nobody waits for a lock."""
    asked, charge = [], SandboxGateway.charge

    def watched(gateway: SandboxGateway, sent: Charge) -> Answer:
        assert_outside()
        asked.append(sent.amount.amount)
        return charge(gateway, sent)

    monkeypatch.setattr(SandboxGateway, "charge", watched)
    if at_renewal:
        cast.clock.at = CYCLE_END
        schedule.run_due()
    else:
        cast.account("First", "standard", "5-users")
    assert asked == ([10000, 5000] if at_renewal else [5000])


def test_an_item_of_the_outbox_is_carried_by_one_at_a_time(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second worker that comes while the gateway thinks finds nothing to do."""
    seconds, charge = [], SandboxGateway.charge

    def slow(gateway: SandboxGateway, sent: Charge) -> Answer:
        # Once, or two without a lease would ask each other for ever.
        if not seconds:
            seconds.append("at it")
            seconds.append(a_second_worker_comes())
        return charge(gateway, sent)

    monkeypatch.setattr(SandboxGateway, "charge", slow)
    cast.account("Slow", "standard", "5-users")
    assert seconds == ["at it", False]


def test_who_lost_the_lease_puts_nothing_down(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """It thought for so long that another worker took over, whose answer is the one that counts."""
    charge = SandboxGateway.charge

    def too_slow(gateway: SandboxGateway, sent: Charge) -> Answer:
        answer = charge(gateway, sent)
        with transaction() as session:
            item = session.get_one(OutboxItem, last_payment_work())
            item.lease_owner = "another worker"
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(SandboxGateway, "charge", too_slow)
        account = cast.account("Slow", "standard", "5-users")
    assert last_payment(account).state is PaymentState.PROCESSING
    assert invoices(account) == []


def test_pay_unknown_is_asked_about_and_never_sent_again(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, charge = [], SandboxGateway.charge

    def counted(gateway: SandboxGateway, what: Charge) -> Answer:
        sent.append(what.amount.amount)
        return charge(gateway, what)

    monkeypatch.setattr(SandboxGateway, "charge", counted)
    account = cast.account("Lost", "standard", "5-users", card="card_times_out_paid")
    cast.let_pass(days=1)
    assert sent == [5000]
    assert last_payment(account).state is PaymentState.SUCCEEDED


def test_an_outcome_stays_whatever_comes_later(cast: Cast) -> None:
    """Paid; then a late answer says declined, and another one paid once more."""
    payment_id = last_payment(cast.acme).id
    for late in (Answer(Outcome.DECLINED, message="too late"), Answer(Outcome.SUCCEEDED)):
        with transaction() as session:
            account = accounts.lock(session, cast.acme.id)
            payment = session.get_one(Payment, payment_id)
            settlements.apply(session, account, payment, late, now=cast.clock.now())
    assert last_payment(cast.acme).state is PaymentState.SUCCEEDED
    assert last_payment(cast.acme).failure is None
    assert len(invoices(cast.acme)) == 1


def a_second_worker_comes() -> bool:
    """Whether it finds the payment that is being carried."""
    item_id = last_payment_work()
    db.session.rollback()
    return collection.carry(item_id)


def last_payment_work() -> int:
    """The outbox's item of the payment that was begun last."""
    statement = select(func.max(OutboxItem.id)).where(OutboxItem.work == Work.PAYMENT)
    return db.session.execute(statement).scalar_one()


def confirmed(cast: Cast, account: Account) -> PlanChange:
    """10 users, confirmed at once; its payment is carried as far as it goes."""
    price, now = cast.price("standard", "10-users"), cast.clock.now()
    quote = plan_changes.quote(db.session(), account, price, now=now)
    confirmation = plan_changes.Confirmation("one", quote.fingerprint(), quote.valid_until)
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        change_id = plan_changes.confirm(
            session, locked, price, confirmation, now=now, actor=SYSTEM
        ).id
    return collection.carry_change(change_id)


def renewed(account: Account, clock: FixedClock) -> int | None:
    """What a worker does that picked the account a moment ago: the invoice's id, if it made one."""
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        invoice = renewals.renew(session, locked, now=clock.now())
        return invoice.id if invoice else None


def amounts(account: Account) -> list[list[int]]:
    return [[line.amount_minor for line in invoice.lines] for invoice in invoices(account)]


def taken() -> dict[str, int]:
    """How many charges the gateway has in its books, by card."""
    schedule.run_due()
    statement = select(SandboxCharge.card, func.count().label("times")).group_by(SandboxCharge.card)
    return {row.card: row.times for row in db.session.execute(statement)}
