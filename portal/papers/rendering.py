"""One page set in a process of its own, which may use so much memory, so much time, and nothing of
the machine but the fonts.

A process that has set pages before forks: the child finds fonts and sheets loaded, hands the bytes
over through a pipe, and ends. Nothing it did stays, so a worker does not grow. Where a fork is not
safe (other threads, other systems than Linux) a new Python is started instead, which takes a few
seconds longer.
"""

import base64
import gc
import json
import os
import select
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from dataclasses import asdict
from datetime import datetime
from functools import cache
from pathlib import Path

from portal.papers import confinement, font_folders
from portal.papers.page import Page

WALL_SECONDS = 30
PIECE_BYTES = 65536
SETTLED_SECONDS = 1.0
ROOT = Path(__file__).parents[2]
DONE, FAILED = b"+", b"-"
SYSTEM_FONTS = ("/usr/share/fonts", "/usr/local/share/fonts", "/etc/fonts")
FOUND_FONTS = ("/var/cache/fontconfig", "~/.cache/fontconfig", "~/.fonts", "~/.local/share/fonts")
# Nothing of the environment's secrets.
HANDED_ON = ("PATH", "HOME", "LANG", "FONTCONFIG_FILE", "DYLD_FALLBACK_LIBRARY_PATH")
HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGCHLD)


class RenderingFailed(Exception):
    """A page could not be set within the limits, or at all; `str()` is for the log."""


def pdf(page: Page) -> bytes:
    """The PDF of a page. Raises RenderingFailed."""
    if sys.platform == "linux" and threading.active_count() == 1:
        return _forked(page)
    return _in_a_new_python(page)


@cache
def warm_up() -> bool:
    """Load what rendering needs, once; a worker does so before it forks for each job.

    Gives whether loaded fonts are of use after a fork. Pango from 1.51 on finds fonts in a thread
    that lives as long as they do, and a fork takes no thread along: who asks waits for ever.
    """
    # Imported here: it takes seconds and 60 MB, and web processes never render.
    from portal.papers import typesetting

    typesetting.warm_up()
    # What is loaded stays: collecting it would only copy it into each child.
    gc.freeze()
    return _is_alone()


def _is_alone() -> bool:
    """Whether this process soon has one thread only, the libraries' own counted."""
    if sys.platform != "linux":
        return False
    until = time.monotonic() + SETTLED_SECONDS
    while len(os.listdir("/proc/self/task")) > 1:
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def _forked(page: Page) -> bytes:
    if warm_up():
        return _in_a_child(page, None)
    with font_folders.held() as folder:
        return _in_a_child(page, folder)


def _in_a_child(page: Page, font_folder: Path | None) -> bytes:
    """Set a page in a fork of this process; with fonts of its own where a folder is given."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _work(page, writer, font_folder)
    os.close(writer)
    try:
        answer = _read(reader, until=time.monotonic() + WALL_SECONDS)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    finally:
        os.close(reader)
    _pid, status = os.waitpid(child, 0)
    return _content(answer, os.waitstatus_to_exitcode(status))


def _in_a_new_python(page: Page) -> bytes:
    handed = asdict(page) | {
        "xml": base64.b64encode(page.xml).decode(),
        "issued_at": page.issued_at.isoformat(),
    }
    command = [sys.executable, "-c", "from portal.papers import rendering; rendering.main()"]
    environment = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    with font_folders.held() as folder:
        try:
            ended = subprocess.run(
                command,
                cwd=ROOT,
                env=environment | {"TMPDIR": str(folder)},
                input=json.dumps(handed).encode(),
                capture_output=True,
                timeout=WALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise RenderingFailed(f"it took more than {WALL_SECONDS} s") from None
    return _content(ended.stdout, ended.returncode)


def main() -> None:
    """What the new Python does: a page on standard input, its PDF on standard output."""
    handed = json.load(sys.stdin)
    page = Page(
        **handed
        | {
            "xml": base64.b64decode(handed["xml"]),
            "issued_at": datetime.fromisoformat(handed["issued_at"]),
        }
    )
    _work(page, sys.stdout.fileno(), None)


def _work(page: Page, writer: int, font_folder: Path | None) -> None:
    """The child's whole life. It leaves without the farewells of a process it is a copy of."""
    status = 1
    try:
        for number in HANDLED:
            signal.signal(number, signal.SIG_DFL)
        answer = _answer(page, writer, font_folder)
        while answer:
            answer = answer[os.write(writer, answer) :]
        status = 0
    finally:
        os._exit(status)


def _answer(page: Page, writer: int, font_folder: Path | None) -> bytes:
    from portal.papers import typesetting

    try:
        # The parent's connections are not the child's to use.
        os.closerange(3, writer)
        os.closerange(max(3, writer + 1), 4096)
        if font_folder is not None:
            typesetting.load_fonts_anew(page.sheet, font_folder)
        confinement.confine(_readable(typesetting.font_folder(page.sheet)))
        return DONE + typesetting.pdf(page)
    except BaseException as error:
        return FAILED + f"{type(error).__name__}: {error}"[:500].encode(errors="replace")


def _readable(fonts: Path | None) -> list[Path]:
    """Fonts, our own templates, and Python's own library for what is loaded late."""
    places = [Path(os.path.expanduser(place)) for place in (*SYSTEM_FONTS, *FOUND_FONTS)]
    code = {sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
    own = [ROOT / "portal", *([fonts] if fonts else [])]
    return [*own, *map(Path, code), Path(sys.base_prefix, "lib"), *places]


def _read(reader: int, *, until: float) -> bytes:
    pieces: list[bytes] = []
    while True:
        left = until - time.monotonic()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            raise RenderingFailed(f"it took more than {WALL_SECONDS} s")
        piece = os.read(reader, PIECE_BYTES)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def _content(answer: bytes, status: int) -> bytes:
    if answer.startswith(DONE) and status == 0:
        return answer[1:]
    if answer.startswith(FAILED):
        raise RenderingFailed(answer[1:].decode(errors="replace"))
    if status < 0:
        raise RenderingFailed(f"it was ended by {signal.Signals(-status).name}")
    raise RenderingFailed(f"it ended with status {status} and said nothing")
