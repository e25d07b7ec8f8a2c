"""Over the limit while something else is going on too: another metric, a downgrade, an invoice.

Twofold is on Standard, 5 users since 1 March, 09:00, with 1 Admin. The vendor's catalog upgrades
automatically for seats and for clients alike.
"""

import pytest
from icalendar import Calendar
from sqlalchemy import select

from portal.billing import clients
from portal.billing.rules.counting import Metric
from portal.billing.rules.roles import Role
from portal.display import episode_story
from portal.display.account_history import entries
from portal.display.account_history.entries import Asked
from portal.display.account_history.kinds import Kind
from portal.extensions import db
from portal.models import (
    Account,
    Client,
    Episode,
    EpisodeState,
    PlanChange,
    PlanChangeReason,
    PlanChangeState,
    User,
)
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList
from tests.scenarios.over import (
    emails,
    plan_amount,
    plan_name,
    sent,
    the_upgrade,
    upgrades,
)
from tests.scenarios.vendor import VendorsFile


@pytest.fixture
def twofold(cast: Cast, clock: FixedClock) -> Account:
    """6 of 5 seats."""
    file = VendorsFile(clock)
    file.edit('clients = "warn"', 'clients = "auto_upgrade"')
    file.apply()
    account = cast.account("Twofold", "standard", "5-users")
    cast.let_pass(minutes=1)
    cast.member(account, "Ada", Role.ADMIN)
    cast.members(account, 5)
    return account


@pytest.fixture
def over(cast: Cast) -> Account:
    """Acme, with eleven of ten seats taken on 1 March."""
    cast.let_pass(minutes=1)
    cast.members(cast.acme, 9)
    return cast.acme


def test_over_one_upgrade_answers_two_metrics(
    cast: Cast, clock: FixedClock, twofold: Account
) -> None:
    """6 of 5 seats and 301 of 300 clients: two episodes with three emails each, one upgrade.

    $100.00 − 25 of 30 days × $50.00 = $100.00 − $41.67 = $58.33 on 7 March, once.
    """
    have_clients(twofold, clock, 301)
    cast.let_pass(days=10)

    assert len(emails(twofold, "warning")) == 6
    assert all("$58.33" in notice.body_text for notice in emails(twofold, "warning"))
    assert the_upgrade(twofold).due_minor == 5833
    assert ended(twofold) == {
        Metric.SEATS: (EpisodeState.UPGRADED, "upgraded"),
        Metric.CLIENTS: (EpisodeState.SUPERSEDED, "answered_by_another"),
    }
    assert len(emails(twofold, "auto_upgraded")) == 1


def test_over_emails_of_two_episodes_are_two_events_in_a_calendar(
    cast: Cast, clock: FixedClock, twofold: Account
) -> None:
    """Seats and clients over at the same instant: one date doesn't move the other's."""
    have_clients(twofold, clock, 301)
    cast.let_pass(days=10)

    sequences = dict[str, list[int]]()
    for notice in emails(twofold, "warning"):
        event = Calendar.from_ical(notice.calendar or "").events[0]
        sequences.setdefault(str(event.uid), []).append(event["SEQUENCE"])
    assert list(sequences.values()) == [[1, 2, 3], [1, 2, 3]]


def test_over_history_says_when_clients_went_beyond_their_limit_and_came_back(
    cast: Cast, clock: FixedClock, twofold: Account
) -> None:
    """301 of 300 on 1 March, 300 on 3 March: told though no check was made in between."""
    have_clients(twofold, clock, 301)
    cast.let_pass(days=2)
    one = db.session.scalars(select(Client).where(Client.account_id == twofold.id)).all()[-1]
    ClientList(twofold, clock).do(clients.suspend, one.public_id)

    asked = Asked((Kind.LIMITS,))
    told = entries.page(db.session(), twofold, asked, limit=20, offset=0)
    assert [(entry.detail, entry.metric) for entry in told if entry.is_crossing] == [
        ("300 of 300 clients.", "clients"),
        ("301 of 300 clients.", "clients"),
    ]
    over = Episode.account_id == twofold.id, Episode.metric == Metric.CLIENTS
    row = db.session.scalars(select(Episode).where(*over)).one()
    story = episode_story.moments(db.session(), twofold, row, now=clock.now())
    assert story[0].title == "More is in use than the plan holds"


def test_over_what_an_upgrade_does_not_answer_begins_anew(
    cast: Cast, clock: FixedClock, twofold: Account
) -> None:
    """601 clients are over 10 users' 600 too: on 8 March three new emails begin.

    On 13 March 06:00 six whole days of the cycle from 7 March 06:00 are over:
    $180.00 − 24 of 30 days × $100.00 = $100.00.
    """
    have_clients(twofold, clock, 601)
    cast.let_pass(days=7)
    assert plan_name(twofold) == "Standard, 10 users"
    cast.let_pass(days=6)

    assert [invoice.due_minor for invoice in upgrades(twofold)] == [5833, 10000]
    new = emails(twofold, "warning")[6:]
    assert [f"{notice.created_at:%d %b %H:%M}" for notice in new] == [
        "08 Mar 06:00",
        "10 Mar 06:00",
        "12 Mar 06:00",
    ]
    assert all("clients" in notice.subject for notice in new)


def test_over_payment_fails_once_a_day_though_two_metrics_ask(
    cast: Cast, clock: FixedClock, twofold: Account
) -> None:
    """The card declines on 7 March: it is asked once, and once on 10 March, not twice."""
    have_clients(twofold, clock, 301)
    cast.use_card(twofold, "card_declines")
    cast.let_pass(days=9)

    assert [f"{change.requested_at:%d %b %H:%M}" for change in attempts(twofold)] == [
        "07 Mar 06:00",
        "10 Mar 06:00",
    ]
    cast.use_card(twofold, "card_pays")
    cast.let_pass(days=2)
    assert the_upgrade(twofold).due_minor == 5833


def test_over_one_metric_is_mended_and_the_other_goes_on(
    cast: Cast, clock: FixedClock, twofold: Account
) -> None:
    """Back at 5 of 5 seats on 4 March: that episode ends with all well, the clients' goes on."""
    have_clients(twofold, clock, 301)
    cast.let_pass(days=3)
    cast.leave(twofold, somebody_of(twofold))
    cast.let_pass(days=5)

    assert ended(twofold)[Metric.SEATS][0] is EpisodeState.RESOLVED
    assert ended(twofold)[Metric.CLIENTS][0] is EpisodeState.UPGRADED
    assert [notice.subject for notice in emails(twofold, "all_clear")] == [
        "All is well: 5 of 5 seats in use"
    ]


def test_over_a_family_with_unlimited_seats_is_never_over(cast: Cast, clock: FixedClock) -> None:
    file = VendorsFile(clock)
    file.edit("seats = 80", 'seats = "unlimited"', below='key = "80-users"')
    file.apply()
    account = cast.account("Endless", "standard", "80-users")
    cast.member(account, "Ada", Role.ADMIN)
    cast.members(account, 90)
    cast.let_pass(days=10)

    assert emails(account, "warning") == []
    assert upgrades(account) == []


def test_over_an_upgrade_withdraws_the_downgrade_that_waits(cast: Cast, over: Account) -> None:
    """A downgrade to 5 users was scheduled when there were few; eleven are upgraded all the same.

    $180.00 − 25 of 30 days × $100.00 = $96.67; the next cycle renews at $180.00.
    """
    people = members_of(over)
    for user in people[3:]:
        cast.leave(over, user)
    cast.change_plan(over, cast.price("standard", "5-users"))
    cast.members(over, len(people[3:]))
    cast.let_pass(days=7)

    assert the_upgrade(over).due_minor == 9667
    waiting = [c for c in changes(over) if c.state is PlanChangeState.SCHEDULED]
    assert waiting == []
    cast.let_pass(days=30)
    assert plan_amount(over) == 18000


def test_over_an_upgrade_takes_the_add_ons_along(cast: Cast, over: Account) -> None:
    """With 100 clients more, bought on 1 March for $12.00: 25 of 30 days of both are unused.

    $180.00 + $12.00 − $83.33 − $10.00 = $98.67, told and charged.
    """
    cast.buy(over, clients_100=1)
    cast.let_pass(days=7)

    assert all("$98.67" in notice.body_text for notice in emails(over, "warning"))
    assert the_upgrade(over).due_minor == 9867
    assert cast.running_add_on(over, "clients_100").quantity == 1


def test_charge_no_plan_change_unpaid_holds_the_upgrade_until_it_is_paid(cast: Cast) -> None:
    """Over on 28 March; the renewal of 31 March is declined. The upgrade told for 3 April waits;
    on 5 April the renewal is paid, and the upgrade is made as it was told, for $86.67."""
    account = cast.acme
    cast.let_pass(days=27, hours=3)
    cast.members(account, 9)
    cast.use_card(account, "card_declines")
    cast.let_pass(days=7)
    assert upgrades(account) == []
    assert attempts(account) == []

    cast.use_card(account, "card_pays")
    cast.let_pass(days=3)
    assert the_upgrade(account).due_minor == 8667


def test_over_what_could_not_be_paid_before_the_renewal_is_warned_of_anew(cast: Cast) -> None:
    """Told for 29 March and declined; on 31 March the old plan renews, declined too.

    The former announcement is of a cycle that is over: new emails from 2 April. The renewal is
    paid on 3 April, and on 7 April 06:00, 6 whole days into the cycle, it is
    $180.00 − 24/30 × $100.00 = $100.00.
    """
    account = cast.acme
    cast.let_pass(days=22, hours=3)
    cast.members(account, 9)
    cast.use_card(account, "card_declines")
    cast.let_pass(days=9)
    assert len(attempts(account)) == 1
    assert plan_amount(account) == 10000

    cast.use_card(account, "card_pays")
    cast.let_pass(days=7)
    assert [day[:6] for day in sent(account, "warning")] == [
        *("24 Mar", "26 Mar", "28 Mar"),
        *("02 Apr", "04 Apr", "06 Apr"),
    ]
    assert the_upgrade(account).due_minor == 10000


def have_clients(account: Account, clock: FixedClock, count: int) -> None:
    lines = "\n".join(f"Client {number}" for number in range(count))
    ClientList(account, clock).bring_in(f"Name\n{lines}\n", accepted=count)


def ended(account: Account) -> dict[Metric, tuple[EpisodeState, str | None]]:
    db.session.rollback()
    rows = db.session.scalars(select(Episode).where(Episode.account_id == account.id))
    return {row.metric: (row.state, row.close_reason) for row in rows}


def changes(account: Account) -> list[PlanChange]:
    db.session.rollback()
    statement = select(PlanChange).where(PlanChange.account_id == account.id)
    return list(db.session.scalars(statement.order_by(PlanChange.id)))


def attempts(account: Account) -> list[PlanChange]:
    """Automatic upgrades that were begun and came to nothing."""
    return [
        change
        for change in changes(account)
        if change.reason is PlanChangeReason.AUTO_UPGRADE and change.state is PlanChangeState.FAILED
    ]


def members_of(account: Account) -> list[User]:
    """Active Members, those who joined first at the front."""
    statement = (
        select(User).join(User.memberships).where(User.name.like("Member%")).order_by(User.id)
    )
    return [
        user
        for user in db.session.scalars(statement)
        if any(row.account_id == account.id and row.is_active for row in user.memberships)
    ]


def somebody_of(account: Account) -> User:
    return members_of(account)[0]
