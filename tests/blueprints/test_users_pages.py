"""The users page: who may, what it says, and what it asks before going over the seats."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal import events
from portal.billing import invitations, people, usage
from portal.billing.rules.counting import Metric
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import Account, Invitation, Membership, Notice, User
from tests.blueprints.pages import without_tokens
from tests.cast import Cast

Browser = Callable[..., FlaskClient]
HTMX = {"HX-Request": "true"}
DORA = {"email": "dora@example.com", "role": "member"}


def place(account: Account, user: User) -> Membership:
    db.session.rollback()
    found = people.membership_in(db.session(), account.id, user.id)
    assert found is not None
    return found


def url(account: Account, user: User, what: str) -> str:
    return f"/users/{place(account, user).public_id}/{what}"


def seats(account: Account) -> int:
    db.session.rollback()
    return usage.of(db.session(), account.id)[Metric.SEATS].used


def waiting(account: Account) -> list[Invitation]:
    db.session.rollback()
    return invitations.waiting(db.session(), account.id)


@pytest.fixture
def full(cast: Cast) -> Account:
    """Acme with all of its 10 seats taken."""
    cast.members(cast.acme, 8)
    assert seats(cast.acme) == 10
    return cast.acme


@pytest.fixture
def alice(cast: Cast, browser: Browser) -> FlaskClient:
    return browser(cast.alice)


# --- Who may ----------------------------------------------------------------------------------

ROUTES = [
    ("GET", "/users"),
    ("POST", "/users/invitations"),
    ("POST", "/users/{member}/role"),
    ("POST", "/users/{member}/deactivation"),
    ("POST", "/users/{member}/reactivation"),
    ("POST", "/users/invitations/{invitation}/sending"),
    ("POST", "/users/invitations/{invitation}/withdrawal"),
]


@pytest.fixture
def ids(cast: Cast, alice: FlaskClient) -> dict[str, str]:
    alice.post("/users/invitations", data=DORA)
    return {
        "member": place(cast.acme, cast.bob).public_id,
        "invitation": waiting(cast.acme)[0].public_id,
    }


@pytest.mark.parametrize("who", ["bob", "carol"])
def test_roles_server_side(cast: Cast, browser: Browser, ids: dict[str, str], who: str) -> None:
    client = browser(getattr(cast, who))
    for method, path in ROUTES:
        answer = client.open(path.format(**ids), method=method, data=DORA)
        assert answer.status_code == 403, path


def test_strangers_are_sent_to_sign_in(browser: Browser, ids: dict[str, str]) -> None:
    for method, path in ROUTES:
        answer = browser().open(path.format(**ids), method=method)
        assert answer.headers["Location"].startswith("/login"), path


def test_what_belongs_to_another_account_is_not_there(
    cast: Cast, browser: Browser, ids: dict[str, str]
) -> None:
    mallory = browser(cast.mallory)
    nobodys_ids = dict.fromkeys(ids, "0" * 32)
    for method, path in ROUTES[2:]:
        theirs, nobodys = (
            mallory.open(path.format(**each), method=method, data={"role": "admin"})
            for each in (ids, nobodys_ids)
        )
        assert theirs.status_code == nobodys.status_code == 404, path
        assert without_ids(theirs.text) == without_ids(nobodys.text), path
    assert place(cast.acme, cast.bob).role is Role.MEMBER
    assert len(waiting(cast.acme)) == 1


def without_ids(page: str) -> str:
    """The page without the address that was asked for and its forms' tokens."""
    return re.sub(r"[0-9a-f]{32}", "", without_tokens(page))


def test_a_form_from_elsewhere_is_refused(
    app: Flask, cast: Cast, alice: FlaskClient, ids: dict[str, str]
) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    for method, path in ROUTES[1:]:
        answer = alice.open(path.format(**ids), method=method, data=DORA | {"role": "admin"})
        assert answer.status_code == 400, path
    assert place(cast.acme, cast.bob).is_active
    assert place(cast.acme, cast.bob).role is Role.MEMBER
    assert len(waiting(cast.acme)) == 1


def test_nothing_changes_on_get(alice: FlaskClient, ids: dict[str, str]) -> None:
    for _, path in ROUTES[1:]:
        assert alice.get(path.format(**ids)).status_code == 405, path


def test_another_accounts_people_are_nowhere_on_the_page(cast: Cast, alice: FlaskClient) -> None:
    assert "Mallory" not in alice.get("/users").text


# --- What it says -----------------------------------------------------------------------------


def test_count_explained(cast: Cast, alice: FlaskClient) -> None:
    alice.post(url(cast.acme, cast.bob, "deactivation"))
    page = alice.get("/users").text
    for reason in (
        "counted: active Admin",
        "not counted: deactivated",
        "not counted: billing contact",
    ):
        assert reason in page


def test_count_seats_if_everybody_accepted(alice: FlaskClient) -> None:
    assert "everybody who is invited" not in alice.get("/users").text
    alice.post("/users/invitations", data=DORA)
    alice.post("/users/invitations", data={"email": "books@example.com", "role": "billing"})
    assert "3 of 10 seats" in alice.get("/users").text


# --- Inviting ---------------------------------------------------------------------------------


def test_an_invitation_goes_out_by_email(cast: Cast, alice: FlaskClient) -> None:
    answer = alice.post("/users/invitations", data=DORA)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/users")
    page = alice.get("/users").text
    assert "dora@example.com is invited" in page
    notice = db.session.scalars(select(Notice).where(Notice.name == "invited")).one()
    assert notice.recipient == "dora@example.com"
    assert re.search(r"/invitations/[\w-]{43}", notice.body_text)


def test_sent_again_another_link_goes_out(cast: Cast, alice: FlaskClient) -> None:
    alice.post("/users/invitations", data=DORA)
    alice.post(f"/users/invitations/{waiting(cast.acme)[0].public_id}/sending")
    texts = db.session.scalars(select(Notice.body_text).where(Notice.name == "invited"))
    assert len({re.search(r"/invitations/[\w-]+", text)[0] for text in texts}) == 2  # type: ignore[index]


def test_withdrawn_it_is_gone_from_the_page(cast: Cast, alice: FlaskClient) -> None:
    alice.post("/users/invitations", data=DORA)
    target = f"/users/invitations/{waiting(cast.acme)[0].public_id}/withdrawal"
    alice.post(target)
    assert waiting(cast.acme) == []
    again = alice.post(target)
    assert again.status_code == 409
    assert "can&#39;t be used any more" in again.text


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"email": ""}, "Enter an email address"),
        ({"email": "dora"}, "like name@example.com"),
        ({"email": "a@b.c, d@example.com"}, "like name@example.com"),
        ({"email": "dora@example.com\r\nBcc: x@example.com"}, "like name@example.com"),
        ({"role": "owner"}, "Not a valid choice"),
        ({"role": ""}, "Not a valid choice"),
    ],
)
def test_what_was_typed_stays_and_the_field_says_what_is_wrong(
    cast: Cast, alice: FlaskClient, changed: dict[str, str], message: str
) -> None:
    answer = alice.post("/users/invitations", data=DORA | changed)
    assert answer.status_code == 422
    assert message in answer.text
    assert changed.get("email", DORA["email"]).split("\r")[0] in answer.text
    assert waiting(cast.acme) == []


def test_who_is_in_or_invited_is_told_at_the_field(cast: Cast, alice: FlaskClient) -> None:
    alice.post("/users/invitations", data=DORA)
    again = alice.post("/users/invitations", data=DORA)
    assert (again.status_code, "invited already" in again.text) == (422, True)
    inside = alice.post("/users/invitations", data=DORA | {"email": cast.bob.email})
    assert (inside.status_code, "a user of this account already" in inside.text) == (422, True)


def test_inviting_somebody_of_another_account_looks_like_inviting_a_stranger(
    cast: Cast, alice: FlaskClient
) -> None:
    """Nothing tells whether an address is known here."""
    known = alice.post("/users/invitations", data=DORA | {"email": cast.mallory.email})
    unknown = alice.post("/users/invitations", data=DORA)
    assert (known.status_code, known.headers["Location"]) == (303, "/users")
    assert known.text == unknown.text
    page = alice.get("/users").text
    rows = [
        re.sub(r"[0-9a-f]{32}", "ID", part.replace(email, "EMAIL"))
        for email in (cast.mallory.email, DORA["email"])
        for part in re.findall(rf"<tr[^>]*>\s*<th[^>]*>{re.escape(email)}.*?</tr>", page, re.S)
    ]
    assert len(rows) == 2
    assert len({without_tokens(row) for row in rows}) == 1


# --- Changing ---------------------------------------------------------------------------------


def test_a_role_is_changed(cast: Cast, alice: FlaskClient) -> None:
    answer = alice.post(url(cast.acme, cast.bob, "role"), data={"role": "admin"})
    assert answer.headers["Location"] == "/users"
    assert place(cast.acme, cast.bob).role is Role.ADMIN


@pytest.mark.parametrize("role", ["owner", "", "Admin"])
def test_a_role_that_is_none_is_refused(cast: Cast, alice: FlaskClient, role: str) -> None:
    answer = alice.post(url(cast.acme, cast.bob, "role"), data={"role": role})
    assert answer.status_code == 422
    assert place(cast.acme, cast.bob).role is Role.MEMBER


def test_access_ends_and_comes_back(cast: Cast, alice: FlaskClient) -> None:
    alice.post(url(cast.acme, cast.bob, "deactivation"))
    assert not place(cast.acme, cast.bob).is_active
    assert seats(cast.acme) == 1
    alice.post(url(cast.acme, cast.bob, "reactivation"))
    assert place(cast.acme, cast.bob).is_active
    assert seats(cast.acme) == 2


@pytest.mark.parametrize("what", ["role", "deactivation"])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_roles_last_admin(
    cast: Cast, alice: FlaskClient, what: str, headers: dict[str, str]
) -> None:
    target = url(cast.acme, cast.alice, what)
    answer = alice.post(target, data={"role": "member"}, headers=headers)
    assert answer.status_code == 409
    assert "at least one active Admin" in answer.text
    assert place(cast.acme, cast.alice).role is Role.ADMIN
    assert alice.get("/users").status_code == 200


def test_who_gives_up_being_admin_is_taken_home(
    cast: Cast, alice: FlaskClient, browser: Browser
) -> None:
    alice.post(url(cast.acme, cast.bob, "role"), data={"role": "admin"})
    target = url(cast.acme, cast.alice, "role")
    assert alice.post(target, data={"role": "member"}).headers["Location"] == "/clients"
    bob = browser(cast.bob)
    bob.post(url(cast.acme, cast.alice, "role"), data={"role": "admin"})
    gone = bob.post(url(cast.acme, cast.bob, "deactivation"), headers=HTMX)
    assert gone.headers["HX-Redirect"] == "/accounts"


def test_open_pages_of_the_person_are_told(
    cast: Cast, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    monkeypatch.setattr(events, "publish", lambda *args, **facts: told.append((args, facts)))
    alice.post(url(cast.acme, cast.bob, "role"), data={"role": "billing"})
    assert ((cast.acme.id, "people"), {"user_id": cast.bob.id}) in told


def test_for_htmx_the_list_and_the_message_come_alone(cast: Cast, alice: FlaskClient) -> None:
    answer = alice.post(url(cast.acme, cast.bob, "deactivation"), headers=HTMX)
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<div id="user-board"')
    assert "Bob has no access any more" in answer.text
    assert "<html" not in answer.text


def test_for_htmx_a_refused_invitation_keeps_what_was_typed(alice: FlaskClient) -> None:
    answer = alice.post("/users/invitations", data=DORA | {"email": "dora@"}, headers=HTMX)
    assert answer.status_code == 422
    form = answer.text[answer.text.index('id="invite-form"') :]
    assert 'value="dora@"' in form
    assert "like name@example.com" in form


# --- Before the act ---------------------------------------------------------------------------


def confirmed(page: str) -> dict[str, str]:
    """The hidden fields of the question."""
    part = page[page.index('id="question"') : page.index('id="user-board"')]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', part))


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_over_before_the_act_of_giving_access_back(
    full: Account, cast: Cast, alice: FlaskClient, headers: dict[str, str]
) -> None:
    alice.post(url(full, cast.bob, "deactivation"))
    cast.members(full, 1)
    target = url(full, cast.bob, "reactivation")
    asked = alice.post(target, headers=headers)
    assert asked.status_code == 200
    assert "This takes you to 11 of 10 seats" in asked.text
    assert "you move to Standard, 20 users and are charged $" in asked.text
    assert not place(full, cast.bob).is_active
    fields = {"confirmed": "11"}
    assert alice.post(target, data=fields, headers=headers).status_code in (200, 303)
    assert place(full, cast.bob).is_active
    assert seats(full) == 11


def test_over_before_the_act_of_promoting(full: Account, cast: Cast, alice: FlaskClient) -> None:
    target = url(full, cast.carol, "role")
    asked = alice.post(target, data={"role": "member"})
    assert "11 of 10 seats" in asked.text
    fields = confirmed(asked.text)
    assert (fields["role"], fields["confirmed"]) == ("member", "11")
    assert place(full, cast.carol).role is Role.BILLING
    alice.post(target, data=fields)
    assert place(full, cast.carol).role is Role.MEMBER


def test_over_before_the_act_of_inviting(full: Account, alice: FlaskClient) -> None:
    asked = alice.post("/users/invitations", data=DORA)
    assert asked.status_code == 200
    assert "11 of 10 seats" in asked.text
    assert waiting(full) == []
    alice.post("/users/invitations", data=confirmed(asked.text))
    assert [each.email for each in waiting(full)] == ["dora@example.com"]
    assert (
        "12 of 10 seats"
        in alice.post("/users/invitations", data=DORA | {"email": "e@example.com"}).text
    )


def test_over_before_the_act_the_count_that_was_told_is_the_count_agreed_to(
    full: Account, cast: Cast, alice: FlaskClient
) -> None:
    target = url(full, cast.carol, "role")
    fields = confirmed(alice.post(target, data={"role": "member"}).text)
    cast.members(full, 1)  # meanwhile somebody else came in
    asked = alice.post(target, data=fields)
    assert "12 of 10 seats" in asked.text
    assert place(full, cast.carol).role is Role.BILLING


@pytest.mark.parametrize("role", ["billing", "admin"])
def test_what_takes_no_further_seat_asks_nothing(
    full: Account, cast: Cast, alice: FlaskClient, role: str
) -> None:
    assert alice.post(url(full, cast.bob, "role"), data={"role": role}).status_code == 303


def test_inviting_a_billing_contact_asks_nothing(full: Account, alice: FlaskClient) -> None:
    answer = alice.post("/users/invitations", data=DORA | {"role": "billing"})
    assert answer.status_code == 303
