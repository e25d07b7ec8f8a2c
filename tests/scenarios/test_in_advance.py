"""over.in-advance: clients only warn; an email at 80 %, one at 100 %, one over it, per climb.

Acme is on Standard, 10 users, which holds 600 clients: 480 are 80 %, 450 are 75 %.
"""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from portal.audit import SYSTEM
from portal.billing import accounts, clients, overages, statuses
from portal.billing.rules.client_details import ClientDetails
from portal.billing.rules.counting import Metric
from portal.extensions import db
from portal.models import AuditEntry, Client, ClientStatus, ClimbAlert, Level, Notice
from portal.transaction import transaction
from tests.cast import Cast, FixedClock


@pytest.fixture(autouse=True)
def _paid(cast: Cast) -> None:
    """What the first charge leaves to do is done."""
    cast.let_pass(minutes=1)


def test_one_email_at_each_level(cast: Cast) -> None:
    have(cast, 479)
    assert subjects(cast) == []
    have(cast, 480)
    have(cast, 550)
    have(cast, 599)
    assert subjects(cast) == ["480 of 600 clients in use: 120 clients left"]
    have(cast, 600)
    have(cast, 601)
    have(cast, 700)
    assert subjects(cast)[1:] == [
        "600 of 600 clients in use: your plan is full",
        "601 of 600 clients in use: 1 client more than your plan includes",
    ]


def test_a_bulk_change_sends_the_highest_alone(cast: Cast) -> None:
    """From 0 to 601 at once, then back to 480 and up to 600: all was said."""
    for count in (601, 480, 600, 601):
        have(cast, count)
    assert len(subjects(cast)) == 1
    assert subjects(cast)[0].startswith("601 of 600")


def test_falling_below_75_percent_begins_anew(cast: Cast) -> None:
    for count in (480, 450, 480):
        have(cast, count)
    assert len(subjects(cast)) == 1
    have(cast, 449)
    have(cast, 481)
    assert subjects(cast)[1] == "481 of 600 clients in use: 119 clients left"


def test_a_larger_plan_ends_the_climb_and_a_smaller_limit_goes_on_with_it(
    cast: Cast, clock: FixedClock
) -> None:
    """601 of 600, then of 1,200: about half. Then an add-on is of no account: 601 of 1,300."""
    have(cast, 601)
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    cast.buy(cast.acme, clients_100=1)
    assert len(subjects(cast)) == 1
    open_alerts = select(ClimbAlert).where(ClimbAlert.ended_at.is_(None))
    assert db.session.scalars(open_alerts).all() == []
    have(cast, 1300)
    assert subjects(cast)[1] == "1,300 of 1,300 clients in use: your plan is full"


def test_a_downgrade_that_leaves_little_is_told_of(cast: Cast) -> None:
    """250 clients are 42 % of 600, and 83 % of the 300 that the smaller plan holds."""
    have(cast, 250)
    cast.change_plan(cast.acme, cast.price("standard", "5-users"))
    assert subjects(cast) == []
    cast.let_pass(days=30)
    assert subjects(cast) == ["250 of 300 clients in use: 50 clients left"]


def test_seats_have_episodes_instead(cast: Cast) -> None:
    cast.members(cast.acme, 8)
    cast.members(cast.acme, 1)
    assert subjects(cast) == []


def test_admins_are_told_with_what_follows_and_links(cast: Cast) -> None:
    have(cast, 480)
    (notice,) = emails(cast)
    assert notice.recipient == cast.alice.email
    home = f"http://127.0.0.1:8000/in/{cast.acme.public_id}"
    for body in (notice.body_text, notice.body_html):
        words = " ".join(body.split())
        assert "uses 480 clients, 80 % of the 600 clients" in words
        assert "120 clients are left" in words
        assert "Nothing is charged and your plan does not change by itself" in words
        for path in ("/clients?counted=yes", "/account/usage", "/account/change-plan"):
            assert home + path in body
        assert f"{home}/account/add-ons" in body


def test_it_is_on_the_history(cast: Cast) -> None:
    have(cast, 601)
    statement = select(AuditEntry).where(AuditEntry.action == "usage.climbed")
    entry = db.session.scalars(statement).one()
    assert (entry.details["used"], entry.details["limit"]) == (601, 600)
    assert entry.details["recipients"] == [cast.alice.email]


def test_an_account_without_a_plan_is_told_nothing(cast: Cast) -> None:
    cast.cancel(cast.acme)
    cast.let_pass(days=30)
    have(cast, 500)
    assert subjects(cast) == []


def test_the_database_keeps_a_level_to_one_email_a_climb(cast: Cast, clock: FixedClock) -> None:
    have(cast, 480)
    alert = db.session.scalars(select(ClimbAlert)).one()
    again = ClimbAlert(
        account_id=alert.account_id,
        metric=Metric.CLIENTS,
        level=Level.NEAR,
        used=480,
        limit_value=600,
        written_at=clock.now(),
    )
    with pytest.raises(IntegrityError), transaction() as session:
        session.add(again)


def test_many_who_climb_at_once_are_one_email(cast: Cast, app: Flask) -> None:
    """Six at the same instant take 479 to 485: the one that made it 480 is told of, once."""
    have(cast, 479)
    start, account_id, now = Barrier(6), cast.acme.id, cast.clock.now()
    db.session.remove()

    def one_more(number: int) -> None:
        with app.app_context():
            start.wait()
            with transaction() as session:
                account = accounts.lock(session, account_id)
                known = statuses.of(session, account.id)
                client = statuses.built_in(known, "client")
                details = ClientDetails(f"Client {number}")
                clients.add(session, account, details, client, now=now, actor=SYSTEM)

    with ThreadPoolExecutor(6) as people:
        list(people.map(one_more, range(6)))

    assert subjects(cast) == ["480 of 600 clients in use: 120 clients left"]


def have(cast: Cast, count: int) -> None:
    """So many counted clients, by one bulk change."""
    now = cast.clock.now()
    with transaction() as session:
        account = accounts.lock(session, cast.acme.id)
        status = session.scalars(
            select(ClientStatus).where(
                ClientStatus.account_id == account.id, ClientStatus.built_in == "client"
            )
        ).one()
        there = list(session.scalars(select(Client).where(Client.account_id == account.id)))
        for client in there[count:]:
            session.delete(client)
        fields = {"account_id": account.id, "status_id": status.id, "name": "A"}
        made = {"sort_key": "a", "search_text": "a", "created_at": now, "updated_at": now}
        session.add_all(Client(**fields, **made) for _ in range(count - len(there)))
        change = count - len(there)
        overages.count_changed(session, account, Metric.CLIENTS, change, now=now, actor=SYSTEM)


def subjects(cast: Cast) -> list[str]:
    return [notice.subject for notice in emails(cast)]


def emails(cast: Cast) -> list[Notice]:
    db.session.rollback()
    statement = select(Notice).where(
        Notice.account_id == cast.acme.id, Notice.name == "usage_climbed"
    )
    return list(db.session.scalars(statement.order_by(Notice.id)))
