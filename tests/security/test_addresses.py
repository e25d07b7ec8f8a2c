"""What an address or a form can make the portal answer: never another site, never an error."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.cast import Cast

ELSEWHERE = ["%09/evil.example", "%0A/evil.example", "%0D/evil.example", "%5Cevil.example"]


@pytest.fixture
def alice(cast: Cast, browser) -> FlaskClient:
    return browser(cast.alice)


@pytest.mark.parametrize("there", ELSEWHERE)
def test_a_link_of_an_email_never_leads_to_another_site(cast: Cast, alice, there: str) -> None:
    """Browsers leave tabs and line ends out of an address: "/<tab>/evil.example" is another's."""
    assert alice.get(f"/in/{cast.acme.public_id}/{there}").status_code == 404


@pytest.mark.parametrize("path", ["/in/x//account", "/clients//new"])
def test_no_redirect_repeats_the_host_that_was_asked_for(alice, path: str) -> None:
    answer = alice.get(path, headers={"Host": "evil.example"})
    assert "evil.example" not in answer.headers.get("Location", "")


def test_a_switch_by_htmx_leads_to_a_page_whose_address_is_not_latin(cast: Cast, alice) -> None:
    answer = alice.post(
        "/accounts",
        data={"account": cast.acme.public_id, "next": "/clients?q=中"},
        headers={"HX-Request": "true"},
    )
    assert answer.headers["HX-Redirect"] == "/clients?q=%E4%B8%AD"


@pytest.mark.parametrize("number", ["9" * 5000, "99999999999", "-1", "²", ""])
def test_a_page_number_that_no_list_has(alice, number: str) -> None:
    assert alice.get("/clients", query_string={"page": number}).status_code == 200
    assert alice.post("/clients/chosen/suspension", data={"page": number}).status_code == 303


def test_an_address_has_one_spelling(app: Flask) -> None:
    assert not app.url_map.merge_slashes
