"""Open pages follow the account: a change is rendered once per process and sent to all of them.

    commit → Redis "portal:account:<id>" → one listener per process → a queue per stream → pages

Nothing here is needed for a page to be right: one that can't hold a stream asks by polling.
"""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app
from redis.exceptions import RedisError

from portal import clock, language
from portal.billing import usage
from portal.billing.rules import usage_forecast
from portal.billing.rules.counting import Metric
from portal.billing.rules.usage_forecast import DayCount
from portal.events import CHANNELS
from portal.extensions import db
from portal.mail.usage_places import COUNTED_AT, NOT_COUNTED_AT
from portal.models import Usage
from portal.streams import Stream
from portal.web.permissions import Permission
from portal.web.principals import Principal

EXTENSION = "portal.live"
SUBSCRIBED_WITHIN_SECONDS = 3
# More pages than anybody has open; without it one person could take every stream there is.
STREAMS_PER_PERSON = 25
MESSAGES_AT_ONCE = 1000


@dataclass(frozen=True)
class Meter:
    """What `ui.meter` and `ui.meter_line` show; storage in bytes, `limit` None is unlimited.

    `link` leads to what is counted, `not_counted` to what isn't; `forecast` is a sentence or "".
    """

    metric: str
    used: int
    limit: int | None
    link: str | None
    not_counted: str | None = None
    forecast: str = ""


@dataclass(frozen=True)
class Region:
    """A part of pages that follows the account; its id is also the name of its event."""

    id: str
    template: str
    permission: Permission
    context: Callable[[int], dict[str, Any]]


def meters_context(account_id: int) -> dict[str, Any]:
    """What `account/_usage_meters.html` needs: `meters`, one `Meter` for each metric."""
    rows, today = usage.of(db.session(), account_id), clock.now().date()
    since = today - usage_forecast.LOOKS_BACK
    history = usage.history(db.session(), account_id, since=since, until=today)
    return {"meters": [_meter(rows[metric], history[metric]) for metric in Metric]}


def clients_meter_context(account_id: int) -> dict[str, Any]:
    """What `clients/_meter.html` needs: `clients_meter`."""
    row = usage.of(db.session(), account_id)[Metric.CLIENTS]
    meter = Meter(row.metric.value, row.used, row.limit_value, COUNTED_AT[row.metric])
    return {"clients_meter": meter}


def _meter(row: Usage, days: Sequence[DayCount]) -> Meter:
    return Meter(
        metric=row.metric.value,
        used=row.used,
        limit=row.limit_value,
        link=COUNTED_AT[row.metric],
        not_counted=NOT_COUNTED_AT[row.metric],
        forecast=usage_forecast.foretell(row.metric, days).sentence,
    )


USAGE_METERS = Region(
    "usage-meters", "account/_usage_meters.html", Permission.SEE_METERS, meters_context
)
CLIENTS_METER = Region(
    "clients-meter", "clients/_meter.html", Permission.WORK_WITH_CLIENTS, clients_meter_context
)
REGIONS = (USAGE_METERS, CLIENTS_METER)


def init_app(app: Flask) -> None:
    """Nothing runs until the first stream; open ones end when the process is asked to."""
    hub = Hub(app)
    app.extensions[EXTENSION] = hub
    _end_on_sigterm(hub)


def hub() -> Hub:
    """The streams of this process."""
    found: Hub = current_app.extensions[EXTENSION]
    return found


def visible_to(principal: Principal) -> tuple[Region, ...]:
    """The regions that a person's role may see."""
    return tuple(region for region in REGIONS if principal.may(region.permission))


def render(region: Region, account_id: int) -> str:
    """A region as it is now; needs an app context and no request."""
    template = current_app.jinja_env.get_template(region.template)
    return template.render(region.context(account_id))


def as_event(name: str, html: str) -> str:
    """One server-sent event."""
    lines = "".join(f"data: {line}\n" for line in html.strip().splitlines())
    return f"event: {name}\n{lines}\n"


class Hub:
    """All streams of this process, and the one thread that listens for them."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._most: int = app.config["PORTAL"].streams_per_process
        self._lock = threading.RLock()
        self._streams: set[Stream] = set()
        self._listener: threading.Thread | None = None
        self._is_subscribed = False
        self._has_tried = threading.Event()

    def open(
        self,
        account_id: int,
        user_id: int,
        regions: Iterable[Region],
        line: socket.socket | None = None,
    ) -> Stream | None:
        """A stream, or None where this process can't hold one more or hears nothing of changes.

        `line` is its connection, where the server gives it: whoever leaves makes room at once. It
        goes on in the language that is spoken now.
        """
        if not self._is_listening():
            return None
        stream = Stream(account_id, user_id, regions, line, language.spoken())
        with self._lock:
            own = sum(held.user_id == user_id for held in self._streams)
            if len(self._streams) >= self._most or own >= STREAMS_PER_PERSON:
                return None
            self._streams.add(stream)
        try:
            # What changed since the page was drawn is in what its stream begins with: read anew, as
            # nobody sends what changed after the request began reading and before it was held.
            db.session().rollback()
            stream.send(_rendered(account_id, stream.regions, stream.language))
        except Exception:
            self.close(stream)
            raise
        return stream

    def close(self, stream: Stream) -> None:
        with self._lock:
            self._streams.discard(stream)

    def end_all(self) -> None:
        """Let go of every page: the process ends, or would send nothing any more."""
        for stream in self._held():
            stream.end()

    def end_abandoned(self) -> None:
        """Make room: each page somebody went away from keeps its thread until it is written to."""
        for stream in self._held():
            if stream.is_abandoned:
                self.close(stream)
                stream.end()

    def end_those_of(self, account_id: int, user_id: int | None) -> None:
        """Somebody's role changed or they signed out: they must ask to be let in again."""
        for stream in self._held(account_id):
            if user_id in (None, stream.user_id):
                stream.end()

    def refresh(self, account_ids: Iterable[int] | None = None) -> None:
        """Send the regions of these accounts (all that have streams) as they are now."""
        held = {stream.account_id for stream in self._held()}
        for account_id in held if account_ids is None else held.intersection(account_ids):
            self._refresh_one(account_id)

    def _refresh_one(self, account_id: int) -> None:
        streams = self._held(account_id)
        wanted: dict[str, set[str]] = {}
        for stream in streams:
            wanted.setdefault(stream.language, set()).update(stream.regions)
        try:
            with self._app.app_context():
                rendered = {
                    tag: _rendered(account_id, regions, tag) for tag, regions in wanted.items()
                }
        except Exception:
            # These pages ask again by themselves; those of other accounts go on.
            self._app.logger.exception("live meters could not be drawn")
            self.end_those_of(account_id, None)
            return
        for stream in streams:
            stream.send(rendered[stream.language])

    def _held(self, account_id: int | None = None) -> list[Stream]:
        with self._lock:
            return [s for s in self._streams if account_id in (None, s.account_id)]

    def _is_listening(self) -> bool:
        redis = self._app.extensions.get("portal.redis")
        if redis is None:
            return False
        with self._lock:
            if self._listener is None:
                self._has_tried.clear()
                self._listener = threading.Thread(
                    target=self._listen, args=(redis,), name="live", daemon=True
                )
                self._listener.start()
        self._has_tried.wait(SUBSCRIBED_WITHIN_SECONDS)
        return self._is_subscribed

    def _listen(self, redis: Any) -> None:
        """Until Redis goes away. Then no stream is held, pages poll, and the next one asked for
        listens anew."""
        try:
            with redis.pubsub() as subscription:
                subscription.psubscribe(CHANNELS)
                while True:
                    self._take_in(_messages(subscription))
                    self.end_abandoned()
        except RedisError as error:
            self._app.logger.warning("live meters are off until Redis answers: %s", error)
        except Exception:
            self._app.logger.exception("live meters stumbled")
        with self._lock:
            self._listener, self._is_subscribed = None, False
        self._has_tried.set()
        self.end_all()

    def _take_in(self, messages: list[dict[str, Any]]) -> None:
        changed: set[int] = set()
        for message in messages:
            if message["type"] == "psubscribe":
                # Also after the connection was lost and found again: something may be missed.
                self._is_subscribed = True
                self._has_tried.set()
                self.refresh()
            elif message["type"] == "pmessage":
                account_id = int(message["channel"].rpartition(b":")[2])
                facts = json.loads(message["data"])
                if facts["kind"] == "usage":
                    changed.add(account_id)
                elif facts["kind"] == "people":
                    self.end_those_of(account_id, facts.get("user_id"))
        if changed:
            self.refresh(changed)


def _rendered(account_id: int, wanted: set[str], tag: str) -> dict[str, str]:
    """Each region as an event, in a language: whoever hears of a change has none of their own."""
    with language.speaking(tag):
        return {
            region.id: as_event(region.id, render(region, account_id))
            for region in REGIONS
            if region.id in wanted
        }


def _messages(subscription: Any) -> list[dict[str, Any]]:
    """What has arrived, at least one message or a second's silence: many changes, one drawing."""
    messages: list[dict[str, Any]] = []
    message = subscription.get_message(timeout=1)
    while message is not None and len(messages) < MESSAGES_AT_ONCE:
        messages.append(message)
        message = subscription.get_message(timeout=0)
    return messages


def _end_on_sigterm(hub: Hub) -> None:
    """A server waits for its responses, and streams don't finish by themselves.

    Only where a server installed its own handler before it loaded the app, which stays in charge.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    stop = signal.getsignal(signal.SIGTERM)
    if not callable(stop):
        return

    def end_streams_and_stop(number: int, frame: Any) -> None:
        hub.end_all()
        stop(number, frame)

    signal.signal(signal.SIGTERM, end_streams_and_stop)
