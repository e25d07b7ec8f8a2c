"""The points at which a process is killed, and the killing itself.

A point lies before and after every SQL statement, every commit, every call of a gateway, every
email handed over, and every step of storing a document. Nothing in the portal knows of them: they
are listeners and wrappers round what it calls anyway.
"""

import json
import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from portal.billing.gateways.sandbox import SandboxGateway

GATEWAY_CALLS = ("charge", "enquire", "call_off", "refund", "enquire_refund")
TABLE = re.compile(r'\b(?:FROM|INTO|^UPDATE)\s+"?(\w+)')
COMMITTED, ACCEPTED = "after the commit", "after the mail server took it"


@dataclass
class Passed:
    """The points of one process, in order; it ends at number `last`, if there are that many.

    Before its end it writes what it passed into the pipe `writer`.
    """

    last: int = 0
    writer: int = -1
    labels: list[str] = field(default_factory=list)


_running: list[Passed] = []


def begin(passed: Passed) -> None:
    """Count from here on, in this process."""
    _running[:] = [passed]


def end() -> None:
    _running.clear()


def reach(label: str) -> None:
    """This is a point. Does nothing while nobody counts."""
    if not _running:
        return
    passed = _running[0]
    passed.labels.append(label)
    if len(passed.labels) == passed.last:
        os.write(passed.writer, json.dumps(passed.labels[-200:]).encode())
        os.kill(os.getpid(), signal.SIGKILL)


def install(engine: Engine) -> None:
    """Put the points into this process, for good."""
    event.listen(Engine, "before_cursor_execute", _before_statement)
    event.listen(Engine, "after_cursor_execute", _after_statement)
    _surround(engine.dialect, "do_commit", "the commit")
    for name in GATEWAY_CALLS:
        if hasattr(SandboxGateway, name):
            _surround(SandboxGateway, name, f"the gateway's {name}")
    _surround(os, "fsync", "writing to disk")
    _surround(Path, "replace", "the rename")


def is_edge(label: str) -> bool:
    """Whether something left the process there: all but the statements of a transaction."""
    return not label.split()[1].isupper()


def a_mail_is_unrecorded(labels: list[str]) -> bool:
    """Whether the mail server took an email and the end came before that was committed."""
    for label in reversed(labels):
        if label == COMMITTED:
            return False
        if label == ACCEPTED:
            return True
    return False


def _before_statement(*arguments: Any) -> None:
    reach(f"before {_named(arguments[2])}")


def _after_statement(*arguments: Any) -> None:
    reach(f"after {_named(arguments[2])}")


def _named(statement: str) -> str:
    found = TABLE.search(statement)
    return statement.split(maxsplit=1)[0].upper() + (f" {found[1]}" if found else "")


def _surround(owner: Any, name: str, label: str) -> None:
    original: Callable[..., Any] = getattr(owner, name)

    @wraps(original)
    def surrounded(*args: Any, **kwargs: Any) -> Any:
        reach(f"before {label}")
        result = original(*args, **kwargs)
        reach(f"after {label}")
        return result

    setattr(owner, name, surrounded)
