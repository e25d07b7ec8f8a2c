"""How an episode ends by something else than its upgrade, who hears of it, and when none begins.

Acme is on Standard, 10 users since 1 March, 09:00. The daily check is at 06:00 UTC.
"""

import pytest

from portal import events
from portal.billing import agenda, overages, usage
from portal.billing.rules.counting import Metric
from portal.display import overruns
from portal.display.account_history import entries
from portal.display.account_history.entries import Asked
from portal.display.account_history.kinds import Kind
from portal.extensions import db
from portal.live import meters_context
from portal.models import Account, EpisodeState
from tests.cast import Cast, FixedClock
from tests.scenarios.over import Operator, emails, episode, upgrades


@pytest.fixture
def over(cast: Cast) -> Account:
    """Eleven of ten seats are taken on 1 March."""
    cast.let_pass(minutes=1)
    cast.members(cast.acme, 9)
    return cast.acme


def test_over_fixed_in_time_by_a_seat_more_is_told_with_the_limit_there_is_now(
    cast: Cast, over: Account
) -> None:
    """A seat bought on 4 March: 11 of 11, not "11 of 10 seats: within the limit again"."""
    cast.let_pass(days=3)
    cast.buy(over, seat=1)
    cast.let_pass(days=7)

    ended = episode(over)
    assert (ended.state, ended.close_reason) == (EpisodeState.RESOLVED, "within_limit")
    (relief,) = emails(over, "all_clear")
    assert relief.subject == "All is well: 11 of 11 seats in use"
    told = entries.page(db.session(), over, Asked((Kind.LIMITS,)), limit=1, offset=0)
    assert (told[0].title, told[0].detail) == ("Within the limit again", "11 seats in use.")
    assert upgrades(over) == []


@pytest.mark.parametrize("what", ["hold", "release", "extend", "fixed"])
def test_over_open_pages_hear_of_what_becomes_of_an_episode(
    cast: Cast, over: Account, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    cast.let_pass(days=2)
    operator = Operator(over, cast)
    if what == "release":
        operator.hold()
    heard = list[tuple[int, str]]()
    monkeypatch.setattr(events, "publish", lambda account, kind, **_: heard.append((account, kind)))
    match what:
        case "extend":
            operator.extend(cast.clock.now().replace(day=20))
        case "fixed":
            cast.leave(over, cast.bob)
        case _:
            getattr(operator, what)()
    assert (over.id, "usage") in heard


def test_over_starts_for_no_plan_that_was_cancelled_and_nobody_says_so(
    cast: Cast, clock: FixedClock, over: Account
) -> None:
    """11 of 10 seats, cancelled on 1 March: no daily check is announced, no emails are promised."""
    assert announced(over, clock) == (True, "the daily check", 1)
    cast.cancel(over)
    assert announced(over, clock) == (False, "the end of the plan", 0)
    cast.let_pass(days=3)
    assert emails(over, "warning") == []


def test_over_starts_once_while_an_episode_is_open_no_other_is_announced(
    cast: Cast, clock: FixedClock, over: Account
) -> None:
    cast.let_pass(days=1)
    assert announced(over, clock) == (False, "the second warning", 1)


def announced(account: Account, clock: FixedClock) -> tuple[bool, str | None, int]:
    """What the check itself, the sandbox's bar and My Account say is coming."""
    db.session.rollback()
    session, now = db.session(), clock.now()
    due = agenda.next_of(session, account.id, now=now)
    meters = meters_context(account.id)["meters"]
    shown = overruns.of_meters(session, account.id, meters, now=now)
    opens = overages.would_open(session, usage.of(session, account.id)[Metric.SEATS])
    return opens, due.what if due else None, len(shown)
