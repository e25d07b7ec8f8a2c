"""Open pages follow the account: who gets what, when a stream ends, and what if Redis is away."""

import itertools
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal import events, live, streams
from portal.config import Settings
from portal.models import User
from tests.cast import PASSWORD, Cast, FixedClock
from tests.client_stories import ClientList
from tests.redis_server import RedisServer

Browser = Callable[[User | None], FlaskClient]
PATIENCE_SECONDS = 20


class OpenPage:
    """A page that holds a stream."""

    def __init__(self, person: FlaskClient, wished: str) -> None:
        headers = {"Accept-Language": wished}
        self.answer: TestResponse = person.get("/live/events", headers=headers)
        self._parts = self.answer.iter_encoded()

    def next_events(self) -> dict[str, str]:
        """What arrives next, by name; empty when the stream ended."""
        for part in self._parts:
            found = [event for event in part.decode().split("\n\n") if event.startswith("event: ")]
            if found:
                return {event.split("\n")[0].removeprefix("event: "): event for event in found}
        return {}

    def has_ended(self) -> bool:
        """Whether it ends before its time, after what may be on its way still."""
        began = time.monotonic()
        while self.next_events():
            pass
        return time.monotonic() - began < PATIENCE_SECONDS / 2

    def close(self) -> None:
        self.answer.close()


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("r"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def settings(settings: Settings, redis: RedisServer) -> Settings:
    return replace(settings, redis_url=redis.url, streams_per_process=3)


@pytest.fixture
def open_page(
    app: Flask, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[User], OpenPage]]:
    monkeypatch.setattr(streams, "PING_SECONDS", 0.05)
    monkeypatch.setattr(streams, "STREAM_SECONDS", PATIENCE_SECONDS)
    pages: list[OpenPage] = []

    def open_(user: User, wished: str = "en") -> OpenPage:
        pages.append(OpenPage(browser(user), wished))
        return pages[-1]

    yield open_
    for page in pages:
        page.close()


@pytest.fixture
def acme(cast: Cast, clock: FixedClock) -> ClientList:
    return ClientList(cast.acme, clock)


def test_each_role_follows_what_it_may_see(cast: Cast, open_page: Callable) -> None:
    admin, member = open_page(cast.alice), open_page(cast.bob)
    assert set(admin.next_events()) == {"usage-meters", "clients-meter"}
    assert set(member.next_events()) == {"clients-meter"}
    assert open_page(cast.carol).answer.status_code == 403


def test_each_page_goes_on_in_its_own_language(
    cast: Cast, acme: ClientList, open_page: Callable
) -> None:
    english, german = open_page(cast.alice), open_page(cast.alice, "de")
    assert "No forecast yet" in english.next_events()["usage-meters"]
    assert "Noch keine Prognose" in german.next_events()["usage-meters"]

    acme.add("Ada")
    assert "No forecast yet" in english.next_events()["usage-meters"]
    assert "Noch keine Prognose" in german.next_events()["usage-meters"]


def test_a_stream_is_a_stream(cast: Cast, open_page: Callable) -> None:
    headers = open_page(cast.bob).answer.headers
    assert headers["Content-Type"].startswith("text/event-stream")
    assert headers["X-Accel-Buffering"] == "no"
    assert headers["Cache-Control"] == "no-store"


def test_a_change_reaches_the_open_pages_of_its_account_only(
    cast: Cast, acme: ClientList, clock: FixedClock, open_page: Callable
) -> None:
    ours, theirs = open_page(cast.bob), open_page(cast.mallory)
    assert ">0</a>" in ours.next_events()["clients-meter"]
    theirs.next_events()

    acme.add("Ada")
    assert ">1</a>" in ours.next_events()["clients-meter"]
    ClientList(cast.other, clock).bring_in("Name\nBen\nCleo\nDora\n")
    assert ">3</a>" in theirs.next_events()["clients-meter"]


def test_a_change_is_drawn_once_for_all_pages(
    cast: Cast, acme: ClientList, open_page: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = [open_page(cast.bob) for _ in range(3)]
    for page in pages:
        page.next_events()
    drawn: list[str] = []
    render = live.render
    monkeypatch.setattr(live, "render", lambda r, a: (drawn.append(r.id), render(r, a))[1])
    acme.add("Ada")
    assert all(">1</a>" in page.next_events()["clients-meter"] for page in pages)
    assert drawn == ["clients-meter"]


def test_what_changes_while_a_stream_is_opened_is_in_its_first_event(
    app: Flask, cast: Cast, acme: ClientList, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request has begun reading when somebody else changes the account, and the stream is not
    held yet when that is told."""
    monkeypatch.setattr(live.Hub, "_is_listening", lambda hub: True)
    hub, account_id, person_id = live.Hub(app), cast.acme.id, cast.bob.id
    assert ">0</a>" in live.render(live.CLIENTS_METER, account_id)
    with app.app_context():
        acme.add("Ada")
    stream = hub.open(account_id, person_id, (live.CLIENTS_METER,))
    assert stream is not None
    _, first = itertools.islice(stream.events(), 2)
    assert ">1</a>" in first


def test_a_slow_page_gets_the_latest_only(
    cast: Cast, acme: ClientList, open_page: Callable
) -> None:
    page = open_page(cast.bob)
    page.next_events()
    acme.bring_in("Name\n" + "".join(f"Name {number}\n" for number in range(5)))
    acme.add("Ada")
    acme.add("Ben")
    time.sleep(0.5)
    assert ">7</a>" in page.next_events()["clients-meter"]


def test_streams_end_when_their_persons_rights_change(
    cast: Cast, acme: ClientList, open_page: Callable
) -> None:
    alice, bob = open_page(cast.alice), open_page(cast.bob)
    alice.next_events(), bob.next_events()
    events.publish(cast.acme.id, "people", user_id=cast.bob.id)
    assert bob.has_ended()
    acme.add("Ada")
    assert alice.next_events()


def test_a_stream_ends_by_itself(
    cast: Cast, open_page: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "STREAM_SECONDS", 0.2)
    page = open_page(cast.bob)
    page.next_events()
    assert page.has_ended()


def test_streams_end_with_the_server(app: Flask, cast: Cast, open_page: Callable) -> None:
    page = open_page(cast.bob)
    page.next_events()
    live.hub().end_all()
    assert page.has_ended()


def test_no_more_streams_than_the_process_can_hold(cast: Cast, open_page: Callable) -> None:
    held = [open_page(cast.bob) for _ in range(3)]
    refused = open_page(cast.alice).answer
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "10"
    held[0].close()
    assert open_page(cast.alice).answer.status_code == 200


def test_without_redis_pages_poll_and_with_it_again_they_follow(
    cast: Cast, acme: ClientList, redis: RedisServer, open_page: Callable, browser: Browser
) -> None:
    page = open_page(cast.bob)
    page.next_events()
    redis.stop()
    assert page.has_ended()
    assert open_page(cast.bob).answer.status_code == 503
    acme.add("Ada")
    assert ">1</a>" in browser(cast.bob).get("/clients/meter").text

    redis.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (again := open_page(cast.bob)).answer.status_code == 503:
        assert time.monotonic() < deadline
    assert ">1</a>" in again.next_events()["clients-meter"]
    acme.add("Ben")
    assert ">2</a>" in again.next_events()["clients-meter"]


def test_polling_says_the_same_as_the_stream(
    cast: Cast, browser: Browser, open_page: Callable
) -> None:
    shown = open_page(cast.alice).next_events()
    for path, region in [("/clients/meter", "clients-meter"), ("/account/meters", "usage-meters")]:
        polled = browser(cast.alice).get(path)
        assert polled.status_code == 200
        assert live.as_event(region, polled.text).strip() == shown[region]


def test_roles_server_side_for_meters(cast: Cast, browser: Browser) -> None:
    assert browser(cast.bob).get("/clients/meter").status_code == 200
    assert browser(cast.bob).get("/account/meters").status_code == 403
    assert browser(cast.carol).get("/clients/meter").status_code == 403
    assert browser(None).get("/live/events").status_code == 303


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/logout", {}),
        ("/account/password", {"current": PASSWORD, "new": "Seven herons over the weir"}),
    ],
)
def test_a_stream_ends_with_its_sign_in(
    cast: Cast, browser: Browser, open_page: Callable, path: str, fields: dict[str, str]
) -> None:
    """Whoever signed out, or was signed out everywhere, hears no more of the account."""
    left, stays = open_page(cast.bob), open_page(cast.alice)
    left.next_events()
    stays.next_events()
    assert browser(cast.bob).post(path, data=fields).status_code == 303
    began = time.monotonic()
    assert left.has_ended()
    assert time.monotonic() - began < PATIENCE_SECONDS / 2, "it ended by itself"
    events.publish(cast.acme.id, "usage")
    assert stays.next_events()


def test_nobody_takes_the_streams_of_all(
    cast: Cast, open_page: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STREAMS_PER_PERSON", 1)
    assert open_page(cast.bob).answer.status_code == 200
    assert open_page(cast.bob).answer.status_code == 503
    assert open_page(cast.alice).answer.status_code == 200


def test_whoever_leaves_makes_room_at_once(
    app: Flask, cast: Cast, open_page: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only when the next write fails: somebody who goes quickly from page to page would have
    taken all streams of a person by then."""
    monkeypatch.setattr(live, "STREAMS_PER_PERSON", 1)
    ours, theirs = socket.socketpair()
    with ours:
        held = live.hub().open(cast.acme.id, cast.bob.id, (live.CLIENTS_METER,), ours)
        assert held is not None
        assert open_page(cast.bob).answer.status_code == 503
        theirs.close()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while open_page(cast.bob).answer.status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert list(held.events())[1:] == [], "its thread is free again"
