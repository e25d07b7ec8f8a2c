"""Short lives: some in which portal and oracle once differed, some that seldom come by chance.

Of what is charged and paid; those over their limits are in `examples_over`.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.model import over_acts
from tests.model.machine import Lives
from tests.model.shop import Key

Example = Callable[[Lives], None]

TWO: Key = ("standard", "two", 30)
FOUR: Key = ("standard", "four", 30)
HOUR, DAY = 3600, 86_400


def signed_up(lives: Lives, plan: Key, *, seats: int = 0, card: str = "card_pays") -> None:
    """On a plan in dollars, without tax, since 1 March 2026, 09:00 UTC."""
    lives.begin(datetime(2026, 3, 1, 9, 0, tzinfo=UTC), "USD", "US")
    lives.choose_plan(pick=lives.pick_of(plan), seats=seats, clients=0)
    lives.use_card(card=card)


def change_to(lives: Lives, plan: Key) -> None:
    lives.change_plan(pick=lives.pick_of(plan))


def a_minute_before_the_end(lives: Lives) -> None:
    running = lives.ours.subscription
    assert running
    lives.travel(running.end - timedelta(seconds=59))


def statuses(lives: Lives) -> list[str]:
    return [bill.status for bill in lives.real.picture().bills]


def an_upgrade_that_cannot_be_paid_lets_the_cycle_renew(lives: Lives) -> None:
    """The automatic upgrade was declined day after day, and the renewal waited for it for ever."""
    signed_up(lives, TWO)
    lives.days_pass(days=22, seconds=0)
    lives.use_card(card="card_declines")
    lives.people(change=3)
    lives.the_cycle_ends(seconds=HOUR)

    assert statuses(lives) == ["paid", "open"]
    assert {change.state.value for change in over_acts.auto_upgrades(lives.real)} == {"failed"}


def a_change_nobody_knows_the_outcome_of_when_the_cycle_ends(lives: Lives) -> None:
    """The renewal that had to wait was found due again and again, two hundred times a run."""
    signed_up(lives, TWO)
    a_minute_before_the_end(lives)
    lives.use_card(card="card_times_out_paid")
    change_to(lives, FOUR)
    lives.time_passes(seconds=100)
    lives.time_passes(seconds=HOUR)

    assert statuses(lives) == ["paid", "paid"]


def one_missed_cycle_is_charged_after_the_other(lives: Lives) -> None:
    """The worker was away for 65 days and the card is declined: one invoice, as on time."""
    signed_up(lives, TWO, card="card_declines")
    lives.the_worker_is_late(days=65, seconds=0)
    assert statuses(lives) == ["paid", "open"]
    lives.days_pass(days=8, seconds=0)

    assert lives.ours.status == "ended"
    assert statuses(lives) == ["paid", "open"]


def a_downgrade_that_is_due_cannot_be_withdrawn(lives: Lives) -> None:
    """Two days after the cycle's end, the worker still away, it could be."""
    signed_up(lives, FOUR)
    change_to(lives, TWO)
    lives.the_cycle_ends(seconds=-1)
    lives.the_worker_is_away(seconds=2 * DAY)
    lives.withdraw()
    lives.the_worker_is_late(days=0, seconds=1)

    assert lives.real.picture().plan == ("standard", "two", "monthly", 1799)


def an_add_on_whose_renewal_is_due_cannot_be_removed(lives: Lives) -> None:
    """Two days after the cycle's end, the worker still away, it could be."""
    signed_up(lives, TWO, seats=1)
    lives.the_cycle_ends(seconds=-1)
    lives.the_worker_is_away(seconds=2 * DAY)
    lives.keep_add_ons(pick=0, renewing=0)
    lives.the_worker_is_late(days=0, seconds=1)

    assert lives.real.picture().bills[-1].lines == ((733, 0), (1799, 0))


def an_add_on_that_was_removed_goes_even_where_a_downgrade_stays_out(lives: Lives) -> None:
    """The seat was to go and fits; the downgrade chosen after that doesn't fit any more."""
    signed_up(lives, FOUR, seats=1)
    lives.keep_add_ons(pick=0, renewing=0)
    change_to(lives, TWO)
    lives.people(change=2)
    lives.the_cycle_ends(seconds=1)

    assert lives.real.picture().bills[-1].lines == ((2995, 0),)


def five_missed_cycles_are_charged_three_a_day(lives: Lives) -> None:
    """After more than three charges in a day nothing more is charged until the vendor looked."""
    signed_up(lives, TWO)
    lives.the_worker_is_late(days=155, seconds=0)

    assert statuses(lives) == ["paid"] * 6


def add_ons_whose_payment_is_unknown_when_the_cycle_ends(lives: Lives) -> None:
    """They are charged for the last day of the cycle they were bought in, and renew with it."""
    signed_up(lives, TWO, card="card_times_out_paid")
    a_minute_before_the_end(lives)
    lives.buy_add_ons(seats=2, clients=1)
    lives.time_passes(seconds=100)
    lives.time_passes(seconds=HOUR)

    one_day, renewal = lives.real.picture().bills[1:]
    assert one_day.lines == ((13, 0), (49, 0)), "2 × $7.33 and $4.01, 1 of 30 days each"
    assert renewal.lines == ((401, 0), (1466, 0), (1799, 0))


def an_upgrade_that_fails_leaves_the_downgrade_that_was_scheduled(lives: Lives) -> None:
    """Nobody knows what became of the upgrade when the cycle ends; then it was declined."""
    signed_up(lives, FOUR)
    change_to(lives, TWO)
    a_minute_before_the_end(lives)
    lives.use_card(card="card_times_out_unpaid")
    change_to(lives, ("pro", "four", 30))
    lives.time_passes(seconds=100)
    lives.time_passes(seconds=HOUR)

    assert lives.real.picture().plan == ("standard", "two", "monthly", 1799)


def a_past_due_invoice_is_credited_in_parts(lives: Lives) -> None:
    """The seats are taken off what is owed, the rest is collected, and given back."""
    signed_up(lives, TWO, seats=2, card="card_declines")
    lives.the_cycle_ends(seconds=1)
    lives.credit(pick=1, chosen={1}, to_balance=False)
    lives.days_pass(days=4, seconds=0)
    lives.use_card(card="card_pays")
    lives.credit(pick=1, chosen=set(), to_balance=False)

    renewal = lives.real.picture().bills[1]
    assert (renewal.due, renewal.credited, renewal.paid, renewal.refunded) == (
        3265,
        1466,
        1799,
        1799,
    )


def a_year_left_for_a_dearer_month(lives: Lives) -> None:
    """Taxed at 25.5 %, moved away meanwhile: each credit at its own rate, the rest lives on."""
    signed_up(lives, ("standard", "four", 365), seats=2)
    lives.move_to(country="FI")
    lives.days_pass(days=17, seconds=1)
    change_to(lives, ("pro", "four", 30))
    lives.move_to(country="DE")
    lives.credit(pick=1, chosen={0}, to_balance=False)
    for _ in range(2):
        lives.the_cycle_ends(seconds=1)
    lives.cancel()
    lives.the_cycle_ends(seconds=1)
    lives.choose_plan(pick=lives.pick_of(TWO), seats=2, clients=0)

    assert lives.real.picture().balance > 0
    assert {bill.due for bill in lives.real.picture().bills[1:]} == {0}


def what_stayed_unpaid_is_paid_before_the_customer_comes_back(lives: Lives) -> None:
    """Declined four times, ended; the bank then asks whether it is really the customer."""
    signed_up(lives, TWO, card="card_declines")
    lives.the_cycle_ends(seconds=1)
    lives.days_pass(days=8, seconds=0)
    change_to(lives, FOUR)
    lives.use_card(card="card_authenticates")
    lives.pay()
    lives.authenticate(succeeds=True)
    change_to(lives, FOUR)
    lives.authenticate(succeeds=True)

    assert statuses(lives) == ["paid"] * 3
    assert lives.real.picture().plan == ("standard", "four", "monthly", 2995)


def a_plan_that_ends_is_cancelled_again(lives: Lives) -> None:
    """When its end is due and nothing has been done yet: that changes nothing."""
    signed_up(lives, TWO)
    lives.the_cycle_ends(seconds=-1)
    lives.cancel()
    lives.the_worker_is_away(seconds=2)
    lives.cancel()


MONEY: tuple[Example, ...] = (
    a_plan_that_ends_is_cancelled_again,
    an_upgrade_that_cannot_be_paid_lets_the_cycle_renew,
    a_change_nobody_knows_the_outcome_of_when_the_cycle_ends,
    one_missed_cycle_is_charged_after_the_other,
    a_downgrade_that_is_due_cannot_be_withdrawn,
    an_add_on_whose_renewal_is_due_cannot_be_removed,
    an_add_on_that_was_removed_goes_even_where_a_downgrade_stays_out,
    five_missed_cycles_are_charged_three_a_day,
    add_ons_whose_payment_is_unknown_when_the_cycle_ends,
    an_upgrade_that_fails_leaves_the_downgrade_that_was_scheduled,
    a_past_due_invoice_is_credited_in_parts,
    a_year_left_for_a_dearer_month,
    what_stayed_unpaid_is_paid_before_the_customer_comes_back,
)
