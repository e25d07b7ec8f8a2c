"""After the end of a plan an account can be read, paid for and subscribed again, and no more."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal.billing import subscriptions
from portal.extensions import db
from portal.models import User
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


@pytest.mark.parametrize("address", WORK)
def test_with_a_plan_the_same_is_done(cast: Cast, browser: Browser, address: str) -> None:
    assert browser(cast.alice).post(address, data=WORK[address]).status_code in (200, 303)


def test_it_is_read_as_before(ended: Cast, browser: Browser) -> None:
    for page in ("/clients", "/users", "/invoices", "/account", "/account/change-plan"):
        assert browser(ended.alice).get(page).status_code == 200, page
