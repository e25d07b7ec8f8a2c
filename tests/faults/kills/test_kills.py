"""Killed at any moment, the portal ends as if it had not been: nothing lost, nothing done twice.

A fresh process finds what is due, the person posts the same form again, and the rows, the emails
and the sandbox gateway's books are those of a run without a kill. An email may come twice only
where the kill fell between the mail server's answer and its record.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SERVER
from tests.faults.kills.sabotages import SABOTAGES
from tests.faults.kills.scenarios import SCENARIOS

ROOT = Path(__file__).parents[3]
SOME = 20
# By how many points one run may differ from another: before a statement, and after it.
A_STATEMENT = 2
TEETH = [f"upgrade/{sabotage}" for sabotage in SABOTAGES]
Reports = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def reports() -> Reports:
    """Two scenarios at some of their points, and what must go wrong with a sabotage."""
    return run("upgrade", "renewal", *TEETH, stride=SOME)


@pytest.mark.parametrize("scenario", ["upgrade", "renewal"])
def test_killed_at_some_points(reports: Reports, scenario: str) -> None:
    told(reports[scenario])
    assert reports[scenario]["kills"] > 20
    assert reports[scenario]["failures"] == []


@pytest.mark.parametrize("sabotaged", TEETH)
def test_what_a_kill_would_break_is_seen(reports: Reports, sabotaged: str) -> None:
    assert reports[sabotaged]["failures"] != []


@pytest.mark.soak
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_at_every_point(scenario: str) -> None:
    report = run(scenario, stride=1)[scenario]
    told(report)
    assert abs(report["kills"] - report["points"]) <= A_STATEMENT
    assert not report["last_was_killed"]
    assert report["failures"] == []


def run(*jobs: str, stride: int) -> Reports:
    """In a process of its own, which is the one that forks: this one has threads."""
    command = [sys.executable, "-m", "tests.faults.kills.run", "--stride", str(stride), *jobs]
    command += ["--server", os.environ.get(SERVER, "")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return {report["scenario"]: report for report in map(json.loads, done.stdout.splitlines())}


def told(report: dict[str, Any]) -> None:
    print("{scenario}: {points} points, {kills} kills, {duplicates} emails twice".format(**report))
