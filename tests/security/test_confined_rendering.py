"""What sets a page reaches nothing of the machine but fonts, and ends when it takes too much."""

import ctypes
import os
import platform
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from portal.papers import compositor, confinement, rendering, typesetting
from portal.papers.page import Page
from portal.papers.rendering import RenderingFailed

PAGE = Page("<html lang=en><title>Test</title><p>Hello</p></html>", "invoice_v1.css", "A4", "test")
PAGES = [
    PAGE,
    replace(PAGE, html="<html lang=de><title>Zwei</title><h1>Größe</h1><p>Ölwechsel</p></html>"),
    replace(PAGE, html="<html lang=he><title>Three</title><p>שלום</p></html>", paper="Letter"),
]
OPEN_IN_C = ctypes.CDLL(None, use_errno=True)
# Without a word on memory or threads: what a fork is.
CLONE_A_PROCESS = (confinement.CALLS[platform.machine()].clone, signal.SIGCHLD, 0, 0, 0, 0)
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's fence is Linux' own")


@pytest.fixture(autouse=True)
def _anew() -> Iterator[None]:
    """What a test changes is seen by a process that begins after it."""
    rendering.warm_up()
    rendering.end()
    yield
    rendering.end()


def instead(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> str:
    """What comes of an act in the place of setting a page, and of what set it."""
    monkeypatch.setattr(typesetting, "pdf", lambda _page: f"did: {act()}".encode())
    rendering.end()
    try:
        return rendering.pdf(PAGE).decode()
    except RenderingFailed as failed:
        return f"refused: {failed}"


def test_what_may_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the refusals below would prove nothing."""
    font = next(typesetting.FONTS.glob("*.ttf"))
    assert instead(monkeypatch, lambda: len(font.read_bytes())) == f"did: {font.stat().st_size}"


@pytest.mark.parametrize(
    "act",
    [
        lambda: Path("/etc/hostname").read_text(),
        lambda: os.open("/etc/passwd", os.O_RDONLY),
        lambda: Path("/proc/self/environ").read_bytes(),
        lambda: Path("/tmp/left-behind").write_text("x"),  # noqa: S108
        lambda: (typesetting.FONTS / "more.ttf").write_bytes(b"x"),
        lambda: (typesetting.FONTS / "../../../pyproject.toml").read_text(),
        lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
        lambda: socket.socket(socket.AF_UNIX),
        lambda: socket.getaddrinfo("example.com", 80),
        lambda: subprocess.run(["true"], check=True),
        lambda: os.system("true"),  # noqa: S605
        lambda: os.execv("/bin/true", ["true"]),  # noqa: S606
        os.fork,
        lambda: os.kill(os.getppid(), 0),
        lambda: os.killpg(0, 0),
    ],
)
def test_python_refuses(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    assert instead(monkeypatch, act).startswith(("refused: Refused", "refused: PermissionError"))


@LINUX
@pytest.mark.parametrize(
    "act",
    [
        lambda: OPEN_IN_C.open(b"/etc/passwd", os.O_RDONLY),
        lambda: OPEN_IN_C.open(b"/tmp/left-behind", os.O_CREAT | os.O_WRONLY, 0o600),
        lambda: OPEN_IN_C.socket(socket.AF_INET, socket.SOCK_STREAM, 0),
        lambda: OPEN_IN_C.socket(socket.AF_INET, socket.SOCK_DGRAM, 0),
        lambda: OPEN_IN_C.execv(b"/bin/true", None),
        OPEN_IN_C.fork,
        OPEN_IN_C.vfork,
        lambda: OPEN_IN_C.syscall(*CLONE_A_PROCESS),
        lambda: OPEN_IN_C.kill(os.getppid(), 0),
        lambda: OPEN_IN_C.kill(-1, 0),
        lambda: OPEN_IN_C.kill(0, 0),
    ],
)
def test_the_kernel_refuses_what_does_not_ask_python(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]
) -> None:
    assert instead(monkeypatch, act) == "did: -1"


def test_threads_may_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Newer fonts need some."""

    def count() -> int:
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.append(1))
        thread.start()
        thread.join()
        return len(found)

    assert instead(monkeypatch, count) == "did: 1"


def test_nothing_that_was_open_is_reached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not the database, not Redis, not a file: the numbers of the parent's are closed."""
    with (tmp_path / "secret").open("w+") as file, socket.socket() as connection:
        for number in (file.fileno(), connection.fileno()):
            assert "Bad file descriptor" in instead(monkeypatch, lambda n=number: os.fstat(n))


def test_too_much_memory_is_refused_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    much = 2 * confinement.MORE_MEMORY_BYTES
    assert instead(monkeypatch, lambda: len(bytearray(much))) == "refused: MemoryError: "


def test_too_much_work_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement, "CPU_SECONDS", 1)

    def work() -> None:
        while True:
            pass

    began = time.monotonic()
    ended = {f"refused: it was ended by {name}" for name in ("SIGXCPU", "SIGKILL")}
    assert instead(monkeypatch, work) in ended
    assert time.monotonic() - began < 20


def test_who_sleeps_is_woken_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "WALL_SECONDS", 0.5)
    assert instead(monkeypatch, lambda: time.sleep(60)) == "refused: it took more than 0.5 s"
    assert no_child_is_left()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_an_end_without_a_word_is_told(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    told = instead(monkeypatch, lambda: os.kill(os.getpid(), number))
    assert told == f"refused: it was ended by {signal.Signals(number).name}"
    assert no_child_is_left()


def test_an_error_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ValueError("this page is not fit")

    assert instead(monkeypatch, fail) == "refused: ValueError: this page is not fit"


def test_who_waits_may_be_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the time limit of the job that it is part of."""

    def late(*_: object) -> None:
        raise TimeoutError("the job is over")

    former = signal.signal(signal.SIGALRM, late)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(TimeoutError):
            instead(monkeypatch, lambda: time.sleep(60))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    assert no_child_is_left()


def test_beside_other_threads_a_new_python_gives_the_same_bytes() -> None:
    expected = rendering.pdf(PAGE)
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(rendering.pdf(PAGE)))
    thread.start()
    thread.join()
    assert found == [expected]


def test_where_loaded_fonts_do_not_survive_a_fork_the_child_loads_them_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected = rendering.pdf(PAGE)
    rendering.end()
    monkeypatch.setattr(rendering, "warm_up", lambda: False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert rendering.pdf(PAGE) == expected
    rendering.end()
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    assert rendering.pdf(PAGE) == expected


def test_a_page_is_the_same_whatever_was_set_before() -> None:
    alone = [rendering.pdf(page) for page in PAGES if rendering.end() is None]
    rendering.end()
    assert [rendering.pdf(page) for page in (*PAGES, *reversed(PAGES))] == [*alone, *alone[::-1]]


def test_one_process_sets_many_pages_and_is_followed_by_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compositor, "PAGES", 2)
    monkeypatch.setattr(typesetting, "pdf", lambda _page: str(os.getpid()).encode())
    first, second, third = (rendering.pdf(PAGE) for _ in range(3))
    assert first == second != third


def test_a_fork_has_its_pages_set_by_the_same_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of a worker, by what the worker keeps ready; and when it is gone, by its own."""
    monkeypatch.setattr(typesetting, "pdf", lambda _page: str(os.getpid()).encode())
    kept = rendering.pdf(PAGE)
    assert in_a_fork(lambda: rendering.pdf(PAGE)) == kept
    os.kill(int(kept), signal.SIGKILL)
    assert in_a_fork(lambda: rendering.pdf(PAGE)) not in (kept, b"")
    assert rendering.pdf(PAGE) not in (kept, b"")


def test_whoever_ends_in_the_middle_leaves_nothing_to_who_comes_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not its answer, above all: it would be kept as another invoice's."""

    def slowly(page: Page) -> bytes:
        time.sleep(0.3)
        return page.identifier.encode()

    monkeypatch.setattr(typesetting, "pdf", slowly)
    rendering.keep_ready()
    killed = os.fork()
    if killed == 0:
        rendering.pdf(replace(PAGE, identifier="of the one that was killed"))
        os._exit(0)
    time.sleep(0.1)
    os.kill(killed, signal.SIGKILL)
    os.waitpid(killed, 0)
    assert rendering.pdf(replace(PAGE, identifier="the next")) == b"the next"


def in_a_fork(act: Callable[[], bytes]) -> bytes:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, act())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        answer = file.read()
    os.waitpid(child, 0)
    return answer


def test_limits_stay_with_the_child() -> None:
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)
    before = [resource.getrlimit(kind) for kind in kinds]
    rendering.pdf(PAGE)
    assert [resource.getrlimit(kind) for kind in kinds] == before


def no_child_is_left() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return True
