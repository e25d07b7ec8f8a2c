"""When seats run out: the page, what it says of each choice, and what choosing does."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.billing import price_list, seat_consents
from portal.display import add_on_choice
from portal.extensions import db
from portal.models import Account, Invitation, SeatConsent, WhenFull
from tests.blueprints.joining import invited_link, place, seats
from tests.blueprints.pages import in_order, words
from tests.cast import Cast, FixedClock
from tests.scenarios.over import choose
from tests.scenarios.vendor import VendorsFile

Browser = Callable[..., FlaskClient]
PAGE = "/account/when-seats-run-out"
DORA = {"name": "Dora", "password": "Seven herons over the weir"}


@pytest.fixture
def alice(cast: Cast, browser: Browser) -> FlaskClient:
    return browser(cast.alice)


@pytest.fixture
def capped(cast: Cast, clock: FixedClock) -> Account:
    """Ten of ten seats, and never more."""
    cast.members(cast.acme, 8)
    choose(cast.acme, WhenFull.HARD_CAP, cast.alice, clock)
    return cast.acme


def form(page: str, choice: str) -> dict[str, str]:
    """The form as a browser sends it."""
    hidden = dict(re.findall(r'name="(shown_\w+)" value="(\w+)"', page))
    return {"choice": choice, **hidden}


def held(account: Account) -> WhenFull:
    db.session.rollback()
    return seat_consents.choice(db.session(), account.id)


def test_each_choice_says_what_follows_and_which_one_holds(alice: FlaskClient) -> None:
    text = words(alice.get(PAGE).text)
    in_order(
        text,
        "2 of 10",
        "Let people in, and upgrade after five days (as it is now)",
        "three emails over five days",
        "less the unused days of the former plan",
        "Within 30 days an Admin can take such an upgrade back",
        "Never go beyond the seats",
        "Nobody can be added beyond the seats",
        "Nobody yet",
    )


def test_a_choice_is_made_and_told_with_who_and_when(cast: Cast, alice: FlaskClient) -> None:
    page = alice.get(PAGE).text
    answer = alice.post(PAGE, data=form(page, "hard_cap"))
    assert (answer.status_code, answer.headers["Location"]) == (303, PAGE)
    assert held(cast.acme) is WhenFull.HARD_CAP
    page = alice.get(PAGE).text
    assert "From now on nobody can be added beyond your seats." in page
    text = words(page)
    assert "chosen by Alice on 1 Mar 2026, 09:00 UTC, and holds now" in text
    assert "Seats are never gone beyond from now on" in words(alice.get("/account/history").text)


def test_said_twice_it_is_one_choice(cast: Cast, alice: FlaskClient) -> None:
    data = form(alice.get(PAGE).text, "hard_cap")
    for _ in range(2):
        assert alice.post(PAGE, data=data).status_code == 303
    assert len(db.session.scalars(select(SeatConsent)).all()) == 1


def test_nothing_chosen_is_asked_for(cast: Cast, alice: FlaskClient) -> None:
    for data in ({}, {"choice": "whatever"}):
        answer = alice.post(PAGE, data=data)
        assert answer.status_code == 422
    assert "Choose what is to happen." in alice.post(PAGE, data={}).text
    assert held(cast.acme) is WhenFull.UPGRADE


def test_words_that_changed_since_they_were_shown_are_shown_anew(
    cast: Cast, clock: FixedClock, alice: FlaskClient
) -> None:
    page = alice.get(PAGE).text
    file = VendorsFile(clock)
    file.edit('seats = "auto_upgrade"', 'seats = "warn"')
    file.apply()
    answer = alice.post(PAGE, data=form(page, "upgrade"))
    assert answer.status_code == 409
    assert "Read it again, then choose" in answer.text
    assert "nothing is charged for it, by itself" in words(answer.text)
    assert db.session.scalars(select(SeatConsent)).all() == []


@pytest.mark.parametrize("who", ["bob", "carol"])
def test_roles_server_side(cast: Cast, browser: Browser, who: str) -> None:
    user = browser(getattr(cast, who))
    assert user.get(PAGE).status_code == 403
    assert user.post(PAGE, data={"choice": "hard_cap"}).status_code == 403
    assert held(cast.acme) is WhenFull.UPGRADE


def test_a_form_from_elsewhere_is_refused(app: Flask, cast: Cast, alice: FlaskClient) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    assert alice.post(PAGE, data={"choice": "hard_cap"}).status_code == 400
    assert held(cast.acme) is WhenFull.UPGRADE


def test_over_the_seats_the_page_says_beforehand_that_people_have_to_go_first(
    cast: Cast, alice: FlaskClient
) -> None:
    cast.let_pass(minutes=1)
    cast.members(cast.acme, 9)
    cast.let_pass(days=2)
    text = words(alice.get(PAGE).text)
    in_order(
        text,
        "An upgrade is announced",
        "Standard, 20 users",
        "$96.67",
        "can't be chosen yet",
        "11 of 10 seats are in use: remove 1 person first, or move to a larger plan",
    )


def test_over_the_seats_the_hard_cap_is_refused_and_stays_chosen_on_the_page(
    cast: Cast, alice: FlaskClient
) -> None:
    cast.members(cast.acme, 9)
    answer = alice.post(PAGE, data=form(alice.get(PAGE).text, "hard_cap"))
    assert answer.status_code == 409
    said = "11 of 10 seats are in use: remove 1 person first"
    text = words(answer.text)
    in_order(text, "Nothing was changed", said)
    assert text.count(said) == 1
    assert re.search(r'value="hard_cap" id="[\w-]+" checked', answer.text)
    assert not re.search(r'value="upgrade" id="[\w-]+" checked', answer.text)
    assert held(cast.acme) is WhenFull.UPGRADE


def test_capped_and_over_by_a_smaller_plan_it_says_that_nothing_follows(
    cast: Cast, clock: FixedClock, alice: FlaskClient
) -> None:
    """Twelve on ten seats and two add-ons, then dearer Pro, 10 users without them."""
    cast.buy(cast.acme, seat=2)
    cast.members(cast.acme, 10)
    choose(cast.acme, WhenFull.HARD_CAP, cast.alice, clock)
    cast.change_plan(cast.acme, cast.price("pro", "10-users"), add_ons={})
    page = words(alice.get(PAGE).text)
    assert "You are over, and nothing follows from it" in page
    assert "can't be chosen yet" not in page
    account = words(alice.get("/account").text)
    assert "chosen never to go beyond its seats" in account
    assert "three emails" not in account[account.index("Over the limit") :][:400]


def test_my_account_and_the_users_page_lead_there(alice: FlaskClient) -> None:
    assert PAGE in alice.get("/account").text
    users = alice.get("/users").text
    assert PAGE in users
    assert "five days after a first email the plan moves up" in words(users)


# --- Before the act ------------------------------------------------------------------------------


def test_hard_cap_reactivating_is_refused_with_the_ways_out(
    cast: Cast, alice: FlaskClient, capped: Account
) -> None:
    cast.leave(capped, cast.bob)
    cast.members(capped, 1)
    answer = alice.post(f"/users/{place(capped, cast.bob.id).public_id}/reactivation")
    assert answer.status_code == 409
    text = words(answer.text)
    in_order(text, "Nobody was added", "All 10 seats are taken", "deactivate somebody")
    assert "/account/change-plan" in answer.text
    assert PAGE in answer.text
    assert "Go ahead" not in text
    assert not place(capped, cast.bob.id).is_active


def test_hard_cap_a_role_with_a_seat_is_refused(
    cast: Cast, alice: FlaskClient, capped: Account
) -> None:
    url = f"/users/{place(capped, cast.carol.id).public_id}/role"
    for data in ({"role": "member"}, {"role": "member", "confirmed": "11"}):
        assert alice.post(url, data=data).status_code == 409
    assert seats(capped) == 10


def test_hard_cap_inviting_says_beforehand_that_it_will_not_be_accepted(
    cast: Cast, alice: FlaskClient, browser: Browser, capped: Account
) -> None:
    data = {"email": "dora@example.com", "role": "member"}
    asked = alice.post("/users/invitations", data=data)
    assert "All 10 seats are taken" in words(asked.text)
    assert db.session.scalars(select(Invitation)).all() == []
    assert alice.post("/users/invitations", data=data | {"confirmed": "11"}).status_code == 303

    link = invited_link()
    page = browser().get(link)
    assert "There is no free seat" in page.text
    assert "Ask Alice to make room" in words(page.text)
    assert "Join Acme</button>" not in page.text
    answer = browser().post(link, data=DORA | {"confirmed": "11"})
    assert answer.status_code == 409
    assert "There is no free seat" in answer.text
    assert seats(capped) == 10

    cast.leave(capped, cast.bob)
    assert browser().post(link, data=DORA).status_code == 303
    assert seats(capped) == 10


def test_hard_cap_change_plan_says_that_nobody_can_be_added(
    cast: Cast, alice: FlaskClient, clock: FixedClock
) -> None:
    """Pro, 5 users is no upgrade; Pro, 10 users is one, and too small for twelve."""
    cast.buy(cast.acme, seat=2)
    cast.members(cast.acme, 10)
    choose(cast.acme, WhenFull.HARD_CAP, cast.alice, clock)
    price = cast.price("pro", "10-users")
    beside = price_list.add_ons_for(db.session(), price)
    none = {add_on_choice.field_of(row.id): 0 for row in beside}
    page = alice.get(f"/account/change-plan/{price.id}", query_string=none).text
    assert "nobody can be added until it fits" in words(page)
    assert "three emails" not in words(page)


# --- Sign-up -------------------------------------------------------------------------------------


def test_the_sign_up_page_says_which_rule_holds_from_the_start(
    cast: Cast, browser: Browser
) -> None:
    text = words(browser().get("/signup").text)
    in_order(text, "When seats run out", "three emails over five days", "By opening the account")
