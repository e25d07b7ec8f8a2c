"""What an error page offers next, by who looks at it."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal.models import User
from tests.blueprints.pages import words
from tests.cast import Cast

Browser = Callable[[User | None], FlaskClient]


@pytest.mark.parametrize("address", ["/i/no-such-link", "/no-such-page"])
def test_the_way_to_an_account_is_for_who_is_in_one(
    cast: Cast, browser: Browser, address: str
) -> None:
    stranger = browser(None).get(address)
    assert stranger.status_code == 404
    assert "To your account" not in stranger.text
    assert '<p class="actions">' not in stranger.text
    member = browser(cast.bob).get(address)
    assert member.status_code == 404
    assert "To your account" in words(member.text)


def test_a_form_that_is_too_old_leads_to_where_one_signs_in(cast: Cast, browser: Browser) -> None:
    """Its sender may have been signed in when it was opened."""
    client = browser(None)
    client.application.config["WTF_CSRF_ENABLED"] = True
    answer = client.post("/invoices/exports")
    assert answer.status_code == 400
    assert "Start again from your account" in words(answer.text)
