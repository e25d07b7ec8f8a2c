"""My Account: who sees what of it, what it says of plan, charges and limits, and what it costs."""

from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.billing import accounts, overages
from portal.billing.rules.counting import Metric
from portal.billing.rules.episode_words import PARKED_BECAUSE
from portal.billing.rules.period import Interval
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.jobs import renewals
from portal.models import (
    Account,
    EndReason,
    Episode,
    EpisodeState,
    EpisodeWarning,
    Subscription,
    SubscriptionStatus,
    User,
)
from portal.transaction import transaction
from tests.blueprints.pages import in_order, queries, use, words
from tests.cast import Cast, FixedClock

Browser = Callable[[User | None], FlaskClient]
HTMX = {"HX-Request": "true"}
# Signing in, who and where, the frame, what is next; then plan, balance, changes, invoices,
# history, meters and how they went; and an open episode for the banner.
MOST_QUERIES = 16


# --- Home ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "home"),
    [("alice", "/account"), ("carol", "/account"), ("bob", "/clients"), ("nobody", "/login")],
)
def test_home_is_where_the_role_begins(
    cast: Cast, browser: Browser, person: str, home: str
) -> None:
    answer = browser(getattr(cast, person, None)).get("/")
    assert (answer.status_code, answer.location) == (303, home)


# --- Who sees what -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "status"), [("alice", 200), ("carol", 200), ("bob", 403), ("nobody", 303)]
)
def test_roles_server_side(cast: Cast, browser: Browser, person: str, status: int) -> None:
    assert browser(getattr(cast, person, None)).get("/account").status_code == status


def test_roles_a_billing_contact_reads_plan_and_next_charge_and_nothing_more(
    cast: Cast, browser: Browser
) -> None:
    use(cast.acme, Metric.SEATS, 9)
    client = browser(cast.carol)
    page = client.get("/account").text
    text = words(page)
    in_order(text, "Your plan Standard, 10 users", "Next charge $100.00 on 31 Mar 2026")
    assert "Latest invoices" in text
    for hidden in ("Usage", "seats", "Change plan", "What happened", "Over the limit"):
        assert hidden not in text
    assert "usage-meters" not in page
    assert "sse-connect" not in page
    assert client.get("/account/over-limit", headers=HTMX).status_code == 403


def test_nothing_of_another_account_is_on_the_page(cast: Cast, browser: Browser) -> None:
    text = browser(cast.mallory).get("/account").text
    assert "Acme" not in text
    assert "INV-2026-000001" not in text


# --- Plan and charges ----------------------------------------------------------------------------


def test_charge_dates(cast: Cast, browser: Browser, clock: FixedClock) -> None:
    """The plan is charged every 30 days; the page gives the dates of the cycle."""
    clock.advance(days=10)
    text = words(browser(cast.alice).get("/account").text)
    in_order(
        text,
        "Your plan Standard, 10 users",
        "$100.00 every 30 days",
        "Paid from 1 Mar 2026 to 31 Mar 2026",
        "Next charge $100.00",
        "on 31 Mar 2026, in 20 days",
    )
    assert "Used for the next invoices" not in text


def test_charge_dates_of_a_yearly_plan(cast: Cast, browser: Browser) -> None:
    account = cast.account("Yearly", None)
    cast.subscribe(account, cast.price("standard", "5-users", Interval.YEARLY))
    text = words(browser(cast.member(account, "Yara", Role.ADMIN)).get("/account").text)
    in_order(text, "$480.00 every 365 days", "Next charge $480.00 on 1 Mar 2027")


def test_dates_are_those_of_the_accounts_zone(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    """The cycle ends at 09:00 UTC on 31 March: the same day in Kiritimati, 14 hours ahead."""
    in_zone(cast.acme, "Pacific/Kiritimati")
    clock.advance(hours=12)
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    text = words(browser(cast.alice).get("/account").text)
    assert "Paid from 2 Mar 2026 to 1 Apr 2026" in text
    assert "2 Mar 2026, 11:00 UTC+14" in text


def test_an_account_without_a_plan_is_led_to_one(cast: Cast, browser: Browser) -> None:
    account = cast.account("Empty", None)
    page = browser(cast.member(account, "Eve", Role.ADMIN)).get("/account").text
    assert "No plan yet" in page
    assert 'href="/account/change-plan"' in page
    assert "No invoices yet" in page
    assert "Over the limit" not in page
    assert "usage-meters" not in page


def test_an_account_whose_plan_ended_keeps_its_invoices(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    with transaction() as session:
        subscription = session.scalars(
            select(Subscription).where(Subscription.account_id == cast.acme.id)
        ).one()
        subscription.status = SubscriptionStatus.ENDED
        subscription.ended_at = clock.now()
        subscription.end_reason = EndReason.CANCELLED
    page = browser(cast.alice).get("/account").text
    assert "Your plan has ended" in page
    assert "You cancelled it; it ran until 1 Mar 2026" in page
    assert "The account can be read, not worked in" in page
    assert "INV-2026-000001" in page


# --- Meters and limits ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("used", "said", "level"),
    [
        (479, "121 left", "Within the limit"),
        (480, "120 left", "Near the limit"),
        (600, "0 left", "At the limit"),
        (612, "12 too many", "Over the limit"),
    ],
)
def test_over_in_advance(cast: Cast, browser: Browser, used: int, said: str, level: str) -> None:
    """600 clients allowed: the meter changes at 80 %, at 100 % and over."""
    use(cast.acme, Metric.CLIENTS, used)
    page = browser(cast.alice).get("/account").text
    text = words(page)
    assert f"{level} {used} of 600 {said}" in text
    assert 'href="/clients?counted=yes"' in page
    assert 'href="/users"' in page


def test_a_warn_metric_over_its_limit_has_no_upgrade_to_announce(
    cast: Cast, browser: Browser
) -> None:
    use(cast.acme, Metric.CLIENTS, 700)
    assert "your plan moves" not in words(browser(cast.alice).get("/account").text)


def test_over_its_seats_the_page_says_when_the_check_comes(cast: Cast, browser: Browser) -> None:
    use(cast.acme, Metric.SEATS, 9)
    text = words(browser(cast.alice).get("/account").text)
    assert "Over the limit: 11 of 10 seats" in text
    assert "at the daily check on 2 Mar 2026, 06:00 UTC" in text


def test_an_open_episode_is_told_with_deadline_plan_and_exact_amount(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    """11 of 10 seats on day 15: on 21 March to 20 users, $180.00 less 10 of 30 days of $100.00."""
    clock.advance(days=15)
    use(cast.acme, Metric.SEATS, 9)
    open_episode(cast.acme, clock.now())
    page = browser(cast.alice).get("/account").text
    text = words(page)
    warning = db.session.scalars(select(EpisodeWarning)).one()
    assert warning.due_minor == 14667
    assert "11 of 10 seats: on 21 Mar 2026, 09:00 UTC your plan moves to Standard, 20 users" in text
    assert "You are then charged $146.67" in text
    assert "The first of three emails" in text
    in_order(text, "Remove users", "Change the plan")
    assert 'hx-trigger="sse:usage-meters, refresh"' in page


def test_over_fixed_in_time_the_banner_is_gone(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    use(cast.acme, Metric.SEATS, 9)
    open_episode(cast.acme, clock.now())
    client = browser(cast.alice)
    assert "your plan moves" in client.get("/account/over-limit", headers=HTMX).text
    use(cast.acme, Metric.SEATS, -1)
    fragment = client.get("/account/over-limit", headers=HTMX).text
    assert fragment.startswith('<div id="over-limit"')
    assert words(fragment).strip() == ""
    text = words(client.get("/account").text)
    assert "your plan moves" not in text
    in_order(text, "Within the limit again", "First warning by email", "Over the limit of 10 seats")


@pytest.mark.parametrize(("reason", "said"), PARKED_BECAUSE.items())
def test_an_episode_that_stopped_says_why_and_that_nothing_is_charged(
    cast: Cast, browser: Browser, clock: FixedClock, reason: str, said: str
) -> None:
    use(cast.acme, Metric.SEATS, 9)
    open_episode(cast.acme, clock.now())
    with transaction() as session:
        episode = session.scalars(select(Episode)).one()
        episode.state, episode.parked_reason = EpisodeState.PARKED, reason
    client = browser(cast.alice)
    for page in ("/account", "/invoices", f"/account/over-limit/{episode.public_id}"):
        text = client.get(page).text
        assert f"{said} Nothing is charged by itself" in text
        assert "on hold" not in text
        assert (">Change how you pay</a>" in text) == (reason == "not_paid")


def test_over_top_tier_says_that_nothing_is_charged(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    top = cast.account("Top", "standard", "80-users")
    client = browser(cast.member(top, "Tom", Role.ADMIN))
    use(top, Metric.SEATS, 80)
    open_episode(top, clock.now())
    assert "There is no larger plan to move to: nothing is charged" in words(
        client.get("/account").text
    )


def test_the_banner_by_itself_is_only_for_htmx(cast: Cast, browser: Browser) -> None:
    answer = browser(cast.alice).get("/account/over-limit")
    assert (answer.status_code, answer.location) == (303, "/account")


def test_over_history_tells_each_event_once(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    """A change is one event, with its payment and whoever wanted it; a renewal is another."""
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    clock.advance(days=30)
    renewals.renew(cast.acme.id)
    text = words(browser(cast.alice).get("/account").text)
    in_order(
        text,
        "31 Mar 2026, 09:00 UTC The plan was renewed $180.00 by invoice INV-2026-00000",
        "1 Mar 2026, 09:00 UTC Upgrade from Standard, 10 users to Standard, 20 users Paid $80.00.",
        "Standard, 10 users began Paid $100.00.",
        "The account was opened",
    )
    assert "confirmed" not in text


# --- What it costs -------------------------------------------------------------------------------


def test_the_page_asks_the_database_little(app: Flask, cast: Cast, browser: Browser) -> None:
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    client = browser(cast.alice)
    with queries() as asked:
        assert client.get("/account").status_code == 200
    assert len(asked) <= MOST_QUERIES, "\n".join(asked)


def test_more_invoices_and_events_ask_nothing_more(
    app: Flask, cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    client = browser(cast.alice)
    with queries() as before:
        client.get("/account")
    for tier in ("20-users", "40-users", "80-users"):
        clock.advance(days=1)
        cast.change_plan(cast.acme, cast.price("standard", tier))
    with queries() as after:
        client.get("/account")
    assert len(after) <= len(before)


def test_a_page_writes_nothing(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    with queries() as asked:
        client.get("/account")
        client.get("/account/change-plan")
    assert {statement.split()[0] for statement in asked} <= {"SELECT", "BEGIN"}


# --- Helpers in the order they are used ----------------------------------------------------------


def in_zone(account: Account, zone: str) -> None:
    with transaction() as session:
        accounts.lock(session, account.id).time_zone = zone


def open_episode(account: Account, now: datetime) -> None:
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        assert overages.open_if_over(session, locked, Metric.SEATS, now=now)
