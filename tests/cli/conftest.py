"""Commands as an operator gives them."""

from collections.abc import Callable

import pytest
from click.testing import Result
from flask import Flask

from portal.clock import EXTENSION, SandboxClock

Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask) -> Run:
    """`run("accounts", "list")`: the command's result, in the portal of the test."""
    return _runner(app)


@pytest.fixture
def run_in_sandbox(app: Flask) -> Run:
    """The same with the sandbox's own clock, which commands can move."""
    app.extensions[EXTENSION] = SandboxClock()
    return _runner(app)


def _runner(app: Flask) -> Run:
    def run(*arguments: str, typed: str | None = None) -> Result:
        return app.test_cli_runner().invoke(args=list(arguments), input=typed)

    return run
