"""Ways to use up what all of an account may try together."""

from collections.abc import Callable, Iterator
from typing import cast as of_type

import pytest
from flask import Flask
from flask.testing import FlaskClient
from limits.storage import MemoryStorage

from portal.extensions import limiter
from portal.models import User
from tests.cast import Cast

Browser = Callable[[User | None], FlaskClient]
INVOICE = "/invoices/INV-2026-000001"
COUNTED = (
    *("/account/payment-method", "/account/change-plan", "/account/add-ons", f"{INVOICE}/payment"),
    *("/account/what-if", f"{INVOICE}/emails", "/billing/addresses"),
    *("/invoices/exports", "/invoices/statement", f"{INVOICE}/links"),
)


@pytest.fixture(autouse=True)
def _limited(app: Flask) -> Iterator[None]:
    limiter.enabled = True
    limiter.reset()
    yield
    limiter.enabled = False
    limiter.reset()


def of_accounts() -> list[str]:
    """What is counted by account."""
    return [key for key in of_type(MemoryStorage, limiter.storage).storage if "account " in key]


def test_refusals_of_a_member_leave_an_admin_all_attempts(cast: Cast, browser: Browser) -> None:
    bob, alice = browser(cast.bob), browser(cast.alice)
    for page in ("/account/payment-method", "/account/what-if", f"{INVOICE}/emails"):
        assert [bob.post(page).status_code for _ in range(70)] == [403] * 70
        assert alice.post(page).status_code not in (403, 429), page


@pytest.mark.parametrize("page", COUNTED)
def test_what_a_role_may_not_do_is_not_counted(cast: Cast, browser: Browser, page: str) -> None:
    assert browser(cast.bob).post(page).status_code == 403
    assert of_accounts() == []
    assert browser(cast.alice).post(page).status_code not in (403, 429)
    assert of_accounts() != []
