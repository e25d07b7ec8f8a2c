"""Pages of an account without a running plan: all can be read, and nothing offers to change it."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal.billing.rules.roles import Role
from tests.blueprints.pages import words
from tests.cast import Cast

Browser = Callable[..., FlaskClient]
SAID = "This account has no running plan, so this page is read only."
OFFERS = {
    "/clients": ("Add client", "Import"),
    "/clients/new": ("Save changes", 'button-primary">Add client'),
    "/clients/import": ("Check the file",),
    "/clients/statuses": ("Add status",),
    "/users": ("Send invitation", "Save role", "Invite somebody"),
}


@pytest.mark.parametrize("path", OFFERS)
def test_nothing_is_offered_that_would_be_refused(cast: Cast, browser: Browser, path: str) -> None:
    """charge.cancel: the account is read-only after its plan ended, and its pages say so."""
    empty = cast.account("Empty", None)
    page = browser(cast.member(empty, "Erin", Role.ADMIN)).get(path).text
    assert SAID in words(page)
    assert "Choose a plan" in words(page)
    assert [offer for offer in OFFERS[path] if offer in page] == []


def test_a_member_is_told_who_can_choose_a_plan(cast: Cast, browser: Browser) -> None:
    empty = cast.account("Empty", None)
    page = browser(cast.member(empty, "Mo", Role.MEMBER)).get("/clients").text
    assert f"{SAID} All that is here is kept. An Admin can choose a plan." in words(page)


def test_with_a_plan_nothing_is_said(cast: Cast, browser: Browser) -> None:
    for path, offers in OFFERS.items():
        page = browser(cast.alice).get(path).text
        assert SAID not in words(page)
        assert offers[-1] in page


def test_my_account_has_its_own_words(cast: Cast, browser: Browser) -> None:
    empty = cast.account("Empty", None)
    page = browser(cast.member(empty, "Erin", Role.ADMIN)).get("/account").text
    assert SAID not in words(page)
    assert "No plan yet" in page
