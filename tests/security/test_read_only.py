"""After the end of a plan an account can be read, paid for and subscribed again, and no more."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal.billing import people, subscriptions
from portal.extensions import db
from portal.models import Membership, User
from tests.cast import Cast

Browser = Callable[[User | None], FlaskClient]
WORK = {
    "/clients/statuses": {"name": "Round 3"},
    "/users/invitations": {"email": "new@example.com", "role": "member"},
}


@pytest.fixture
def ended(cast: Cast) -> Cast:
    """Acme's plan was cancelled and is over."""
    cast.cancel(cast.acme)
    cast.let_pass(days=31)
    assert subscriptions.live(db.session(), cast.acme.id) is None
    return cast


@pytest.mark.parametrize("address", WORK)
def test_charge_cancel_makes_the_account_read_only(
    ended: Cast, browser: Browser, address: str
) -> None:
    refused = browser(ended.alice).post(address, data=WORK[address])
    assert refused.status_code == 403
    assert "read" in refused.text


def test_people_are_deactivated_without_a_plan_and_nothing_else_is_done_with_them(
    ended: Cast, browser: Browser
) -> None:
    """So that a smaller plan is large enough to begin with."""
    alice, bob = browser(ended.alice), place(ended, ended.bob)
    role = f"/users/{bob.public_id}/role"
    assert alice.post(role, data={"role": "billing"}).status_code == 403
    page = alice.get("/users").text
    assert f"/users/{bob.public_id}/deactivation" in page
    assert role not in page
    assert "<strong>2</strong> seats are in use." in page, "of no limit"
    assert alice.post(f"/users/{bob.public_id}/deactivation").status_code == 303
    assert not place(ended, ended.bob).is_active
    assert alice.post(f"/users/{bob.public_id}/reactivation").status_code == 403
    own = f"/users/{place(ended, ended.alice).public_id}/deactivation"
    assert alice.post(own).status_code == 409, "the last Admin stays"


@pytest.mark.parametrize("address", WORK)
def test_with_a_plan_the_same_is_done(cast: Cast, browser: Browser, address: str) -> None:
    assert browser(cast.alice).post(address, data=WORK[address]).status_code in (200, 303)


def test_it_is_read_as_before(ended: Cast, browser: Browser) -> None:
    for page in ("/clients", "/users", "/invoices", "/account", "/account/change-plan"):
        assert browser(ended.alice).get(page).status_code == 200, page


def place(cast: Cast, user: User) -> Membership:
    db.session.rollback()
    found = people.membership_in(db.session(), cast.acme.id, user.id)
    assert found is not None
    return found
