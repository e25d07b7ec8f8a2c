"""Accepting an invitation: a stranger, somebody known, somebody signed in."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal import clock as wall_clock
from portal.billing import people, usage
from portal.billing.rules.counting import Metric
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import Account, AuditEntry, Invitation, Membership, Notice
from portal.transaction import transaction
from tests.cast import PASSWORD, Cast

Browser = Callable[..., FlaskClient]
DORA = "dora@example.com"
NEW = {"name": "Dora", "password": "Seven herons over the weir"}


@pytest.fixture
def invited(cast: Cast, browser: Browser) -> Callable[..., str]:
    """The path of the link that an invited address got."""

    def invite(email: str = DORA, role: str = "member", **more: str) -> str:
        fields = {"email": email, "role": role} | more
        assert browser(cast.alice).post("/users/invitations", data=fields).status_code == 303
        notice = db.session.scalars(select(Notice).where(Notice.recipient == email)).all()[-1]
        return re.search(r"/invitations/[\w-]+", notice.body_text)[0]  # type: ignore[index]

    return invite


def membership(account: Account, email: str) -> Membership | None:
    db.session.rollback()
    user = people.find_by_email(db.session(), email)
    return people.membership_in(db.session(), account.id, user.id) if user else None


def test_somebody_new_sets_name_and_password_and_is_in(
    cast: Cast, browser: Browser, invited: Callable[..., str]
) -> None:
    link, dora = invited(), browser()
    page = dora.get(link).text
    assert "Alice invites" in page
    assert "as Member" in page
    answer = dora.post(link, data=NEW)
    assert answer.headers["Location"] == "/clients"
    assert dora.get("/clients").status_code == 200
    found = membership(cast.acme, DORA)
    assert found is not None
    assert (found.role, found.user.name) == (Role.MEMBER, "Dora")
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "user.added")).all()[
        -1
    ]
    assert (entry.actor["name"], entry.details["role"]) == ("Dora", "member")


def test_a_link_is_used_once(browser: Browser, invited: Callable[..., str]) -> None:
    link = invited()
    browser().post(link, data=NEW)
    for answer in (browser().get(link), browser().post(link, data=NEW)):
        assert answer.status_code == 404
        assert "can&#39;t be used" in answer.text or "can't be used" in answer.text


def test_somebody_known_signs_in_with_the_password_they_have(
    cast: Cast, browser: Browser, invited: Callable[..., str]
) -> None:
    link, mallory = invited(cast.mallory.email, "billing"), browser()
    assert 'name="name"' not in mallory.get(link).text
    wrong = mallory.post(link, data={"password": "not the password"})
    assert wrong.status_code == 422
    assert membership(cast.acme, cast.mallory.email) is None
    answer = mallory.post(link, data={"password": PASSWORD})
    assert answer.headers["Location"] == "/account"
    assert "Acme" in mallory.get("/accounts").text


def test_who_is_signed_in_just_joins(
    cast: Cast, browser: Browser, invited: Callable[..., str]
) -> None:
    link, mallory = invited(cast.mallory.email), browser(cast.mallory)
    assert 'name="password"' not in mallory.get(link).text
    assert mallory.post(link).status_code == 303
    assert membership(cast.acme, cast.mallory.email)


def test_whoever_else_is_signed_in_does_not_join_in_their_place(
    cast: Cast, browser: Browser, invited: Callable[..., str]
) -> None:
    link, bob = invited(cast.mallory.email), browser(cast.bob)
    assert bob.post(link).status_code == 422
    assert bob.post(link, data={"password": PASSWORD + "!"}).status_code == 422
    assert membership(cast.acme, cast.mallory.email) is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": " "}, "Enter your name"),
        ({"password": ""}, "Enter a password"),
        ({"password": "short"}, "at least 12"),
        ({"password": "dora@example.com1"}, "too close"),
    ],
)
def test_what_was_typed_stays_and_the_field_says_what_is_wrong(
    cast: Cast,
    browser: Browser,
    invited: Callable[..., str],
    changed: dict[str, str],
    message: str,
) -> None:
    answer = browser().post(invited(), data=NEW | changed)
    assert answer.status_code == 422
    assert message in answer.text
    assert NEW["password"] not in answer.text
    assert membership(cast.acme, DORA) is None


def test_an_invitation_that_ran_out_or_was_withdrawn_is_gone(
    browser: Browser, invited: Callable[..., str]
) -> None:
    link = invited()
    with transaction() as session:
        session.scalars(select(Invitation)).one().expires_at = wall_clock.wall_now()
    assert browser().get(link).status_code == 404
    assert browser().post(link, data=NEW).status_code == 404
    with transaction() as session:
        row = session.scalars(select(Invitation)).one()
        row.expires_at = wall_clock.wall_now() + timedelta(days=1)
        row.withdrawn_at = wall_clock.wall_now()
    assert browser().get(link).status_code == 404


def test_a_link_of_ones_own_making_is_worth_nothing(browser: Browser) -> None:
    for token in ("x", "A" * 43, "é" * 500):
        assert browser().get(f"/invitations/{token}").status_code == 404


def test_a_form_from_elsewhere_is_refused(
    app: Flask, browser: Browser, invited: Callable[..., str]
) -> None:
    link = invited()
    app.config["WTF_CSRF_ENABLED"] = True
    assert browser().post(link, data=NEW).status_code == 400


@pytest.mark.parametrize(
    ("role", "said", "unsaid"),
    [("member", "You would be user 11", "$"), ("admin", "11 of 10 seats", "You would be")],
)
def test_over_before_the_act_of_accepting(
    cast: Cast, browser: Browser, invited: Callable[..., str], role: str, said: str, unsaid: str
) -> None:
    """The plan and the amount are told to Admins alone."""
    link = invited(role=role)
    cast.members(cast.acme, 8)
    page = browser().get(link).text
    assert said in page
    assert unsaid not in page[page.index("<main") :]
    asked = browser().post(link, data=NEW)  # as it was before the seats were full
    assert asked.status_code == 200
    assert membership(cast.acme, DORA) is None
    assert browser().post(link, data=NEW | {"confirmed": "11"}).status_code == 303
    assert usage.of(db.session(), cast.acme.id)[Metric.SEATS].used == 11
