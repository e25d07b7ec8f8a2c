"""Lives in which portal and oracle once differed, and some that chance seldom brings; made short."""

from collections.abc import Callable
from datetime import UTC, datetime

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
    assert {change.state.value for change in lives.real.auto_upgrades()} == {"failed"}


def a_change_nobody_knows_the_outcome_of_when_the_cycle_ends(lives: Lives) -> None:
    """The renewal that had to wait was found due again and again, two hundred times a run."""
    signed_up(lives, TWO)
    lives.the_cycle_ends(seconds=-59)
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


EXAMPLES: tuple[Example, ...] = (
    an_upgrade_that_cannot_be_paid_lets_the_cycle_renew,
    a_change_nobody_knows_the_outcome_of_when_the_cycle_ends,
    one_missed_cycle_is_charged_after_the_other,
    a_downgrade_that_is_due_cannot_be_withdrawn,
    an_add_on_whose_renewal_is_due_cannot_be_removed,
    an_add_on_that_was_removed_goes_even_where_a_downgrade_stays_out,
    five_missed_cycles_are_charged_three_a_day,
)
