"""The usage page, its file, the meters' sentences, and the rows behind each count."""

import csv
import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal.billing.rules.roles import Role
from portal.models import User
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList

Browser = Callable[[User | None], FlaskClient]


@pytest.fixture
def acme(cast: Cast, clock: FixedClock) -> ClientList:
    return ClientList(cast.acme, clock)


@pytest.fixture
def alice(cast: Cast, browser: Browser) -> FlaskClient:
    return browser(cast.alice)


def test_the_page_shows_each_metric_as_picture_and_table(
    acme: ClientList, alice: FlaskClient, clock: FixedClock
) -> None:
    acme.add("Ada")
    clock.advance(days=2)
    acme.add("Ben")
    page = alice.get("/account/usage").text
    assert page.count('<svg class="chart" role="img"') == 3
    assert "Clients from 1 Mar 2026 to 3 Mar 2026" in page
    assert "1 on 1 Mar 2026, 2 on 3 Mar 2026; between 1 and 2 in that time." in page
    assert "The limit: 600 all the time." in page
    assert "Limit: 600" in page
    assert '<td class="num">+1</td>' in page
    for link in ("/users?counted=no", "/clients?counted=yes", "/clients/documents?counted=yes"):
        assert f'href="{link}"' in page


def test_the_file_has_a_line_for_each_day(
    acme: ClientList, alice: FlaskClient, clock: FixedClock
) -> None:
    acme.add("Ada")
    clock.advance(days=2)
    answer = alice.get("/account/usage.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="usage-2026-03-03.csv"'
    lines = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert lines[0] == ["Day (UTC)", "Metric", "In use", "Limit"]
    assert [line for line in lines if line[1] == "clients"] == [
        [f"2026-03-0{day}", "clients", "1", "600"] for day in (1, 2, 3)
    ]
    assert len(lines) == 1 + 3 * 3


def test_90_days_are_shown_and_no_more(alice: FlaskClient, clock: FixedClock) -> None:
    clock.advance(days=200)
    answer = alice.get("/account/usage.csv")
    assert len(answer.text.strip().splitlines()) == 1 + 3 * 90


@pytest.mark.parametrize("path", ["/account/usage", "/account/usage.csv"])
def test_it_is_for_admins(cast: Cast, browser: Browser, path: str) -> None:
    assert browser(cast.bob).get(path).status_code == 403
    assert browser(cast.carol).get(path).status_code == 403


def test_over_in_advance_the_meters_say_when_the_limit_would_be_reached(
    acme: ClientList, alice: FlaskClient, clock: FixedClock
) -> None:
    """Two clients a week for four weeks: 592 left take 2,072 days."""
    assert "counting began today" in alice.get("/account").text
    for week in range(4):
        clock.advance(days=7)
        acme.add(f"One {week}")
        acme.add(f"Two {week}")
    page = alice.get("/account").text
    assert "(+2, +2, +2 and +2), 2 clients more a week, the limit is more than a year away" in page
    assert "No forecast: it is what it was 4 weeks ago." in page
    assert "592 left" in page


def test_the_meters_follow_with_their_sentences(acme: ClientList, alice: FlaskClient) -> None:
    fragment = alice.get("/account/meters", headers={"HX-Request": "true"}).text
    assert "No forecast yet" in fragment


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("", {"Alice", "Bob", "Carol", "Dora"}),
        ("?counted=yes", {"Alice", "Bob"}),
        ("?counted=no", {"Carol", "Dora"}),
        ("?counted=nonsense", {"Alice", "Bob", "Carol", "Dora"}),
    ],
)
def test_count_explained_users_are_filtered_by_whether_they_take_a_seat(
    cast: Cast, alice: FlaskClient, asked: str, shown: set[str]
) -> None:
    """Carol is a billing contact, Dora is deactivated."""
    cast.leave(cast.acme, cast.member(cast.acme, "Dora", Role.MEMBER))
    page = alice.get(f"/users{asked}").text
    for name in ("Alice", "Bob", "Carol", "Dora"):
        assert (f'<th scope="row">{name}' in page) == (name in shown)
    assert ("not counted: deactivated" in page) == ("Dora" in shown)
    assert ("counted: active Member" in page) == ("Bob" in shown)


def test_where_everybody_is_counted_it_says_so(cast: Cast, browser: Browser) -> None:
    page = browser(cast.mallory).get("/users?counted=no").text
    assert "Everybody takes a seat." in page
