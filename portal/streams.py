"""One open page: what is sent to it, and whether anybody is still there."""

import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from time import monotonic
from typing import Protocol

from portal.language import ENGLISH

PING_SECONDS = 20
STREAM_SECONDS = 300


class Named(Protocol):
    """A region, known by its id."""

    @property
    def id(self) -> str: ...


class Stream:
    """One open page, in a language. Keeps only the latest of each region, so a slow page never
    piles up."""

    def __init__(
        self,
        account_id: int,
        user_id: int,
        regions: Iterable[Named],
        line: socket.socket | None = None,
        language: str = ENGLISH,
    ) -> None:
        self.account_id, self.user_id, self._line = account_id, user_id, line
        self.language = language
        self.regions = {region.id for region in regions}
        self._changed = threading.Condition()
        self._waiting: dict[str, str] = {}
        self._ended = False

    def send(self, rendered: Mapping[str, str]) -> None:
        with self._changed:
            self._waiting.update(
                {name: event for name, event in rendered.items() if name in self.regions}
            )
            self._changed.notify()

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    @property
    def is_abandoned(self) -> bool:
        """Whether the browser hung up; otherwise only the second write after that would fail."""
        if self._line is None:
            return False
        try:
            return self._line.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
        except (OSError, ValueError):
            # Gone altogether, or a kind of socket that can't be looked into.
            return self._line.fileno() < 0

    def events(self) -> Iterator[str]:
        """What goes over the wire: events, a comment when nothing happens, an end."""
        ends_at = monotonic() + STREAM_SECONDS
        yield "retry: 1000\n\n"
        while not self._ended and monotonic() < ends_at:
            ready = self._take()
            yield "".join(ready) if ready else ": nothing new\n\n"

    def _take(self) -> list[str]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended, PING_SECONDS)
            ready = list(self._waiting.values())
            self._waiting.clear()
        return ready
