import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 60
END = "(it prints no more)"


class Running:
    """A started process whose printed lines can be waited for."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._coming: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    @property
    def text(self) -> str:
        while not self._coming.empty():
            self.lines.append(self._coming.get())
        return "\n".join(line for line in self.lines if line != END)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first match in a line not looked at yet; fails after half a minute or its end."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            try:
                self.lines.append(self._coming.get(timeout=deadline - time.monotonic()))
            except queue.Empty:
                break
            if self.lines[-1] == END:
                break
            if found := re.search(pattern, self.lines[-1]):
                return found
        pytest.fail(f"{pattern!r} was not printed:\n{self.text}")

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def ended(self, seconds: float = SECONDS) -> int:
        """Its exit status, after it has ended and everything it printed is in `text`."""
        status = self.process.wait(seconds)
        self._reading.join(1)
        return status

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._coming.put(line.rstrip("\n"))
        self._coming.put(END)


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts commands with extra environment; ends them after the test."""
    started: list[Running] = []

    def _start(*command: str, **environ: str) -> Running:
        started.append(Running([sys.executable, *command], environ))
        return started[-1]

    yield _start
    for running in started:
        if running.process.poll() is None:
            running.process.terminate()
            try:
                running.process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                running.process.kill()
        running.process.wait()


@pytest.fixture
def keep(start: Callable[..., Running]) -> Callable[..., Running]:
    """Keeps stand-in programs: each a dict of Program's fields, its command Python source."""

    def _keep(*programs: dict[str, Any]) -> Running:
        given = [
            program | {"command": [sys.executable, "-u", "-c", program["command"]]}
            for program in programs
        ]
        running = start("tests/supervisor/kept_stand_ins.py", json.dumps(given))
        running.wait_for("supervisor \\| up")
        return running

    return _keep


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until_gone(*pids: int) -> None:
    deadline = time.monotonic() + SECONDS
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still running: {[*filter(is_running, pids)]}"
        time.sleep(0.05)
