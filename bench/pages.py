"""How long a page takes, as a multiple of a bare view's time on the same server and database."""

import time
from collections.abc import Callable
from statistics import median

from bench import people
from bench.place import portal_on, running

WARM_UP, ROUNDS = 30, 200
PAGES = {
    "My Account": ("/account", "invoice", 2.0),
    "client list": ("/clients", "client", 2.0),
    "quote": ("/account/change-plan/{price}", "invoice", 1.5),
}


def measure() -> list[str]:
    """A row for each page and database: median times, and their ratio."""
    rows = []
    for database in ("sqlite", "postgresql"):
        with portal_on(database) as measured:
            account_id = people.settle(measured.environ)
            with running(measured) as portal:
                visitor = people.signed_in(portal.url)
                for name, (address, table, limit) in PAGES.items():
                    path = address.format(price=people.another_plan(visitor))
                    size = len(visitor.get(path))
                    bare = f"/bench/bare?account={account_id}&table={table}&size={size}"
                    rows.append(_row(f"{name}, {database}", visitor, path, bare, limit))
    return rows


def _row(name: str, visitor: people.Visitor, path: str, bare: str, limit: float) -> str:
    page_times, bare_times = _in_turn(lambda: visitor.get(path), lambda: visitor.get(bare))
    page, yardstick = median(page_times) * 1000, median(bare_times) * 1000
    sizes = f"{len(visitor.get(path)) // 1000} and {len(visitor.get(bare)) // 1000} kB"
    return (
        f"{name}: {page:.1f} ms, bare view {yardstick:.1f} ms ({sizes}):"
        f" {page / yardstick:.2f}× (at most {limit}×)"
    )


def _in_turn(
    one: Callable[[], object], other: Callable[[], object]
) -> tuple[list[float], list[float]]:
    """Both, alternating, so that a machine that slows down slows both."""
    times: tuple[list[float], list[float]] = ([], [])
    for round_ in range(WARM_UP + ROUNDS):
        for which, action in enumerate((one, other)):
            began = time.perf_counter()
            action()
            if round_ >= WARM_UP:
                times[which].append(time.perf_counter() - began)
    return times
