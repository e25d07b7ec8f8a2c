"""Kills scenarios at their points and tells what became of them.

    python -m tests.faults.kills.run [--server URL] [--stride N] SCENARIO[/SABOTAGE] ...

Without a stride, at every point.

One process has the portal warm: imported, its templates and SQL compiled. It makes the database
of a scenario once and, for each point, copies it, forks a process that is killed at that point,
forks another that recovers, and compares. The report is one line of JSON per scenario.
"""

import argparse
import gc
import json
import os
import signal
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from portal.billing import verify
from portal.extensions import db
from portal.jobs import schedule
from tests.faults.kills import points, state
from tests.faults.kills.sabotages import SABOTAGES
from tests.faults.kills.scenarios import SCENARIOS
from tests.faults.kills.stage import MEMORY, Stage, Told, let_leases_run_out, of_the_code

SECONDS = 60
LONGEST = 4000
# So many differences are told of a kill; the first ones say what is wrong.
MOST = 8
# Edges are killed at this much more often than statements.
EDGES = 10
BEGINNING = "beginning"


@dataclass
class Report:
    """What came of one scenario."""

    scenario: str
    points: int
    kills: int = 0
    last_was_killed: bool = False
    duplicates: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """How the portal is after a scenario: its rows, its answers, the emails by Message-ID."""

    rows: state.State
    answers: list[Told]
    emails: dict[str, list[Any]]
    duplicates: int


@dataclass(frozen=True)
class Ended:
    """How a process ended and what it had written by then."""

    status: int
    written: Any

    @property
    def was_killed(self) -> bool:
        return os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == signal.SIGKILL


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("jobs", nargs="+", metavar="SCENARIO[/SABOTAGE]")
    parser.add_argument("--server", default="")
    parser.add_argument("--stride", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="portal-kills-", dir=MEMORY) as folder:
        stage = Stage(arguments.server, Path(folder))
        start_at = stage.keep("start")
        with stage.app.app_context():
            points.install(db.engine)
        for job in arguments.jobs:
            stage.put_back("start", start_at)
            print(json.dumps(asdict(Killing(stage, job).report(arguments.stride))), flush=True)
        stage.strike()


class Killing:
    """One scenario, brought to its beginning and run once without a kill."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.stage, self.name = stage, name
        scenario, _, sabotage = name.partition("/")
        self.scenario, self.sabotage = SCENARIOS[scenario](stage), SABOTAGES.get(sabotage)
        self.at = stage.keep(BEGINNING)
        self.passed = points.Passed()
        points.begin(self.passed)
        answers = self._act()
        points.end()
        self.unbroken = self._outcome(answers)
        problems = self._problems()
        stage.close()
        assert not problems, problems

    def report(self, stride: int) -> Report:
        """Kill at the points that the stride chooses, and once after the last.

        With a sabotage, until one of its points shows it. A run may send a statement more than the
        one whose points were counted, or one less: it is over when nothing was killed any more.
        """
        began = time.monotonic()
        report = Report(self.name, points=len(self.passed.labels))
        gc.collect()
        gc.freeze()
        for number in self._chosen(stride):
            self._kill_at(number, report)
            if self.sabotage and report.failures:
                break
        while self.sabotage is None and report.kills and report.last_was_killed:
            number += 1
            self._kill_at(number, report)
        report.seconds = round(time.monotonic() - began, 1)
        return report

    def _chosen(self, stride: int) -> list[int]:
        labels = self.passed.labels
        if self.sabotage is None:
            return _chosen(labels, stride)
        return [n for n, label in enumerate(labels, start=1) if label == self.sabotage.shows_at]

    def _kill_at(self, number: int, report: Report) -> None:
        self.stage.put_back(BEGINNING, self.at)
        first = _in_a_process(lambda writer: self._go_to(points.Passed(number, writer)))
        where = f"{self.name}, killed at {number}"
        report.last_was_killed = first.was_killed
        if first.was_killed:
            report.kills += 1
            where += f" ({first.written[-1]})"
        elif first.status:
            report.failures.append(f"{where}: it failed before: {first.written}")
            return
        recovered = _in_a_process(lambda _: self._recover(hurried=number % 2 == 1))
        if recovered.status:
            report.failures.append(f"{where}: no recovery: {recovered.written}")
            return
        report.duplicates += recovered.written["duplicates"]
        unrecorded = first.was_killed and points.a_mail_is_unrecorded(first.written)
        if recovered.written["duplicates"] > unrecorded:
            recovered.written["problems"].append("an email came twice")
        problems = recovered.written["problems"]
        if problems:
            report.failures.append(f"{where}: {len(problems)} differences: {problems[:MOST]}")

    def _go_to(self, last: points.Passed) -> None:
        self._break()
        points.begin(last)
        self._act()

    def _act(self) -> list[Told]:
        answers = self.scenario.post()
        self.stage.work_until(self.scenario.until)
        return answers

    def _recover(self, *, hurried: bool) -> dict[str, Any]:
        """What happens after a kill: a worker finds what is due, the form is posted again.

        Somebody in a hurry posts it before the leases of the dead have run out.
        """
        self._break()
        self.stage.errors.clear()
        if hurried:
            self.scenario.post()
        let_leases_run_out()
        self.stage.work()
        outcome = self._outcome(self._act())
        expected, found = self.unbroken.rows, outcome.rows
        if not self.scenario.keeps_hours:
            expected, found = state.without_hours(expected), state.without_hours(found)
        problems = self._problems() + state.differences(expected, found)
        if outcome.answers != self.unbroken.answers:
            problems.append(f"answered {outcome.answers}, not {self.unbroken.answers}")
        if sorted(outcome.emails.values()) != sorted(self.unbroken.emails.values()):
            problems.append(f"emails: {outcome.emails}, not {self.unbroken.emails}")
        return {"problems": problems, "duplicates": outcome.duplicates}

    def _outcome(self, answers: list[Told]) -> Outcome:
        with self.stage.context():
            rows = state.read(db.session())
        taken = self.stage.mail.taken()
        emails = {message_id: [to, subject] for message_id, to, subject in taken}
        return Outcome(rows, answers, emails, duplicates=len(taken) - len(emails))

    def _problems(self) -> list[str]:
        """What is wrong whatever happened: with the books, in the log, or still to be done."""
        with self.stage.context():
            found = [str(finding) for finding in verify.run(db.session())]
            left = schedule.run_due()
        return found + self.stage.errors + ([f"{left} items were still due"] if left else [])

    def _break(self) -> None:
        if self.sabotage:
            self.sabotage.do()


def _chosen(labels: list[str], stride: int) -> list[int]:
    """Numbers of points, the last of which nobody reaches.

    Where something leaves the process they lie denser. Which ones are chosen moves when the
    portal's code changes: the same code is killed at the same points.
    """
    offset = of_the_code()
    numbers = range(1, len(labels) + 1)
    edges = [number for number in numbers if points.is_edge(labels[number - 1])]
    statements = [number for number in numbers if not points.is_edge(labels[number - 1])]
    dense = max(1, stride // EDGES)
    chosen = [*statements[offset % stride :: stride], *edges[offset % dense :: dense]]
    return [*sorted(chosen), len(labels) + 1]


def _in_a_process(work: Callable[[int], Any]) -> Ended:
    """Fork and do `work`, given a pipe to write to; what it returns is written there too."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reader)
        signal.alarm(SECONDS)
        try:
            os.write(writer, json.dumps(work(writer)).encode())
        except BaseException:
            os.write(writer, json.dumps(traceback.format_exc()[-LONGEST:]).encode())
            os._exit(1)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        written = pipe.read()
    _, status = os.waitpid(process, 0)
    return Ended(status, json.loads(written or "null"))


if __name__ == "__main__":
    main()
