"""Counts by day: the last value of each, and days without a row carry the one before."""

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import func, select

from portal.billing import accounts, clients, climbs, usage, verify
from portal.billing.rules.counting import Metric
from portal.extensions import db
from portal.models import UsageDay
from portal.transaction import rehearsal, transaction
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList

FIRST = date(2026, 3, 1)


@pytest.fixture
def acme(cast: Cast, clock: FixedClock) -> ClientList:
    return ClientList(cast.acme, clock)


def test_a_day_keeps_its_last_value(acme: ClientList, clock: FixedClock) -> None:
    one = acme.add("Ada")
    acme.add("Ben")
    clock.advance(days=2)
    acme.add("Cid")
    clock.advance(days=1)
    acme.do(clients.delete, one)

    assert counts(acme, FIRST, date(2026, 3, 5)) == [2, 2, 3, 2, 2]
    assert rows(acme) == 3


def test_a_day_of_nothing_has_no_row(acme: ClientList, clock: FixedClock) -> None:
    acme.add("Ada", "Lead")
    clock.advance(days=3)
    acme.add("Ben", "Lead")
    assert rows(acme) == 1


def test_history_begins_with_what_held_then(acme: ClientList, clock: FixedClock) -> None:
    acme.add("Ada")
    clock.advance(days=10)
    acme.add("Ben")
    assert counts(acme, date(2026, 3, 9), date(2026, 3, 12)) == [1, 1, 2, 2]


def test_history_begins_with_the_counting(acme: ClientList) -> None:
    acme.add("Ada")
    history = usage.history(db.session(), acme.account_id, since=date(2026, 2, 1), until=FIRST)
    assert [day.day for day in history[Metric.CLIENTS]] == [FIRST]
    assert set(history) == set(Metric)


def test_limits_are_kept_with_the_counts(acme: ClientList, cast: Cast, clock: FixedClock) -> None:
    clock.advance(days=1)
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    until = date(2026, 3, 3)
    history = usage.history(db.session(), acme.account_id, since=FIRST, until=until)
    assert [day.limit for day in history[Metric.SEATS]] == [10, 20, 20]
    assert [day.limit for day in history[Metric.CLIENTS]] == [600, 1200, 1200]
    assert [day.used for day in history[Metric.SEATS]] == [2, 2, 2]


def test_the_same_limits_again_change_nothing(acme: ClientList, clock: FixedClock) -> None:
    before = {metric: row.limit_value for metric, row in _kept(acme).items()}
    clock.advance(days=1)
    with transaction() as session:
        accounts.lock(session, acme.account_id)
        limits = climbs.set_limits(session, acme.account_id, before, now=clock.now())
        assert limits == []
    assert rows(acme) == 1


def test_who_waited_for_the_lock_over_midnight_comes_last(
    acme: ClientList, clock: FixedClock
) -> None:
    """Whoever began a second before midnight gets the lock a second after it."""
    clock.at = datetime(2026, 3, 2, 0, 0, 1, tzinfo=UTC)
    acme.add("Ada")
    clock.at = datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)
    acme.add("Ben")

    assert counts(acme, FIRST, date(2026, 3, 2)) == [0, 2]
    assert verify.run(db.session()) == []


def test_what_is_rolled_back_is_in_no_day(acme: ClientList, clock: FixedClock) -> None:
    with rehearsal() as session:
        accounts.lock(session, acme.account_id)
        usage.add(session, acme.account_id, Metric.CLIENTS, 5, now=clock.now())
    assert counts(acme, FIRST, FIRST) == [0]


def counts(acme: ClientList, since: date, until: date) -> list[int]:
    db.session.rollback()
    history = usage.history(db.session(), acme.account_id, since=since, until=until)
    return [day.used for day in history[Metric.CLIENTS]]


def rows(acme: ClientList) -> int:
    db.session.rollback()
    statement = select(func.count()).where(
        UsageDay.account_id == acme.account_id, UsageDay.metric == Metric.CLIENTS
    )
    return db.session.execute(statement).scalar_one()


def _kept(acme: ClientList) -> dict:
    return usage.of(db.session(), acme.account_id)
