"""Import and export as people meet them: a file, a dry run, a confirmation, a file again."""

import csv
import io
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal.blueprints.clients import transfer
from portal.models import User
from tests import client_files
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList

Browser = Callable[[User | None], FlaskClient]


@pytest.fixture
def acme(cast: Cast, clock: FixedClock) -> ClientList:
    return ClientList(cast.acme, clock)


@pytest.fixture
def bob(cast: Cast, browser: Browser) -> FlaskClient:
    return browser(cast.bob)


def send(person: FlaskClient, content: bytes, name: str = "clients.csv"):
    return person.post("/clients/import", data={"file": (io.BytesIO(content), name)})


def fields(page: str) -> dict[str, str]:
    return dict(re.findall(r'name="(packed|accepted)" value="([^"]+)"', page))


def test_1200_lines_from_the_file_to_the_list(acme: ClientList, bob: FlaskClient) -> None:
    page = send(bob, client_files.example().encode()).text
    assert "Add 1,130 clients" in page
    assert "30 left out" in page
    assert "40 left out" in page
    assert "This takes you to 839 of 600 clients" in page
    assert "Bring in 600 as written and the other 239 as leads" in page
    assert acme.size() == 0

    done = bob.post("/clients/imports", data={**fields(page), "beyond": "as_leads"})
    assert done.status_code == 303
    assert "1,130 clients were added" in bob.get(done.headers["Location"]).text
    assert (acme.size(), acme.count()) == (1130, 600)

    again = bob.post("/clients/imports", data={**fields(page), "beyond": "as_leads"})
    assert again.headers["Location"] == done.headers["Location"]
    assert acme.size() == 1130


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_letters_survive_the_encodings_of_spreadsheets(
    acme: ClientList, bob: FlaskClient, encoding: str
) -> None:
    page = send(bob, "Name;Note\nJürgen Müßig;déjà vu €\n".encode(encoding)).text
    bob.post("/clients/imports", data=fields(page))
    assert "Jürgen Müßig" in bob.get("/clients").text


def test_an_import_is_taken_back(acme: ClientList, bob: FlaskClient) -> None:
    acme.add("Ada")
    acme.clock.advance(minutes=1)
    done = bob.post("/clients/imports", data=fields(send(bob, b"Name\nBen\nCleo\n").text))
    page = bob.get(done.headers["Location"]).text
    at = re.search(r'name="changed_at" value="(\d+)"', page)
    assert at is not None
    bob.post("/clients/chosen/deletion", data={"changed_at": at[1]})
    assert acme.count() == 1


def test_over_before_the_act_is_asked_again_when_the_count_moved(
    acme: ClientList, bob: FlaskClient
) -> None:
    acme.limit_to(3)
    confirmation = fields(send(bob, b"Name\nA\nB\nC\n").text)
    acme.add("Somebody else's")
    asked = bob.post("/clients/imports", data=confirmation)
    assert asked.status_code == 409
    assert "Your client count changed since" in asked.text
    assert "4 of 3 clients" in asked.text
    assert acme.size() == 1
    assert bob.post("/clients/imports", data=fields(asked.text)).status_code == 303
    assert acme.size() == 4


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"PK\x03\x04workbook", "workbook"),
        (b"Ada,ada@example.com\n", "no column with names"),
        (b"Name\n" + b"x" * 1_600_000, "1.5 MB is the most"),
        (b"\x00\x01\x02\x03" * 50, "not a text file"),
    ],
)
def test_files_that_cannot_be_read_are_told(
    acme: ClientList, bob: FlaskClient, content: bytes, why: str
) -> None:
    answer = send(bob, content)
    assert answer.status_code == 422
    assert why in answer.text


def test_no_file_at_all_is_told(bob: FlaskClient) -> None:
    assert "Choose a CSV file first" in (answer := bob.post("/clients/import")).text
    assert answer.status_code == 422


def test_a_file_beyond_reading_is_too_large(bob: FlaskClient) -> None:
    assert send(bob, b"x" * 3_000_000).status_code == 413


def test_a_file_that_will_not_fit_the_form_is_told(
    bob: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PACKED_AT_MOST", 100)
    assert "too large for one import" in send(bob, b"Name\nAda\n").text


@pytest.mark.parametrize("packed", ["", "nonsense", "a.b.c"])
def test_a_confirmation_nobody_gave_is_refused(
    acme: ClientList, bob: FlaskClient, packed: str
) -> None:
    assert bob.post("/clients/imports", data={"packed": packed}).status_code == 422


def test_a_confirmation_is_no_good_in_another_account_or_way(
    acme: ClientList, cast: Cast, bob: FlaskClient, browser: Browser
) -> None:
    confirmation = fields(send(bob, b"Name\nAda\n").text)
    theirs = browser(cast.mallory).post("/clients/imports", data=confirmation)
    assert theirs.status_code == 422
    odd = bob.post("/clients/imports", data={**confirmation, "beyond": "somehow"})
    assert odd.status_code == 422
    done = bob.post("/clients/imports", data=confirmation)
    other_way = bob.post("/clients/imports", data={**confirmation, "beyond": "as_leads"})
    assert other_way.status_code == 422
    assert acme.size() == 1
    assert browser(cast.mallory).get(done.headers["Location"]).status_code == 404


def exported(person: FlaskClient, query: str = "") -> list[dict[str, str]]:
    answer = person.get(f"/clients/export.csv{query}")
    assert answer.data.startswith(b"\xef\xbb\xbf")
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


def test_export_holds_the_list_that_was_asked_for(acme: ClientList, bob: FlaskClient) -> None:
    acme.add("Émile Zöla")
    acme.add("Ben", "Suspended")
    assert [row["Name"] for row in exported(bob)] == ["Ben", "Émile Zöla"]
    assert [row["Name"] for row in exported(bob, "?counted=yes")] == ["Émile Zöla"]
    assert [row["Counted"] for row in exported(bob, "?q=ben")] == ["not counted: suspended"]


def test_export_is_no_formula(acme: ClientList, bob: FlaskClient) -> None:
    acme.bring_in('Name,Phone,Note\n=cmd(),+1 555 0100,"@SUM(1)\n-2"\n')
    (row,) = exported(bob)
    assert (row["Name"], row["Phone"]) == ("'=cmd()", "'+1 555 0100")
    assert row["Note"].startswith("'@SUM")


def test_an_export_can_be_brought_into_another_account(
    acme: ClientList, cast: Cast, clock: FixedClock, bob: FlaskClient, browser: Browser
) -> None:
    acme.bring_in(client_files.example(), accepted=10_000)
    content = bob.get("/clients/export.csv").data
    mallory = browser(cast.mallory)
    page = send(mallory, content).text
    assert "Add 1,130 clients" in page
    assert "Lines with mistakes</h2>" not in page
    mallory.post("/clients/imports", data={**fields(page), "beyond": "as_written"})
    assert ClientList(cast.other, clock).count() == acme.count()
