"""Nothing follows from being over a limit until the vendor has looked: pages say that no more can
be had, why, and what to do, and keep what was typed."""

import io
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal.mail import mailer
from portal.models import Account, NoticeState
from tests.blueprints.joining import invited_link, place, seats
from tests.blueprints.pages import in_order, words
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList
from tests.scenarios.vendor import VendorsFile

Browser = Callable[..., FlaskClient]
WHY = "No Admin could be reached by email."
DORA = {"name": "Dora", "password": "Seven herons over the weir"}


@pytest.fixture
def alice(cast: Cast, browser: Browser) -> FlaskClient:
    return browser(cast.alice)


@pytest.fixture
def parked(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> Account:
    """Eleven of ten seats, and a mail server that took no warning of it."""
    cast.members(cast.acme, 9)
    with monkeypatch.context() as fault:
        fault.setattr(mailer, "send", refused)
        cast.let_pass(days=1)
    return cast.acme


@pytest.fixture
def full(cast: Cast, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> ClientList:
    """Two of one client, where clients lead to an upgrade too."""
    file = VendorsFile(clock)
    file.edit('clients = "warn"', 'clients = "auto_upgrade"')
    file.apply()
    acme = ClientList(cast.acme, clock)
    for name in ("Ada", "Ben"):
        acme.add(name)
    acme.limit_to(1)
    with monkeypatch.context() as fault:
        fault.setattr(mailer, "send", refused)
        cast.let_pass(days=1)
    return acme


def test_over_before_the_act_giving_access_back_is_refused_with_the_ways_out(
    cast: Cast, alice: FlaskClient, parked: Account
) -> None:
    url = f"/users/{place(parked, cast.carol.id).public_id}/role"
    for data in ({"role": "member"}, {"role": "member", "confirmed": "12"}):
        answer = alice.post(url, data=data)
        assert answer.status_code == 422
        in_order(
            words(answer.text), "Nobody was added", WHY, "nobody who takes a seat can be added"
        )
        assert "/account/change-plan" in answer.text
    assert seats(parked) == 11


def test_over_before_the_act_an_invitation_can_be_sent_and_not_accepted(
    cast: Cast, alice: FlaskClient, browser: Browser, parked: Account
) -> None:
    data = {"email": "dora@example.com", "role": "member"}
    asked = words(alice.post("/users/invitations", data=data).text)
    in_order(asked, "This takes you to 12 of 10 seats.", WHY)
    assert alice.post("/users/invitations", data=data | {"confirmed": "12"}).status_code == 303

    answer = browser().post(invited_link(), data=DORA | {"confirmed": "12"})
    assert answer.status_code == 422
    assert "There is no free seat" in answer.text
    cast.leave(parked, cast.bob)
    assert browser().post(invited_link(), data=DORA | {"confirmed": "11"}).status_code == 303


def test_nothing_that_is_there_is_taken_away(
    cast: Cast, alice: FlaskClient, parked: Account
) -> None:
    assert alice.get("/users").status_code == 200
    url = f"/users/{place(parked, cast.bob.id).public_id}/role"
    assert alice.post(url, data={"role": "admin"}).status_code == 303
    assert seats(parked) == 11


def test_over_before_the_act_a_client_is_not_added_and_what_was_typed_stays(
    full: ClientList, alice: FlaskClient
) -> None:
    data = {"name": "Cyd", "note": "a note", "status": full.status("Client").public_id}
    for more in ({}, {"accepted": "3"}):
        answer = alice.post("/clients", data=data | more)
        assert answer.status_code == 422
        in_order(words(answer.text), WHY, "no client that counts can be added")
        assert 'value="Cyd"' in answer.text
        assert "a note" in answer.text
        assert 'name="accepted"' not in answer.text
    assert full.count() == 2
    lead = {"status": full.status("Lead").public_id}
    assert alice.post("/clients", data=data | lead).status_code == 303


def test_over_before_the_act_clients_are_not_brought_back(
    full: ClientList, alice: FlaskClient
) -> None:
    public_id = full.add("Dan", "Lead")
    chosen = {"client": [public_id], "new_status": full.status("Client").public_id, "accepted": "3"}
    answer = alice.post("/clients/chosen/status", data=chosen)
    assert answer.status_code == 422
    assert WHY in words(answer.text)
    assert " anyway" not in answer.text
    assert 'name="accepted"' not in answer.text
    assert full.count() == 2


def test_over_before_the_act_an_import_brings_in_leads_only(
    full: ClientList, alice: FlaskClient
) -> None:
    file = {"file": (io.BytesIO(b"Name\nEve\nFay\n"), "clients.csv")}
    page = alice.post("/clients/import", data=file).text
    assert WHY in words(page)
    assert 'value="as_leads"' in page
    assert 'value="as_written"' not in page
    confirmed = dict(re.findall(r'name="(packed|accepted)" value="([^"]+)"', page))
    answer = alice.post("/clients/imports", data=confirmed | {"beyond": "as_written"})
    assert answer.status_code == 422
    assert full.count() == 2
    done = alice.post("/clients/imports", data=confirmed | {"beyond": "as_leads"})
    assert done.status_code == 303
    assert (full.count(), full.size()) == (2, 4)


def refused(_letter: object) -> mailer.Answer:
    return mailer.Answer(NoticeState.REFUSED, "550 No such user")
