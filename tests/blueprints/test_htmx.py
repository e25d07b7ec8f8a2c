"""One view, two answers: pages for browsers, regions for htmx."""

from collections.abc import Iterator

import pytest
from flask import Flask, flash
from flask.testing import FlaskClient
from htmx_flask import Htmx
from jinja2 import DictLoader, StrictUndefined

from portal.web import htmx

PAGE = """
<h1>{{ title }}</h1>
{% block usage_meters %}<section id="usage-meters">{{ used }}</section>{% endblock %}
{% block wrong_name %}<section id="something-else"></section>{% endblock %}
{% block no_root %}text{% endblock %}
"""
TEMPLATES = {
    "page.html": PAGE,
    "_row.html": '<tr id="client-7"><td>{{ used }}</td></tr>',
    "components/_flashes.html": '<div id="flashes" hx-swap-oob="beforeend">'
    "{% for text in get_flashed_messages() %}{{ text }}{% endfor %}</div>",
}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    app = Flask(__name__)
    app.secret_key = "a key for tests"
    app.testing = True
    app.jinja_loader = DictLoader(TEMPLATES)  # type: ignore[assignment]
    app.jinja_env.undefined = StrictUndefined
    Htmx(app)
    htmx.register(app)
    context = {"title": "My account", "used": "6 <b>"}

    @app.get("/")
    def page():
        return htmx.page_or_fragment("page.html", "usage_meters", **context)

    @app.post("/row")
    def row():
        flash("Suspended")
        oob = ["usage_meters"]
        return htmx.page_or_fragment("page.html", "_row.html", oob, status=422, **context)

    @app.get("/meters-first")
    def meters_first():
        return htmx.page_or_fragment("page.html", "usage_meters", ["_row.html"], **context)

    @app.get("/block/<name>")
    def block(name: str):
        return htmx.page_or_fragment("page.html", name, [name], **context)

    @app.post("/leave")
    def leave():
        return htmx.redirect_after("/account")

    with app.test_client() as client:
        yield client


def test_a_browser_gets_the_page(client: FlaskClient) -> None:
    response = client.get("/")
    assert "<h1>My account</h1>" in response.text
    assert "HX-Request" in response.headers["Vary"]


def test_htmx_gets_the_region_escaped_like_the_page(client: FlaskClient) -> None:
    response = client.get("/", headers=HTMX)
    assert response.text.strip() == '<section id="usage-meters">6 &lt;b&gt;</section>'
    assert "HX-Request" in response.headers["Vary"]


@pytest.mark.parametrize("header", ["HX-History-Restore-Request", "HX-Boosted"])
def test_what_replaces_the_whole_page_is_the_whole_page(client: FlaskClient, header: str) -> None:
    assert "<h1>" in client.get("/", headers={**HTMX, header: "true"}).text


def test_other_regions_and_messages_travel_out_of_band(client: FlaskClient) -> None:
    response = client.post("/row", headers=HTMX)
    row, meters, flashes = response.text.split("\n")
    assert response.status_code == 422
    assert row == '<tr id="client-7"><td>6 &lt;b&gt;</td></tr>'
    assert meters == '<section hx-swap-oob="true" id="usage-meters">6 &lt;b&gt;</section>'
    assert flashes == '<div id="flashes" hx-swap-oob="beforeend">Suspended</div>'
    assert "<h1>" in client.post("/row").text


def test_a_row_out_of_band_survives_the_html_parser(client: FlaskClient) -> None:
    text = client.get("/meters-first", headers=HTMX).text
    assert '<template><tr hx-swap-oob="true" id="client-7">' in text


@pytest.mark.parametrize("name", ["wrong_name", "no_root"])
def test_a_region_is_named_like_its_element(client: FlaskClient, name: str) -> None:
    with pytest.raises(ValueError, match="region"):
        client.get(f"/block/{name}", headers=HTMX)


def test_leaving_after_a_form(client: FlaskClient) -> None:
    plain = client.post("/leave")
    assert (plain.status_code, plain.headers["Location"]) == (303, "/account")
    sent_by_htmx = client.post("/leave", headers=HTMX)
    assert sent_by_htmx.headers["HX-Redirect"] == "/account"


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("/account?tab=1", True),
        ("//evil.example", False),
        ("/\\evil.example", False),
        ("https://evil.example/", False),
        ("javascript:alert(1)", False),
        ("account", False),
        ("/a\nb", False),
        ("", False),
    ],
)
def test_only_paths_of_this_site_are_local(url: str, local: bool) -> None:
    assert htmx.is_local(url) is local
