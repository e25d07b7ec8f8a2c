"""Change Plan: what is offered, what a quote says, and that exactly that is charged, once."""

import re
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from portal import clock as wall_clock
from portal import outbox
from portal.billing import accounts, catalog, ledger, payments, situations
from portal.billing.rules import catalog as catalog_rules
from portal.billing.rules.counting import Metric
from portal.billing.rules.period import Interval
from portal.billing.rules.roles import Role
from portal.collecting import collection
from portal.extensions import db
from portal.jobs import renewals
from portal.models import (
    Account,
    AuditEntry,
    Invoice,
    InvoiceReason,
    OutboxItem,
    Payment,
    PaymentState,
    PlanChange,
    Subscription,
    User,
    Work,
)
from portal.transaction import transaction
from portal.web import confirmations, formatting
from tests.blueprints.pages import in_order, queries, use, words
from tests.cast import Cast, FixedClock
from tests.conftest import CATALOG

Browser = Callable[[User | None], FlaskClient]
HTMX = {"HX-Request": "true"}
PLANS = "/account/change-plan"
MOST_QUERIES = 10


# --- The plans -----------------------------------------------------------------------------------


def test_catalog_fits(cast: Cast, browser: Browser) -> None:
    """312 clients: 5 users holds 300 of them, 10 users is the cheapest that holds all."""
    use(cast.other, Metric.CLIENTS, 312)
    text = browser(cast.mallory).get(PLANS).text
    assert "312 of 300 clients: 12 too many" in text
    assert text.count("Cheapest that fits") == 1
    assert text.index("Standard, 10 users") < text.index("$100.00")
    assert re.search(
        r"Cheapest that fits.{0,80}\s*</div>\s*<p class=\"plan-price\">.{0,40}\$80", text
    )


def test_catalog_fits_without_a_plan_what_is_too_small_is_not_offered(
    cast: Cast, browser: Browser
) -> None:
    """Seven people and no plan: 5 users isn't to be chosen, and the sentence says what to do."""
    empty = cast.account("Empty", None)
    erin = cast.member(empty, "Erin", Role.ADMIN)
    cast.members(empty, 6)
    page = browser(erin).get(PLANS).text
    small, fitting = cast.price("standard", "5-users"), cast.price("standard", "10-users")
    assert "Too small for what you use today: remove 2 seats first." in words(page)
    assert "deactivate some first" in words(page)
    assert f'href="{PLANS}/{small.id}"' not in page
    assert f'href="{PLANS}/{fitting.id}"' in page
    refused = browser(erin).get(f"{PLANS}/{small.id}", follow_redirects=True)
    assert "7 of 5 seats: 2 too many. Choose a larger plan" in refused.text


def test_plans_say_which_way_they_go(cast: Cast, browser: Browser) -> None:
    text = browser(cast.alice).get(PLANS).text
    assert card_of(text, "Standard, 5 users").count("Downgrade</strong>, starts on") == 1
    assert "31 Mar 2026" in card_of(text, "Standard, 5 users")
    assert "Your plan" in card_of(text, "Standard, 10 users")
    assert "Upgrade</strong>, starts at once" in card_of(text, "Standard, 20 users")


def test_the_interval_is_a_plain_link_and_a_fragment(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    page = client.get(f"{PLANS}?interval=yearly").text
    assert "$960.00" in page
    assert "every 365 days" in page
    fragment = client.get(f"{PLANS}?interval=yearly", headers=HTMX).text
    assert fragment.startswith('<div id="change-plan"')
    assert "<html" not in fragment


def test_a_yearly_plan_says_what_it_saves(cast: Cast, browser: Browser) -> None:
    """12 × $50.00 = $600.00, less $480.00; every 30 days there is nothing to compare with."""
    client = browser(cast.alice)
    assert "Saves $120.00 against 12 × $50.00." in words(
        client.get(f"{PLANS}?interval=yearly").text
    )
    assert "Saves" not in words(client.get(f"{PLANS}?interval=monthly").text)


@pytest.mark.parametrize("interval", ["", "weekly", "yearly'--", "MONTHLY"])
def test_an_interval_nobody_sells_is_the_running_one(
    cast: Cast, browser: Browser, interval: str
) -> None:
    answer = browser(cast.alice).get(PLANS, query_string={"interval": interval})
    assert answer.status_code == 200
    assert "$100.00" in answer.text


# --- The quote -----------------------------------------------------------------------------------


def test_charge_upgrade_says_three_things_in_this_order(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    """$50 a month, 15 days in, to $100: $75.00 now, $100.00 on 15 April, then every 30 days."""
    clock.advance(days=15)
    text = words(quote(browser(cast.mallory), cast, "standard", "10-users"))
    in_order(
        text,
        "Due now $75.00",
        "Standard, 10 users Full price for 30 days: $100.00 $100.00",
        "Unused time on Standard, 5 users 15 of 30 days × $50.00 = −$25.00 −$25.00",
        "Due now $75.00",
        "Next charge $100.00 on 15 Apr 2026",
        "From then on $100.00 every 30 days",
        "Pay $75.00 and upgrade",
        "These figures hold until 16 Mar 2026, 09:15 UTC",
    )
    assert "monthly on" not in text


def test_a_quote_is_a_page_and_a_fragment(cast: Cast, browser: Browser) -> None:
    path = f"{PLANS}/{cast.price('standard', '20-users').id}"
    client = browser(cast.alice)
    assert "<html" in client.get(path).text
    fragment = client.get(path, headers=HTMX).text
    assert fragment.startswith('<div id="change-plan"')
    assert "<html" not in fragment


def test_charge_credit_left(cast: Cast, browser: Browser) -> None:
    """Yearly to a bigger monthly plan: nothing is charged, the rest stays as credit balance."""
    account = cast.account("Yearly", None)
    cast.subscribe(account, cast.price("standard", "10-users", Interval.YEARLY))
    client = browser(cast.member(account, "Yara", Role.ADMIN))
    page = quote(client, cast, "standard", "20-users")
    in_order(
        words(page),
        "Due now $0.00",
        "Standard, 20 users Full price for 30 days: $180.00 $180.00",
        "365 of 365 days × $960.00 = −$960.00 −$960.00",
        "Kept as your credit balance $780.00",
        "$780.00 of the credit is more than the new price",
        "Next charge $0.00 on 31 Mar 2026: $180.00 less $180.00 from your credit balance",
        "From then on $180.00 every 30 days",
        "Credit balance after this: $780.00",
    )
    answer = post(client, page)
    assert answer.status_code == 303
    # 780.00 = 4 × 180.00 + 60.00; the fifth charge takes the rest of it, on 29 July.
    in_order(
        words(client.get(answer.location).text),
        "Nothing to pay",
        "Next charge $0.00 on 31 Mar 2026: $180.00 less $180.00 from your credit balance",
        "Your credit balance pays each charge of $180.00 until then; the first you pay yourself"
        " is $120.00 on 29 Jul 2026.",
    )
    assert ledger.credit_balance(db.session(), account).amount == 78000
    text = words(client.get("/account").text)
    assert "Credit balance $780.00" in text
    assert "Next charge $0.00" in text


def test_charge_direction_an_upgrade_that_is_too_small_says_what_follows(
    cast: Cast, browser: Browser
) -> None:
    use(cast.other, Metric.SEATS, 11)
    text = words(quote(browser(cast.mallory), cast, "standard", "10-users"))
    assert "You can take this plan, but it will not be enough" in text
    assert "12 of 10 seats: 2 too many" in text
    assert "three emails over five days" in text
    assert "Standard, 20 users ($180.00 every 30 days" in text
    assert "Pay" in text


def test_charge_downgrade_that_does_not_fit_says_what_to_remove(
    cast: Cast, browser: Browser
) -> None:
    """3 seats and 40 clients too many: it can't be confirmed, by the page or by force."""
    client = browser(cast.alice)
    page = quote(client, cast, "standard", "5-users")
    use(cast.acme, Metric.SEATS, 6)
    use(cast.acme, Metric.CLIENTS, 340)
    refused = quote(client, cast, "standard", "5-users")
    assert "remove 3 seats and 40 clients" in refused
    assert "Due now" in refused
    assert 'name="confirmation"' not in refused
    answer = post(client, page)
    assert answer.status_code == 409
    assert "Remove 3 seats and 40 clients first" in words(answer.text)
    assert situations.scheduled(db.session(), cast.acme.id) is None


@pytest.mark.parametrize("price_id", ["0", "999", "2147483648", "9" * 30])
def test_a_price_that_is_not_there_is_not_found(
    cast: Cast, browser: Browser, price_id: str
) -> None:
    assert browser(cast.alice).get(f"{PLANS}/{price_id}").status_code == 404


def test_a_price_in_another_currency_is_not_found(cast: Cast, browser: Browser) -> None:
    price = cast.price("standard", "20-users", currency="EUR")
    assert browser(cast.alice).get(f"{PLANS}/{price.id}").status_code == 404


def test_a_quote_asks_the_database_little(cast: Cast, browser: Browser) -> None:
    client, address = browser(cast.alice), f"{PLANS}/{cast.price('standard', '20-users').id}"
    client.get(address)
    with queries() as asked:
        assert client.get(address).status_code == 200
    assert len(asked) <= MOST_QUERIES, "\n".join(asked)


def test_the_running_plan_has_no_quote(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    answer = client.get(f"{PLANS}/{cast.price('standard', '10-users').id}")
    assert answer.status_code == 303
    assert "You are already on Standard, 10 users" in client.get(answer.location).text


# --- The confirmation ----------------------------------------------------------------------------


def test_charge_quote_is_charge(cast: Cast, browser: Browser, clock: FixedClock) -> None:
    """What the page shows is what the gateway took, what the invoice says, and what comes next."""
    clock.advance(days=15)
    client = browser(cast.mallory)
    page = quote(client, cast, "standard", "10-users")
    answer = post(client, page)
    assert answer.status_code == 303
    outcome = client.get(answer.location).text
    invoice = latest_invoice(cast.other)
    assert "Paid $75.00" in outcome
    assert f"/invoices/{invoice.number_text}" in outcome
    assert "$100.00 on 15 Apr 2026" in words(outcome)
    assert (invoice.due_minor, charged(cast.other)) == (7500, 7500)
    for line in invoice.lines:
        assert f"{line.description} {line.explanation}" in words(page)
        assert formatting.money(line.money) in page
    account = words(client.get("/account").text)
    assert "Standard, 10 users" in account
    assert "Next charge $100.00 on 15 Apr 2026" in account
    assert (
        "Upgrade from Standard, 5 users to Standard, 10 users Paid $75.00. By Mallory." in account
    )


def test_charge_once_for_a_form_posted_twice(cast: Cast, browser: Browser) -> None:
    client = browser(cast.mallory)
    page = quote(client, cast, "standard", "10-users")
    first, second = post(client, page), post(client, page)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    assert len(changes(cast.other)) == 1
    assert len(collected(cast.other)) == 1


def test_charge_once_for_a_form_posted_days_later(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    client = browser(cast.mallory)
    page = quote(client, cast, "standard", "10-users")
    first = post(client, page)
    clock.advance(days=3)
    assert post(client, page).location == first.location
    assert len(collected(cast.other)) == 1


def test_charge_once_for_forms_posted_at_the_same_instant(
    app: Flask, cast: Cast, browser: Browser
) -> None:
    """Six times the same form: whoever comes first does it, the rest are told what came of it."""
    page = quote(browser(cast.mallory), cast, "standard", "10-users")
    clients = [browser(cast.mallory) for _ in range(6)]
    answers = at_once(app, lambda client: post(client, page), clients)
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.location for answer in answers}) == 1
    assert len(changes(cast.other)) == 1
    assert len(collected(cast.other)) == 1


def test_charge_once_for_two_admins_at_once(app: Flask, cast: Cast, browser: Browser) -> None:
    """Each has a form of their own: exactly one wins, the other gets 409 and the new state."""
    admins = [cast.alice, cast.member(cast.acme, "Ann", Role.ADMIN)]
    clients = [browser(admin) for admin in admins]
    pages = [quote(client, cast, "standard", "20-users") for client in clients]
    answers = at_once(app, lambda pair: post(*pair), list(zip(clients, pages, strict=True)))
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    assert len(collected(cast.acme)) == 1
    loser = next(answer for answer in answers if answer.status_code == 409)
    assert "Nothing was changed" in loser.text


def test_a_quote_is_stale_after_a_day(cast: Cast, browser: Browser, clock: FixedClock) -> None:
    """A day later the credit is smaller: nothing is charged, the new figures are shown."""
    clock.advance(days=15)
    client = browser(cast.mallory)
    page = quote(client, cast, "standard", "10-users")
    clock.advance(days=1)
    answer = post(client, page)
    assert answer.status_code == 409
    assert "The figures have changed since you looked" in answer.text
    assert "Pay $76.67 and upgrade" in answer.text
    assert collected(cast.other) == []
    assert post(client, answer.text).status_code == 303
    assert charged(cast.other) == 7667


def test_a_quote_is_stale_when_its_time_is_up(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    """The page said until when: a second later it no longer holds, even where figures agree."""
    client = browser(cast.mallory)
    page = quote(client, cast, "standard", "10-users")
    clock.advance(minutes=15, seconds=1)
    answer = post(client, page, htmx=True)
    assert answer.status_code == 409
    assert answer.text.startswith('<div id="change-plan"')
    assert collected(cast.other) == []


def test_a_quote_is_stale_after_another_admins_change(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    client = browser(cast.alice)
    page = quote(client, cast, "standard", "40-users")
    clock.advance(minutes=1)
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    taken = charged(cast.acme)
    answer = post(client, page)
    assert answer.status_code == 409
    assert "Unused time on Standard, 20 users" in answer.text
    assert charged(cast.acme) == taken


def test_the_same_change_by_another_admin_first_leaves_nothing_to_do(
    cast: Cast, browser: Browser
) -> None:
    client = browser(cast.alice)
    page = quote(client, cast, "standard", "20-users")
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    answer = post(client, page)
    assert answer.status_code == 409
    assert "You are already on Standard, 20 users" in answer.text


def test_a_quote_is_stale_after_a_new_price(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    client = browser(cast.mallory)
    page = quote(client, cast, "standard", "10-users")
    clock.advance(minutes=1)
    reprice('monthly = { USD = "100.00"', 'monthly = { USD = "99.00"', clock.now())
    answer = post(client, page)
    assert answer.status_code == 409
    assert "$99.00" in answer.text
    assert collected(cast.other) == []
    assert post(client, answer.text).status_code == 303
    assert latest_invoice(cast.other).lines[0].amount_minor == 9900


def test_other_parameters_for_a_confirmation_that_was_used_are_refused(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    """The token decides everything, so only a forged one could differ; its owner's too."""
    client = browser(cast.mallory)
    post(client, quote(client, cast, "standard", "10-users"))
    change = changes(cast.other)[0]
    with transaction() as session:
        session.get_one(PlanChange, change.id).quote_sha256 = "0" * 64
    page = quote(client, cast, "standard", "20-users")
    with transaction() as session:
        session.get_one(PlanChange, change.id).op_id = op_id_in(page)
    assert post(client, page).status_code == 422


@pytest.mark.parametrize(
    ("token", "status"),
    [("", 400), ("x", 400), ("ä☃", 400), ("e30.e30", 400), ("x" * 5000, 400), (None, 400)],
)
def test_a_token_nobody_gave_out_is_refused(
    cast: Cast, browser: Browser, token: str | None, status: int
) -> None:
    data = {} if token is None else {"confirmation": token}
    answer = browser(cast.alice).post(PLANS, data=data)
    assert answer.status_code == status
    assert "Choose the plan again" in answer.text


def test_a_token_that_was_changed_is_refused(cast: Cast, browser: Browser) -> None:
    client = browser(cast.mallory)
    token = token_in(quote(client, cast, "standard", "10-users"))
    for changed in (token[:-1], token + "A", "A" + token, token.swapcase()):
        assert client.post(PLANS, data={"confirmation": changed}).status_code == 400
    assert collected(cast.other) == []


def test_a_token_of_another_person_or_account_is_refused(cast: Cast, browser: Browser) -> None:
    page = quote(browser(cast.mallory), cast, "standard", "10-users")
    assert post(browser(cast.alice), page).status_code == 422
    ann = cast.member(cast.other, "Ann", Role.ADMIN)
    assert post(browser(ann), page).status_code == 422
    assert collected(cast.other) == collected(cast.acme) == []


# --- Cards that don't pay -----------------------------------------------------------------------


def test_charge_paid_first_a_declined_card_changes_nothing(cast: Cast, browser: Browser) -> None:
    client = browser(cast.mallory)
    page = quote(client, cast, "standard", "10-users")
    before = standing_of(cast.other)
    answer = post(client, page, card="card_declines")
    assert answer.status_code == 422
    assert "The card was declined. Nothing was charged" in answer.text
    assert re.search(r'value="card_declines"\s+selected', answer.text)
    assert standing_of(cast.other) == before
    assert latest_invoice(cast.other).reason is InvoiceReason.INITIAL
    again = post(client, page, card="card_pays")
    assert again.status_code == 422, "the same form is the same intention: it was declined"
    assert post(client, answer.text, card="card_pays").status_code == 303
    assert charged(cast.other) > 0


def test_nobody_is_stuck_with_a_declining_card(cast: Cast, browser: Browser) -> None:
    """An account whose first payment failed has no plan: it chooses another test card."""
    account = cast.account("Stuck", None, card="card_declines")
    client = browser(cast.member(account, "Stan", Role.ADMIN))
    assert "Choose a plan" in client.get("/account").text
    page = quote(client, cast, "standard", "5-users")
    assert "Pay $50.00 and start" in page
    assert post(client, page).status_code == 422
    page = quote(client, cast, "standard", "5-users")
    assert post(client, page, card="card_pays").status_code == 303
    assert "Standard, 5 users" in client.get("/account").text


def test_pay_unknown_is_followed_until_it_is_clear(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    client = browser(cast.mallory)
    answer = post(client, quote(client, cast, "standard", "10-users"), card="card_times_out_paid")
    assert answer.status_code == 303
    page = client.get(answer.location).text
    assert "It is being clarified" in words(page)
    assert 'hx-trigger="every 2s"' in page
    assert "Moving to Standard, 10 users" in client.get("/account").text
    waiting = quote(client, cast, "standard", "20-users")
    assert 'name="confirmation"' not in waiting
    assert "still waiting for its payment" in waiting
    clock.advance(minutes=5)
    carry_payments(clock.now())
    fragment = client.get(answer.location, headers=HTMX).text
    assert fragment.startswith('<div id="outcome"')
    assert "hx-trigger" not in fragment
    assert "Paid" in fragment
    assert len(collected(cast.other)) == 1


def test_pay_unknown_that_turns_out_declined_changes_nothing(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    client = browser(cast.mallory)
    page = quote(client, cast, "standard", "10-users")
    answer = post(client, page, card="card_times_out_unpaid")
    clock.advance(minutes=5)
    carry_payments(clock.now())
    text = words(client.get(answer.location).text)
    assert "Nothing was changed" in text
    assert "The card was declined. Nothing was charged" in text


def test_charge_no_plan_change_unpaid(cast: Cast, browser: Browser, clock: FixedClock) -> None:
    client = browser(cast.mallory)
    page = quote(client, cast, "standard", "10-users")
    pay_with(cast.other, "card_declines", clock.now())
    clock.advance(days=30, minutes=1)
    renewals.renew(cast.other.id)
    carry_payments(clock.now())
    invoice = latest_invoice(cast.other)
    assert f"Invoice {invoice.number_text} is not paid yet" in client.get(PLANS).text
    quoted = quote(client, cast, "standard", "10-users")
    assert "Not possible right now" in quoted
    assert 'name="confirmation"' not in quoted
    assert post(client, page).status_code == 409
    account = words(client.get("/account").text)
    assert f"Invoice {invoice.number_text} of $50.00 is not paid" in account
    assert "It is tried again on 3 Apr 2026" in account


# --- Downgrades ---------------------------------------------------------------------------------


def test_charge_downgrade_waits_for_the_cycles_end_and_can_be_withdrawn(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    clock.advance(days=10)
    client = browser(cast.alice)
    page = quote(client, cast, "standard", "5-users")
    in_order(
        words(page),
        "Due now $0.00",
        "Nothing is charged now",
        "Next charge $50.00 on 31 Mar 2026",
        "From then on $50.00 every 30 days",
        "Schedule the downgrade",
    )
    answer = post(client, page)
    assert "Standard, 5 users is scheduled" in words(client.get(answer.location).text)
    account = words(client.get("/account").text)
    assert "Standard, 10 users" in account
    assert "Next charge $50.00 on 31 Mar 2026" in account
    assert "Standard, 5 users is scheduled for 31 Mar 2026" in account
    withdrawn = client.post("/account/scheduled-change/withdrawal", follow_redirects=True)
    assert "The downgrade is withdrawn" in withdrawn.text
    assert "Next charge $100.00" in words(withdrawn.text)
    again = client.post("/account/scheduled-change/withdrawal", follow_redirects=True)
    assert "No downgrade is scheduled any more" in again.text
    assert len(collected(cast.acme)) == 0


def test_a_scheduled_downgrade_that_no_longer_fits_is_told_in_time(
    cast: Cast, browser: Browser
) -> None:
    client = browser(cast.alice)
    post(client, quote(client, cast, "standard", "5-users"))
    use(cast.acme, Metric.CLIENTS, 301)
    text = words(client.get("/account").text)
    assert "remove 1 client before then, or Standard, 10 users renews at $100.00" in text
    assert "Next charge $100.00" in text


def test_an_upgrade_takes_the_place_of_a_scheduled_downgrade(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    post(client, quote(client, cast, "standard", "5-users"))
    page = quote(client, cast, "standard", "20-users")
    assert "It takes the place of Standard, 5 users" in words(page)
    post(client, page)
    assert situations.scheduled(db.session(), cast.acme.id) is None


# --- Who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "status"), [("bob", 403), ("carol", 403), ("nobody", 303), ("alice", 200)]
)
def test_roles_server_side(cast: Cast, browser: Browser, person: str, status: int) -> None:
    client = browser(getattr(cast, person, None))
    change = cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    price = cast.price("standard", "40-users")
    for path in (PLANS, f"{PLANS}/{price.id}", f"/account/plan-changes/{change.op_id}"):
        assert client.get(path).status_code == status
    if status != 200:
        for path in (PLANS, "/account/scheduled-change/withdrawal"):
            assert client.post(path, data={"confirmation": "x"}).status_code in (403, 302, 303)


def test_another_accounts_outcome_is_not_there(cast: Cast, browser: Browser) -> None:
    change = cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    client = browser(cast.mallory)
    assert client.get(f"/account/plan-changes/{change.op_id}").status_code == 404
    assert client.get("/account/plan-changes/nothing").status_code == 404


def test_a_form_without_its_csrf_token_does_nothing(
    app: Flask, cast: Cast, browser: Browser
) -> None:
    client = browser(cast.mallory)
    page = quote(client, cast, "standard", "10-users")
    app.config["WTF_CSRF_ENABLED"] = True
    assert post(client, page).status_code == 400
    assert client.post("/account/scheduled-change/withdrawal").status_code == 400
    assert collected(cast.other) == []


def test_who_confirmed_is_in_the_trail(cast: Cast, browser: Browser) -> None:
    client = browser(cast.mallory)
    post(client, quote(client, cast, "standard", "10-users"))
    entry = db.session.scalars(
        select(AuditEntry).where(
            AuditEntry.account_id == cast.other.id,
            AuditEntry.action == "plan.change_confirmed",
            AuditEntry.position > 3,
        )
    ).one()
    assert entry.actor["name"] == "Mallory"
    assert entry.details["due"] == "$50.00"


# --- Helpers in the order they are used ---------------------------------------------------------


def quote(client: FlaskClient, cast: Cast, family: str, tier: str, **price: object) -> str:
    answer = client.get(f"{PLANS}/{cast.price(family, tier, **price).id}")  # type: ignore[arg-type]
    assert answer.status_code == 200
    return answer.text


def post(
    client: FlaskClient, page: str, *, card: str | None = None, htmx: bool = False
) -> TestResponse:
    """Send the confirmation form of a page as it is, or with another card."""
    data = {"confirmation": token_in(page)}
    chosen = card or selected_card(page)
    if chosen:
        data["card"] = chosen
    return client.post(PLANS, data=data, headers=HTMX if htmx else {})


def token_in(page: str) -> str:
    found = re.search(r'name="confirmation" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def op_id_in(page: str) -> str:
    return confirmations.read(token_in(page)).op_id


def selected_card(page: str) -> str | None:
    found = re.search(r'value="(card_\w+)" selected', page)
    return found[1] if found else None


def card_of(page: str, plan: str) -> str:
    """The part of the plans page about one plan."""
    start = page.index(f"<h3>{plan}</h3>")
    return page[start : page.index("</li>\n", page.index("plan-price", start) + 1200)]


def at_once(
    app: Flask, act: Callable[..., TestResponse], each: Sequence[object]
) -> list[TestResponse]:
    """Do the same with each, in threads that start together."""
    start, answers = threading.Barrier(len(each)), list[TestResponse]()

    def run(one: object) -> None:
        with app.app_context():
            start.wait()
            answers.append(act(one))

    threads = [threading.Thread(target=run, args=(one,)) for one in each]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def pay_with(account: Account, card: str, now: datetime) -> None:
    with transaction() as session:
        payments.set_method(
            session,
            accounts.lock(session, account.id),
            gateway="sandbox",
            reference=card,
            label=card,
            now=now,
        )


def carry_payments(now: datetime) -> None:
    """What the worker does with the payments that are due."""
    for item_id in outbox.due(db.session(), now=now, wall=wall_clock.wall_now()):
        item = db.session.get_one(OutboxItem, item_id)
        if item.work is Work.PAYMENT:
            collection.carry(item_id)


def reprice(before: str, after: str, now: datetime) -> None:
    text = CATALOG.read_text(encoding="utf-8")
    assert before in text
    text = text.replace(before, after, 1)
    with transaction() as session:
        catalog.apply(session, catalog_rules.parse(text), text, now=now)


def changes(account: Account) -> list[PlanChange]:
    db.session.rollback()
    statement = (
        select(PlanChange)
        .where(PlanChange.account_id == account.id, PlanChange.reason == "manual")
        .order_by(PlanChange.id)
    )
    return list(db.session.scalars(statement))


def collected(account: Account) -> list[Payment]:
    """Payments for plan changes that a person made, which went through."""
    db.session.rollback()
    statement = (
        select(Payment)
        .join(PlanChange, PlanChange.id == Payment.plan_change_id)
        .where(
            Payment.account_id == account.id,
            Payment.state == PaymentState.SUCCEEDED,
            PlanChange.reason == "manual",
        )
    )
    return list(db.session.scalars(statement))


def charged(account: Account) -> int:
    return sum(payment.amount_minor for payment in collected(account))


def latest_invoice(account: Account) -> Invoice:
    db.session.rollback()
    statement = (
        select(Invoice).where(Invoice.account_id == account.id).order_by(Invoice.id.desc()).limit(1)
    )
    return db.session.scalars(statement).one()


def standing_of(account: Account) -> tuple[object, ...]:
    """What must not move: plan, cycle, number of invoices."""
    db.session.rollback()
    subscription = db.session.scalars(
        select(Subscription).where(Subscription.account_id == account.id)
    ).one()
    invoices = db.session.scalar(
        select(func.count(Invoice.id)).where(Invoice.account_id == account.id)
    )
    return subscription.price_id, subscription.cycle_start_at, subscription.cycle_end_at, invoices
