"""The page of statuses."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal.models import User
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList

ORDERED = ("Round 1", "Round 3", "Round 2")


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


def test_statuses_are_put_in_order_by_buttons(acme: ClientList, bob: FlaskClient) -> None:
    for name in ("Round 1", "Round 2", "Round 3"):
        acme.add_status(name)
    own_id = acme.status("Round 3").public_id
    answer = bob.post(f"/clients/statuses/{own_id}/up")
    assert answer.status_code == 303
    assert answer.location == f"/clients/statuses#status-{own_id}"
    page = bob.get("/clients/statuses").text
    assert "Round 3 was moved up." in page
    places = [page.index(f'aria-label="Move {name} up"') for name in ORDERED]
    assert places == sorted(places)
    listed = bob.get("/clients/new").text
    places = [listed.index(f">{name}") for name in ("Client", "Lead", *ORDERED)]
    assert places == sorted(places)


def test_the_ends_of_the_order_have_no_way_on(acme: ClientList, bob: FlaskClient) -> None:
    acme.add_status("Round 1")
    page = bob.get("/clients/statuses").text
    assert 'aria-label="Move Round 1 up" disabled' in page
    assert 'aria-label="Move Round 1 down" disabled' in page
    own_id = acme.status("Round 1").public_id
    assert bob.post(f"/clients/statuses/{own_id}/down").status_code == 303
    assert "was moved" not in bob.get("/clients/statuses").text
    assert bob.post(f"/clients/statuses/{own_id}/sideways").status_code == 404


def test_a_fixed_status_keeps_its_place(acme: ClientList, bob: FlaskClient) -> None:
    path = f"/clients/statuses/{acme.status('Lead').public_id}"
    assert bob.post(f"{path}/up").status_code == 422
    assert acme.status("Lead").position == 1


def test_a_colour_is_chosen_from_the_palette(acme: ClientList, bob: FlaskClient) -> None:
    acme.add_status("Round 1")
    path = f"/clients/statuses/{acme.status('Round 1').public_id}"
    data = {"name": "Round 1", "colour": "violet"}
    assert bob.post(path, data=data).status_code == 303
    assert acme.status("Round 1").colour == "violet"
    acme.add("Ada", "Round 1")
    assert '<span class="status tone-violet">' in bob.get("/clients").text

    answer = bob.post(path, data={"name": "Round 9", "colour": "#ff0000"})
    assert answer.status_code == 422
    assert "Choose one of the colours shown." in answer.text
    assert acme.status("Round 1").colour == "violet"


def test_another_account_s_status_is_not_found(
    cast: Cast, clock: FixedClock, bob: FlaskClient
) -> None:
    foreign = ClientList(cast.other, clock).add_status("Theirs").public_id
    for path in ("", "/up", "/deletion"):
        assert bob.post(f"/clients/statuses/{foreign}{path}").status_code == 404
