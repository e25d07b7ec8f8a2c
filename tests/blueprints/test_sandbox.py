"""The sandbox clock: its bar says what comes next to this account, and sends the clock there."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal import clock as the_clock
from portal import outbox
from portal.billing import accounts, agenda, episode_steps, episodes, overages, payments
from portal.billing.rules.counting import Metric
from portal.billing.rules.roles import Role
from portal.collecting import collection
from portal.config import Mode
from portal.extensions import db
from portal.jobs import renewals, travel
from portal.models import ClockState, EpisodeWarning, Payment, User, Work
from portal.transaction import transaction
from tests.blueprints.pages import use
from tests.cast import Cast, FixedClock

Browser = Callable[[User | None], FlaskClient]
HTMX = {"HX-Request": "true"}
ADVANCE = "/sandbox/clock/advance"


@pytest.fixture
def sandbox(app: Flask) -> Iterator[None]:
    """The clock of sandbox mode in place of the tests' own."""
    fixed = app.extensions[the_clock.EXTENSION]
    app.extensions[the_clock.EXTENSION] = the_clock.SandboxClock()
    yield
    app.extensions[the_clock.EXTENSION] = fixed


# --- What comes next -----------------------------------------------------------------------------


def test_next_is_the_renewal(cast: Cast, browser: Browser) -> None:
    assert "Next: the renewal, " in browser(cast.alice).get("/account").text
    assert coming(cast) == ("the renewal", "2026-03-31 09:00")


def test_next_is_the_scheduled_downgrade_where_there_is_one(cast: Cast) -> None:
    cast.change_plan(cast.acme, cast.price("standard", "5-users"))
    assert coming(cast) == ("the scheduled downgrade", "2026-03-31 09:00")


def test_next_is_the_end_of_a_cancelled_plan(cast: Cast) -> None:
    cast.cancel(cast.acme)
    assert coming(cast) == ("the end of the plan", "2026-03-31 09:00")


def test_next_is_the_daily_check_when_a_limit_is_exceeded(cast: Cast) -> None:
    use(cast.acme, Metric.SEATS, 9)
    assert coming(cast) == ("the daily check", "2026-03-02 06:00")


def test_a_metric_that_only_warns_brings_no_check(cast: Cast) -> None:
    use(cast.acme, Metric.CLIENTS, 700)
    assert coming(cast) == ("the renewal", "2026-03-31 09:00")


def test_next_is_each_step_of_an_episode(cast: Cast, clock: FixedClock) -> None:
    """The second warning two days after the first was accepted, and so on to the upgrade."""
    use(cast.acme, Metric.SEATS, 9)
    accept_warning(cast, clock)
    assert coming(cast) == ("the second warning", "2026-03-03 09:00")
    clock.advance(days=2)
    accept_warning(cast, clock)
    assert coming(cast) == ("the third warning", "2026-03-05 09:00")
    clock.advance(days=2)
    accept_warning(cast, clock)
    assert coming(cast) == ("the auto-upgrade", "2026-03-06 09:00")


def test_next_is_the_next_try_of_a_payment(cast: Cast, clock: FixedClock) -> None:
    """A renewal that was declined is tried again three days later."""
    with transaction() as session:
        locked = accounts.lock(session, cast.acme.id)
        payments.set_method(
            session,
            locked,
            gateway="sandbox",
            reference="card_declines",
            label="A card",
            now=clock.now(),
        )
    clock.advance(days=30)
    renewals.renew(cast.acme.id)
    payment = db.session.scalars(select(Payment).order_by(Payment.id.desc()).limit(1)).one()
    collection.carry(outbox.find(db.session(), Work.PAYMENT, payment.id).id)
    assert coming(cast) == ("the next try to collect a payment", "2026-04-03 09:00")


def test_nothing_comes_to_an_account_without_a_plan(cast: Cast, browser: Browser) -> None:
    empty = cast.account("Empty", None)
    page = browser(cast.member(empty, "Eve", Role.ADMIN)).get("/account").text
    assert "Nothing is due" in page


# --- Sending the clock ahead ---------------------------------------------------------------------


@pytest.mark.parametrize(("by", "days"), [("day", 1), ("five_days", 5)])
@pytest.mark.usefixtures("sandbox")
def test_the_clock_is_sent_ahead(cast: Cast, browser: Browser, by: str, days: int) -> None:
    answer = browser(cast.alice).post(ADVANCE, data={"by": by, "back": "/users?page=1"})
    assert (answer.status_code, answer.location) == (303, "/users?page=1")
    target_at = target()
    assert target_at is not None
    ahead = target_at - the_clock.wall_now()
    assert abs(ahead - timedelta(days=days)) < timedelta(minutes=2)


def test_the_clock_is_sent_to_the_next_thing(cast: Cast, browser: Browser) -> None:
    browser(cast.alice).post(ADVANCE, data={"by": "next"})
    assert target() == datetime(2026, 3, 31, 9, tzinfo=UTC)


def test_there_may_be_nothing_to_go_to(cast: Cast, browser: Browser) -> None:
    empty = cast.account("Empty", None)
    client = browser(cast.member(empty, "Eve", Role.ADMIN))
    answer = client.post(ADVANCE, data={"by": "next", "back": "/account"}, follow_redirects=True)
    assert "nothing to move to" in answer.text
    assert target() is None


def test_a_clock_that_is_moving_is_not_sent_again(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    client.post(ADVANCE, data={"by": "day"})
    first = target()
    again = client.post(ADVANCE, data={"by": "five_days", "back": "/account"})
    assert target() == first
    assert "The clock is moving already" in client.get(again.location).text


@pytest.mark.parametrize("by", ["", "year", "-1", "Day", "ä"])
def test_a_step_nobody_offers_is_refused(cast: Cast, browser: Browser, by: str) -> None:
    answer = browser(cast.alice).post(ADVANCE, data={"by": by})
    assert answer.status_code == 422
    assert target() is None


@pytest.mark.parametrize(
    "back",
    [
        "https://example.com/",
        "//example.com",
        "/\\example.com",
        "javascript:1",
        "/nowhere",
        "",
        "/logout",
    ],
)
def test_back_stays_on_pages_of_this_site(cast: Cast, browser: Browser, back: str) -> None:
    answer = browser(cast.alice).post(ADVANCE, data={"by": "day", "back": back})
    assert (answer.status_code, answer.location) == (303, "/account")


# --- Following it --------------------------------------------------------------------------------


def test_a_page_follows_the_clock_until_it_rests(cast: Cast, browser: Browser) -> None:
    """Asked every second; when it has arrived the page is loaded anew. Without scripts, by meta."""
    client = browser(cast.alice)
    client.post(ADVANCE, data={"by": "day"})
    page = client.get("/account").text
    assert 'hx-get="/sandbox/clock" hx-trigger="every 1s"' in page
    assert '<noscript><meta http-equiv="refresh"' in page
    moving = client.get("/sandbox/clock", headers=HTMX)
    assert moving.text.strip().startswith('<section id="sandbox-clock"')
    assert "HX-Refresh" not in moving.headers
    with transaction():
        the_clock.state().target_at = None
    arrived = client.get("/sandbox/clock", headers=HTMX)
    assert arrived.headers["HX-Refresh"] == "true"
    assert "every 1s" not in client.get("/account").text


def test_the_worker_takes_the_clock_there(
    cast: Cast, browser: Browser, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, the_clock.EXTENSION, the_clock.SandboxClock())
    browser(cast.alice).post(ADVANCE, data={"by": "day"})
    monkeypatch.setattr(travel.schedule, "run_due", lambda: 0)
    monkeypatch.setattr(travel.schedule, "next_at", lambda: None)
    travel.go_on()
    assert target() is None
    assert timedelta(hours=23) < the_clock.now() - the_clock.wall_now() < timedelta(hours=25)


# --- Who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", ["alice", "bob", "carol"])
def test_everybody_signed_in_may_move_it(cast: Cast, browser: Browser, person: str) -> None:
    answer = browser(getattr(cast, person)).post(ADVANCE, data={"by": "day"})
    assert answer.status_code == 303
    assert answer.location == ("/clients" if person == "bob" else "/account")


def test_nobody_else_may(cast: Cast, browser: Browser) -> None:
    client = browser(None)
    assert client.post(ADVANCE, data={"by": "day"}).location.startswith("/login")
    assert client.get("/sandbox/clock").status_code == 303
    assert target() is None


def test_never_in_production(app: Flask, cast: Cast, browser: Browser) -> None:
    app.config["PORTAL"] = replace(app.config["PORTAL"], mode=Mode.PRODUCTION)
    client = browser(cast.alice)
    assert client.post(ADVANCE, data={"by": "day"}).status_code == 404
    assert client.get("/sandbox/clock").status_code == 404
    assert "sandbox-clock" not in client.get("/account").text
    assert target() is None


def test_without_its_csrf_token_nothing_moves(app: Flask, cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    app.config["WTF_CSRF_ENABLED"] = True
    assert client.post(ADVANCE, data={"by": "day"}).status_code == 400
    assert target() is None


# --- Helpers in the order they are used ----------------------------------------------------------


def coming(cast: Cast) -> tuple[str, str]:
    """What is next at Acme, and when."""
    db.session.rollback()
    due = agenda.next_of(db.session(), cast.acme.id, now=cast.clock.now())
    assert due is not None
    return due.what, f"{due.at:%Y-%m-%d %H:%M}"


def accept_warning(cast: Cast, clock: FixedClock) -> None:
    """The next warning is written, and the mail server takes it at once."""
    with transaction() as session:
        account = accounts.lock(session, cast.acme.id)
        opened = overages.open_if_over(session, account, Metric.SEATS, now=clock.now())
        episode = episodes.open_of(session, account.id)[0]
        if not opened:
            episode_steps.step(session, account, episode, now=clock.now())
        session.flush()
        written = session.scalars(
            select(EpisodeWarning).where(EpisodeWarning.accepted_at.is_(None))
        ).one()
        written.accepted_at = clock.now()
        episode_steps.step(session, account, episode, now=clock.now())


def target() -> datetime | None:
    db.session.rollback()
    return db.session.scalar(select(ClockState.target_at))
