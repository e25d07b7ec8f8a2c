"""Emails that wait for a mail server while the operator holds the episode: none goes out meanwhile.

Acme has 11 of 10 seats since 1 March; the daily check finds it on 2 March, 06:00.
"""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from portal import outbox
from portal.extensions import db
from portal.mail import mailer
from portal.models import Account, Notice, NoticeState, OutboxItem, Work
from tests.cast import Cast
from tests.scenarios.over import Operator, emails, episode, sent, the_upgrade


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


def test_over_held_a_warning_that_waits_is_sent_when_it_is_released_and_true_then(
    cast: Cast, over: Account, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No mail server on 2 March, held on 3 March, released on 6 March with a twelfth person there:
    the first email says 12 of 10, and five days from then."""
    with monkeypatch.context() as outage:
        outage.setattr(mailer, "send", unreachable)
        cast.let_pass(days=2)
        operator.hold()
    cast.let_pass(days=3)
    assert sent(over, "warning") == []
    assert emails(over, "called_off") == [], "nobody was told anything to call off"

    cast.members(over, 1)
    operator.release()
    cast.let_pass(hours=1)
    (first,) = emails(over, "warning")
    assert first.settled_at == day(6, 9) + timedelta(minutes=1)
    text = " ".join(first.body_text.split())
    assert first.subject.startswith("12 of 10 seats in use")
    assert "11 Mar 2026, 10:00 UTC" in text
    cast.let_pass(days=6)
    assert the_upgrade(over).issued_at == day(11, 10)


def test_over_held_the_last_warning_that_waits_leaves_a_day_after_the_release(
    cast: Cast, over: Account, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third waits on 6 March, held then, released on 9 March, 09:01: for 10 March, 10:00."""
    cast.let_pass(days=4, hours=20)
    with monkeypatch.context() as outage:
        outage.setattr(mailer, "send", unreachable)
        cast.let_pass(hours=4)
        operator.hold()
    cast.let_pass(days=3)
    assert len(sent(over, "warning")) == 2
    operator.release()
    cast.let_pass(days=2)

    third = emails(over, "warning")[2]
    assert "10 Mar 2026, 10:00 UTC" in " ".join(third.body_text.split())
    assert the_upgrade(over).issued_at == day(10, 10)
    assert f"${the_upgrade(over).due_minor / 100:.2f}" in third.body_text


def test_over_held_a_moved_date_that_waits_is_told_once_with_what_holds_then(
    cast: Cast, over: Account, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast.let_pass(days=5)
    with monkeypatch.context() as outage:
        outage.setattr(mailer, "send", unreachable)
        operator.extend(day(8))
        operator.hold()
        cast.let_pass(hours=1)
    cast.let_pass(days=3)
    assert sent(over, "deadline_moved") == []
    operator.release()
    cast.let_pass(days=4)

    states = [notice.state for notice in emails(over, "deadline_moved")]
    assert states == [NoticeState.WITHDRAWN, NoticeState.ACCEPTED]
    *_, told = emails(over, "deadline_moved")
    upgrade = the_upgrade(over)
    assert f"{upgrade.issued_at:%-d %b %Y, %H:%M} UTC" in " ".join(told.body_text.split())
    assert f"${upgrade.due_minor / 100:.2f}" in told.body_text


def test_an_email_on_hold_is_never_given_up(
    cast: Cast, over: Account, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it was looked at meanwhile, none of that is an attempt."""
    monkeypatch.setitem(outbox.ATTEMPTS, Work.NOTICE, 25)
    with monkeypatch.context() as outage:
        outage.setattr(mailer, "send", unreachable)
        cast.let_pass(days=1)
        operator.hold()
    tried = item_of(over).attempts
    cast.let_pass(days=40)
    assert item_of(over).attempts == tried
    operator.release()
    cast.let_pass(hours=1)
    assert len(sent(over, "warning")) == 1
    assert episode(over).held_at is None


def item_of(account: Account) -> OutboxItem:
    db.session.rollback()
    statement = select(Notice).where(Notice.account_id == account.id, Notice.name == "warning")
    return outbox.find(db.session(), Work.NOTICE, db.session.scalars(statement).one().id)


def unreachable(_letter: object) -> None:
    raise mailer.Retry("no route to the mail server")
