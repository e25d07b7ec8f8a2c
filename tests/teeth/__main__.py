"""Breaks the portal on purpose, in one place at a time, and asks whether the tests notice.

    python -m tests.teeth              every sabotage of the list
    python -m tests.teeth NAME …       only these
    python -m tests.teeth --list       what there is

All of it happens in a copy of the working tree. First the tests that are named must be green
there, unharmed; then each sabotage must turn every test that it names red. A run that ends
otherwise than with a failed test proves nothing and counts as survived. The exit status is 1 when
a sabotage survived.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

from tests.teeth.sabotage import ROOT, Sabotage
from tests.teeth.sabotages import SABOTAGES

LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "var", "test-results")
# Seconds: for all of the tests unharmed, and for those of one sabotage.
LIMIT_OF_ALL, LIMIT = 3600, 900
GREEN, FAILURES = 0, 1
FAILED = re.compile(r"^FAILED (\S+?::\w+)(?:\[.*?\])?(?: - (.*))?$", re.MULTILINE)
# The code did not even run as far as to be wrong.
BROKEN = re.compile(r"(Name|Import|ModuleNotFound|Syntax|Attribute|UnboundLocal)Error\b")


@dataclass(frozen=True)
class Run:
    """How a run of pytest ended: why each test failed, by its id, and what was printed."""

    status: int | None
    failed: dict[str, str]
    output: str


@dataclass(frozen=True)
class Verdict:
    """What became of a sabotage; `problem` is empty when the tests saw it."""

    sabotage: Sabotage
    problem: str
    seen: str
    seconds: float


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.teeth")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true")
    chosen = parser.parse_args(arguments)
    sabotages = _chosen(parser, chosen.names)
    if chosen.list:
        print(*(f"{each.name}: with this, {each.breaks}" for each in sabotages), sep="\n")
        return 0
    with tempfile.TemporaryDirectory(prefix="portal-teeth-") as folder:
        place = Path(folder) / "portal"
        shutil.copytree(ROOT, place, ignore=LEFT_OUT, symlinks=True)
        for sabotage in sabotages:
            sabotage.applied_to((place / sabotage.file).read_text(encoding="utf-8"))
        if not _is_green(place, sabotages):
            return 1
        return _report([_tried(place, sabotage) for sabotage in sabotages])


def _chosen(parser: argparse.ArgumentParser, names: Sequence[str]) -> list[Sabotage]:
    known = {sabotage.name: sabotage for sabotage in SABOTAGES}
    for name in names:
        if name not in known:
            parser.error(f"there is no sabotage {name}; --list says which there are")
    return [known[name] for name in names] if names else list(SABOTAGES)


def _is_green(place: Path, sabotages: Sequence[Sabotage]) -> bool:
    """Whether all that is asked afterwards holds while nothing is broken."""
    for database in sorted({sabotage.database for sabotage in sabotages}):
        asked = [each for each in sabotages if each.database == database]
        tests = sorted({test for each in asked for test in each.tests})
        print(f"Unharmed on {database}: {len(tests)} tests …", end=" ", flush=True)
        run = _pytest(place, tests, database, limit=LIMIT_OF_ALL)
        if run.status != GREEN:
            print("not green\n" + run.output)
            return False
        print("green", flush=True)
    return True


def _tried(place: Path, sabotage: Sabotage) -> Verdict:
    """Break it, ask the tests, mend it."""
    path, begun = place / sabotage.file, time.monotonic()
    whole = path.read_text(encoding="utf-8")
    _write(path, sabotage.applied_to(whole))
    try:
        run = _pytest(place, sabotage.tests, sabotage.database)
    finally:
        _write(path, whole)
    problem = _problem(sabotage, run)
    seen = next(iter(run.failed.values()), "")
    verdict = Verdict(sabotage, problem, seen, time.monotonic() - begun)
    print(_line(verdict), flush=True)
    if problem:
        print(run.output[-4000:], flush=True)
    return verdict


def _write(path: Path, text: str) -> None:
    """Python takes a file of the same second and size for the same: so its compilation goes."""
    path.write_text(text, encoding="utf-8")
    Path(cache_from_source(str(path))).unlink(missing_ok=True)


def _pytest(place: Path, tests: Iterable[str], database: str, *, limit: int = LIMIT) -> Run:
    command = [sys.executable, "-m", "pytest", "-q", "-rf", "--tb=short", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PORTAL_TEST_DB": database, "COLUMNS": "300"}
    try:
        done = subprocess.run(
            [*command, *tests],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Run(None, {}, f"not done within {limit} seconds")
    return Run(done.returncode, dict(FAILED.findall(done.stdout)), done.stdout + done.stderr)


def _problem(sabotage: Sabotage, run: Run) -> str:
    if run.status is None:
        return "timed out"
    if run.status == GREEN:
        return "SURVIVED"
    if run.status != FAILURES or not run.failed:
        return "no test ran to its end"
    blind = [test for test in sabotage.tests if not any(_is_of(one, test) for one in run.failed)]
    if blind:
        return f"SURVIVED in {', '.join(blind)}"
    broken = [reason for reason in run.failed.values() if BROKEN.match(reason)]
    return f"only broke the code: {broken[0]}" if broken else ""


def _is_of(failed: str, test: str) -> bool:
    return failed == test or failed.startswith(f"{test}::")


def _line(verdict: Verdict) -> str:
    mark = verdict.problem or "red"
    what = verdict.seen or verdict.sabotage.breaks
    return f"{verdict.sabotage.name:<44} {mark:<10} {verdict.seconds:6.0f} s  {what[:90]}"


def _report(verdicts: Sequence[Verdict]) -> int:
    survived = [verdict for verdict in verdicts if verdict.problem]
    print(f"\n{len(verdicts)} sabotages, {len(verdicts) - len(survived)} of them seen.")
    for verdict in survived:
        print(
            f"  {verdict.sabotage.name}: {verdict.problem}. With this, {verdict.sabotage.breaks}."
        )
    return 1 if survived else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
