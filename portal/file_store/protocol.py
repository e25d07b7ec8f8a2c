"""What every store of bytes can do, and what it says when it can't."""

from collections.abc import Iterator
from datetime import datetime
from typing import IO, NamedTuple, Protocol


class FileMissing(Exception):
    """The store has nothing under that key."""


class StoreFailed(Exception):
    """The store did not take, give or remove something; `str()` is for the log."""


class Stored(NamedTuple):
    """Something kept, since when by the store's own clock."""

    key: str
    size_bytes: int
    stored_at: datetime


class FileStore(Protocol):
    """Bytes by key. Keys are 16 to 64 hexadecimal digits, in small letters."""

    def put(self, key: str, source: IO[bytes]) -> None:
        """Keep the rest of `source`, durably, whole or not at all. Raises StoreFailed."""

    def read(self, key: str) -> Iterator[bytes]:
        """The bytes, piece by piece. Raises FileMissing at once, StoreFailed at any piece."""

    def remove(self, key: str) -> None:
        """Have nothing under `key` any more; it may be so already. Raises StoreFailed."""

    def listing(self) -> Iterator[Stored]:
        """Everything there is, whole things only. Raises StoreFailed."""
