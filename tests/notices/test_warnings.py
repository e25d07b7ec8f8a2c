"""over.emails: what each of the three warnings says, to whom, and when it counts as accepted."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from icalendar import Calendar
from sqlalchemy import select

from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.mail import mailer, notice_facts
from portal.mail.mailer import Answer
from portal.models import Account, Episode, EpisodeWarning, Notice, NoticeState, OutboxItem, Work
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.notices.post import deliver_all, named, newest, settle, step

ACCEPTED = Answer(NoticeState.ACCEPTED, "250 OK")
REFUSED = Answer(NoticeState.REFUSED, "550 No such user")
DEADLINE = "6 Mar 2026, 11:00 CET"


def test_only_active_admins_are_warned(
    acme: Account, cast: Cast, clock: FixedClock, request: pytest.FixtureRequest
) -> None:
    anna = cast.member(acme, "Anna", Role.ADMIN)
    gone = cast.member(acme, "Gone", Role.ADMIN)
    with transaction() as session:
        membership = session.merge(gone).memberships[0]
        membership.deactivated_at = clock.now()
    cast.members(acme, 9)
    request.getfixturevalue("episode")
    assert {notice.recipient for notice in named("warning")} == {cast.alice.email, anna.email}


def test_a_warning_is_work_for_the_outbox(episode: Episode) -> None:
    notice = newest("warning")
    item = db.session.scalars(
        select(OutboxItem).where(OutboxItem.work == Work.NOTICE, OutboxItem.subject_id == notice.id)
    ).one()
    assert item.account_id == episode.account_id
    assert notice.warning_id == episode.warnings[0].id


@pytest.mark.parametrize("part", ["body_text", "body_html"])
def test_the_first_says_count_limit_deadline_plan_amount_and_ways_out(
    episode: Episode, acme: Account, part: str
) -> None:
    """25 of 30 days are left on 6 March: $180.00 − $83.33 = $96.67."""
    body = " ".join(getattr(newest("warning"), part).split())
    for words in (
        "11 seats",
        "includes 10 seats",
        "1 seat too many",
        DEADLINE,
        "in 5 days",
        "Standard, 20 users",
        "$180.00",
        "25 of 30 days × $100.00 = −$83.33",
        "$96.67",
        "After that the next charge is $180.00 on 5 Apr 2026, and then every 30 days.",
        f"http://127.0.0.1:8000/in/{acme.public_id}/users",
        f"http://127.0.0.1:8000/in/{acme.public_id}/account/change-plan",
        "billing contacts take no seat",
        "calendar file",
    ):
        assert words in body


def test_the_three_differ_in_tone_and_say_how_much_time_is_left(
    episode: Episode, clock: FixedClock
) -> None:
    _accept_and_step(episode, clock, days=2)
    _accept_and_step(episode, clock, days=2)
    first, second, third = named("warning")
    assert first.subject == "11 of 10 seats in use: what happens in 5 days, and how to avoid it"
    assert second.subject.startswith("Still 11 of 10 seats in use: in 3 days you move to")
    assert third.subject.startswith("Tomorrow: $96.67 for Standard, 20 users, unless")
    assert "Nothing happens today." in first.body_text
    assert "We wrote on 1 Mar 2026" in second.body_text
    assert "This is the last email before it happens." in third.body_text
    assert all(DEADLINE in " ".join(notice.body_text.split()) for notice in (first, second, third))


def test_the_deadline_comes_as_one_calendar_event_that_later_warnings_move(
    episode: Episode, clock: FixedClock
) -> None:
    _accept_and_step(episode, clock, days=2, hours=5)
    _accept_and_step(episode, clock, days=3)
    events = [Calendar.from_ical(notice.calendar or "").events[0] for notice in named("warning")]
    warnings = _warnings(episode)
    assert [event.start for event in events] == [warning.deadline_at for warning in warnings]
    assert warnings[2].deadline_at > warnings[0].deadline_at
    assert len({event.uid for event in events}) == 1
    assert [event["SEQUENCE"] for event in events] == [1, 2, 3]
    assert "<b>" in str(events[0]["SUMMARY"])
    assert "$96.67" in str(events[0]["DESCRIPTION"])


def test_over_top_tier_nothing_is_announced_that_would_not_happen(
    cast: Cast,
    clock: FixedClock,
    acme: Account,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.setattr("portal.billing.price_list.next_tier", lambda *args: None)
    request.getfixturevalue("episode")
    notice = newest("warning")
    assert notice.subject == "11 of 10 seats in use: please make room"
    assert "nothing is changed or charged by itself" in " ".join(notice.body_text.split())
    assert "billing@example.com" in notice.body_text
    assert "/users" in notice.body_text
    assert "moves to" not in notice.body_text
    assert notice.calendar is None


def test_e2_a_warning_is_accepted_when_the_last_of_its_emails_is(
    acme: Account, cast: Cast, clock: FixedClock, request: pytest.FixtureRequest
) -> None:
    cast.member(acme, "Anna", Role.ADMIN)
    request.getfixturevalue("episode")
    first, second = named("warning")
    settle(first.id, ACCEPTED, clock.now())
    assert _warning_of(first).accepted_at is None
    clock.advance(hours=3)
    settle(second.id, ACCEPTED, clock.now())
    assert _warning_of(first).accepted_at == clock.now()


def test_two_workers_settling_the_last_two_emails_at_once_see_each_other(
    app: Flask, acme: Account, cast: Cast, clock: FixedClock, request: pytest.FixtureRequest
) -> None:
    cast.member(acme, "Anna", Role.ADMIN)
    request.getfixturevalue("episode")
    first, second = (notice.id for notice in named("warning"))
    begun = threading.Event()

    def other_worker() -> None:
        with app.app_context():
            begun.set()
            settle(second, ACCEPTED, clock.now())
            db.session.remove()

    worker = threading.Thread(target=other_worker)
    with transaction() as session:
        mailer.record(session, session.get_one(Notice, first), ACCEPTED, now=clock.now())
        worker.start()
        begun.wait(5)
        time.sleep(0.3)
    worker.join(10)
    assert _warning_of(db.session.get_one(Notice, first)).accepted_at == clock.now()


def test_one_admin_who_can_be_reached_is_enough(
    acme: Account, cast: Cast, clock: FixedClock, request: pytest.FixtureRequest
) -> None:
    cast.member(acme, "Anna", Role.ADMIN)
    request.getfixturevalue("episode")
    first, second = named("warning")
    settle(first.id, ACCEPTED, clock.now())
    accepted_at = clock.now()
    clock.advance(hours=3)
    settle(second.id, REFUSED, clock.now())
    warning = _warning_of(first)
    assert (warning.accepted_at, warning.refused_at) == (accepted_at, None)


def test_e5_a_warning_nobody_can_get_is_refused(episode: Episode, clock: FixedClock) -> None:
    notice = newest("warning")
    settle(notice.id, REFUSED, clock.now())
    warning = _warning_of(notice)
    assert (warning.accepted_at, warning.refused_at) == (None, clock.now())
    settle(notice.id, ACCEPTED, clock.now() + timedelta(hours=1))
    assert _warning_of(notice).accepted_at is None


def test_a_warning_held_up_is_rewritten_with_the_moved_date(
    episode: Episode, clock: FixedClock
) -> None:
    from portal.billing import accounts, episode_warnings

    clock.advance(days=2)
    with transaction() as session:
        account = accounts.lock(session, episode.account_id)
        warning = session.get_one(EpisodeWarning, episode.warnings[0].id)
        assert episode_warnings.rewrite_stale(session, account, warning, now=clock.now())
    (notice,) = named("warning")
    text = " ".join(notice.body_text.split())
    assert "8 Mar 2026, 11:00 CET" in text
    assert DEADLINE not in text
    assert "8 Mar 2026, 11:00 CET" in notice.body_html
    assert "invoices sent to this address" not in text, "it is to somebody who signs in"
    event = Calendar.from_ical(notice.calendar or "").events[0]
    assert event.start == datetime(2026, 3, 8, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "written", "words"),
    [
        (120, "2026-03-01T09:00", "in 5 days"),
        (120.8, "2026-03-01T09:12", "in 5 days"),
        (120.5, "2026-03-01T23:30", "in 5 days"),
        (72, "2026-03-03T09:00", "in 3 days"),
        (24, "2026-03-05T09:00", "tomorrow"),
        (24.5, "2026-03-05T22:30", "in 1 day"),
        (23.5, "2026-03-05T09:30", "in 23 hours"),
        (0.2, "2026-03-05T09:30", "in 1 hour"),
    ],
)
def test_how_far_off_a_deadline_is(hours: float, written: str, words: str) -> None:
    now = datetime.fromisoformat(written).replace(tzinfo=UTC)
    assert notice_facts.ahead(now + timedelta(hours=hours), now, "Europe/Berlin") == words


def _accept_and_step(episode: Episode, clock: FixedClock, **later: float) -> None:
    deliver_all(clock.now())
    clock.advance(**later)
    step(episode, clock.now())


def _warnings(episode: Episode) -> list[EpisodeWarning]:
    statement = select(EpisodeWarning).where(EpisodeWarning.episode_id == episode.id)
    return list(db.session.scalars(statement.order_by(EpisodeWarning.number)))


def _warning_of(notice: Notice) -> EpisodeWarning:
    db.session.rollback()
    return db.session.get_one(EpisodeWarning, notice.warning_id)
