"""One page set in a process of its own, which may use so much memory, so much time, and nothing of
the machine but the fonts.

The pages of a process and of its forks are set by one `compositor`. Where a fork is safe it is one,
and finds fonts and sheets loaded; beside other threads it is a new Python, which takes some seconds
to begin. Other systems than Linux have a new Python for each page.
"""

import base64
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from dataclasses import asdict
from datetime import datetime
from functools import cache
from pathlib import Path

from portal.papers import compositor, confinement, font_folders
from portal.papers.compositor import Compositor, Gone, TooLate
from portal.papers.page import SHEET, Page

WALL_SECONDS = 30
SETTLED_SECONDS = 1.0
ROOT = Path(__file__).parents[2]
DONE, FAILED = b"+", b"-"
SYSTEM_FONTS = ("/usr/share/fonts", "/usr/local/share/fonts", "/etc/fonts")
FOUND_FONTS = ("/var/cache/fontconfig", "~/.cache/fontconfig", "~/.fonts", "~/.local/share/fonts")
# Nothing of the environment's secrets.
HANDED_ON = ("PATH", "HOME", "LANG", "FONTCONFIG_FILE", "DYLD_FALLBACK_LIBRARY_PATH")
_kept: list[Compositor] = []
_LOCK = threading.RLock()


class RenderingFailed(Exception):
    """A page could not be set within the limits, or at all; `str()` is for the log."""


def pdf(page: Page) -> bytes:
    """The PDF of a page. Raises RenderingFailed."""
    return _set_by_compositor(page) if sys.platform == "linux" else _in_a_new_python(page)


def keep_ready() -> None:
    """Have a process that sets pages, which this one's forks use too; a worker does so before it
    forks for a job."""
    if sys.platform == "linux":
        _compositor()


def end() -> None:
    """End the process that sets pages, if this one has begun one."""
    with _LOCK:
        while _kept:
            _kept.pop().end()


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


def _set_by_compositor(page: Page) -> bytes:
    handed, is_first = _handed(page), True
    while True:
        try:
            return _content(_compositor().set(handed, seconds=WALL_SECONDS))
        except TooLate:
            raise RenderingFailed(f"it took more than {WALL_SECONDS} s") from None
        except Gone as gone:
            end()
            # It had set all its pages, or was this process' parent's and ended since.
            if gone.status or not is_first:
                raise RenderingFailed(_how(gone.status)) from None
            is_first = False


def _compositor() -> Compositor:
    """The one that was begun by this process or its parent, or a new one."""
    with _LOCK:
        if _kept and not _kept[-1].is_there():
            end()
        if not _kept:
            _kept.append(_begun())
        return _kept[-1]


def _begun() -> Compositor:
    if threading.active_count() > 1:
        return Compositor(_begin_python, has_fonts=False)
    return Compositor(_begin_fork, has_fonts=warm_up())


def _begin_fork(channel: socket.socket, font_folder: Path | None) -> int:
    return compositor.fork(channel, lambda: _prepare(font_folder), _set)


def _begin_python(channel: socket.socket, font_folder: Path | None) -> int:
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", "from portal.papers import rendering; rendering.serve()"],
        _environment(font_folder) | {"PYTHONPATH": str(ROOT)},
        file_actions=[(os.POSIX_SPAWN_DUP2, channel.fileno(), compositor.CHANNEL)],
    )


def serve() -> None:
    """What a new Python does that sets page after page."""
    channel = socket.socket(fileno=compositor.CHANNEL)
    compositor.serve(channel, lambda: _prepare(None), _set)


def _in_a_new_python(page: Page) -> bytes:
    command = [sys.executable, "-c", "from portal.papers import rendering; rendering.main()"]
    with font_folders.held() as folder:
        try:
            ended = subprocess.run(
                command,
                cwd=ROOT,
                env=_environment(folder),
                input=_handed(page),
                capture_output=True,
                timeout=WALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise RenderingFailed(f"it took more than {WALL_SECONDS} s") from None
    if ended.returncode != 0:
        raise RenderingFailed(_how(ended.returncode))
    return _content(ended.stdout)


def _environment(font_folder: Path | None) -> dict[str, str]:
    """None of its secrets; the temporary folder is that for fonts."""
    kept = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    return kept | ({"TMPDIR": str(font_folder)} if font_folder else {})


def main() -> None:
    """What a new Python does for one page on standard input: its PDF on standard output."""
    handed = sys.stdin.buffer.read()
    _prepare(None, pages=1)
    answer = _set(handed)
    while answer:
        answer = answer[os.write(sys.stdout.fileno(), answer) :]
    sys.stdout.flush()
    os._exit(0)


def _prepare(font_folder: Path | None, *, pages: int = compositor.PAGES) -> None:
    """Load what is missing, and give up everything else."""
    from portal.papers import typesetting

    if font_folder is not None:
        typesetting.load_fonts_anew(SHEET, font_folder)
    confinement.confine(_readable(typesetting.font_folder(SHEET)), pages=pages)


def _set(handed: bytes) -> bytes:
    """The PDF of a page as `_handed` over, or in a line why there is none."""
    from portal.papers import typesetting

    try:
        return DONE + typesetting.pdf(_page(handed))
    except BaseException as error:
        return FAILED + f"{type(error).__name__}: {error}"[:500].encode(errors="replace")


def _handed(page: Page) -> bytes:
    fields = asdict(page) | {
        "xml": base64.b64encode(page.xml).decode(),
        "issued_at": page.issued_at.isoformat(),
    }
    return json.dumps(fields).encode()


def _page(handed: bytes) -> Page:
    fields = json.loads(handed)
    read = {
        "xml": base64.b64decode(fields["xml"]),
        "issued_at": datetime.fromisoformat(fields["issued_at"]),
    }
    return Page(**fields | read)


def _readable(fonts: Path | None) -> list[Path]:
    """Fonts, our own templates, and Python's own library for what is loaded late."""
    places = [Path(os.path.expanduser(place)) for place in (*SYSTEM_FONTS, *FOUND_FONTS)]
    code = {sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
    own = [ROOT / "portal", *([fonts] if fonts else [])]
    return [*own, *map(Path, code), Path(sys.base_prefix, "lib"), *places]


def _content(answer: bytes) -> bytes:
    if answer.startswith(DONE):
        return answer[1:]
    raise RenderingFailed(answer[1:].decode(errors="replace"))


def _how(status: int | None) -> str:
    if status is not None and status < 0:
        return f"it was ended by {signal.Signals(-status).name}"
    return f"it ended with status {status} and said nothing"
