"""charge.once: whatever two do to one account at the same instant ends like one after the other.

Every pair of fourteen actions, let go at once, with one of them stopped half-way in most rounds so
that the other gets ahead of it there. Rows, emails and the gateway's books must be those of the
same two without a race; who was too late is told so; nobody sees an error; the books are right.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import KIND, SERVER
from tests.faults.kills.stage import of_the_code
from tests.races.run import PAIRS

ROOT = Path(__file__).parents[2]
NAMES = ["/".join(pair) for pair in PAIRS]
# Every third or fourth pair. Which ones moves when the portal's code changes: the same code has
# the same pairs.
STEP = {"sqlite": 3, "postgresql": 4}[KIND]
SOME = NAMES[of_the_code() % STEP :: STEP]
FEW = {"sqlite": 1, "postgresql": 2}
MANY = {"sqlite": 50, "postgresql": 200}
Reports = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def reports() -> Reports:
    return run(SOME, rounds=FEW[KIND])


@pytest.fixture(scope="module")
def all_reports() -> Reports:
    return run(NAMES, rounds=MANY[KIND])


@pytest.mark.parametrize("pair", SOME)
def test_one_legal_outcome(reports: Reports, pair: str) -> None:
    told(reports[pair])
    assert reports[pair]["failures"] == []


def test_without_the_locks_it_is_seen() -> None:
    report = run(["upgrade/upgrade"], "--without-locks", rounds=3)["upgrade/upgrade"]
    assert report["failures"] != []


@pytest.mark.soak
@pytest.mark.parametrize("pair", NAMES)
def test_one_legal_outcome_every_time(all_reports: Reports, pair: str) -> None:
    told(all_reports[pair])
    assert all_reports[pair]["rounds"] == MANY[KIND]
    assert all_reports[pair]["failures"] == []


def run(pairs: Iterable[str], *options: str, rounds: int) -> Reports:
    """In a process of its own, whose mail server and clock are stand-ins."""
    command = [sys.executable, "-m", "tests.races.run", "--rounds", str(rounds), *options]
    command += ["--server", os.environ.get(SERVER, ""), *pairs]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return {report["pair"]: report for report in map(json.loads, done.stdout.splitlines())}


def told(report: dict[str, Any]) -> None:
    print("{pair}: {rounds} rounds, {outcomes}, {refusals}".format(**report))
