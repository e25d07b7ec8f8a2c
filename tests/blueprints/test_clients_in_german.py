"""The client pages in German: nothing of them stays English, and files say either language."""

import csv
import io
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal import language
from portal.billing import clients
from portal.billing.rules import client_file
from portal.billing.rules.counting import built_in_names, count_reason, shadows_built_in
from portal.billing.statuses import StatusRefused
from portal.models import User
from tests.blueprints.pages import words
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList
from tests.document_stories import Shelf
from tests.in_german import ASKED, english_in

Browser = Callable[[User | None], FlaskClient]
HTMX = {**ASKED, "HX-Request": "true"}
PAGES = [
    "/clients", "/clients?counted=deleted", "/clients?q=nobody", "/clients/new", "/clients/{ada}",
    "/clients/{cid}", "/clients/{ada}/documents", "/clients/{cid}/documents", "/clients/documents",
    "/clients/documents?counted=no", "/clients/statuses", "/clients/import",
]  # fmt: skip
IN_GERMAN = """\
Name;E-Mail;Telefon;Status;Notiz
Ada;ada@example.com;;Kunde;
Ben;ben@example.com;;Interessent;
Cid;cid@example.com;;gesperrt;
Dan;dan@example.com;;Lead;
Eve;eve@example.com;;Prospect;
"""


@pytest.fixture
def acme(cast: Cast, clock: FixedClock) -> ClientList:
    return ClientList(cast.acme, clock)


@pytest.fixture
def bob(cast: Cast, browser: Browser) -> FlaskClient:
    return browser(cast.bob)


def read(bob: FlaskClient, path: str) -> str:
    page = bob.get(path, headers=ASKED)
    assert page.status_code == 200
    assert '<html lang="de"' in page.text
    return page.text


def send(bob: FlaskClient, content: str) -> str:
    data = {"file": (io.BytesIO(content.encode()), "kunden.csv")}
    page = bob.post("/clients/import", data=data, headers=ASKED)
    return page.text


@pytest.mark.parametrize("path", PAGES)
def test_every_page_of_clients_is_german(
    acme: ClientList, cast: Cast, bob: FlaskClient, path: str
) -> None:
    ids = {name.lower(): acme.add(name) for name in ("Ada", "Ben", "Cid")}
    acme.add_status("Runde 3")
    acme.set_status("Runde 3", ids["ben"])
    acme.do(clients.suspend, acme.add("Dan"))
    Shelf(cast.acme, cast.clock).keep(ids["ada"])
    acme.do(clients.delete, ids["cid"])
    page = read(bob, path.format(**ids))
    assert english_in(page) == set()
    assert "%(" not in page


def test_the_list_says_statuses_and_reasons_in_german(acme: ClientList, bob: FlaskClient) -> None:
    acme.add("Ada")
    acme.add("Ben", "Prospect")
    acme.add_status("Client A")
    acme.set_status("Client A", acme.add("Cid"))
    said = words(read(bob, "/clients"))
    assert "Ada ada@example.com Kunde gezählt: Status Kunde" in said
    assert "Ben ben@example.com Interessent nicht gezählt: Interessent" in said
    assert "Cid cid@example.com Client A gezählt: Status Client A" in said
    assert "3 Kunden" in said


def test_count_explained_in_german(acme: ClientList) -> None:
    with language.speaking("de"):
        assert count_reason("Suspended", built_in_key="suspended", deleted=False) == (
            "nicht gezählt: gesperrt"
        )
        assert count_reason("Lead", built_in_key=None, deleted=False) == "gezählt: Status Lead"


def test_what_was_done_is_said_in_german_and_undone(acme: ClientList, bob: FlaskClient) -> None:
    chosen = [acme.add(name) for name in ("Ada", "Ben")]
    bob.post(f"/clients/{chosen[0]}/suspension", headers=ASKED)
    assert "Ada wurde gesperrt." in words(read(bob, "/clients"))
    bob.post("/clients/chosen/deletion", data={"client": chosen}, headers=ASKED)
    page = read(bob, "/clients")
    assert "2 Kunden gelöscht." in words(page)
    assert english_in(page) == set()
    row = bob.get(f"/clients/{chosen[0]}/row", headers=HTMX).text
    assert "Rückgängig" in row


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("name", "", "Geben Sie einen Namen ein."),
        ("name", "x" * 1121, "Verwenden Sie höchstens 120 Zeichen; das hier sind 1.121."),
        ("email", "keine", "Das ist keine E-Mail-Adresse. Schreiben Sie sie wie name@example.com."),
        ("status", "nonsense", "Wählen Sie einen der Status."),
    ],
)
def test_a_refused_client_says_why_in_german(
    bob: FlaskClient, field: str, typed: str, said: str
) -> None:
    page = bob.post("/clients", data={"name": "Ada", "status": "", field: typed}, headers=ASKED)
    assert page.status_code == 422
    assert said in words(page.text)
    assert english_in(page.text) == set()


def test_a_form_s_language_is_that_of_its_request_alone(bob: FlaskClient) -> None:
    said = [
        words(bob.post("/clients", data={}, headers={"Accept-Language": tag}).text)
        for tag in ("de", "en", "de")
    ]
    assert "Geben Sie einen Namen ein." in said[0]
    assert "Enter a name." in said[1]
    assert said[2] == said[0]


def test_a_german_file_is_checked_and_brought_in(acme: ClientList, bob: FlaskClient) -> None:
    page = send(bob, IN_GERMAN + "Fay;fay@example.com;;Freund;\nAda;ada@example.com;;;\nG;x;;;\n")
    assert english_in(page) == set()
    said = words(page)
    assert "Gelesen als UTF-8, getrennt durch Semikolons" in said
    assert "Es gibt keinen Status „Freund“." in said
    assert "E-Mail: Das ist keine E-Mail-Adresse." in said
    assert "Zeile 2 dieser Datei" in said
    assert "5 Kunden hinzufügen" in page
    fields = dict(re.findall(r'name="(packed|accepted)" value="([^"]+)"', page))
    done = bob.post("/clients/imports", data=fields, headers=ASKED, follow_redirects=True).text
    assert "5 Kunden wurden hinzugefügt" in words(done)
    assert english_in(done) == set()
    assert acme.count() == 1


@pytest.mark.parametrize("spoken", ["de", "en"])
def test_a_file_says_statuses_in_either_language(acme: ClientList, spoken: str) -> None:
    acme.add_status("Freund")
    with language.speaking(spoken):
        acme.bring_in(IN_GERMAN + "Fay;fay@example.com;;freund;\n")
    listed = acme.statuses_by_name()
    assert listed == {
        "Ada": "Client",
        "Ben": "Prospect",
        "Cid": "Suspended",
        "Dan": "Lead",
        "Eve": "Prospect",
        "Fay": "Freund",
    }


def test_what_is_exported_in_german_is_known_again(acme: ClientList, bob: FlaskClient) -> None:
    for name, status in (("Ada", "Client"), ("Ben", "Prospect"), ("Cid", "Inactive")):
        acme.add(name, status)
    text = bob.get("/clients/export.csv", headers=ASKED).text
    heading, first, second, third = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    assert heading == [
        "Name", "E-Mail", "Telefon", "Status", "Notiz", "Gezählt", "Hinzugefügt", "Geändert",
    ]  # fmt: skip
    assert [row[3] for row in (first, second, third)] == ["Kunde", "Interessent", "Inaktiv"]
    read_again = client_file.read(text)
    assert [client.details.email for client in read_again.clients] == [
        "ada@example.com", "ben@example.com", "cid@example.com",
    ]  # fmt: skip
    assert set(read_again.columns) == {"name", "email", "phone", "status", "note"}
    assert acme.bring_in(text).result["duplicates"] == 3


@pytest.mark.parametrize("name", ["Kunde", "KUNDE", "Interessent", "interessént", "gesperrt"])
def test_count_clients_takes_no_german_name_of_a_fixed_status(acme: ClientList, name: str) -> None:
    assert shadows_built_in(name)
    with pytest.raises(StatusRefused, match="reads like one of the fixed statuses"):
        acme.add_status(name)


def test_fixed_statuses_are_told_apart_in_every_language_of_the_pages() -> None:
    names = [name.casefold() for called in built_in_names().values() for name in called]
    assert len(names) == len(set(names))


def test_going_over_the_limit_is_asked_in_german(acme: ClientList, bob: FlaskClient) -> None:
    acme.add("Ada")
    acme.limit_to(1)
    status = acme.status("Client").public_id
    page = bob.post("/clients", data={"name": "Ben", "status": status}, headers=ASKED)
    assert page.status_code == 409
    assert "Das überschreitet Ihr Kundenlimit" in words(page.text)
    assert "Kunden trotzdem hinzufügen" in words(page.text)
    assert english_in(page.text) == set()


def test_a_refused_document_says_why_in_german(acme: ClientList, bob: FlaskClient) -> None:
    ada, gone = acme.add("Ada"), acme.add("Ben")
    acme.do(clients.delete, gone)
    page = bob.post(
        f"/clients/{ada}/documents", data={"file": (io.BytesIO(b""), "leer.txt")}, headers=ASKED
    )
    assert page.status_code == 422
    assert "leer.txt: Diese Datei ist leer." in words(page.text)
    assert 'data-too-large="Zu groß, bis zu ' in page.text
    refused = bob.post(f"/clients/{gone}/documents", headers=ASKED)
    assert "Ben ist gelöscht, und die zugehörigen Dokumente sind es damit auch." in refused.text
