"""The page of statuses."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal.models import User
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList


@pytest.fixture
def acme(cast: Cast, clock: FixedClock) -> ClientList:
    return ClientList(cast.acme, clock)


@pytest.fixture
def bob(cast: Cast, browser: Callable[[User], FlaskClient]) -> FlaskClient:
    return browser(cast.bob)


def test_a_status_is_added_renamed_and_deleted(acme: ClientList, bob: FlaskClient) -> None:
    assert bob.post("/clients/statuses", data={"name": "Round 3"}).status_code == 303
    page = bob.get("/clients/statuses").text
    assert "A status you add is always counted." in page
    path = f"/clients/statuses/{acme.status('Round 3').public_id}"
    assert bob.post(path, data={"name": "Round 4"}).status_code == 303
    one = acme.add("Ada", "Round 4")
    lead = acme.status("Lead").public_id
    assert bob.post(f"{path}/deletion", data={"destination": lead}).status_code == 303
    assert "1 client moved" in bob.get("/clients/statuses").text
    assert acme.status_of(one) == "Lead"
    assert acme.count() == 0


def test_count_custom_removed_asks_for_the_destination(acme: ClientList, bob: FlaskClient) -> None:
    acme.add_status("Round 3")
    acme.add("Ada", "Round 3")
    path = f"/clients/statuses/{acme.status('Round 3').public_id}/deletion"
    answer = bob.post(path)
    assert answer.status_code == 422
    assert "1 client has this status. Choose the status to move to." in answer.text
    assert acme.status("Round 3").name == "Round 3"


def test_a_destination_must_be_another_status_of_the_account(
    acme: ClientList, bob: FlaskClient
) -> None:
    own_id = acme.add_status("Round 3").public_id
    acme.add("Ada", "Round 3")
    for given, code in ((own_id, 422), ("0" * 32, 404)):
        answer = bob.post(f"/clients/statuses/{own_id}/deletion", data={"destination": given})
        assert answer.status_code == code


def test_what_was_typed_stays_when_a_name_is_refused(acme: ClientList, bob: FlaskClient) -> None:
    for typed in ("lead", "Сlient", "x" * 61, "a\u202eb", ""):
        answer = bob.post("/clients/statuses", data={"name": typed})
        assert answer.status_code == 422
        assert f'value="{typed}"' in answer.text
        assert 'aria-invalid="true"' in answer.text


def test_fixed_statuses_stay_as_they_are(acme: ClientList, bob: FlaskClient) -> None:
    path = f"/clients/statuses/{acme.status('Lead').public_id}"
    assert bob.post(path, data={"name": "Mine"}).status_code == 422
    assert bob.post(f"{path}/deletion").status_code == 422
    assert acme.status("Lead").is_counted is False
