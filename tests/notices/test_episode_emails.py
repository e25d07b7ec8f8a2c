"""Emails beside the three warnings: a moved date, an upgrade called off; and what all of them owe.

11 of 10 seats, found at 09:12 UTC on 1 March in Berlin; told for 6 March, 11:00 CET, for $96.67.
"""

from datetime import UTC, datetime

import pytest
from icalendar import Calendar

from portal.audit import SYSTEM
from portal.billing import accounts, episodes, interventions
from portal.extensions import db
from portal.mail.episode_notices import Because
from portal.models import Account, Episode, Notice
from portal.transaction import transaction
from tests.cast import FixedClock
from tests.notices.post import ESCAPED, ODD_NAME, deliver_all, named

MOVED_TO = datetime(2026, 3, 12, 9, tzinfo=UTC)
WHY = "You asked for more time, <b>and</b> we gladly give it."


@pytest.fixture
def moved(episode: Episode, clock: FixedClock) -> Notice:
    """The first warning was accepted; then the upgrade was put off to 12 March, 10:00 CET."""
    deliver_all(clock.now())
    with transaction() as session:
        account = accounts.lock(session, episode.account_id)
        row = session.get_one(Episode, episode.id)
        interventions.extend(session, account, row, MOVED_TO, WHY, now=clock.now(), actor=SYSTEM)
    (notice,) = named("deadline_moved")
    return notice


@pytest.fixture
def called_off(episode: Episode, clock: FixedClock) -> Notice:
    """The account chose never to go beyond its seats."""
    deliver_all(clock.now())
    with transaction() as session:
        account = accounts.lock(session, episode.account_id)
        row = session.get_one(Episode, episode.id)
        episodes.leave_over(session, account, row, Because.CAPPED, now=clock.now(), actor=SYSTEM)
    (notice,) = named("called_off")
    return notice


@pytest.mark.parametrize("part", ["body_text", "body_html"])
def test_a_moved_date_is_told_with_its_amount_and_the_ways_out(
    moved: Notice, acme: Account, part: str
) -> None:
    """11 whole days are over on 12 March, 09:00: 19 of 30 are unused, −$63.33."""
    body = " ".join(getattr(moved, part).split())
    for words in (
        "11 of 10 seats",
        "12 Mar 2026, 10:00 CET",
        "Standard, 20 users",
        "$116.67",
        "19 of 30 days × $100.00 = −$63.33",
        "After that the next charge is $180.00 on 11 Apr 2026, and then every 30 days.",
        f"http://127.0.0.1:8000/in/{acme.public_id}/users",
        f"http://127.0.0.1:8000/in/{acme.public_id}/account/change-plan",
        f"http://127.0.0.1:8000/in/{acme.public_id}/account/when-seats-run-out",
        "calendar file",
    ):
        assert words in body, words


def test_a_moved_date_says_why_and_moves_the_calendar(moved: Notice, episode: Episode) -> None:
    assert moved.subject.startswith("You have more time: until 12 Mar 2026")
    assert WHY in " ".join(moved.body_text.split())
    assert "<b>and</b>" not in moved.body_html
    first = Calendar.from_ical(named("warning")[0].calendar or "").events[0]
    event = Calendar.from_ical(moved.calendar or "").events[0]
    assert (event.uid, event.start) == (first.uid, MOVED_TO)
    assert event["SEQUENCE"] > first["SEQUENCE"]
    assert "$116.67" in str(event["DESCRIPTION"])


@pytest.mark.parametrize("part", ["body_text", "body_html"])
def test_an_upgrade_that_is_called_off_says_what_holds_now(
    called_off: Notice, acme: Account, part: str
) -> None:
    body = " ".join(getattr(called_off, part).split())
    for words in (
        "does not happen",
        "nothing is charged",
        "never goes beyond its seats",
        "nobody can be added",
        f"http://127.0.0.1:8000/in/{acme.public_id}/account/when-seats-run-out",
    ):
        assert words in body, words


def test_one_that_the_vendor_called_off_does_not_say_that_the_account_chose_it(
    episode: Episode, clock: FixedClock
) -> None:
    deliver_all(clock.now())
    with transaction() as session:
        account = accounts.lock(session, episode.account_id)
        row = session.get_one(Episode, episode.id)
        episodes.leave_over(
            session, account, row, Because.NOT_UPGRADED, now=clock.now(), actor=SYSTEM
        )
    (notice,) = named("called_off")
    assert "not moved to a larger one for that any more" in " ".join(notice.body_text.split())
    assert "when-seats-run-out" not in notice.body_text


def test_who_was_told_nothing_hears_of_no_end(episode: Episode, clock: FixedClock) -> None:
    """The first warning still waits to be sent: there is nothing to call off."""
    with transaction() as session:
        account = accounts.lock(session, episode.account_id)
        row = session.get_one(Episode, episode.id)
        episodes.resolve(session, account, row, now=clock.now(), actor=SYSTEM)
    assert named("all_clear") == []


@pytest.mark.parametrize("name", ["moved", "called_off"])
def test_they_fit_their_width_escape_and_say_which_episode_they_are_of(
    episode: Episode, name: str, request: pytest.FixtureRequest
) -> None:
    notice: Notice = request.getfixturevalue(name)
    lines = notice.body_text.splitlines()
    assert max(len(line) for line in lines if "://" not in line) <= 78
    assert max(len(line.encode()) for line in notice.body_html.splitlines()) < 998
    assert ODD_NAME in " ".join(notice.body_text.split())
    assert ESCAPED in " ".join(notice.body_html.split())
    assert "{{" not in notice.body_text + notice.body_html
    assert notice.episode_id == episode.id
    db.session.rollback()
