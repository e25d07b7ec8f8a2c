"""The bytes of rendered documents on disk, named by their own hash.

A file appears under its name whole or not at all: it is written beside its place, made durable,
and then renamed. What is read back is checked against the name before anyone gets it.
"""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from flask import current_app

from portal import clock

LEFT_BEHIND_AFTER_SECONDS = 3600


class DocumentMissing(Exception):
    """No file of that hash is there."""


class DocumentDamaged(Exception):
    """The file's bytes are not the ones that were stored."""


def put(content: bytes) -> str:
    """Keep `content` durably; returns its sha256 in hex. Putting it again changes nothing."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    sha256 = hashlib.sha256(content).hexdigest()
    _clear_left_behind(folder, sha256)
    written = _write_beside(folder, sha256, content)
    try:
        written.replace(_path(sha256))
    except OSError:
        written.unlink(missing_ok=True)
        raise
    _make_durable(folder)
    return sha256


def read(sha256: str) -> bytes:
    """The bytes stored under a hash; raises DocumentMissing or DocumentDamaged."""
    try:
        content = _path(sha256).read_bytes()
    except FileNotFoundError:
        raise DocumentMissing(sha256) from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DocumentDamaged(sha256)
    return content


def _folder() -> Path:
    folder: Path = current_app.config["PORTAL"].documents
    return folder


def _path(sha256: str) -> Path:
    return _folder() / f"{sha256}.pdf"


def _write_beside(folder: Path, sha256: str, content: bytes) -> Path:
    handle, name = tempfile.mkstemp(prefix=f"{sha256}.", suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _make_durable(folder: Path) -> None:
    """A rename survives a power cut only once its folder is on disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _clear_left_behind(folder: Path, sha256: str) -> None:
    """Remove what a killed writer of the same bytes left; a living one is never that slow."""
    oldest = clock.wall_now().timestamp() - LEFT_BEHIND_AFTER_SECONDS
    for part in folder.glob(f"{sha256}.*.part"):
        with suppress(FileNotFoundError):
            if part.stat().st_mtime < oldest:
                part.unlink()
