"""A process that sets one page after the other, and has nothing of the machine but the fonts.

It is a fork of a process that has set pages before, so fonts and sheets are loaded; or a Python of
its own, where a fork would not be safe. What either costs is paid once for many pages. Whoever
began it hands it pages, and so does every fork of that one: a worker's job uses the one its worker
keeps. A page comes in one message with a pipe of its own for the answer, so whoever ends in the
middle leaves nothing to whoever comes next. After PAGES pages it ends, so that nothing it keeps
grows.
"""

import gc
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NoReturn

from portal.papers import confinement, font_folders

PAGES = 50
PIECE_BYTES = 65536
LENGTH_BYTES = 8
HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGCHLD)
HIGHEST_OPEN_FILE = 4096

# What becomes of a page, as bytes.
Work = Callable[[bytes], bytes]
# Forks or starts one that serves its end of the channel, and gives its process id.
Begin = Callable[[socket.socket, Path | None], int]
# By which number a Python of its own has its end of the channel.
CHANNEL = 3


class Gone(Exception):
    """It ended without an answer; `status` is how, None where that is another process' to know."""

    def __init__(self, status: int | None) -> None:
        super().__init__(status)
        self.status = status


class TooLate(Exception):
    """It did not answer in time, and was ended."""


class Compositor:
    """One such process, seen from outside."""

    def __init__(
        self, begin: Callable[[socket.socket, Path | None], int], *, has_fonts: bool
    ) -> None:
        """`begin` forks or starts it with its end of the channel and gives its process id; unless
        it `has_fonts`, with a folder for its own."""
        self._left_behind = ExitStack()
        folder = None if has_fonts else self._left_behind.enter_context(font_folders.held())
        self._channel, its_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._owner = os.getpid()
        self._ended: int | None = None
        self._child = begin(its_end, folder)
        its_end.close()

    def set(self, page: bytes, *, seconds: float) -> bytes:
        """The answer to a page. Raises Gone, or TooLate when the time is over."""
        until = time.monotonic() + seconds
        reader, writer = os.pipe()
        try:
            self._hand_over(page, writer)
            return self._answer(reader, until)
        except BaseException as problem:
            # Whatever it was, nobody waits for that page any more.
            if not isinstance(problem, Gone):
                self.end()
            raise
        finally:
            os.close(reader)

    def is_there(self) -> bool:
        """Whether it still runs, as far as this process can know."""
        return os.getpid() != self._owner or self._status() is None

    def end(self) -> None:
        """End it and take away what it leaves. A fork only ends it: the rest is its parent's."""
        is_owner = os.getpid() == self._owner
        # Once it was waited for, its number may be another's.
        if not (is_owner and self._status() is not None):
            with suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)
        if is_owner:
            self._wait()
            self._left_behind.close()
            self._channel.close()

    def _hand_over(self, page: bytes, writer: int) -> None:
        handed = os.memfd_create("page")
        try:
            with open(handed, "wb", closefd=False) as file:
                file.write(page)
            os.lseek(handed, 0, os.SEEK_SET)
            socket.send_fds(self._channel, [b"page"], [handed, writer])
        except OSError:
            raise Gone(self._wait()) from None
        finally:
            os.close(handed)
            os.close(writer)

    def _answer(self, reader: int, until: float) -> bytes:
        received = b""
        while True:
            left = until - time.monotonic()
            if left <= 0 or not select.select([reader], [], [], left)[0]:
                raise TooLate
            piece = os.read(reader, PIECE_BYTES)
            if piece:
                received += piece
                continue
            length, answer = received[:LENGTH_BYTES], received[LENGTH_BYTES:]
            if len(length) < LENGTH_BYTES or len(answer) != int.from_bytes(length):
                raise Gone(self._wait())
            return answer

    def _wait(self) -> int | None:
        if os.getpid() != self._owner:
            return None
        with suppress(ChildProcessError):
            self._ended = os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1])
        return self._ended

    def _status(self) -> int | None:
        """How it ended, None while it runs."""
        with suppress(ChildProcessError):
            pid, status = os.waitpid(self._child, os.WNOHANG)
            if pid:
                self._ended = os.waitstatus_to_exitcode(status)
        return self._ended


def fork(channel: socket.socket, prepare: Callable[[], None], work: Work) -> int:
    """A fork of this process that serves; its process id."""
    child = os.fork()
    if child == 0:
        serve(channel, prepare, work)
    return child


def serve(channel: socket.socket, prepare: Callable[[], None], work: Work) -> NoReturn:
    """The whole life of such a process: to `prepare`, by which it gives up all that it does not
    need, and page after page. It leaves without the farewells of a process it is a copy of."""
    status = 1
    try:
        for number in HANDLED:
            signal.signal(number, signal.SIG_DFL)
        # The parent's connections are not its to use.
        os.closerange(3, channel.fileno())
        os.closerange(channel.fileno() + 1, HIGHEST_OPEN_FILE)
        prepare()
        gc.freeze()
        for _ in range(PAGES):
            _next(channel, work)
        status = 0
    finally:
        os._exit(status)


def _next(channel: socket.socket, work: Work) -> None:
    _message, (page, writer), _flags, _sender = socket.recv_fds(channel, 16, 2)
    confinement.allow_another_page()
    with open(page, "rb") as file:
        answer = work(file.read())
    # Who asked may be gone.
    with suppress(BrokenPipeError), open(writer, "wb") as file:
        file.write(len(answer).to_bytes(LENGTH_BYTES) + answer)
