"""The client pages: what they show, what they refuse, and that they work without JavaScript."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from portal.billing import clients
from portal.extensions import db
from portal.models import User
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList

HTMX = {"HX-Request": "true"}
Browser = Callable[[User | None], FlaskClient]
UNKNOWN = "0" * 32
GETS = [
    "/clients", "/clients/new", "/clients/{id}", "/clients/{id}/row", "/clients/statuses",
    "/clients/import", "/clients/export.csv", "/clients/meter",
]  # fmt: skip
POSTS = [
    "/clients", "/clients/{id}", "/clients/{id}/suspension", "/clients/{id}/return",
    "/clients/{id}/deletion", "/clients/{id}/restoration", "/clients/chosen/suspension",
    "/clients/chosen/status", "/clients/statuses", "/clients/statuses/{status}",
    "/clients/statuses/{status}/deletion", "/clients/import", "/clients/imports",
]  # fmt: skip
BAD_FIELDS = [
    ("name", "", "Enter a name."),
    ("name", "x" * 121, "at most 120 characters"),
    ("name", "A\u202eda", "invisible character"),
    ("email", "not an address", "no email address"),
    ("email", "x" * 250 + "@b.cd", "at most 254"),
    ("phone", "ask at the desk", "phone number"),
    ("note", "x" * 501, "at most 500"),
    ("note", "Z" + "\u0301" * 9, "at most 4 accents"),
    ("status", "nonsense", "Choose one of the statuses"),
]
ODD_QUERIES = [
    "page=-1", "page=x", "page=" + "9" * 400, "sort=;drop", "counted=maybe", "q=%ff",
    "q=" + "x" * 5000,
]  # fmt: skip


@pytest.fixture
def acme(cast: Cast, clock: FixedClock) -> ClientList:
    return ClientList(cast.acme, clock)


@pytest.fixture
def bob(cast: Cast, browser: Browser) -> FlaskClient:
    """A Member's browser: all of this is his work."""
    return browser(cast.bob)


def listed(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/clients/\w+">([^<]+)</a>', page)


def chosen_id(page: str, name: str) -> str:
    found = re.search(rf'href="/clients/(\w+)">{name}<', page)
    assert found is not None
    return found[1]


def test_roles_server_side_for_reading(acme: ClientList, cast: Cast, browser: Browser) -> None:
    public_id = acme.add("Ada")
    people = {browser(cast.alice): 200, browser(cast.bob): 200, browser(cast.carol): 403}
    people[browser(None)] = 303
    for path in GETS:
        answers = [person.get(path.format(id=public_id)).status_code for person in people]
        assert answers == list(people.values()), path


def test_roles_server_side_for_changing(acme: ClientList, cast: Cast, browser: Browser) -> None:
    public_id, status = acme.add("Ada"), acme.add_status("Round 3").public_id
    carol, nobody = browser(cast.carol), browser(None)
    for path in POSTS:
        path = path.format(id=public_id, status=status)
        assert carol.post(path, data={"client": public_id}).status_code == 403, path
        assert nobody.post(path).status_code == 303, path
    assert acme.count() == 1


def test_foreign_and_unknown_ids_are_the_same_404(
    acme: ClientList, cast: Cast, browser: Browser
) -> None:
    foreign = {"id": acme.add("Ada"), "status": acme.add_status("Round 3").public_id}
    unknown = {"id": UNKNOWN, "status": UNKNOWN}
    mallory = browser(cast.mallory)
    for path in (path for path in GETS + POSTS if "{" in path):
        ask = mallory.get if path in GETS else mallory.post
        given = {} if path in GETS else {"data": {"name": "X"}}
        answers = [ask(path.format(**ids), **given) for ids in (foreign, unknown)]
        assert [answer.status_code for answer in answers] == [404, 404], path
        assert "Ada" not in answers[0].text
    assert acme.count() == 1


def test_no_change_without_the_form_being_ours(
    app: Flask, acme: ClientList, bob: FlaskClient
) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    ids = {"id": acme.add("Ada"), "status": acme.add_status("Round 3").public_id}
    for path in POSTS:
        for data in ({"client": ids["id"]}, {"csrf_token": "wrong"}):
            assert bob.post(path.format(**ids), data=data).status_code == 400, path
    assert acme.count() == 1


def test_count_explained_on_every_row(acme: ClientList, bob: FlaskClient) -> None:
    acme.add_status("Round 3")
    acme.add("Ada", "Round 3")
    acme.add("Ben", "Suspended")
    page = bob.get("/clients").text
    assert "counted: status Round 3" in page
    assert "not counted: suspended" in page
    assert listed(bob.get("/clients?counted=yes").text) == ["Ada"]
    assert '<a href="/clients?counted=yes" class="meter-used">1</a>' in page


def test_the_list_narrows_sorts_and_turns_pages(acme: ClientList, bob: FlaskClient) -> None:
    acme.bring_in("Name\n" + "".join(f"Name {number:03d}\n" for number in range(120)))
    acme.clock.advance(days=1)
    acme.add("Zoë Example", "Lead")

    assert len(listed(bob.get("/clients").text)) == 50
    assert listed(bob.get("/clients?page=3").text)[-1] == "Zoë Example"
    assert listed(bob.get("/clients?page=99999999999999").text)[-1] == "Zoë Example"
    assert listed(bob.get("/clients?sort=-created").text)[0] == "Zoë Example"
    assert listed(bob.get("/clients?sort=-changed").text)[0] == "Zoë Example"
    assert listed(bob.get("/clients?sort=-name").text)[:2] == ["Zoë Example", "Name 119"]
    assert listed(bob.get("/clients?sort=-status").text)[0] == "Zoë Example"
    lead = acme.status("Lead").public_id
    assert listed(bob.get(f"/clients?status={lead}").text) == ["Zoë Example"]
    assert listed(bob.get("/clients?q=zoe").text) == ["Zoë Example"]
    assert "No client matches" in bob.get("/clients?q=nobody").text


def test_odd_addresses_show_the_list(acme: ClientList, bob: FlaskClient) -> None:
    for query in ODD_QUERIES:
        assert bob.get(f"/clients?{query}").status_code == 200, query


def test_a_status_nobody_has_is_not_found(bob: FlaskClient) -> None:
    assert bob.get(f"/clients?status={UNKNOWN}").status_code == 404


def test_htmx_gets_the_region_and_the_page_without_it(acme: ClientList, bob: FlaskClient) -> None:
    acme.add("Ada")
    fragment = bob.get("/clients?q=ad&status=&counted=&sort=name", headers=HTMX)
    assert fragment.text.lstrip().startswith('<section id="client-list"')
    assert '<span hx-swap-oob="true" id="clients-sort"' in fragment.text
    assert fragment.headers["HX-Push-Url"] == "/clients?q=ad"
    assert "<html" in bob.get("/clients").text


def test_a_row_answers_with_the_new_row_and_the_meter(acme: ClientList, bob: FlaskClient) -> None:
    public_id = acme.add("Ada")
    row = bob.post(f"/clients/{public_id}/suspension", headers=HTMX).text
    assert row.lstrip().startswith(f'<tr id="client-{public_id}">')
    assert f"/clients/{public_id}/return" in row
    assert '<section hx-swap-oob="true" id="clients-meter"' in row
    assert ">0</a>" in row
    assert acme.count() == 0


def test_without_javascript_a_change_is_told_and_undone(acme: ClientList, bob: FlaskClient) -> None:
    public_id = acme.add("Ada")
    answer = bob.post(f"/clients/{public_id}/deletion", data={"q": "a", "page": "1"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/clients?q=a")
    page = bob.get("/clients").text
    assert "Ada deleted." in page
    undo = re.search(
        r'action="(/clients/chosen/restoration)".*?name="changed_at" value="(\d+)"', page, re.S
    )
    assert undo is not None
    bob.post(undo[1], data={"changed_at": undo[2]})
    assert "Ada deleted." not in bob.get("/clients").text
    assert acme.count() == 1


def test_many_are_changed_and_undone_at_once(acme: ClientList, bob: FlaskClient) -> None:
    ids = [acme.add(name) for name in ("Ada", "Ben", "Cleo")]
    acme.clock.advance(minutes=1)
    bob.post("/clients/chosen/suspension", data={"client": ids[:2]})
    page = bob.get("/clients").text
    assert "2 clients suspended." in page
    assert acme.count() == 1
    at = re.search(r'name="changed_at" value="(\d+)"', page)
    assert at is not None
    bob.post("/clients/chosen/return", data={"changed_at": at[1]})
    assert acme.count() == 3


def test_all_of_a_list_are_changed_at_once(acme: ClientList, bob: FlaskClient) -> None:
    acme.bring_in("Name\n" + "".join(f"Name {number:03d}\n" for number in range(120)))
    acme.add("Zoë Example")
    bob.post("/clients/chosen/deletion", data={"all": "matching", "q": "name"})
    assert acme.count() == 1
    bob.post("/clients/chosen/restoration", data={"all": "matching", "counted": "deleted"})
    assert acme.count() == 121


def test_many_get_a_status(acme: ClientList, bob: FlaskClient, cast: Cast) -> None:
    ids = [acme.add(name) for name in ("Ada", "Ben")]
    lead = acme.status("Lead").public_id
    bob.post("/clients/chosen/status", data={"client": ids, "new_status": lead})
    assert "2 clients now Lead." in bob.get("/clients").text
    assert acme.count() == 0
    assert bob.post("/clients/chosen/status", data={"client": ids}).status_code == 404


def test_nothing_chosen_changes_nothing(acme: ClientList, bob: FlaskClient) -> None:
    acme.add("Ada")
    for data in ({}, {"all": "everything"}, {"changed_at": "-5"}):
        assert bob.post("/clients/chosen/deletion", data=data).status_code == 303
        assert "Nothing was changed" in bob.get("/clients").text
    assert acme.count() == 1


def test_far_too_many_boxes_are_refused(acme: ClientList, bob: FlaskClient) -> None:
    many = [f"{number:032x}" for number in range(300)]
    assert bob.post("/clients/chosen/deletion", data={"client": many}).status_code == 422


def test_over_before_the_act_from_a_row(acme: ClientList, bob: FlaskClient) -> None:
    public_id = acme.add("Ada", "Suspended")
    acme.limit_to(0)
    asked = bob.post(f"/clients/{public_id}/return", headers=HTMX)
    assert asked.status_code == 409
    assert "This takes you to 1 of 0 clients" in asked.text
    assert f'<tr id="client-{public_id}">' in asked.text
    assert acme.count() == 0
    bob.post(f"/clients/{public_id}/return", headers=HTMX, data={"accepted": "1"})
    assert acme.count() == 1


def test_over_before_the_act_for_many_without_javascript(
    acme: ClientList, bob: FlaskClient
) -> None:
    ids = [acme.add(name, "Suspended") for name in ("Ada", "Ben")]
    acme.limit_to(1)
    asked = bob.post("/clients/chosen/return", data={"client": ids, "q": "a"})
    assert asked.status_code == 409
    assert "This takes you to 2 of 1 client" in asked.text
    fields = re.findall(r'name="(client|q|accepted)" value="(\w+)"', asked.text)
    assert fields == [("client", ids[0]), ("client", ids[1]), ("q", "a"), ("accepted", "2")]
    bob.post("/clients/chosen/return", data={"client": ids, "accepted": "2"})
    assert acme.count() == 2


def test_a_client_is_added_and_edited(acme: ClientList, bob: FlaskClient) -> None:
    data = {"name": " Ada  Example ", "email": "ada@example.com", "phone": "+1 555 0100",
            "note": "a\r\nb", "status": acme.status("Client").public_id}  # fmt: skip
    assert bob.post("/clients", data=data).status_code == 303
    public_id = chosen_id(bob.get("/clients").text, "Ada Example")
    form = bob.get(f"/clients/{public_id}").text
    assert 'value="ada@example.com"' in form
    data |= {"name": "Ada Other", "status": acme.status("Lead").public_id}
    assert bob.post(f"/clients/{public_id}", data=data).status_code == 303
    assert acme.status_of(public_id) == "Lead"
    assert acme.count() == 0


def test_over_before_the_act_when_adding(acme: ClientList, bob: FlaskClient) -> None:
    acme.limit_to(0)
    data = {"name": "Ada", "status": acme.status("Client").public_id}
    asked = bob.post("/clients", data=data)
    assert asked.status_code == 409
    assert "This takes you to 1 of 0 clients" in asked.text
    assert 'value="Ada"' in asked.text
    assert bob.post("/clients", data={**data, "accepted": "1"}).status_code == 303
    assert acme.count() == 1


@pytest.mark.parametrize("existing", [False, True])
def test_what_was_typed_stays_and_its_field_says_what_is_wrong(
    acme: ClientList, bob: FlaskClient, existing: bool
) -> None:
    path = f"/clients/{acme.add('Before')}" if existing else "/clients"
    data = {"name": "Ada Kept", "email": "kept@example.com", "phone": "+1 555 0100",
            "note": "kept note", "status": acme.status("Client").public_id}  # fmt: skip
    for field, typed, why in BAD_FIELDS:
        answer = bob.post(path, data={**data, field: typed})
        assert answer.status_code == 422, (field, typed)
        assert why in answer.text
        kept = [value for name, value in data.items() if name not in (field, "status")]
        assert all(value in answer.text for value in kept)
        assert field == "status" or typed in answer.text
    assert acme.count() == int(existing)


def test_a_form_without_fields_is_refused(acme: ClientList, bob: FlaskClient) -> None:
    for path in ("/clients", f"/clients/{acme.add('Ada')}"):
        assert bob.post(path).status_code == 422


def test_text_is_only_ever_text(acme: ClientList, bob: FlaskClient) -> None:
    data = {"name": "<b>&\"'", "status": acme.status("Client").public_id}
    bob.post("/clients", data=data)
    page = bob.get("/clients").text
    assert "<b>" not in page
    assert "&lt;b&gt;&amp;&#34;&#39;" in page


def test_a_deleted_client_says_until_when_it_can_come_back(
    acme: ClientList, bob: FlaskClient
) -> None:
    public_id = acme.add("Ada")
    acme.do(clients.delete, public_id)
    assert "31 Mar 2026" in bob.get(f"/clients/{public_id}").text
    assert listed(bob.get("/clients?counted=deleted").text) == ["Ada"]
    acme.clock.advance(days=30)
    assert "restoration" not in bob.get(f"/clients/{public_id}/row").text


def test_a_page_of_the_list_takes_few_queries(acme: ClientList, bob: FlaskClient) -> None:
    acme.bring_in("Name\n" + "".join(f"Name {number:03d}\n" for number in range(60)))
    asked: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("SELECT client", "SELECT count(client", "SELECT usage")):
            asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    for path in ("/clients", "/clients?q=name", "/clients?counted=yes&sort=-created"):
        asked.clear()
        assert bob.get(path).status_code == 200
        assert len(asked) <= (5 if "q=" in path else 4), asked
    event.remove(db.engine, "before_cursor_execute", note)
