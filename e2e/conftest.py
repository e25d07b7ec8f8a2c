"""The real portal, as `make run` starts it: web, worker, scheduler and Redis, and a browser.

Its data is of this run's own. The example vendor is loaded as on any first start; the journeys
sign up accounts of their own.
"""

import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
from flask.testing import FlaskCliRunner
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response

from e2e import acts
from portal import create_app
from portal.config import Settings

# What it asserts is told as in a test.
pytest.register_assert_rewrite("e2e.foretold")

ROOT = Path(__file__).parents[1]
START_SECONDS = 180
# What a browser says of every answer that refuses something, and htmx of a stream that ended or of
# a request that was under way when the page was left.
EXPECTED = re.compile(
    r"Failed to load resource: the server responded with a status of 4|\[object Event\]$"
    r"|htmx:(sendAbort|afterRequest), \[object HTML\w+\]$"
)
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# A computer for each of them; there are fewer than 250.
ADDRESSES = itertools.count(1)
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync"
)


@dataclass(frozen=True)
class Portal:
    """A running portal: where it is, and what its operator can do."""

    url: str
    environ: dict[str, str]
    process_id: int

    def flask(self, *arguments: str, given: str | None = None) -> str:
        """Run a command of the operator; returns what it printed."""
        done = self._run(arguments, given)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def refused(self, *arguments: str) -> str:
        """Run a command of the operator that is refused; returns why, on one line."""
        done = self._run(arguments, None)
        assert done.returncode != 0, done.stdout
        return " ".join(done.stderr.split())

    def _run(
        self, arguments: tuple[str, ...], given: str | None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "flask", "--app", "portal", *arguments],
            cwd=ROOT,
            env=self.environ,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )

    def add_user(self, email: str, account: str, role: str) -> None:
        """Make somebody new a user of an account, with the password of all journeys."""
        about = ("--name", email.partition("@")[0].title(), "--account", account, "--role", role)
        # In this process: a new one for each of ten people takes longer than their journey.
        done = self._commands.invoke(
            args=["users", "add", email, *about], input=f"{acts.PASSWORD}\n" * 2
        )
        assert done.exit_code == 0, done.output

    @cached_property
    def _commands(self) -> FlaskCliRunner:
        return create_app(Settings.from_env(self.environ)).test_cli_runner()

    @contextmanager
    def worker_busy(self) -> Iterator[None]:
        """The worker takes nothing up meanwhile."""
        workers = [pid for pid in children(self.process_id) if "worker.py" in command_of(pid)]
        assert workers
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in workers:
                os.kill(pid, signal.SIGCONT)


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with started(tmp_path_factory.mktemp("portal")) as running:
        yield running


@contextmanager
def started(data: Path, **settings: str) -> Iterator[Portal]:
    """A portal on its own data, with these settings beside the usual ones; in order at the end."""
    port = free_port()
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PORTAL_", "MAIL_"))}
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "BASE_URL"):
        inherited.pop(name, None)
    environ = inherited | {"PORT": str(port), "PORTAL_DATA": str(data), "PYTHONUNBUFFERED": "1"}
    # As behind a proxy, so that the people of the journeys come from addresses of their own.
    environ |= {"PROXY_HOPS": "1"} | settings
    log = (data / "portal.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "portal.supervisor"],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    running = Portal(f"http://127.0.0.1:{port}", environ | commands_environ(data), process.pid)
    try:
        wait_until_well(running, process, data / "portal.log")
        yield running
        assert running.flask("verify"), "the books are in order after all journeys"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        log.close()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    return {**browser_type_launch_args, "executable_path": found, "args": FLAGS.split()}


@pytest.fixture(scope="module")
def somebody(browser: Browser, portal: Portal) -> Iterator[Callable[..., Page]]:
    """Another person at another computer: a page with cookies of its own.

    Whatever is wrong behind a page that looks right fails the module: a script's error, a refusal
    of the content policy, an answer of 500.
    """
    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def open_page(**options: Any) -> Page:
        address = {"X-Forwarded-For": f"203.0.113.{next(ADDRESSES)}"}
        contexts.append(
            browser.new_context(base_url=portal.url, extra_http_headers=address, **options)
        )
        page = contexts[-1].new_page()
        listen(page, troubles)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


def listen(page: Page, troubles: list[str]) -> None:
    """Note what goes wrong on a page. Refusals (403, 404, 409, 422) are answers like others."""

    def note_console(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not EXPECTED.match(message.text):
            troubles.append(f"{page.url}: {message.text}")

    def note_answer(answer: Response) -> None:
        if answer.status >= 500 or (answer.status >= 400 and "/static/" in answer.url):
            troubles.append(f"{answer.url}: {answer.status}")

    page.on("console", note_console)
    page.on("pageerror", lambda error: troubles.append(f"{page.url}: {error}"))
    page.on("response", note_answer)


def wait_until_well(portal: Portal, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{portal.url}/healthz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"the portal did not start:\n{log.read_text()}")


def commands_environ(data: Path) -> dict[str, str]:
    """What the supervisor gives its programs, for commands run beside them."""
    from portal.supervisor import programs
    from portal.supervisor.place import Place

    place = Place(port=0, host="127.0.0.1", data=data)
    return {"REDIS_URL": programs.redis_url(place), "SECRET_KEY_FILE": str(data / "secret_key")}


def children(process_id: int) -> list[int]:
    listed = Path(f"/proc/{process_id}/task/{process_id}/children").read_text()
    return [int(pid) for pid in listed.split()]


def command_of(process_id: int) -> str:
    return Path(f"/proc/{process_id}/cmdline").read_text()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
