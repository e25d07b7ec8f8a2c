"""Folders for what setting a page writes to disk, its fonts: gone with the process that has them.

WeasyPrint leaves its own in the temporary folder when its process is killed, and every worker is
at last. So each folder here is held by a lock, which the kernel takes back from whoever ends,
however that is; who makes the next one removes those that nobody holds.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "portal-fonts-"
# Under this name it isn't held yet.
UNHELD = f".{PREFIX}"
LOCK = ".lock"
_of_process: list[Path] = []


def of_process() -> Path:
    """This process' folder, made when it is first asked for; a fork has its parent's."""
    if not _of_process:
        folder, _lock = _make()
        _of_process.append(folder)
        atexit.register(_remove_if_mine, folder, os.getpid())
    return _of_process[-1]


def new() -> Path:
    """A folder within this process' own."""
    return Path(tempfile.mkdtemp(dir=of_process()))


def use(folder: Path) -> None:
    """Let this process have a folder that its parent made for it, and removes."""
    _of_process.append(folder)


@contextmanager
def held() -> Iterator[Path]:
    """A folder until the block ends."""
    folder, lock = _make()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _make() -> tuple[Path, int]:
    """A new folder, and the lock by which it is held while it is open."""
    _remove_left()
    made = Path(tempfile.mkdtemp(prefix=UNHELD))
    lock = os.open(made / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return made.rename(made.with_name(made.name.removeprefix("."))), lock


def _remove_left() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _is_left(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    """Whether it is ours, and nobody holds it."""
    try:
        if folder.lstat().st_uid != os.getuid():
            return False
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


def _remove_if_mine(folder: Path, owner: int) -> None:
    """A fork that ends leaves its parent's folder."""
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
