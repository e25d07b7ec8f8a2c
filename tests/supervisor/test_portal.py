"""The real portal under its supervisor: up, killed, up again with its data, and down."""

import signal
import socket
import time
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from .conftest import is_running, wait_until_gone

SECONDS = 60


@pytest.fixture
def port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@pytest.fixture
def start_portal(start, cast, settings, port):
    """The portal on a database that has accounts, so that no example is loaded into it."""

    def _start():
        return start(
            "-m",
            "portal.supervisor",
            PORT=str(port),
            PORTAL_DATA=str(settings.data),
            DATABASE_URL=settings.database_url,
        )

    return _start


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def wait_for_health(port):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
                return answer.status
        except (URLError, OSError):
            time.sleep(0.1)
    return pytest.fail("the portal does not answer")


def test_the_portal_comes_up_survives_a_kill_and_goes_down(start_portal, port):
    killed = start_portal()
    killed.wait_for(rf"The portal runs at http://127.0.0.1:{port}")
    assert wait_for_health(port) == 200
    programs = children_of(killed.process.pid)
    assert len(programs) == 4
    killed.send(signal.SIGKILL)
    killed.ended()

    again = start_portal()
    again.wait_for("The portal runs at")
    wait_until_gone(*programs)
    programs = children_of(again.process.pid)
    assert all(map(is_running, programs))
    again.send(signal.SIGINT)
    assert again.ended() == 0
    wait_until_gone(*programs)
    assert "Traceback" not in again.text
    assert " | " not in again.text, "the programs have nothing to say"
