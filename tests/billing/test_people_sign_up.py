"""Signing up: everything at once, and only once however often the form arrives."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from portal.billing import (
    invoices,
    payments,
    people,
    seat_consents,
    sign_ups,
    subscriptions,
    usage,
)
from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import UsedForSomethingElse
from portal.billing.rules.roles import Role
from portal.billing.sign_ups import Application, Opened, Overtaken, Person, WayToPay
from portal.collecting import collection
from portal.extensions import db
from portal.models import Account, Invoice, PlanChangeState, Price, User, WhenFull
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.scenarios.vendor import VendorsFile

NINA = Person("nina@example.com", "Nina", None, "hash", "127.0.0.1")
CARD = WayToPay("sandbox", "card_pays", "Test card ending 4242")


@pytest.fixture
def price(cast: Cast) -> Price:
    return cast.price("standard", "5-users")


@pytest.fixture
def application(price: Price) -> Application:
    return Application("op-1", NINA, "Ninety", "DE", "Europe/Berlin", price, CARD)


def opened(application: Application, clock: FixedClock) -> Opened:
    with transaction() as session:
        done = sign_ups.open_account(session, application, now=clock.now())
    collection.carry_change(done.plan_change.id)
    return done


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_charge_initial(cast: Cast, application: Application, clock: FixedClock) -> None:
    done = opened(application, clock)
    account = done.account
    assert done.plan_change.state is PlanChangeState.APPLIED
    subscription = subscriptions.live(db.session(), account.id)
    assert subscription is not None
    assert subscription.cycle_start_at == clock.now()
    assert subscription.cycle_end_at == clock.now() + timedelta(days=30)
    invoice = db.session.scalars(select(Invoice).where(Invoice.account_id == account.id)).one()
    # $50.00 and 19 % VAT, as it is for customers in Germany.
    assert (invoice.due.amount, invoice.due.currency) == (5950, "USD")
    assert invoices.open_invoice(db.session(), account.id) is None


def test_everything_is_there_at_once(application: Application, clock: FixedClock) -> None:
    done = opened(application, clock)
    account = done.account
    assert (account.name, account.currency) == ("Ninety", "USD")
    assert (account.billing.company, account.billing.country) == ("Ninety", "DE")
    assert (account.billing.address, account.billing.invoice_emails) == ([], [])
    assert account.time_zone == "Europe/Berlin"
    [admin] = people.members(db.session(), account.id)
    assert (admin.user.email, admin.role) == ("nina@example.com", Role.ADMIN)
    method = payments.method_of(db.session(), account.id)
    assert method is not None
    assert method.label == "Test card ending 4242"
    seats = usage.of(db.session(), account.id)[Metric.SEATS]
    assert (seats.used, seats.limit_value) == (1, 5)


def test_a_declined_card_leaves_an_account_without_a_plan(
    application: Application, clock: FixedClock
) -> None:
    card = WayToPay("sandbox", "card_declines", "Test card ending 0002")
    done = opened(replace(application, way_to_pay=card), clock)
    assert done.plan_change.state is PlanChangeState.FAILED
    assert done.plan_change.failure == "The card was declined."
    assert subscriptions.live(db.session(), done.account.id) is None


def test_charge_once_the_same_form_twice(
    cast: Cast, application: Application, clock: FixedClock
) -> None:
    first = opened(application, clock)
    accounts, bills = count(Account), count(Invoice)
    again = replace(application, person=replace(NINA, user=first.user))
    clock.advance(hours=5)
    assert opened(again, clock).account.id == first.account.id
    assert (count(Account), count(Invoice)) == (accounts, bills)


def test_a_form_used_already_opens_nothing_else(
    cast: Cast, application: Application, clock: FixedClock
) -> None:
    first = opened(application, clock)
    known = replace(application, person=replace(NINA, user=first.user))
    stranger = replace(application, person=replace(NINA, user=cast.mallory))
    other_plan = replace(known, price=cast.price("standard", "10-users"))
    for different in (stranger, other_plan, replace(known, company="Hundred")):
        with pytest.raises(UsedForSomethingElse):
            opened(different, clock)


def test_an_email_that_became_somebodys_is_not_taken_over(
    application: Application, clock: FixedClock
) -> None:
    """Whoever was a stranger when the password was hashed proves it as somebody known."""
    opened(application, clock)
    for again in (application, replace(application, op_id="op-2")):
        with pytest.raises(Overtaken):
            opened(again, clock)


def test_a_known_person_opens_one_more_account(
    cast: Cast, application: Application, clock: FixedClock
) -> None:
    person = Person(cast.mallory.email, "ignored", cast.mallory, "ignored", None)
    before = count(User)
    done = opened(replace(application, person=person), clock)
    assert count(User) == before
    assert done.user.name == "Mallory"
    names = [row.account.name for row in people.memberships_of(db.session(), cast.mallory.id)]
    assert names == ["Ninety", "Other"]


@pytest.mark.parametrize("ops", [("op-1", "op-1"), ("op-1", "op-2")])
def test_charge_once_two_forms_at_the_same_instant(
    app: Flask, cast: Cast, application: Application, clock: FixedClock, ops: tuple[str, str]
) -> None:
    before, price_id = count(Account), application.price.id
    db.session.rollback()
    start, lost = threading.Barrier(2), []

    def send(op_id: str) -> None:
        with app.app_context():
            start.wait()
            try:
                with transaction() as session:
                    mine = replace(application, op_id=op_id, price=session.get_one(Price, price_id))
                    sign_ups.open_account(session, mine, now=clock.now())
            except (IntegrityError, Overtaken):
                lost.append(op_id)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=send, args=(op_id,)) for op_id in ops]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lost) == 1
    assert count(Account) == before + 1


def test_what_the_page_said_about_seats_is_kept_as_agreed_to(
    application: Application, clock: FixedClock
) -> None:
    """By whom, when and under which words; once, however often the form arrives."""
    account = opened(application, clock).account
    opened(replace(application, person=replace(NINA, user=known())), clock)
    [(consent, name)] = seat_consents.made(db.session(), account.id)
    assert (consent.choice, name, consent.chosen_at) == (WhenFull.UPGRADE, "Nina", clock.now())
    assert "three emails over five days" in consent.wording


def test_where_nothing_is_charged_for_seats_nothing_has_to_be_agreed_to(
    cast: Cast, application: Application, clock: FixedClock
) -> None:
    file = VendorsFile(clock)
    file.edit('seats = "auto_upgrade"', 'seats = "warn"')
    file.apply()
    account = opened(application, clock).account
    assert seat_consents.made(db.session(), account.id) == []


def known() -> User:
    return db.session.scalars(select(User).where(User.email == "nina@example.com")).one()
