"""The operator's say: an episode is held, put off, let go on; nothing comes earlier than was told.

Acme has 11 of 10 seats since 1 March. Told for 7 March, 06:00: Standard, 20 users, for $96.67.
"""

from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar
from sqlalchemy import select

from portal.billing import forecast, foresight, subscriptions
from portal.billing.interventions import NotNow
from portal.billing.rules.counting import Metric
from portal.billing.rules.money import Money
from portal.billing.rules.roles import Role
from portal.billing.rules.text import TextRefused
from portal.extensions import db
from portal.mail import mailer
from portal.models import Account, AuditEntry, Episode, EpisodeState, NoticeState
from tests.cast import Cast, FixedClock
from tests.scenarios.over import (
    Operator,
    emails,
    episode,
    plan_amount,
    sent,
    the_upgrade,
    upgrades,
)


def day(number: int, hour: int = 6) -> datetime:
    return datetime(2026, 3, number, hour, tzinfo=UTC)


@pytest.fixture
def over(cast: Cast) -> Account:
    cast.let_pass(minutes=1)
    cast.members(cast.acme, 9)
    return cast.acme


@pytest.fixture
def operator(cast: Cast, over: Account) -> Operator:
    return Operator(over, cast)


def test_over_extended_the_admins_are_told_the_moved_date_and_its_amount(
    cast: Cast, over: Account, operator: Operator
) -> None:
    """On 6 March put off to 12 March, 06:00: 10 whole days are over then, 20 of 30 unused.

    $180.00 − 20/30 × $100.00 = $180.00 − $66.67 = $113.33, told on 6 March and charged then.
    """
    cast.let_pass(days=5)
    operator.extend(day(12), "You asked for a week to sort out who leaves.")
    cast.let_pass(days=8)

    (moved,) = emails(over, "deadline_moved")
    text = " ".join(moved.body_text.split())
    for words in (
        "12 Mar 2026, 06:00 UTC",
        "$113.33",
        "20 of 30 days × $100.00 = −$66.67",
        "You asked for a week to sort out who leaves.",
        "11 of 10 seats",
    ):
        assert words in text, words
        assert words in " ".join(moved.body_html.split()), words
    assert moved.episode_id == episode(over).id
    upgrade = the_upgrade(over)
    assert (upgrade.issued_at, upgrade.due_minor) == (day(12), 11333)
    assert upgrade.evidence is not None
    assert upgrade.evidence["deadline_at"] == day(12).isoformat()


def test_over_extended_the_calendar_moves_the_event_it_made(
    cast: Cast, over: Account, operator: Operator
) -> None:
    cast.let_pass(days=5)
    operator.extend(day(12))
    cast.let_pass(minutes=1)
    operator.extend(day(14))
    told = [*emails(over, "warning"), *emails(over, "deadline_moved")]
    events = [Calendar.from_ical(notice.calendar or "").events[0] for notice in told]
    assert len({event.uid for event in events}) == 1
    assert [event["SEQUENCE"] for event in events] == [1, 2, 3, 4, 5]
    assert [event.start for event in events[-2:]] == [day(12), day(14)]


def test_over_extended_early_the_later_warnings_say_the_moved_date(
    cast: Cast, over: Account, operator: Operator
) -> None:
    """Put off on 3 March, after the first: the second and third tell 12 March, and its amount."""
    cast.let_pass(days=2)
    operator.extend(day(12))
    cast.let_pass(days=10)

    second, third = emails(over, "warning")[1:]
    assert "12 Mar 2026" in second.body_text
    assert "$113.33" in second.body_text
    assert "$113.33" in third.body_text
    assert the_upgrade(over).due_minor == 11333


def test_over_extended_before_anybody_was_reached_the_first_says_it(
    cast: Cast, over: Account, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No mail server on 2 March: the email that waits is written anew, and no other is needed."""
    with monkeypatch.context() as outage:
        outage.setattr(mailer, "send", unreachable)
        cast.let_pass(days=1)
        operator.extend(day(12))
    cast.let_pass(days=1)
    assert emails(over, "deadline_moved") == []
    (first,) = emails(over, "warning")
    assert "12 Mar 2026" in first.body_text


def test_over_never_unwarned_of_a_moved_date_that_could_not_be_sent(
    cast: Cast, over: Account, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put off to 8 March with the mail server down until 10 March: a day is left from the email.

    It goes out after 09:01 on 10 March: 11 March, 10:00 or later is what it says and what holds.
    """
    cast.let_pass(days=5)
    with monkeypatch.context() as outage:
        outage.setattr(mailer, "send", unreachable)
        operator.extend(day(8))
        cast.let_pass(days=4)
        assert upgrades(over) == []
    cast.let_pass(days=3)

    (moved,) = emails(over, "deadline_moved")
    upgrade = the_upgrade(over)
    assert moved.settled_at is not None
    assert upgrade.issued_at - moved.settled_at >= timedelta(hours=24)
    assert f"{upgrade.issued_at:%-d %b %Y, %H:%M} UTC" in " ".join(moved.body_text.split())
    assert f"${upgrade.due_minor / 100:.2f}" in moved.body_text


def test_over_held_nothing_follows_until_it_is_released(
    cast: Cast, over: Account, operator: Operator
) -> None:
    """Held on 3 March: no second email. Released on 20 March: then it goes out."""
    cast.let_pass(days=2)
    operator.hold("We are talking.")
    cast.let_pass(days=17)
    assert len(emails(over, "warning")) == 1
    assert plan_amount(over) == 10000

    operator.release()
    cast.let_pass(days=6)
    second, third = emails(over, "warning")[1:]
    assert second.created_at.day == 20
    assert "23 Mar 2026" in second.body_text
    assert third.created_at.day == 22
    assert the_upgrade(over).issued_at >= day(23)


def test_over_held_after_the_third_email_a_day_is_left_from_the_release(
    cast: Cast, over: Account, operator: Operator
) -> None:
    """Held on 6 March, released on 10 March, 09:01: told for 11 March, 10:00, at that day's amount.

    10 whole days since 1 March 09:00: $180.00 − 20/30 × $100.00 = $113.33.
    """
    cast.let_pass(days=5)
    operator.hold()
    cast.let_pass(days=4)
    assert upgrades(over) == []
    (held,) = emails(over, "called_off")
    assert "on hold" in held.subject
    operator.release("We have agreed.")
    cast.let_pass(days=2)

    (moved,) = emails(over, "deadline_moved")
    assert "11 Mar 2026, 10:00 UTC" in " ".join(moved.body_text.split())
    assert (the_upgrade(over).issued_at, the_upgrade(over).due_minor) == (day(11, 10), 11333)


def test_over_held_the_time_on_hold_does_not_count(
    cast: Cast, over: Account, operator: Operator
) -> None:
    """Put off to 12 March, 06:00, and held for a day: told anew for 13 March, at that day's amount.

    11 whole days since 1 March 09:00: $180.00 − 19/30 × $100.00 = $116.67.
    """
    cast.let_pass(days=5)
    operator.extend(day(12))
    operator.hold()
    cast.let_pass(days=1)
    operator.release()
    cast.let_pass(days=7)

    _, moved = emails(over, "deadline_moved")
    text = " ".join(moved.body_text.split())
    assert "13 Mar 2026, 06:00 UTC" in text
    assert "$116.67" in text
    assert (the_upgrade(over).issued_at, the_upgrade(over).due_minor) == (day(13), 11667)


def test_over_held_says_why_it_waits_and_that_a_day_is_left_afterwards(
    cast: Cast, over: Account, operator: Operator
) -> None:
    cast.let_pass(days=2)
    operator.hold("You asked for time, and <we> give it.")
    (held,) = emails(over, "called_off")
    text = " ".join(held.body_text.split())
    for words in (
        "is on hold",
        "nothing is charged until we let it go on",
        "You asked for time, and <we> give it.",
        "at least a day before",
        "11 of 10 seats",
    ):
        assert words in text, words
    assert "does not happen" not in text
    assert held.episode_id == episode(over).id


def test_over_held_is_still_ended_by_what_ends_it(
    cast: Cast, over: Account, operator: Operator
) -> None:
    cast.let_pass(days=2)
    operator.hold()
    cast.leave(over, cast.bob)
    assert episode(over).state is EpisodeState.RESOLVED


def test_over_held_and_renewed_meanwhile_is_warned_of_anew(
    cast: Cast, over: Account, operator: Operator
) -> None:
    """Held on 6 March, over the renewal of 31 March: what was told is of a cycle that is over."""
    cast.let_pass(days=5)
    operator.hold()
    cast.let_pass(days=28)
    assert len(emails(over, "invoice_issued")) >= 1
    operator.release()
    cast.let_pass(days=2)
    first = db.session.scalars(select(Episode).order_by(Episode.id)).first()
    assert first is not None
    assert first.close_reason == "offer_changed"
    assert any("three new emails" in notice.body_text for notice in emails(over, "called_off"))
    assert upgrades(over) == []


def test_over_what_is_foretold_follows_the_operator(
    cast: Cast, clock: FixedClock, over: Account, operator: Operator
) -> None:
    """The forecast and what is said before an act know of a moved date, and of a hold."""
    cast.let_pass(days=5)
    operator.extend(day(12))
    assert foretold(over, clock) == (
        "This takes you to 12 of 10 seats. You are over already: as the emails say, on 12 Mar 2026"
        " you move to Standard, 20 users and are charged $113.33."
    )
    assert next_charge(over, clock) == (day(12), 11333)
    operator.hold()
    assert "on hold" in foretold(over, clock)
    assert next_charge(over, clock) == (datetime(2026, 3, 31, 9, tzinfo=UTC), 10000)


def test_over_released_after_the_mail_was_refused_the_warning_is_written_again(
    cast: Cast, over: Account, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused on 2 March and parked; released on 5 March: the first email anew, five days on."""
    with monkeypatch.context() as fault:
        fault.setattr(mailer, "send", refused)
        cast.let_pass(days=1)
    assert episode(over).state is EpisodeState.PARKED
    cast.let_pass(days=3)
    operator.release()
    cast.let_pass(days=6)

    assert sent(over, "warning")[0].startswith("05 Mar")
    first, second = emails(over, "warning")[:2]
    assert first.state is NoticeState.REFUSED
    assert "10 Mar 2026" in second.body_text
    assert the_upgrade(over).issued_at >= day(10)


def test_each_word_of_the_operator_is_kept_with_its_reason(
    cast: Cast, over: Account, operator: Operator
) -> None:
    cast.let_pass(days=2)
    operator.extend(day(12), "First.")
    operator.hold("Second.")
    operator.release("Third.")
    actions = ("episode.extended", "episode.held", "episode.released")
    kept = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action.in_(actions)).order_by(AuditEntry.id)
    ).all()
    assert [(entry.action, entry.details["reason"]) for entry in kept] == [
        ("episode.extended", "First."),
        ("episode.held", "Second."),
        ("episode.released", "Third."),
    ]
    assert {entry.actor["name"] for entry in kept} == {"Olga"}


def test_what_makes_no_sense_is_refused_in_words(
    cast: Cast, over: Account, operator: Operator
) -> None:
    cast.let_pass(days=2)
    with pytest.raises(NotNow, match="neither held nor parked"):
        operator.release()
    with pytest.raises(NotNow, match="only moved to later"):
        operator.extend(day(5))
    with pytest.raises(NotNow, match="At most 90 days"):
        operator.extend(day(3) + timedelta(days=91))
    with pytest.raises(TextRefused, match="Say why"):
        operator.hold("  ")
    operator.hold()
    with pytest.raises(NotNow, match="held already"):
        operator.hold()
    with pytest.raises(NotNow, match="held already"):
        operator.extend(day(20))


def test_over_top_tier_is_not_let_go_on_to_nowhere(cast: Cast) -> None:
    account = cast.account("Large", "standard", "80-users")
    cast.member(account, "Ada", Role.ADMIN)
    cast.members(account, 80)
    cast.let_pass(days=10)
    assert episode(account).state is EpisodeState.PARKED
    with pytest.raises(NotNow, match="no larger tier"):
        Operator(account, cast).release()
    assert episode(account).state is EpisodeState.PARKED


def foretold(account: Account, clock: FixedClock) -> str:
    said = foresight.foretell(
        db.session(), account, Metric.SEATS, 1, now=clock.now(), reader=Role.ADMIN
    )
    assert said is not None
    return said


def next_charge(account: Account, clock: FixedClock) -> tuple[datetime, int]:
    db.session.rollback()
    subscription = subscriptions.live(db.session(), account.id)
    assert subscription is not None
    coming = forecast.coming(
        db.session(),
        account,
        subscription,
        balance=Money.zero("USD"),
        scheduled=None,
        now=clock.now(),
        until=clock.now() + timedelta(days=60),
    )
    return coming[0].at, coming[0].draft.due.amount


def unreachable(_letter: object) -> None:
    raise mailer.Retry("no route to the mail server")


def refused(_letter: object) -> mailer.Answer:
    return mailer.Answer(NoticeState.REFUSED, "550 No such user")
