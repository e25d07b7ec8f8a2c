"""A mail server that only ever says “later” holds up nobody for ever: over.never-unwarned.

Acme has 11 of 10 seats since 1 March, with two Admins, Alice and Anna; the daily check finds it on
2 March, 06:00. What is put off is tried again every four hours at the latest: fewer tries than in
earnest.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from portal import outbox
from portal.audit import SYSTEM
from portal.billing import people
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.mail import mailer
from portal.models import (
    Account,
    EpisodeState,
    EpisodeWarning,
    Membership,
    Notice,
    NoticeState,
    OutboxItem,
    OutboxState,
    User,
    Work,
)
from portal.transaction import transaction
from tests.cast import Cast
from tests.scenarios.over import Operator, emails, episode, the_upgrade, upgrades

FOUND_AT = datetime(2026, 3, 2, 6, tzinfo=UTC)
DAY, RETRY = timedelta(days=1), timedelta(hours=4)


@pytest.fixture
def put_off(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The addresses whose server answers “later”."""
    addresses, send = set[str](), mailer.send

    def answer(letter: mailer.Letter) -> mailer.Answer:
        if letter.recipient in addresses:
            raise mailer.Retry("451 4.7.1 Come back later")
        return send(letter)

    monkeypatch.setattr(mailer, "send", answer)
    monkeypatch.setattr(outbox, "LONGEST_RETRY", RETRY)
    return addresses


@pytest.fixture
def anna(cast: Cast) -> User:
    return cast.member(cast.acme, "Anna", Role.ADMIN)


@pytest.fixture
def over(cast: Cast, anna: User) -> Account:
    cast.let_pass(minutes=1)
    cast.members(cast.acme, 8)
    return cast.acme


def test_over_never_unwarned_one_admin_put_off_for_ever_delays_each_warning_by_a_day(
    cast: Cast, over: Account, anna: User, put_off: set[str]
) -> None:
    put_off.add(anna.email)
    cast.let_pass(days=12)

    accepted = [warning.accepted_at for warning in warnings(over)]
    assert FOUND_AT + DAY <= accepted[0] <= FOUND_AT + DAY + RETRY
    assert all(later - earlier >= 3 * DAY for earlier, later in pairwise(accepted))
    upgrade = the_upgrade(over).issued_at
    assert accepted[2] + DAY <= upgrade <= FOUND_AT + 8 * DAY + 3 * RETRY
    assert {notice.state for notice in of(anna, over)} == {NoticeState.WITHDRAWN}


def test_over_never_unwarned_somebody_elses_late_acceptance_moves_nothing(
    cast: Cast, over: Account, anna: User, put_off: set[str]
) -> None:
    put_off.add(anna.email)
    cast.let_pass(days=2, hours=6)
    (counted,) = [warning.accepted_at for warning in warnings(over)]
    put_off.clear()
    cast.let_pass(hours=5)
    assert [notice.state for notice in of(anna, over)] == [NoticeState.ACCEPTED]
    assert [warning.accepted_at for warning in warnings(over)] == [counted]


def test_over_never_unwarned_what_nobodys_server_took_does_not_count(
    cast: Cast, over: Account, anna: User, put_off: set[str]
) -> None:
    put_off.update((cast.alice.email, anna.email))
    cast.let_pass(days=5)
    (warning,) = warnings(over)
    assert (warning.accepted_at, warning.refused_at) == (None, None)
    assert upgrades(over) == []


def test_a_warning_that_is_given_up_is_refused_and_the_vendor_is_told(
    cast: Cast,
    over: Account,
    anna: User,
    put_off: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(outbox.ATTEMPTS, Work.NOTICE, 12)
    put_off.update((cast.alice.email, anna.email))
    cast.let_pass(days=2)

    (warning,) = warnings(over)
    assert warning.refused_at is not None
    told = emails(over, "warning")
    assert {notice.state for notice in told} == {NoticeState.REFUSED}
    assert {notice.server_answer for notice in told} == {"given up: 451 4.7.1 Come back later"}
    assert {item_of(notice).state for notice in told} == {OutboxState.DEAD}
    assert episode(over).state is EpisodeState.PARKED
    assert len(emails(over, "vendor_told")) == 1
    cast.let_pass(days=10)
    assert upgrades(over) == []


def test_any_email_that_is_given_up_is_refused(
    cast: Cast, put_off: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No receipt that waits for ever, either."""
    monkeypatch.setitem(outbox.ATTEMPTS, Work.NOTICE, 3)
    put_off.add(cast.alice.email)
    cast.let_pass(days=31)
    receipts = [n for n in emails(cast.acme, "invoice_issued") if n.user_id == cast.alice.id]
    assert {notice.state for notice in receipts} == {NoticeState.REFUSED}


def test_whoever_is_no_admin_any_more_is_not_waited_for(
    cast: Cast, over: Account, anna: User, put_off: set[str]
) -> None:
    """Anna becomes a Member on 2 March at noon: the warning counts from when Alice got it."""
    put_off.add(anna.email)
    cast.let_pass(days=1, hours=3)
    set_role(over, anna, Role.MEMBER, cast)
    cast.let_pass(hours=5)
    assert [notice.state for notice in of(anna, over)] == [NoticeState.WITHDRAWN]
    (warning,) = warnings(over)
    assert warning.accepted_at == FOUND_AT


def test_where_no_admin_it_was_written_to_is_left_those_of_today_are_told(
    cast: Cast, over: Account, anna: User, put_off: set[str]
) -> None:
    """Alice and Anna are put off; Bob becomes Admin in their place, and is warned with all the
    days from then."""
    put_off.update((cast.alice.email, anna.email))
    cast.let_pass(days=2)
    set_role(over, cast.bob, Role.ADMIN, cast)
    for former in (cast.alice, anna):
        set_role(over, former, Role.MEMBER, cast)
    cast.let_pass(hours=5)

    (warning,) = warnings(over)
    assert [notice.state for notice in of(cast.bob, over)] == [NoticeState.ACCEPTED]
    assert warning.accepted_at == of(cast.bob, over)[0].settled_at
    assert warning.deadline_at >= warning.accepted_at + timedelta(hours=119)
    cast.let_pass(days=6)
    (upgrade,) = upgrades(over)
    assert upgrade.issued_at >= warning.accepted_at + timedelta(hours=120)


def test_a_moved_date_is_not_held_up_for_ever_either(
    cast: Cast, over: Account, anna: User, put_off: set[str]
) -> None:
    """Put off on 3 March to 12 March; Anna's server takes nothing from then on."""
    cast.let_pass(days=1, hours=23)
    put_off.add(anna.email)
    Operator(over, cast).extend(datetime(2026, 3, 12, 6, tzinfo=UTC))
    cast.let_pass(days=12)
    (upgrade,) = upgrades(over)
    assert upgrade.issued_at == datetime(2026, 3, 12, 6, tzinfo=UTC)


def warnings(account: Account) -> list[EpisodeWarning]:
    db.session.rollback()
    return list(episode(account).warnings)


def of(user: User, account: Account) -> list[Notice]:
    """The warnings that were written to somebody."""
    db.session.rollback()
    return [notice for notice in emails(account, "warning") if notice.user_id == user.id]


def item_of(notice: Notice) -> OutboxItem:
    return outbox.find(db.session(), Work.NOTICE, notice.id)


def set_role(account: Account, user: User, role: Role, cast: Cast) -> None:
    statement = select(Membership.id).where(
        Membership.account_id == account.id, Membership.user_id == user.id
    )
    with transaction() as session:
        row = session.get_one(Membership, session.scalars(statement).one())
        people.set_role(session, row, role, now=cast.clock.now(), actor=SYSTEM)
