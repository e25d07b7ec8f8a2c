"""The example vendor: months of three accounts, made by the portal's own operations."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from portal import clock, passwords
from portal.billing import people, subscriptions, usage, verify
from portal.billing.rules import usage_forecast
from portal.billing.rules.counting import Metric
from portal.billing.rules.period import Interval
from portal.example import invented, loading
from portal.example.acts import Company
from portal.example.sign_ins import sign_ins
from portal.example.story import Calendar, Event
from portal.extensions import db
from portal.models import (
    Account,
    Client,
    ClockState,
    Document,
    Episode,
    EpisodeState,
    Invoice,
    InvoiceReason,
    Notice,
    OutboxItem,
    OutboxState,
    User,
)
from portal.papers import making

Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Commands in a portal with the clock of the sandbox; a few bytes stand for each PDF."""
    monkeypatch.setattr(making, "render", lambda invoice: making.Files(invoice.number.encode()))
    app.extensions[clock.EXTENSION] = clock.SandboxClock()
    return lambda *arguments: app.test_cli_runner().invoke(args=list(arguments))


def test_the_example_is_a_history_and_ends_today(run: Run) -> None:
    result = run("demo", "load")

    assert result.exit_code == 0, result.output
    assert "Fernhill Accounting signs up for Standard, 5 users, in euros.\n" in result.output
    assert verify.run(db.session()) == []
    assert db.session.scalars(select(ClockState.offset_us)).one() == 0
    assert clock.target() is None
    waiting = select(OutboxItem.id).where(OutboxItem.state == OutboxState.WAITING)
    assert db.session.scalars(waiting).all() == []

    _one_account_is_near_its_client_limit()
    _its_clients_came_little_by_little()
    _one_account_is_on_the_third_day_of_its_episode()
    _one_account_pays_by_the_year()
    _people_can_sign_in(run)
    _loading_again_does_nothing(run)


def test_a_load_that_was_broken_off_is_brought_to_today(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm = Company("Unlucky", "US", "USD", "UTC", "no hash", 0)
    plan = ("standard", "5-users")
    wall = clock.wall_now()
    story = [
        Event(wall - timedelta(days=9), lambda: firm.sign_up("U", "unlucky@example.com", plan)),
        Event(wall - timedelta(days=8), _break_off),
    ]
    monkeypatch.setattr(loading, "events", lambda *_: story)
    monkeypatch.setattr("portal.example.story.FIRST_SIGN_UP", 10)
    run("demo", "load")
    assert clock.now() < clock.wall_now() - timedelta(days=7)

    result = run("demo", "load", "--if-empty")

    assert result.exit_code == 0, result.output
    assert "An earlier start was broken off" in result.output
    assert abs(clock.now() - clock.wall_now()) < timedelta(seconds=1)
    assert verify.run(db.session()) == []


def test_an_example_fills_no_disk(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portal.file_store.has_room", lambda _size_bytes: False)
    result = run("demo", "load")
    assert result.exit_code == 0, result.output
    assert db.session.scalars(select(Document.id)).all() == []


def test_without_an_example_there_are_no_sign_ins(run: Run) -> None:
    assert run("demo", "sign-ins").output == "There are no example sign-ins here.\n"


def test_the_password_is_one_that_would_be_taken() -> None:
    assert passwords.refusal(loading.PASSWORD) is None


def test_the_third_day_is_found_at_any_hour() -> None:
    for hour in range(24):
        today = clock.wall_now().replace(hour=hour)
        gone = today - Calendar(today).third_day_check_at
        assert timedelta(days=2, minutes=59) <= gone < timedelta(days=3, hours=1)


def test_invented_clients_are_the_same_every_time_and_never_twice() -> None:
    first, again = invented.clients(0), invented.clients(0)
    names = [next(first) for _ in range(1000)]

    assert names == [next(again) for _ in range(1000)]
    assert len({(client.name, client.email) for client in names}) == 1000
    assert all(client.email.partition("@")[2].startswith("example.") for client in names)
    assert any(not client.name.isascii() for client in names)


def _break_off() -> None:
    raise KeyboardInterrupt


def _account(name: str) -> Account:
    return db.session.scalars(select(Account).where(Account.name == name)).one()


def _one_account_is_near_its_client_limit() -> None:
    account = _account("Fernhill Accounting")
    rows = usage.of(db.session(), account.id)
    assert (rows[Metric.CLIENTS].used, rows[Metric.CLIENTS].limit_value) == (287, 300)
    assert not rows[Metric.SEATS].is_over
    reasons = [row.reason for row in _invoices(account)]
    assert reasons == [InvoiceReason.INITIAL, *[InvoiceReason.RENEWAL] * 5]
    deleted = select(Client.id).where(
        Client.account_id == account.id, Client.deleted_at.is_not(None)
    )
    assert db.session.scalars(deleted).first() is not None


def _its_clients_came_little_by_little() -> None:
    """A curve to look at, a day to foretell, and the email at 240 of 300."""
    account, today = _account("Fernhill Accounting"), clock.now().date()
    since = today - timedelta(days=89)
    days = usage.history(db.session(), account.id, since=since, until=today)[Metric.CLIENTS]
    assert len(days) == 90
    assert len({day.used for day in days}) > 8
    assert days[0].used < 260
    assert days[-1].used == 287
    assert usage_forecast.foretell(Metric.CLIENTS, days).reached_on is not None
    told = select(Notice.subject).where(
        Notice.account_id == account.id, Notice.name == "usage_climbed"
    )
    subjects = set(db.session.scalars(told))
    assert len(subjects) == 1
    assert all("of 300 clients in use" in subject for subject in subjects)


def _one_account_is_on_the_third_day_of_its_episode() -> None:
    account = _account("Harbour Physio")
    seats = usage.of(db.session(), account.id)[Metric.SEATS]
    assert (seats.used, seats.limit_value) == (11, 10)
    former, running = db.session.scalars(
        select(Episode).where(Episode.account_id == account.id).order_by(Episode.id)
    )
    assert former.state is EpisodeState.SUPERSEDED
    assert running.state is EpisodeState.OPEN
    assert [warning.number for warning in running.warnings] == [1, 2]
    assert all(warning.accepted_at for warning in running.warnings)
    gone = clock.now() - running.opened_at
    assert timedelta(days=2) < gone < timedelta(days=3, hours=1)
    (upgrade,) = [row for row in _invoices(account) if row.reason is InvoiceReason.PLAN_CHANGE]
    assert [line.amount_minor for line in upgrade.lines] == [10000, -2500]


def _one_account_pays_by_the_year() -> None:
    account = _account("Northlight Academy")
    subscription = subscriptions.live(db.session(), account.id)
    assert subscription is not None
    assert subscription.price.interval is Interval.YEARLY
    assert subscription.price.plan_name == "Pro, 10 users"


def _people_can_sign_in(run: Run) -> None:
    rows = sign_ins(db.session())
    assert len(rows) == 9
    assert {row.role for row in rows} == {"Admin", "Member", "Billing contact"}
    assert all(row.email.endswith("@example.com") for row in rows)
    bookkeeper = [row.account for row in rows if row.email == "bela.ledger@example.com"]
    assert len(bookkeeper) == 2
    user = people.find_by_email(db.session(), rows[0].email)
    assert user is not None
    assert passwords.verify(user.password_hash, loading.PASSWORD)
    assert db.session.scalars(select(User.id).where(~User.is_example)).first() is None
    shown = run("demo", "sign-ins").output
    assert loading.PASSWORD in shown
    assert all(row.email in shown for row in rows)
    assert len(json.loads(run("demo", "sign-ins", "--json").output)["sign_ins"]) == 9


def _loading_again_does_nothing(run: Run) -> None:
    before = len(db.session.scalars(select(Account.id)).all())
    again = run("demo", "load")
    assert again.exit_code == 1
    assert "There are accounts already; the example begins with none." in again.output
    assert run("demo", "load", "--if-empty").output == ""
    assert len(db.session.scalars(select(Account.id)).all()) == before


def _invoices(account: Account) -> list[Invoice]:
    statement = select(Invoice).where(Invoice.account_id == account.id).order_by(Invoice.id)
    return list(db.session.scalars(statement))
