"""What comes before the programs: the database's tables and, in a sandbox, the example."""

import asyncio
import contextlib
import io
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection

import click
from flask.cli import FlaskGroup
from sqlalchemy.exc import OperationalError

from portal import create_app
from portal.config import ConfigError
from portal.supervisor.keeper import die_with
from portal.supervisor.place import CannotStart

UPGRADE = ["db", "upgrade"]
LOAD_EXAMPLE = ["demo", "load", "--if-empty"]
SHOW_SIGN_INS = ["demo", "sign-ins"]


class Preparation:
    """Runs in a forked process: what this one has imported serves it, what it makes goes with it.

    It shows its own progress. Start it before anything that makes threads.
    """

    def __init__(self, environ: Mapping[str, str], *, with_example: bool) -> None:
        fork = multiprocessing.get_context("fork")
        self._told, telling = fork.Pipe(duplex=False)
        self._process = fork.Process(
            target=_prepare, args=(environ, with_example, telling), daemon=True
        )
        self._process.start()
        telling.close()

    async def finish(self) -> str:
        """Wait for it; returns the text about the example sign-ins, empty without an example.

        Raises CannotStart when the database can't be prepared.
        """
        try:
            await _readable(self._process.sentinel)
        except asyncio.CancelledError:
            self._process.terminate()
            raise
        finally:
            self._process.join()
        if self._process.exitcode != 0:
            raise CannotStart("The database could not be made ready: the reason is shown above.")
        return str(self._told.recv())


def _prepare(environ: Mapping[str, str], with_example: bool, telling: Connection) -> None:
    os.setpgid(0, 0)
    die_with(os.getppid())
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ.update(environ)
    try:
        telling.send(_sign_ins_after_all(with_example))
    except click.ClickException as problem:
        problem.show()
        sys.exit(1)
    except ConfigError as problem:
        sys.exit(str(problem))
    except OperationalError as problem:
        sys.exit(f"The database can't be used: {problem.orig}")


def _sign_ins_after_all(with_example: bool) -> str:
    app = create_app()
    flask = FlaskGroup(create_app=lambda: app, load_dotenv=False, set_debug_flag=False)
    _run(flask, UPGRADE)
    if not with_example:
        return ""
    _run(flask, LOAD_EXAMPLE)
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        _run(flask, SHOW_SIGN_INS)
    return shown.getvalue()


def _run(flask: FlaskGroup, arguments: Sequence[str]) -> None:
    flask.main(args=list(arguments), prog_name="flask", standalone_mode=False)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
