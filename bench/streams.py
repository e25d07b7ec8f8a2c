"""How soon a changed meter reaches an account's other open pages, 200 of them."""

import http.client
import selectors
import socket
import threading
import time
from urllib.parse import urlsplit

from bench import people
from bench.place import Measured, portal_on, running

PAGES, CHANGES = 200, 30
LIMIT_MS = 100
SETTLE_SECONDS = 3.0


def measure() -> list[str]:
    """The delay from sending the change to its arrival on each page, and the processes' memory.

    It includes the change itself, which takes most of it.
    """
    with portal_on("sqlite") as measured:
        people.settle(measured.environ)
        with running(measured) as portal:
            visitor = people.signed_in(portal.url)
            for _page in range(20):
                visitor.get("/clients")
                visitor.get("/account")
            before, worker = _resident_mb(portal.web), _resident_mb(portal.worker)
            delays = sorted(_delays(portal, visitor))
            after = _resident_mb(portal.web)
    p50, p99 = delays[len(delays) // 2], delays[len(delays) * 99 // 100]
    return [
        f"from sending a change to {PAGES} open pages having it: median {p50 * 1000:.0f} ms,"
        f" 99th percentile {p99 * 1000:.0f} ms (under {LIMIT_MS} ms) after {CHANGES} changes",
        f"web process without streams: {before:.0f} MB (under 120 MB);"
        f" with {PAGES}: {after:.0f} MB",
        f"worker, idle: {worker:.0f} MB (under 150 MB)",
    ]


def _delays(portal: Measured, visitor: people.Visitor) -> list[float]:
    selector = selectors.DefaultSelector()
    admins = [people.signed_in(portal.url, number) for number in range(people.ADMINS)]
    for page in range(PAGES):
        cookie = admins[page % len(admins)].cookie
        selector.register(_open_stream(portal.url, cookie), selectors.EVENT_READ)
    _drain(selector, SETTLE_SECONDS)
    token = visitor.token("/clients/new")
    delays: list[float] = []
    for change in range(CHANGES):
        sent = time.perf_counter()
        poster = threading.Thread(
            target=visitor.post,
            args=(f"/clients/{change:032x}/suspension",),
            kwargs={"csrf_token": token},
        )
        poster.start()
        arrived = _drain(selector, 2.0, until=PAGES)
        poster.join()
        if len(arrived) < PAGES:
            raise RuntimeError(f"change {change} reached {len(arrived)} of {PAGES} pages")
        delays += [moment - sent for moment in arrived.values()]
    return delays


def _open_stream(url: str, cookie: str) -> socket.socket:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    connection.request("GET", "/live/events", headers={"Cookie": cookie})
    stream = connection.sock
    stream.setblocking(False)
    return stream


def _drain(selector: selectors.BaseSelector, seconds: float, until: int = 0) -> dict[int, float]:
    """When each stream first brought a meter, until `until` of them did or time is up."""
    arrived: dict[int, float] = {}
    deadline = time.perf_counter() + seconds
    while (left := deadline - time.perf_counter()) > 0 and (not until or len(arrived) < until):
        for key, _events in selector.select(min(left, 0.05)):
            stream = key.fileobj
            if isinstance(stream, socket.socket) and b"event: " in stream.recv(65536):
                arrived.setdefault(key.fd, time.perf_counter())
    return arrived


def _resident_mb(pid: int) -> float:
    with open(f"/proc/{pid}/status") as status:
        kilobytes = next(line for line in status if line.startswith("VmRSS:")).split()[1]
    return int(kilobytes) / 1024
