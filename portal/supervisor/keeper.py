"""Keeps programs running: starts each again when it ends, and ends them all together."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 20.0
LONGEST_LINE_BYTES = 1 << 20
PR_SET_PDEATHSIG = 1

Tell = Callable[[str, str], None]
Spawn = Callable[[Sequence[str], int], Coroutine[Any, Any, asyncio.subprocess.Process]]
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Program:
    """A command to keep running.

    `ends` is its place in the order of ending: all of 0 first, then all of 1, and so on.
    `patience_seconds` lie between asking it to end and killing it.
    """

    name: str
    command: Sequence[str]
    ends: int = 0
    patience_seconds: float = 8.0


async def keep_until_told(keeper: "Keeper", bring_up: Coroutine[Any, Any, None]) -> None:
    """Bring programs up and keep them until SIGINT, SIGTERM or SIGHUP; a second one is no wait.

    Raises what `bring_up` raises, after everything has ended.
    """
    task = asyncio.ensure_future(_bring_up_and_wait(bring_up))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: keeper.kill() if task.done() else task.cancel())
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await task
    finally:
        await keeper.stop()


async def _bring_up_and_wait(bring_up: Coroutine[Any, Any, None]) -> None:
    await bring_up
    await asyncio.Event().wait()


class Keeper:
    """Runs programs, each in a process group of its own so that Ctrl-C reaches only us.

    `tell(name, line)` gets every line the programs print and every restart.
    `inherited` are file descriptors the programs keep open.
    """

    def __init__(
        self, *, environ: Mapping[str, str], tell: Tell, inherited: Sequence[int] = ()
    ) -> None:
        self._environ = environ
        self._tell = tell
        self._inherited = inherited
        self._kept: dict[str, _Kept] = {}

    def keep(self, program: Program) -> None:
        """Start the program, and again whenever it ends."""
        self._kept[program.name] = _Kept(program, self._spawn, self._tell)

    async def stop(self) -> None:
        """End all programs in their order and wait for them."""
        for turn in sorted({kept.program.ends for kept in self._kept.values()}):
            ending = [kept.stop() for kept in self._kept.values() if kept.program.ends == turn]
            await asyncio.gather(*ending)

    def kill(self) -> None:
        """End every program at once, whatever it is doing."""
        for kept in self._kept.values():
            kept.kill()

    async def _spawn(self, command: Sequence[str], printing: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=printing,
            stderr=printing,
            env=self._environ,
            pass_fds=self._inherited,
            process_group=0,
            preexec_fn=partial(die_with, os.getpid()),
        )


class _Kept:
    """One program, its present process, and the task that starts it again."""

    def __init__(self, program: Program, spawn: Spawn, tell: Tell) -> None:
        self.program = program
        self._spawn = spawn
        self._tell = tell
        self._process: asyncio.subprocess.Process | None = None
        self._relays: set[asyncio.Task[None]] = set()
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Ask it to end, kill it when it takes too long."""
        self._task.cancel()
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), self.program.patience_seconds)
            await _end_group(process)
        await self._finish_relays()

    def kill(self) -> None:
        self._task.cancel()
        if self._process is not None:
            _kill_group(self._process.pid)

    async def _keep(self) -> None:
        quick_ends = 0
        while True:
            started = time.monotonic()
            status = await self._run_once()
            if time.monotonic() - started > STEADY_SECONDS:
                quick_ends = 0
            pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**quick_ends)
            quick_ends += 1
            self._tell(self.program.name, f"ended ({status}); starting again in {pause:g} s")
            await asyncio.sleep(pause)

    async def _run_once(self) -> str:
        printed, printing = await _line_pipe()
        self._relay(printed)
        try:
            process = await self._spawn(self.program.command, printing)
        except OSError as error:
            return f"{self.program.command[0]}: {error.strerror}"
        finally:
            os.close(printing)
        self._process = process
        await process.wait()
        await _end_group(process)
        return _status(process.returncode)

    def _relay(self, printed: asyncio.StreamReader) -> None:
        relay = asyncio.create_task(self._tell_lines(printed))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def _tell_lines(self, printed: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await printed.readline()
            except ValueError:
                line = b"(a line too long to show)"
            if not line:
                return
            self._tell(self.program.name, line.decode(errors="replace").rstrip())

    async def _finish_relays(self) -> None:
        for relay in list(self._relays):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(relay, 0.5)


def die_with(parent: int) -> None:
    """Called in a child: be asked to end when process `parent` is gone, even by kill -9.

    Linux alone can do this; elsewhere only an orderly end takes the children along.
    """
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)


async def _line_pipe() -> tuple[asyncio.StreamReader, int]:
    """A pipe of our own: asyncio's would hold back a program's end until its children end too."""
    reading, writing = os.pipe()
    reader = asyncio.StreamReader(limit=LONGEST_LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb")
    )
    return reader, writing


async def _end_group(process: asyncio.subprocess.Process) -> None:
    """Leave nothing behind: what a killed program had started would hold its port."""
    _kill_group(process.pid)
    await process.wait()


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _status(returncode: int | None) -> str:
    if returncode is not None and returncode < 0:
        return signal.Signals(-returncode).name
    return f"status {returncode}"
