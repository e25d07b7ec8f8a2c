"""Where a portal runs: its port, its data folder, and what is kept in that folder."""

import fcntl
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

# The kernel's limit of a socket's path is 108 bytes on Linux, 104 on macOS.
SOCKET_PATH_BYTES = 100
PREVIOUS_RUN_SECONDS = 15


class CannotStart(Exception):
    """Its message is one sentence saying what to install or which setting to change."""


@dataclass(frozen=True)
class Place:
    """Port, host and data folder of one portal; several can run side by side."""

    port: int
    host: str
    data: Path

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Place":
        """Read PORT, PORTAL_HOST and PORTAL_DATA; raises CannotStart for a port that is none."""
        return cls(
            port=_port(environ.get("PORT") or "8000"),
            host=environ.get("PORTAL_HOST") or "127.0.0.1",
            data=Path(environ.get("PORTAL_DATA") or "var").absolute(),
        )

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def redis_socket(self) -> Path:
        """The socket of the portal's own Redis; elsewhere when the folder's path is too long."""
        inside = self.data / "redis.sock"
        if len(os.fsencode(inside)) <= SOCKET_PATH_BYTES:
            return inside
        return _private_runtime_folder() / f"{sha256(os.fsencode(self.data)).hexdigest()[:16]}.sock"

    def claim(self) -> BinaryIO:
        """Make the data folder and hold it for this run and for the children that inherit it.

        Waits for what is left of a run that was killed. Raises CannotStart when the folder
        can't be written or another portal runs in it.
        """
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            lock = (self.data / "supervisor.lock").open("a+b")
        except OSError as error:
            raise CannotStart(
                f"The data folder {self.data} can't be used ({error.strerror}): "
                "choose another with PORTAL_DATA=/path/to/folder."
            ) from error
        _hold(lock, self.data)
        return lock

    def check_port(self) -> None:
        """Raises CannotStart when the port can't be had."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host, self.port))
            except OSError as error:
                raise CannotStart(
                    f"Port {self.port} on {self.host} can't be used ({error.strerror}): "
                    f"choose another, for example make run PORT={self.port % 64000 + 1001}."
                ) from error

    def secret_key_file(self) -> Path:
        """The file of this sandbox's own secret key, made when first asked for."""
        path = self.data / "secret_key"
        if not path.exists():
            draft = self.data / f"secret_key.{os.getpid()}"
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(secrets.token_hex(32))
            draft.rename(path)
        return path


def _port(written: str) -> int:
    if written.isascii() and written.isdigit() and 0 < int(written) < 65536:
        return int(written)
    raise CannotStart(f"PORT must be a number from 1 to 65535, not {written!r}.")


def _private_runtime_folder() -> Path:
    """A folder with a short path that only this user can enter."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and os.access(base, os.W_OK):
        folder = Path(base) / "portal"
    else:
        folder = Path(tempfile.gettempdir()) / f"portal-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or folder.is_symlink():
        raise CannotStart(
            f"The folder {folder} is open to others: remove it, or choose a data folder with a "
            f"path under {SOCKET_PATH_BYTES - 10} characters with PORTAL_DATA."
        )
    return folder


def _hold(lock: BinaryIO, data: Path) -> None:
    deadline = time.monotonic() + PREVIOUS_RUN_SECONDS
    while not _locked(lock):
        if _holder_lives(lock) or time.monotonic() > deadline:
            raise CannotStart(
                f"The data folder {data} is in use by another portal: end that one, or choose "
                "another folder and port, for example make run PORTAL_DATA=./var2 PORT=8001."
            )
        time.sleep(0.1)
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()).encode())
    lock.flush()


def _locked(lock: BinaryIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder_lives(lock: BinaryIO) -> bool:
    lock.seek(0)
    written = lock.read()
    try:
        os.kill(int(written), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
