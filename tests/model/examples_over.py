"""Short lives of accounts over their seats, some of which once differed from the oracle's."""

from datetime import UTC, datetime, timedelta

from tests.model import over_acts
from tests.model.examples import DAY, FOUR, HOUR, MONEY, TWO, Example, signed_up
from tests.model.machine import Lives


def goes_over(lives: Lives, on_day: int, *, by: int = 1) -> None:
    """So many days after signing up more people are there than seats, and it is after six."""
    lives.travel(datetime(2026, 3, 1, 9, 0, tzinfo=UTC) + timedelta(days=on_day))
    lives.people(change=by + 1)


def a_renewal_and_the_upgrade_after_it_are_both_late(lives: Lives) -> None:
    """The cycle ended on 31 March, 09:00, the upgrade was told for 1 April, 06:00, and nobody
    worked until 07:00: it was paid, and could not be invoiced."""
    signed_up(lives, TWO)
    goes_over(lives, 25)
    lives.travel(datetime(2026, 3, 31, 7, 0, tzinfo=UTC))
    lives.the_worker_is_late(days=1, seconds=0)
    lives.time_passes(seconds=HOUR)

    first, renewal, upgrade = lives.real.picture().bills
    assert (first.due, renewal.due) == (1799, 1799)
    assert upgrade.lines == ((-1799, 0), (2995, 0))


def an_upgrade_falls_due_as_the_cycle_ends(lives: Lives) -> None:
    """The cycle began with an upgrade at six, so it ends at six too: it renews, then follows what
    was told, an hour later."""
    signed_up(lives, TWO)
    goes_over(lives, 1)
    lives.days_pass(days=10, seconds=0)
    running = lives.ours.subscription
    assert running
    lives.travel(running.end - timedelta(days=5, seconds=HOUR))
    lives.people(change=2)
    lives.travel(running.end + timedelta(days=1))

    assert [bill.due for bill in lives.real.picture().bills[2:]] == [2995, 2010]


def a_mail_server_is_down_for_three_days(lives: Lives) -> None:
    """The second email comes when it is back, and the third two days after that."""
    signed_up(lives, TWO)
    goes_over(lives, 1)
    lives.time_passes(seconds=DAY)
    lives.the_mail_server_fails(fault="deferred", seconds=4 * DAY)
    lives.days_pass(days=10, seconds=0)

    (episode,) = lives.real.picture().episodes
    assert [f"{email.accepted_at:%d %H:%M}" for email in episode.emails] == [
        "03 06:00",
        "07 09:00",
        "09 09:00",
    ]
    assert episode.closed_at == datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


def the_answer_to_each_email_is_lost(lives: Lives) -> None:
    """Each comes twice, and counts from the second time."""
    signed_up(lives, TWO)
    goes_over(lives, 1)
    lives.the_mail_server_fails(fault="dropped", seconds=7 * DAY)
    lives.days_pass(days=7, seconds=0)

    (episode,) = lives.real.picture().episodes
    assert episode.state == "upgraded"


def an_email_is_refused_and_sent_again(lives: Lives) -> None:
    """It is left to the vendor, who has the address put right four days later."""
    signed_up(lives, TWO)
    goes_over(lives, 1)
    lives.the_mail_server_fails(fault="refused", seconds=3 * DAY)
    lives.days_pass(days=4, seconds=0)
    lives.the_vendor_has_it_sent_again()
    lives.days_pass(days=6, seconds=0)

    (episode,) = lives.real.picture().episodes
    assert episode.state == "upgraded"


def a_seat_is_free_a_second_before_the_upgrade(lives: Lives) -> None:
    signed_up(lives, TWO)
    goes_over(lives, 1, by=3)
    lives.days_pass(days=7, seconds=0)
    while len(lives.over.all[-1].warnings) < 3:
        lives.the_next_step_comes(seconds=1)
    lives.the_next_step_comes(seconds=-1)
    lives.people(change=-1)
    lives.days_pass(days=3, seconds=0)

    assert [episode.state for episode in lives.real.picture().episodes] == ["upgraded", "resolved"]


def an_upgrade_is_taken_back_after_its_former_cycle_ended(lives: Lives) -> None:
    """The renewal that fell due meanwhile is charged then, out of what was paid for the upgrade,
    and the cycle is the former one."""
    signed_up(lives, TWO, seats=1)
    goes_over(lives, 20, by=2)
    lives.days_pass(days=20, seconds=0)
    lives.people(change=-2)
    lives.take_back(back=0, makes_room=False)
    lives.time_passes(seconds=1)

    # $29.95 + $7.33 − 5 of 30 days of $17.99 and of $7.33.
    assert [bill.due for bill in lives.real.picture().bills] == [2532, 3306, 0]
    assert lives.real.picture().plan == ("standard", "two", "monthly", 1799)


def it_becomes_dearer_after_the_third_email(lives: Lives) -> None:
    """An add-on for clients day after day, then taxes: told again four times, then left to the
    vendor, and nobody more joins."""
    signed_up(lives, TWO)
    goes_over(lives, 1)
    lives.travel(datetime(2026, 3, 7, 7, 0, tzinfo=UTC))
    for _ in range(3):
        lives.buy_add_ons(seats=0, clients=1)
        lives.time_passes(seconds=DAY)
    for country in ("DE", "FI"):
        lives.move_to(country=country)
        lives.time_passes(seconds=DAY)
    lives.people(change=1)

    (episode,) = lives.real.picture().episodes
    assert (episode.retold, episode.state) == (4, "parked")
    assert lives.real.usage()["seats"] == 3


def nobody_makes_it_dearer_a_fourth_time(lives: Lives) -> None:
    """Three add-ons that were to go with the cycle are kept, one each day; then no more are kept or
    sold until the upgrade, three days later than was told first."""
    signed_up(lives, TWO)
    lives.buy_add_ons(seats=0, clients=2)
    lives.buy_add_ons(seats=0, clients=1)
    lives.keep_add_ons(pick=0, renewing=0)
    goes_over(lives, 1)
    lives.travel(datetime(2026, 3, 7, 7, 0, tzinfo=UTC))
    for kept in (1, 2, 3):
        lives.keep_add_ons(pick=0, renewing=kept)
        lives.time_passes(seconds=DAY)
    lives.keep_add_ons(pick=0, renewing=1)
    lives.keep_add_ons(pick=0, renewing=2)
    assert lives.ours.subscription
    assert list(lives.ours.subscription.renewing.values()) == [1]
    lives.buy_add_ons(seats=0, clients=1)
    lives.days_pass(days=2, seconds=0)

    (episode,) = lives.real.picture().episodes
    assert (episode.retold, episode.state) == (3, "upgraded")


def a_dearer_amount_is_refused_by_the_mail_server(lives: Lives) -> None:
    """The vendor has it sent again; then the upgrade is made."""
    signed_up(lives, TWO)
    goes_over(lives, 1)
    lives.travel(datetime(2026, 3, 7, 7, 0, tzinfo=UTC))
    lives.buy_add_ons(seats=0, clients=1)
    lives.the_mail_server_fails(fault="refused", seconds=2 * DAY)
    lives.days_pass(days=3, seconds=0)
    lives.the_vendor_has_it_sent_again()
    lives.days_pass(days=2, seconds=0)

    (episode,) = lives.real.picture().episodes
    assert (episode.retold, episode.state) == (1, "upgraded")


def tries_are_counted_over_episodes(lives: Lives) -> None:
    """Declined, then sold at another price: what was tried before counts for the next episode."""
    signed_up(lives, TWO)
    goes_over(lives, 1)
    lives.use_card(card="card_declines")
    lives.travel(datetime(2026, 3, 8, 7, 0, tzinfo=UTC))
    lives.reprice(pick=lives.shop.keys.index(FOUR), amount=3333)
    lives.days_pass(days=14, seconds=0)

    states = [episode.state for episode in lives.real.picture().episodes]
    assert states == ["superseded", "parked"]
    assert len(over_acts.auto_upgrades(lives.real)) == 4


EXAMPLES: tuple[Example, ...] = (
    *MONEY,
    a_renewal_and_the_upgrade_after_it_are_both_late,
    an_upgrade_falls_due_as_the_cycle_ends,
    a_mail_server_is_down_for_three_days,
    the_answer_to_each_email_is_lost,
    an_email_is_refused_and_sent_again,
    a_seat_is_free_a_second_before_the_upgrade,
    an_upgrade_is_taken_back_after_its_former_cycle_ended,
    it_becomes_dearer_after_the_third_email,
    nobody_makes_it_dearer_a_fourth_time,
    a_dearer_amount_is_refused_by_the_mail_server,
    tries_are_counted_over_episodes,
)
