"""over.revert: an automatic upgrade is taken back, and the account is as if it had not happened.

Acme is on Standard, 10 users ($100.00 every 30 days) since 1 March 2026, 09:00 UTC. The daily check
is at 06:00; five days after the one that finds eleven people it is on 20 users, for $180.00 less
what is left of the $100.00.
"""

from datetime import timedelta

import pytest

from portal.audit import SYSTEM
from portal.billing import (
    accounts,
    forecast,
    ledger,
    plan_changes,
    subscriptions,
    taking_back_offers,
    takings_back,
    verify,
)
from portal.billing.gateways import Answer, Outcome
from portal.billing.gateways.sandbox import SandboxGateway
from portal.billing.intentions import Confirmation
from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import (
    CancellationScheduled,
    ChangeUnderWay,
    InvoiceUnpaid,
    RuleBroken,
    UsedForSomethingElse,
)
from portal.billing.rules.period import Interval
from portal.billing.rules.renewals_due import Charge
from portal.billing.rules.roles import Role
from portal.billing.rules.taking_back import (
    AddOnsLeaving,
    ChangedSince,
    CreditedSince,
    DowngradeWaits,
    FormerPlanUnknown,
    NothingCharged,
    TakenBackAlready,
    TooLate,
    TooMuchInUse,
    UpgradedSince,
)
from portal.billing.takings_back import StaleOffer
from portal.extensions import db
from portal.models import (
    Account,
    InvoiceReason,
    InvoiceStatus,
    PaymentState,
    PlanChange,
    RefundTo,
    SubscriptionAddOn,
    TakenBack,
)
from portal.transaction import transaction
from tests.cast import Cast
from tests.credit_stories import balance, credit, emails, newest, owed, parts, refund_of
from tests.taking_back_stories import (
    confirm,
    confirmation,
    goes_over,
    makes_room,
    offer,
    running,
    take_back,
    upgraded,
    upgrades,
)


def test_over_revert(cast: Cast) -> None:
    """Upgraded on 20 March for $140.00, taken back on the 25th: they go back to the card.

    12 of 30 days were unused on 20 March: $180.00 − $40.00. On 31 March $100.00 are charged for
    ten users, as they would have been.
    """
    upgrade = upgraded_on_20_march(cast)
    assert newest(cast.acme).due_minor == 140_00
    makes_room(cast, cast.acme, seats=10)
    cast.let_pass(days=5)

    note = take_back(cast, upgrade)
    cast.let_pass(minutes=1)

    assert (note.total_minor, parts(note)) == (140_00, (0, 140_00, 0))
    assert [line.amount_minor for line in note.lines] == [180_00, -40_00]
    assert note.reason == "The automatic upgrade to Standard, 20 users was taken back."
    assert refund_of(note).state is PaymentState.SUCCEEDED
    assert (balance(cast.acme), owed(cast.acme)) == (0, 0)
    assert plan_of(cast.acme) == ("Standard, 10 users", "01 Mar 09:00", "31 Mar 09:00", 10)
    cast.let_pass(days=10)
    renewal = newest(cast.acme)
    assert f"{renewal.period_start_at:%d %b %H:%M}" == "31 Mar 09:00"
    assert (renewal.reason, renewal.due_minor) == (InvoiceReason.RENEWAL, 100_00)


def test_over_revert_after_the_former_cycle_ended(cast: Cast) -> None:
    """Taken back on 4 April: the renewal of 31 March is charged then, the next on 30 April.

    Of the $140.00 that were paid, $100.00 stay as credit and pay it; $40.00 go back to the card.
    """
    upgrade = upgraded_on_20_march(cast)
    makes_room(cast, cast.acme, seats=10)
    cast.let_pass(days=15)
    terms = offer(cast, upgrade).terms
    assert terms is not None
    assert (terms.total.amount, terms.kept.amount) == (140_00, 100_00)
    assert [(f"{each.at:%d %b}", *amounts(each)) for each in terms.charged_now] == [
        ("31 Mar", 100_00, 0)
    ]
    assert (f"{terms.next_charge.at:%d %b}", *amounts(terms.next_charge)) == ("30 Apr", 0, 100_00)

    note = take_back(cast, upgrade)
    cast.let_pass(minutes=1)

    assert parts(note) == (0, 40_00, 100_00)
    assert refund_of(note).amount_minor == 40_00
    assert balance(cast.acme) == 0
    renewal = newest(cast.acme)
    assert (renewal.reason, renewal.total_minor) == (InvoiceReason.RENEWAL, 100_00)
    assert (renewal.balance_applied_minor, renewal.due_minor) == (100_00, 0)
    assert f"{renewal.issued_at:%d %b}" == "04 Apr"
    assert f"{renewal.paid_at:%d %b}" == "04 Apr"
    assert plan_of(cast.acme) == ("Standard, 10 users", "31 Mar 09:00", "30 Apr 09:00", 10)


def test_over_revert_gives_nothing_to_the_card_that_is_owed_for_a_cycle(cast: Cast) -> None:
    """Every payment declines from 20 March on. What was paid for the upgrade pays the renewal of 31
    March all the same, so nobody has the money back and the cycle unpaid."""
    upgrade = upgraded_on_20_march(cast)
    makes_room(cast, cast.acme, seats=10)
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=15)

    note = take_back(cast, upgrade)
    cast.let_pass(minutes=1)

    assert parts(note) == (0, 40_00, 100_00)
    assert newest(cast.acme).status is InvoiceStatus.PAID
    assert (balance(cast.acme), owed(cast.acme)) == (0, 0)
    assert verify.run(db.session()) == []


def test_over_revert_keeps_no_more_than_the_credit_balance_leaves_to_pay(cast: Cast) -> None:
    """A seat of March, $9.67, is credit balance by 4 May, and pays so much of the renewal of 30
    April: of the $113.33 for the upgrade of 11 April $90.33 are kept, and $23.00 go back."""
    cast.let_pass(days=1, hours=1)
    cast.buy(cast.acme, seat=1)
    seat = newest(cast.acme)
    cast.let_go(cast.acme, "seat")
    cast.let_pass(days=34)
    upgrade = upgraded(cast, cast.acme)
    credit(cast, seat, to=RefundTo.BALANCE)
    makes_room(cast, cast.acme, seats=10)
    cast.let_pass(days=23)
    terms = offer(cast, upgrade).terms
    assert terms is not None
    assert (terms.total.amount, terms.kept.amount) == (113_33, 90_33)
    assert [amounts(each) for each in terms.charged_now] == [(100_00, 0)]

    note = take_back(cast, upgrade)
    cast.let_pass(minutes=1)

    assert parts(note) == (0, 23_00, 90_33)
    renewal = newest(cast.acme)
    assert (renewal.balance_applied_minor, renewal.due_minor) == (100_00, 0)
    assert (balance(cast.acme), owed(cast.acme)) == (0, 0)


def test_over_revert_is_foretold(cast: Cast) -> None:
    """What the page says is charged next is what the forecast says afterwards."""
    upgrade = upgraded_on_20_march(cast)
    makes_room(cast, cast.acme, seats=10)
    foretold = offer(cast, upgrade).terms
    assert foretold is not None

    take_back(cast, upgrade)

    now = cast.clock.now()
    coming = forecast.coming(
        db.session(),
        cast.acme,
        running(cast.acme),
        balance=ledger.credit_balance(db.session(), cast.acme),
        scheduled=None,
        now=now,
        until=now + timedelta(days=40),
    )
    assert (coming[0].at, coming[0].draft) == (foretold.next_charge.at, foretold.next_charge.draft)
    cast.let_pass(minutes=1)


def test_over_revert_of_what_the_balance_paid(cast: Cast) -> None:
    """$100.00 of credit paid for most of the upgrade: that part is credit again, the rest goes to
    the card, and the credit pays the renewal.

    Upgraded on 11 April, 20 of 30 days unused: $180.00 − $66.67 = $113.33, of which the card paid
    $13.33.
    """
    first = newest(cast.acme)
    cast.let_pass(days=35)
    credit(cast, first, to=RefundTo.BALANCE)
    upgrade = upgraded(cast, cast.acme)
    assert (newest(cast.acme).balance_applied_minor, newest(cast.acme).due_minor) == (
        100_00,
        13_33,
    )
    makes_room(cast, cast.acme, seats=10)
    seen = offer(cast, upgrade).terms
    assert seen is not None
    assert (seen.next_charge.draft.balance_applied.amount, seen.next_charge.draft.due.amount) == (
        100_00,
        0,
    )

    note = take_back(cast, upgrade)
    cast.let_pass(minutes=1)

    assert parts(note) == (0, 13_33, 100_00)
    assert balance(cast.acme) == 100_00
    cast.let_pass(days=20)
    assert (newest(cast.acme).balance_applied_minor, newest(cast.acme).due_minor) == (100_00, 0)
    assert balance(cast.acme) == 0


def test_over_revert_of_what_only_the_balance_paid(cast: Cast) -> None:
    """Nothing was taken from the card, so nothing goes there."""
    first = newest(cast.acme)
    cast.let_pass(days=45)
    credit(cast, first, to=RefundTo.BALANCE)
    credit(cast, newest(cast.acme), to=RefundTo.BALANCE)
    upgrade = upgraded(cast, cast.acme)
    assert (newest(cast.acme).total_minor, newest(cast.acme).due_minor) == (180_00, 0)
    makes_room(cast, cast.acme, seats=10)

    note = take_back(cast, upgrade)
    cast.let_pass(minutes=1)

    assert parts(note) == (0, 0, 180_00)
    assert balance(cast.acme) == 200_00


def test_over_revert_with_a_refund_that_is_declined(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card is closed: $140.00 are credit balance, and pay the renewal of 31 March."""
    upgrade = upgraded_on_20_march(cast)
    makes_room(cast, cast.acme, seats=10)
    refused = Answer(Outcome.DECLINED, message="The card is closed.")
    monkeypatch.setattr(SandboxGateway, "refund", lambda *_: refused)

    note = take_back(cast, upgrade)
    cast.let_pass(minutes=1)

    assert refund_of(note).state is PaymentState.DECLINED
    assert balance(cast.acme) == 140_00
    assert plan_of(cast.acme)[0] == "Standard, 10 users"
    cast.let_pass(days=12)
    assert (newest(cast.acme).balance_applied_minor, balance(cast.acme)) == (100_00, 40_00)


def test_over_revert_puts_add_ons_back(cast: Cast) -> None:
    """Two more seats since 2 March, of which one was to go: so they are again.

    $180.00 + $10.00 for the seat that renews, less 12/30 × $100.00 = $40.00 and 12/29 × $19.33 =
    $8.00: $142.00.
    """
    cast.let_pass(days=1, hours=1)
    cast.buy(cast.acme, seat=2)
    assert newest(cast.acme).due_minor == 19_33
    cast.let_go(cast.acme, "seat", renewing=1)
    upgrade = upgraded_on_20_march(cast)
    assert newest(cast.acme).due_minor == 142_00
    assert seats_beside(cast.acme) == (1, 1)
    makes_room(cast, cast.acme, seats=12)

    note = take_back(cast, upgrade)
    cast.let_pass(minutes=1)

    assert parts(note) == (0, 142_00, 0)
    assert seats_beside(cast.acme) == (2, 1)
    assert plan_of(cast.acme) == ("Standard, 10 users", "01 Mar 09:00", "31 Mar 09:00", 12)
    makes_room(cast, cast.acme, seats=11)
    cast.let_pass(days=12)
    assert (newest(cast.acme).reason, newest(cast.acme).due_minor) == (
        InvoiceReason.RENEWAL,
        110_00,
    )
    assert seats_beside(cast.acme) == (1, 1)


def test_over_revert_puts_the_scheduled_downgrade_back(cast: Cast) -> None:
    """5 users from 31 March on, withdrawn by the upgrade of 20 March: it waits again, and begins
    when it fits."""
    smaller = cast.change_plan(cast.acme, cast.price("standard", "5-users"))
    upgrade = upgraded_on_20_march(cast)
    assert db.session.get_one(PlanChange, smaller.id).state == "withdrawn"
    makes_room(cast, cast.acme, seats=5)
    terms = offer(cast, upgrade).terms
    assert terms is not None
    assert terms.scheduled == "Standard, 5 users"
    assert (terms.next_charge.basket.plan.name, terms.next_charge.draft.due.amount) == (
        "Standard, 5 users",
        50_00,
    )

    take_back(cast, upgrade)
    assert db.session.get_one(PlanChange, smaller.id).state == "scheduled"
    cast.let_pass(days=13)

    assert newest(cast.acme).due_minor == 50_00
    assert plan_of(cast.acme) == ("Standard, 5 users", "31 Mar 09:00", "30 Apr 09:00", 5)


def test_over_revert_and_the_scheduled_downgrade_that_fell_due_meanwhile(cast: Cast) -> None:
    """Taken back on 4 April: the cycle from 31 March is charged at the smaller plan, at once, out
    of the $140.00 that were paid for the larger one."""
    cast.change_plan(cast.acme, cast.price("standard", "5-users"))
    upgrade = upgraded_on_20_march(cast)
    makes_room(cast, cast.acme, seats=5)
    cast.let_pass(days=15)

    note = take_back(cast, upgrade)
    cast.let_pass(minutes=1)

    assert parts(note) == (0, 90_00, 50_00)
    assert (newest(cast.acme).total_minor, newest(cast.acme).due_minor) == (50_00, 0)
    assert plan_of(cast.acme) == ("Standard, 5 users", "31 Mar 09:00", "30 Apr 09:00", 5)


def test_over_fixed_in_time_over_again_is_a_new_episode_with_all_its_days(cast: Cast) -> None:
    """Taken back on 20 March, eleven again on the 21st: three emails and five days anew."""
    upgrade = upgraded_on_20_march(cast)
    makes_room(cast, cast.acme, seats=10)
    take_back(cast, upgrade)
    cast.let_pass(days=1)
    told = len(emails(cast.acme, "warning"))

    goes_over(cast, cast.acme)
    cast.let_pass(days=1)
    begun_at = emails(cast.acme, "warning")[told].created_at
    cast.let_pass(days=5)

    second = upgrades(cast.acme)[-1]
    assert second.id != upgrade.id
    assert len(emails(cast.acme, "warning")) == told + 3
    assert second.effective_at - begun_at == timedelta(days=5)


def test_charge_paid_not_list_whatever_was_taken_back(cast: Cast) -> None:
    """Upgraded and taken back twice in one cycle, then upgraded by hand: the $100.00 of 1 March are
    worth their unused days each time, and given back once.

    6 March: $180.00 − 25/30 × $100.00 = $96.67. 12 March: 20/30, $113.33. 18 March by hand: 13/30,
    $180.00 − $43.33 = $136.67. Of the first invoice $56.67 are left.
    """
    first = newest(cast.acme)
    paid = []
    for _time in range(2):
        upgrade = upgraded(cast, cast.acme)
        paid.append(newest(cast.acme).due_minor)
        makes_room(cast, cast.acme, seats=10)
        take_back(cast, upgrade)
        cast.let_pass(hours=4)
    cast.let_pass(days=6)
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))

    by_hand = newest(cast.acme)
    credits = [line for line in by_hand.lines if line.amount_minor < 0]
    assert paid == [96_67, 113_33]
    assert (by_hand.due_minor, [line.amount_minor for line in credits]) == (136_67, [-43_33])
    assert credits[0].source_line_id == first.lines[0].id
    assert credits[0].after_line_id is not None
    note = credit(cast, first)
    cast.let_pass(minutes=1)
    assert (note.total_minor, note.lines[0].explanation) == (
        56_67,
        f"$100.00 charged − $43.33 given back by {by_hand.number_text} = $56.67",
    )
    everything = credit(cast, by_hand)
    cast.let_pass(minutes=1)
    assert everything.total_minor == 180_00, "its credit stays: the line it is of was credited"
    assert parts(everything) == (0, 136_67, 43_33)
    assert (owed(cast.acme), balance(cast.acme)) == (0, 43_33)


def test_the_original_invoice_is_credited_afterwards(cast: Cast) -> None:
    """All of its $100.00 are left: what the upgrade gave back of them was taken back."""
    first = newest(cast.acme)
    upgrade = upgraded_on_20_march(cast)
    makes_room(cast, cast.acme, seats=10)
    take_back(cast, upgrade)

    note = credit(cast, first)
    cast.let_pass(minutes=1)

    assert (note.total_minor, note.lines[0].explanation) == (
        100_00,
        "$100.00 charged, given back in full",
    )
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    assert newest(cast.acme).due_minor == 180_00, "a credited line is worth nothing"


def test_two_upgrades_are_taken_back_one_after_the_other(cast: Cast) -> None:
    """Far over: 20 users, then 40. The second is taken back, then the first, within its 30 days."""
    goes_over(cast, cast.acme, by=15)
    cast.let_pass(days=14)
    first, second = upgrades(cast.acme)
    assert plan_of(cast.acme)[0] == "Standard, 40 users"
    makes_room(cast, cast.acme, seats=10)
    seen = offer(cast, first)
    assert isinstance(seen.why_not, UpgradedSince)
    assert "upgraded to Standard, 40 users. Take that upgrade back first" in str(seen.why_not)
    assert seen.goes_first is not None
    assert seen.goes_first.id == second.id

    notes = [take_back(cast, second), take_back(cast, first)]
    cast.let_pass(minutes=1)

    assert [note.total_minor for note in notes] == [second.due_minor, first.due_minor]
    assert plan_of(cast.acme) == ("Standard, 10 users", "01 Mar 09:00", "31 Mar 09:00", 10)


def test_an_upgrade_after_which_something_was_bought_has_no_way_back(cast: Cast) -> None:
    """20 users, a seat more, then 40 users: taking the last back leads to what was bought."""
    first = upgraded(cast, cast.acme)
    cast.buy(cast.acme, seat=1)
    second = upgraded(cast, cast.acme)
    makes_room(cast, cast.acme, seats=10)
    assert isinstance(offer(cast, first).why_not, ChangedSince)
    assert offer(cast, first).goes_first is None
    assert offer(cast, second).why_not is None


def test_over_revert_with_tax(cast: Cast) -> None:
    """20 % on each line: $180.00 − $40.00 + $28.00 are paid and come back; the days that are left
    keep their worth: 11 of 30 three hours later, $36.67 + $7.33."""
    account = cast.account("Paris", None)
    with transaction() as session:
        session.get_one(Account, account.id).billing.country = "FR"
    cast.subscribe(account, cast.price("standard", "10-users"))
    cast.member(account, "Pia", Role.ADMIN)
    cast.let_pass(days=13)
    upgrade = upgraded(cast, account)
    assert newest(account).due_minor == 168_00
    makes_room(cast, account, seats=10)

    note = take_back(cast, upgrade)
    cast.let_pass(minutes=1)

    assert (note.total_minor, note.tax_minor) == (168_00, 28_00)
    cast.change_plan(account, cast.price("standard", "20-users"))
    unused = newest(account).lines[-1]
    assert (unused.amount_minor, unused.tax_minor) == (-36_67, -7_33)


def test_over_revert_of_a_year(cast: Cast) -> None:
    """A year of 10 users ($960.00): 30 days are all there are, however long the cycle runs."""
    account = cast.account("Yearly", "standard", "10-users", interval=Interval.YEARLY)
    cast.member(account, "Yara", Role.ADMIN)
    upgrade = upgraded(cast, account)
    makes_room(cast, account, seats=10)
    cast.let_pass(days=24)

    note = take_back(cast, upgrade)
    cast.let_pass(minutes=1)

    assert note.total_minor == upgrade.due_minor
    assert f"{running(account).cycle_end_at:%d %b %Y}" == "01 Mar 2027"


def test_taken_back_by_a_second_click_it_is_done_once(cast: Cast) -> None:
    upgrade = upgraded_on_20_march(cast)
    makes_room(cast, cast.acme, seats=10)
    asked, by_another = confirmation(offer(cast, upgrade)), confirmation(offer(cast, upgrade))

    first = confirm(cast, upgrade, asked)
    assert confirm(cast, upgrade, asked).id == first.id
    with pytest.raises(TakenBackAlready):
        confirm(cast, upgrade, by_another)

    assert db.session.query(TakenBack).count() == 1
    assert len(emails(cast.acme, "upgrade_taken_back")) == 1
    assert isinstance(offer(cast, upgrade).why_not, TakenBackAlready)
    cast.let_pass(minutes=1)


def test_a_confirmation_is_of_one_upgrade(cast: Cast) -> None:
    upgrade = upgraded_on_20_march(cast)
    makes_room(cast, cast.acme, seats=10)
    asked = confirmation(offer(cast, upgrade))
    confirm(cast, upgrade, asked)
    second = upgraded(cast, cast.acme)

    with pytest.raises(UsedForSomethingElse):
        confirm(cast, second, asked)


def test_what_moved_since_it_was_seen_is_shown_and_nothing_done(cast: Cast) -> None:
    """Seen on 31 March at 08:58; at 09:00 the renewal is to be charged with it."""
    upgrade = upgraded_on_20_march(cast)
    makes_room(cast, cast.acme, seats=10)
    cast.let_pass(days=11, hours=2, minutes=58)
    seen = offer(cast, upgrade)
    assert seen.terms is not None
    assert not seen.terms.charged_now
    cast.let_pass(minutes=2)

    with pytest.raises(StaleOffer) as stale:
        confirm(cast, upgrade, confirmation(seen))

    fresh = stale.value.offer.terms
    assert fresh is not None
    assert fresh.charged_now
    assert plan_of(cast.acme)[0] == "Standard, 20 users"


def test_what_was_seen_holds_for_a_quarter_of_an_hour(cast: Cast) -> None:
    upgrade = upgraded_on_20_march(cast)
    makes_room(cast, cast.acme, seats=10)
    asked = confirmation(offer(cast, upgrade))
    cast.let_pass(minutes=16)

    with pytest.raises(StaleOffer):
        confirm(cast, upgrade, asked)


def test_over_revert_is_on_time_or_not_at_all(cast: Cast) -> None:
    """Possible to the last second of the 30th day; then a downgrade is the way."""
    upgrade = upgraded_on_20_march(cast)
    makes_room(cast, cast.acme, seats=10)
    cast.clock.at = upgrade.effective_at + timedelta(days=30) - timedelta(seconds=1)
    assert offer(cast, upgrade).why_not is None
    cast.clock.advance(seconds=1)
    assert isinstance(offer(cast, upgrade).why_not, TooLate)


def test_over_revert_counts_from_the_day_it_was_carried_out(cast: Cast) -> None:
    """Declined on 20 March, paid a week later: possible until 26 April. By then the upgrade's own
    cycle, which began on the 20th as told, was renewed for $180.00: they come back too, less the
    $100.00 for ten users from 31 March."""
    upgrade = paid_late(cast)
    now = cast.clock.now
    found = taking_back_offers.running(db.session(), running(cast.acme), now=now())
    assert found is not None
    assert f"{found.until:%d %b}" == "26 Apr"
    (receipt,) = emails(cast.acme, "auto_upgraded")
    assert "Until 26 Apr 2026" in " ".join(receipt.body_text.split())
    makes_room(cast, cast.acme, seats=10)
    cast.let_pass(days=28)
    assert plan_of(cast.acme)[1] == "19 Apr 06:00"
    assert taking_back_offers.running(db.session(), running(cast.acme), now=now()) == found
    seen = offer(cast, upgrade)
    assert seen.terms is not None
    assert (seen.until, seen.terms.total.amount) == (found.until, 320_00)

    cast.let_pass(minutes=1)
    confirm(cast, upgrade, confirmation(offer(cast, upgrade)))
    cast.let_pass(minutes=1)

    (told,) = emails(cast.acme, "upgrade_taken_back")
    assert told.subject.startswith("Taken back: $320.00 credited")
    assert "by which the upgrade was renewed, is credited whole too" in " ".join(
        told.body_text.split()
    )
    notes = offer(cast, upgrade).notes
    assert [row.total_minor for row in notes] == [140_00, 180_00]
    assert [parts(row) for row in notes] == [(0, 40_00, 100_00), (0, 180_00, 0)]
    assert (balance(cast.acme), owed(cast.acme)) == (0, 0)
    assert plan_of(cast.acme) == ("Standard, 10 users", "31 Mar 09:00", "30 Apr 09:00", 10)
    assert (newest(cast.acme).total_minor, newest(cast.acme).due_minor) == (100_00, 0)
    assert verify.run(db.session()) == []
    cast.let_pass(days=10)
    assert f"{newest(cast.acme).period_start_at:%d %b}" == "30 Apr"
    assert verify.run(db.session()) == []


def test_over_revert_after_it_was_carried_out_late_is_on_time_or_not_at_all(cast: Cast) -> None:
    upgrade = paid_late(cast)
    makes_room(cast, cast.acme, seats=10)
    until = offer(cast, upgrade).until
    cast.let_pass(seconds=(until - cast.clock.at).total_seconds() - 1)
    assert offer(cast, upgrade).why_not is None
    cast.clock.advance(seconds=1)
    assert isinstance(offer(cast, upgrade).why_not, TooLate)


def test_over_revert_where_its_renewal_is_unpaid_or_was_credited(cast: Cast) -> None:
    upgrade = paid_late(cast)
    makes_room(cast, cast.acme, seats=10)
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=24)
    assert isinstance(offer(cast, upgrade).why_not, InvoiceUnpaid)
    cast.use_card(cast.acme, "card_pays")
    cast.let_pass(days=3)
    assert offer(cast, upgrade).why_not is None
    note = credit(cast, newest(cast.acme))
    cast.let_pass(minutes=1)
    assert note.total_minor == 180_00
    seen = offer(cast, upgrade).terms
    assert seen is not None
    assert seen.total.amount == 140_00, "what was given back already is not given twice"


def test_the_vendor_hears_of_each_and_of_the_third_in_a_year(cast: Cast) -> None:
    """Upgraded and taken back on 6, 12 and 18 March."""
    for _time in range(3):
        upgrade = upgraded(cast, cast.acme)
        makes_room(cast, cast.acme, seats=10)
        note = take_back(cast, upgrade)
        cast.let_pass(hours=4)

    told = emails(cast.acme, "vendor_told")
    assert [notice.subject for notice in told] == [
        "Acme took back an automatic upgrade: $96.67",
        "Acme took back an automatic upgrade: $113.33",
        f"Acme took back an automatic upgrade, 3 times in 12 months: ${note.total_minor / 100:.2f}",
    ]
    text = " ".join(told[2].body_text.split())
    for words in (
        f"The account Acme ({cast.acme.public_id})",
        "The automatic upgrade to Standard, 20 users was taken back; Standard, 10 users runs",
        f"was given back by {note.number_text} (",
        "In the last 12 months this account took back 3 automatic upgrades, this one included.",
    ):
        assert words in text


def test_what_was_taken_back_longer_ago_is_not_counted(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six days apart, as if only five were looked at."""
    monkeypatch.setattr(takings_back, "COUNTED_OVER", timedelta(days=5))
    for _time in range(2):
        upgrade = upgraded(cast, cast.acme)
        makes_room(cast, cast.acme, seats=10)
        take_back(cast, upgrade)
        cast.let_pass(hours=4)

    text = " ".join(emails(cast.acme, "vendor_told")[1].body_text.split())
    assert "took back 1 automatic upgrade, this one included" in text


def test_over_revert_waits_until_the_usage_fits(cast: Cast) -> None:
    """Eleven people: one has to go first; what would come back is said all the same."""
    upgrade = upgraded_on_20_march(cast)

    seen = offer(cast, upgrade)

    assert isinstance(seen.why_not, TooMuchInUse)
    assert str(seen.why_not) == (
        "Standard, 10 users doesn't hold what is in use. 11 of 10 seats: 1 too many. Remove 1"
        " person first."
    )
    assert seen.terms is not None
    assert seen.terms.total.amount == 140_00
    with pytest.raises(TooMuchInUse):
        confirm(cast, upgrade, confirmation(seen))
    makes_room(cast, cast.acme, seats=10)
    assert take_back(cast, upgrade).total_minor == 140_00
    cast.let_pass(minutes=1)


@pytest.mark.parametrize(
    ("what", "refusal"),
    [
        pytest.param("upgraded by hand", ChangedSince, id="upgraded by hand"),
        pytest.param("bought", ChangedSince, id="bought add-ons"),
        pytest.param("credited", CreditedSince, id="credited"),
        pytest.param("scheduled", DowngradeWaits, id="a downgrade scheduled"),
        pytest.param("cancelled", CancellationScheduled, id="cancelled"),
        pytest.param("pending", ChangeUnderWay, id="a change waits for its payment"),
        pytest.param("not kept", FormerPlanUnknown, id="what ran before was not kept"),
    ],
)
def test_over_revert_where_something_stands_against_it(
    cast: Cast, what: str, refusal: type[RuleBroken]
) -> None:
    upgrade = upgraded_on_20_march(cast)
    makes_room(cast, cast.acme, seats=5)
    asked = confirmation(offer(cast, upgrade))

    since(cast, upgrade, what)

    assert isinstance(offer(cast, upgrade).why_not, refusal)
    with pytest.raises(refusal):
        confirm(cast, upgrade, asked)
    cast.let_pass(minutes=1)


def test_add_ons_that_are_to_go_are_kept_first(cast: Cast) -> None:
    """Let go after the upgrade, for the end of a cycle that won't have been."""
    cast.buy(cast.acme, seat=1)
    upgrade = upgraded_on_20_march(cast)
    makes_room(cast, cast.acme, seats=10)
    cast.let_go(cast.acme, "seat")
    assert isinstance(offer(cast, upgrade).why_not, AddOnsLeaving)

    cast.let_go(cast.acme, "seat", renewing=1)

    assert offer(cast, upgrade).why_not is None


def test_pay_fails_for_the_renewal_that_fell_due_meanwhile(cast: Cast) -> None:
    """Upgraded on 6 March for $96.67, which are kept on 1 April for the renewal of $100.00. The
    other $3.33 are charged as any renewal: declined, tried again three days later."""
    upgrade = upgraded(cast, cast.acme)
    makes_room(cast, cast.acme, seats=10)
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=26)
    note = take_back(cast, upgrade)
    cast.let_pass(minutes=1)
    assert parts(note) == (0, 0, 96_67)
    assert newest(cast.acme).status is InvoiceStatus.OPEN
    assert (newest(cast.acme).total_minor, newest(cast.acme).due_minor) == (100_00, 3_33)

    cast.use_card(cast.acme, "card_pays")
    cast.let_pass(days=4)

    assert newest(cast.acme).status is InvoiceStatus.PAID
    assert owed(cast.acme) == 0


def test_an_upgrade_that_charged_nothing(cast: Cast) -> None:
    """10 users bought at $400.00, 20 at $180.00: the credit was larger, and is kept as balance."""
    cast.reprice(cast.price("standard", "10-users"), 400_00)
    account = cast.account("Dear", "standard", "10-users")
    cast.reprice(cast.price("standard", "10-users"), 100_00)
    cast.member(account, "Dora", Role.ADMIN)
    upgrade = upgraded(cast, account)
    assert (newest(account).total_minor, balance(account)) == (0, newest(account).surplus_minor)
    makes_room(cast, account, seats=10)

    assert isinstance(offer(cast, upgrade).why_not, NothingCharged)


def test_people_are_told(cast: Cast) -> None:
    """Admins get one email with all of it; the billing contact the credit note."""
    upgrade = upgraded_on_20_march(cast)
    makes_room(cast, cast.acme, seats=10)
    cast.let_pass(days=15)
    note = take_back(cast, upgrade)
    cast.let_pass(minutes=1)

    (told,) = emails(cast.acme, "upgrade_taken_back")
    (receipt,) = emails(cast.acme, "credit_note_issued")
    assert (told.recipient, receipt.recipient) == (cast.alice.email, cast.carol.email)
    assert told.subject == "Taken back: $140.00 credited, your plan is Standard, 10 users again"
    text = " ".join(told.body_text.split())
    for words in (
        "The automatic upgrade of your account Acme to Standard, 20 users, was taken back.",
        "It is Standard, 10 users again, in the cycle from 1 Mar 2026 to 31 Mar 2026",
        "Where the money goes: $40.00 back to Test card ending 4242 and $100.00 to your credit"
        " balance.",
        "That cycle ended on 31 Mar 2026, so the next one is charged now: $0.00 for Standard,"
        " 10 users",
        "$100.00 of what you paid went to your credit balance for that.",
        "The next charge is $100.00 on 30 Apr 2026.",
        f"/credit-notes/{note.number_text}",
    ):
        assert words in text


def test_the_receipt_of_the_upgrade_says_how_to_take_it_back(cast: Cast) -> None:
    upgrade = upgraded_on_20_march(cast)
    cast.let_pass(minutes=1)

    (told,) = emails(cast.acme, "auto_upgraded")
    text = " ".join(told.body_text.split())
    path = f"/in/{cast.acme.public_id}/account/plan-changes/{upgrade.op_id}/taking-back"
    assert "Until 19 Apr 2026, 06:00 UTC you can take it back" in text
    assert path in told.body_text
    assert path in told.body_html


def test_only_a_recent_upgrade_that_still_runs_is_pointed_at(cast: Cast) -> None:
    now = cast.clock.now
    assert taking_back_offers.running(db.session(), running(cast.acme), now=now()) is None
    upgrade = upgraded_on_20_march(cast)
    found = taking_back_offers.running(db.session(), running(cast.acme), now=now())
    assert found is not None
    assert (found.op_id, found.until) == (upgrade.op_id, upgrade.effective_at + timedelta(days=30))
    invoice = newest(cast.acme)
    assert taking_back_offers.of_invoice(db.session(), invoice, now=now()) == found

    makes_room(cast, cast.acme, seats=10)
    take_back(cast, upgrade)

    assert taking_back_offers.running(db.session(), running(cast.acme), now=now()) is None
    assert taking_back_offers.of_invoice(db.session(), invoice, now=now()) is None
    cast.let_pass(minutes=1)


def upgraded_on_20_march(cast: Cast) -> PlanChange:
    """Eleven people on 14 March; found on the 15th, upgraded on the 20th, 06:00."""
    at = cast.clock.at.replace(day=14, hour=12)
    cast.let_pass(seconds=(at - cast.clock.at).total_seconds())
    goes_over(cast, cast.acme)
    cast.let_pass(days=5, hours=18)
    (upgrade,) = upgrades(cast.acme)
    assert f"{upgrade.effective_at:%d %b %H:%M}" == "20 Mar 06:00"
    return upgrade


def paid_late(cast: Cast) -> PlanChange:
    """Told for 20 March, 06:00; the card declines then, and pays at the last attempt, a week on."""
    cast.use_card(cast.acme, "card_declines")
    at = cast.clock.at.replace(day=14, hour=12)
    cast.let_pass(seconds=(at - cast.clock.at).total_seconds())
    goes_over(cast, cast.acme)
    cast.let_pass(days=12)
    cast.use_card(cast.acme, "card_pays")
    cast.let_pass(days=2)
    (upgrade,) = upgrades(cast.acme)
    assert f"{upgrade.effective_at:%d %b %H:%M}" == "20 Mar 06:00"
    assert f"{upgrade.made_at:%d %b}" == "27 Mar"
    return upgrade


def since(cast: Cast, upgrade: PlanChange, what: str) -> None:
    """Something that happens between an upgrade and the wish to take it back."""
    match what:
        case "upgraded by hand":
            cast.change_plan(cast.acme, cast.price("standard", "40-users"))
        case "bought":
            cast.buy(cast.acme, clients_100=1)
        case "credited":
            credit(cast, newest(cast.acme), 1)
        case "scheduled":
            cast.change_plan(cast.acme, cast.price("standard", "5-users"))
        case "cancelled":
            cast.cancel(cast.acme)
        case "pending":
            begins_to_change(cast)
        case "not kept":
            with transaction() as session:
                session.get_one(PlanChange, upgrade.id).replaced = None


def begins_to_change(cast: Cast) -> None:
    """A plan change is confirmed, and nobody has collected what it costs yet."""
    price, now = cast.price("standard", "40-users"), cast.clock.now()
    quote = plan_changes.quote(db.session(), cast.acme, price, now=now)
    confirmed = Confirmation("waits", quote.fingerprint(), quote.valid_until)
    with transaction() as session:
        account = accounts.lock(session, cast.acme.id)
        plan_changes.confirm(session, account, price, confirmed, now=now, actor=SYSTEM)


def amounts(charge: Charge) -> tuple[int, int]:
    """What of a renewal the credit balance pays, and what is left to pay."""
    return charge.draft.balance_applied.amount, charge.draft.due.amount


def plan_of(account: Account) -> tuple[str, str, str, int | None]:
    """The plan, its cycle, and how many seats it holds."""
    row = running(account)
    dates = [f"{at:%d %b %H:%M}" for at in (row.cycle_start_at, row.cycle_end_at)]
    return row.price.plan_name, dates[0], dates[1], subscriptions.limits(row)[Metric.SEATS]


def seats_beside(account: Account) -> tuple[int, int]:
    """How many extra seats run, and how many of them renew."""
    (row,) = db.session.query(SubscriptionAddOn).filter_by(account_id=account.id)
    return row.quantity, row.renewing
