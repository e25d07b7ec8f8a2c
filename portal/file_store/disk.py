"""Bytes as files in a folder, under their key.

A file appears under its name whole or not at all: it is written beside its place, made durable,
and then renamed.
"""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from portal import clock
from portal.file_store.protocol import FileMissing, Stored, StoreFailed

KEY = re.compile(r"[0-9a-f]{16,64}")
PIECE_BYTES = 256 * 1024
UNFINISHED = "unfinished"
LEFT_BEHIND_AFTER_SECONDS = 24 * 3600


class DiskStore:
    """Files in `folder`, in up to 256 folders named by the first two digits of their keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, key: str, source: IO[bytes]) -> None:
        place = self._path(key)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            self._clear_left_behind()
            self._write(key, source).replace(place)
            _make_durable(place.parent)
            _make_durable(self.folder)
        except OSError as error:
            raise StoreFailed(f"{place} could not be written: {error}") from error

    def read(self, key: str) -> Iterator[bytes]:
        try:
            file = self._path(key).open("rb")
        except FileNotFoundError:
            raise FileMissing(key) from None
        except OSError as error:
            raise StoreFailed(f"{key} could not be read: {error}") from error
        return _pieces(file)

    def remove(self, key: str) -> None:
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as error:
            raise StoreFailed(f"{key} could not be removed: {error}") from error

    def listing(self) -> Iterator[Stored]:
        try:
            for place in sorted(self.folder.glob("[0-9a-f][0-9a-f]/*")):
                with suppress(FileNotFoundError):
                    found = place.stat()
                    stored_at = datetime.fromtimestamp(found.st_mtime, UTC)
                    yield Stored(place.name, found.st_size, stored_at)
        except OSError as error:
            raise StoreFailed(f"{self.folder} could not be listed: {error}") from error

    def _path(self, key: str) -> Path:
        if not KEY.fullmatch(key):
            raise ValueError(f"{key!r} is no key of a file")
        return self.folder / key[:2] / key

    def _write(self, key: str, source: IO[bytes]) -> Path:
        # Two may be writing the same at once: what is named by its hash is.
        part = self.folder / UNFINISHED / f"{key}.{secrets.token_hex(4)}"
        part.parent.mkdir(exist_ok=True)
        try:
            with part.open("xb") as file:
                shutil.copyfileobj(source, file, PIECE_BYTES)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            part.unlink(missing_ok=True)
            raise
        return part

    def _clear_left_behind(self) -> None:
        """Remove what killed writers left; a living one is never that slow."""
        oldest = clock.wall_now().timestamp() - LEFT_BEHIND_AFTER_SECONDS
        for part in self.folder.glob(f"{UNFINISHED}/*"):
            with suppress(FileNotFoundError):
                if part.stat().st_mtime < oldest:
                    part.unlink()


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        try:
            while piece := file.read(PIECE_BYTES):
                yield piece
        except OSError as error:
            raise StoreFailed(f"{file.name} could not be read: {error}") from error


def _make_durable(folder: Path) -> None:
    """A rename survives a power cut only once its folder is on disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
