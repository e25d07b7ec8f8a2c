"""An invitation that is still open is no way into an account that can only be read."""

import re
from collections.abc import Callable

from flask.testing import FlaskClient

from portal.billing import people
from portal.extensions import db
from portal.models import User
from tests.cast import PASSWORD, Cast
from tests.payment_stories import emails

Browser = Callable[[User | None], FlaskClient]


def test_charge_cancel_nobody_joins_an_account_without_a_plan(cast: Cast, browser: Browser) -> None:
    cast.let_pass(days=28)
    cast.cancel(cast.acme)
    invited = {"email": "new@example.com", "role": "member"}
    browser(cast.alice).post("/users/invitations", data=invited)
    cast.let_pass(days=3)
    (email,) = emails(cast.acme, "invited")
    link = re.search(r"/invitations/[\w-]+", email.body_text)
    assert link
    answer = browser(None).post(link[0], data={"name": "New", "password": f"{PASSWORD} new"})
    assert answer.status_code == 403
    assert "no running plan" in answer.text
    db.session.rollback()
    assert people.find_by_email(db.session(), "new@example.com") is None
