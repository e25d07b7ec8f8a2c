"""The reference for over-limit episodes itself, against the figures that the rules give."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from tests.model.books import DAY, Plan
from tests.model.episodes_oracle import Episodes
from tests.model.oracle import Account, Refused

START = datetime(2026, 11, 8, 5, 0, tzinfo=UTC)


def plan(tier: str, price: int, seats: int) -> Plan:
    return Plan(("standard", tier, 30), price, price, {"seats": seats}, {})


TEN, TWENTY = plan("10-users", 10000, 10), plan("20-users", 18000, 20)
Server = Callable[[datetime], str]


def on(day: int, hour: int = 6, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def account(*, seats: int, on_plan: Plan = TEN) -> Episodes:
    """Since 8 November, 05:00, on a plan; so many of its seats were taken afterwards."""
    customer = Account()
    customer.carry_out(customer.quote(on_plan, {}, START))
    customer.usage = {"seats": seats}
    return Episodes(customer, lambda running: TWENTY if running is TEN else None)


def takes(_at: datetime) -> str:
    return "accepted"


def work(over: Episodes, start: datetime, end: datetime, server: Server = takes) -> list[datetime]:
    """An hour after the other the worker is at work; returns when an upgrade was to be charged."""
    charged, at = [], start
    while at <= end:
        over.check(at)
        if (quote := over.look(at)) is not None:
            over.begin(quote, "an upgrade", at)
            charged.append(at)
        elif over.waiting:
            over.handed_over(at, server(at))
        at += timedelta(hours=1)
    return charged


def deadlines(over: Episodes) -> list[datetime | None]:
    return [warning.deadline for episode in over.all for warning in episode.warnings]


def accepted(over: Episodes) -> list[datetime | None]:
    return [warning.accepted_at for episode in over.all for warning in episode.warnings]


def test_eleven_of_ten_users_are_found_at_six() -> None:
    """over.starts: equal to the limit is not over."""
    full, over = account(seats=10), account(seats=11)
    for one in (full, over):
        work(one, on(22, 7), on(23, 7))

    assert full.all == []
    assert [(e.opened_at, e.used, e.limit) for e in over.all] == [(on(22, 7), 11, 10)]


def test_three_emails_and_the_upgrade_five_days_after_the_first() -> None:
    """over.emails, over.upgrade: $180.00 − 11 of 30 days × $100.00 = $143.33 on 27 November."""
    over = account(seats=10)
    work(over, on(21, 7), on(21, 20))
    over.account.usage = {"seats": 11}

    assert work(over, on(22), on(27, 12)) == [on(27)]
    assert accepted(over) == [on(22), on(24), on(26)]
    assert deadlines(over) == [on(27)] * 3
    assert {warning.due for warning in over.all[0].warnings} == {14333}


def test_the_upgrade_begins_a_cycle_at_the_deadline() -> None:
    over = account(seats=11)
    work(over, on(22), on(27))
    over.outcome("paid", on(27))

    assert over.account.next_charge == (on(27) + timedelta(days=30), 18000)
    assert over.account.invoices[-1].paid == 14333
    assert over.all[0].state == "upgraded"


def test_a_server_that_was_down_moves_the_dates() -> None:
    """over.never-unwarned: the second email comes a day and 20 minutes late; 48 hours follow."""
    over = account(seats=11)
    back_at = on(25, 6, 20)
    work(over, on(22), on(25), lambda at: "accepted" if at == on(22) else "deferred")
    over.handed_over(back_at, "accepted")

    assert work(over, on(25, 7), on(29)) == [on(28, 7)]
    assert accepted(over) == [on(22), back_at, on(27, 7)]
    assert deadlines(over) == [on(27), on(28, 7), on(28, 7)]


def test_an_email_that_was_refused_is_left_to_the_vendor() -> None:
    over = account(seats=11)
    assert work(over, on(22), on(30), lambda _at: "refused") == []
    assert over.all[0].state == "parked"

    over.release(on(30))

    assert work(over, on(30), on(30, 12)) == []
    assert deadlines(over) == [on(30) + timedelta(days=5)]


def test_back_within_the_limit_a_new_episode_has_all_its_days() -> None:
    """over.fixed-in-time"""
    over = account(seats=11)
    work(over, on(22), on(26, 12))
    over.account.usage = {"seats": 10}
    work(over, on(26, 13), on(26, 13))
    over.account.usage = {"seats": 11}

    assert work(over, on(26, 14), on(30)) == []
    assert [e.state for e in over.all] == ["resolved", "open"]
    assert over.all[1].opened_at == on(27)


def test_a_declined_upgrade_is_tried_after_3_5_and_7_days_then_left_to_the_vendor() -> None:
    """over.payment-fails"""
    over, tried = account(seats=11), []
    work(over, on(10), on(14, 23))
    for day in range(15, 30):
        if work(over, on(day), on(day)):
            over.outcome("declined", on(day))
            tried.append(day)

    assert tried == [15, 18, 20, 22]
    assert over.all[0].state == "parked"
    assert len(over.account.invoices) == 1


def test_another_price_is_never_charged_unannounced() -> None:
    over = account(seats=11)
    work(over, on(22), on(26, 12))
    dearer = plan("20-users", 19000, 20)
    over.next_tier = lambda _running: dearer

    assert work(over, on(26, 13), on(27)) == []
    assert over.all[0].state == "superseded"


def test_an_amount_that_rose_is_told_a_day_before_and_then_charged() -> None:
    """Taxed at 10 % since the third email: told on 27 November for the 28th, with that day's."""
    over = account(seats=11)
    work(over, on(22), on(26, 12))
    over.account.rate = Fraction(1, 10)

    assert work(over, on(26, 13), on(28, 12)) == [on(28)]
    (episode,) = over.all
    assert episode.state == "open"
    assert [(told.deadline, told.accepted_at) for told in episode.news] == [(on(28), on(27))]
    assert over.pending
    assert over.pending.invoice.due == episode.news[0].due


def test_what_gets_dearer_day_after_day_is_left_to_the_vendor_and_nobody_joins() -> None:
    over = account(seats=11)
    work(over, on(22), on(26, 12))
    charged = []
    for percent in range(1, 6):
        over.account.rate = Fraction(percent, 100)
        day = on(26) + percent * DAY
        charged += work(over, day, day.replace(hour=23))
        assert over.account.told_often() is (percent in (3, 4))

    (episode,) = over.all
    assert (charged, episode.retold, episode.state) == ([], 4, "parked")
    with pytest.raises(Refused):
        over.account.join()


def test_tries_go_on_counting_while_the_account_stays_over() -> None:
    over = account(seats=11)
    work(over, on(10), on(15))
    over.outcome("declined", on(15))
    dearer = plan("20-users", 19000, 20)
    over.next_tier = lambda _running: dearer
    tried = []
    for day in range(18, 31):
        if work(over, on(day), on(day)):
            over.outcome("declined", on(day))
            tried.append(day)

    assert tried == [24, 25, 26]
    assert [episode.state for episode in over.all] == ["superseded", "parked"]


def test_with_no_next_tier_there_is_no_upgrade() -> None:
    """over.top-tier"""
    over = account(seats=21, on_plan=TWENTY)

    assert work(over, on(22), on(30)) == []
    assert [w.target for w in over.all[0].warnings] == [None] * 3
    assert over.all[0].state == "parked"


def upgraded() -> Episodes:
    over = account(seats=11)
    work(over, on(22), on(27))
    over.outcome("paid", on(27))
    return over


def test_taken_back_it_is_as_if_it_had_not_been_made() -> None:
    """over.revert: $143.33 come back, the former cycle goes on and is worth its days again."""
    over = upgraded()
    over.account.usage = {"seats": 10}

    assert over.take_back(over.made[0], on(28)) == (0, 14333, 0)
    assert over.account.next_charge == (START + timedelta(days=30), 10000)
    assert over.account.quote(TWENTY, None, on(27)).invoice.due == 14333


def test_taken_back_after_its_cycle_ended_it_pays_for_the_next() -> None:
    """over.revert: on 9 December the cycle of 8 November is over: $100.00 of $143.33 stay."""
    over = upgraded()
    over.account.usage = {"seats": 10}

    assert over.take_back(over.made[0], on(28) + 11 * DAY) == (0, 4333, 10000)
    assert over.account.balance == 10000
    over.account.catch_up(on(28) + 11 * DAY, lambda _amount: "declined")
    assert (over.account.balance, over.account.status) == (0, "active")


def test_what_does_not_fit_or_comes_too_late_is_not_taken_back() -> None:
    over = upgraded()
    with pytest.raises(Refused):
        over.take_back(over.made[0], on(28))
    over.account.usage = {"seats": 10}
    with pytest.raises(Refused):
        over.take_back(over.made[0], on(27) + timedelta(days=30))


def test_who_never_goes_beyond_the_seats_is_refused_them() -> None:
    over = account(seats=10)
    over.choose_when_full(capped=True)
    with pytest.raises(Refused):
        over.account.join()
    assert over.account.usage == {"seats": 10}
