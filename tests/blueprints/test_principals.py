"""Who asks: read with one query at each request, the account's row only where it is looked at."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal.billing import people
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import Account, Membership, User
from portal.papers import making
from portal.transaction import as_loaded, transaction
from portal.web import access, principals
from portal.web.principals import Principal
from tests.blueprints.pages import queries
from tests.cast import Cast
from tests.credit_stories import newest

Browser = Callable[[User | None], FlaskClient]


@pytest.fixture
def alice(app: Flask, cast: Cast, browser: Browser) -> Iterator[Principal]:
    """Alice, as a request of hers finds her."""
    client = browser(cast.alice)
    cookies = {"Cookie": "; ".join(f"{each.key}={each.value}" for each in client._cookies.values())}
    with app.test_request_context("/account", headers=cookies):
        found = access.find_principal()
        assert found is not None
        yield found


def test_a_page_knows_the_person_and_the_account(cast: Cast, alice: Principal) -> None:
    assert (alice.user.id, alice.user.name, alice.user.email) == (
        cast.alice.id,
        cast.alice.name,
        cast.alice.email,
    )
    assert alice.account_id == alice.account.id == cast.acme.id
    assert alice.actor.user_id == cast.alice.id


def test_the_account_is_the_row_without_being_asked_for(alice: Principal) -> None:
    with queries() as asked:
        account = alice.account
        assert account.language == "en"
    assert asked == []
    assert account is db.session.get_one(Account, alice.account_id)
    assert not db.session.dirty
    columns = {column.key for column in Account.__table__.c}
    assert {key: getattr(account, key) for key in columns} == alice.account_as_read


def test_what_was_changed_meanwhile_is_read_anew(alice: Principal) -> None:
    with transaction() as session:
        session.get_one(Account, alice.account_id).language = "de"
    assert alice.account.language == "de"


def test_what_is_being_changed_is_not_read_over(alice: Principal) -> None:
    held = db.session.get_one(Account, alice.account_id)
    held.language = "fr"
    assert as_loaded(db.session(), Account, alice.account_as_read) is held
    assert held.language == "fr"
    db.session.rollback()


def test_a_download_asks_who_it_is_and_which_file(cast: Cast, browser: Browser) -> None:
    client, invoice = browser(cast.alice), newest(cast.acme)
    making.make(invoice.id)
    address = f"/invoices/{invoice.number_text}.pdf"
    with queries() as asked:
        assert client.get(address).status_code == 200
    assert len(asked) == 2


def test_who_is_no_admin_any_more_is_shown_no_users(cast: Cast, browser: Browser) -> None:
    """The role is looked at again after it was changed by the same request."""
    bob, mine = _place(cast, cast.bob), _place(cast, cast.alice).public_id
    with transaction():
        bob.role = Role.ADMIN
    left = browser(cast.alice).post(f"/users/{mine}/role", data={"role": "member"})
    assert (left.status_code, left.headers["Location"]) == (303, "/clients")


def test_a_password_hash_is_not_read_along() -> None:
    assert "password_hash" not in str(principals.WHO_IT_IS)


def _place(cast: Cast, user: User) -> Membership:
    found = people.membership_in(db.session(), cast.acme.id, user.id)
    assert found is not None
    return found
