"""Lets two actions go at one account at the same instant, again and again, and tells what came.

    python -m tests.races.run [--server URL] [--rounds N] [--without-locks] [FIRST/SECOND ...]

The accounts of a situation are made once, in a database of which each batch of rounds gets a
copy. On four of them the actions are first done without a race: one after the other in both
orders, and each alone. A race must end like one of these, row by row, and where it ends as if
only one had been done, the other must have been told so. The report is one line of JSON per pair.
"""

import argparse
import json
import tempfile
import threading
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine, event

import portal.transaction as transactions
from portal.billing import accounts, verify
from portal.billing.gateways import Charge
from portal.billing.gateways.sandbox import SandboxGateway
from portal.extensions import db
from portal.models import Account
from tests.faults.kills import state
from tests.faults.kills.stage import MEMORY, Stage
from tests.races.actions import ACTIONS, ERROR_PAGE, Answer, InHalves, LetGo
from tests.races.situations import BRING_ABOUT, Needs, Place, build

PAIRS = [
    (first, second)
    for first, second in combinations_with_replacement(ACTIONS, 2)
    # An account whose upgrade was just made is in no other situation at the same time.
    if ACTIONS[first].needs | ACTIONS[second].needs in BRING_ABOUT
]
# Rounds on one copy of a database, and the accounts they need besides for what comes unraced.
BATCH, UNRACED = 20, 8
# How long one that was stopped half-way waits for the other, which may be waiting for it.
PATIENCE_SECONDS = 0.05
LONGEST_SECONDS = 60
GOLDEN = 0.6180339887
# By whose halves it is.
BETWEEN = "the second between the halves of the first", "the first between those of the second"
# While the payment of one of them is at the gateway, which has the last word.
MEANWHILE = "the second during a charge of the first", "the first during one of the second"
CHARGE = SandboxGateway.charge
EITHER_ORDER = {"first, then second", "second, then first", *BETWEEN, *MEANWHILE}
# What there is one of, however many did it at once: a table, and what its row says.
ONCE = {
    "upgrade": ("plan_change", {"reason": "manual", "state": "applied"}),
    "downgrade": ("plan_change", {"reason": "manual", "state": "scheduled"}),
    "cancel": ("audit_entry", {"action": "subscription.cancelled"}),
    "renew": ("invoice", {"reason": "renewal"}),
    "auto-upgrade": ("invoice", {"reason": "auto_upgrade"}),
    "pay": ("audit_entry", {"action": "payment.by_hand"}),
    "refund": ("credit_note", {}),
    "void": ("invoice", {"status": "void"}),
    "reissue": ("invoice", {"edition": 2}),
    "add-on": ("plan_change", {"reason": "add_ons", "state": "applied"}),
    "change card": ("audit_entry", {"action": "payment_method.changed"}),
    "take back": ("taken_back", {}),
    "remove user": ("audit_entry", {"action": "episode.closed"}),
    "return user": ("audit_entry", {"action": "user.reactivated"}),
}


@dataclass
class Report:
    """How often each outcome came, and which were none."""

    pair: str
    rounds: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, list[str]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Raced:
    """What two who were let go at once were answered; `how` they were let go."""

    place: Place
    how: str
    answers: tuple[Answer, Answer]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pairs", nargs="*", default=["/".join(pair) for pair in PAIRS])
    parser.add_argument("--server", default="")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--without-locks", action="store_true")
    arguments = parser.parse_args()
    if arguments.without_locks:
        _take_the_locks_away()
    event.listen(Engine, "before_cursor_execute", _before_statement)
    with tempfile.TemporaryDirectory(prefix="portal-races-", dir=MEMORY) as folder:
        races = Races(Stage(arguments.server, Path(folder)), min(arguments.rounds, BATCH))
        for pair in arguments.pairs:
            print(json.dumps(asdict(races.run(*pair.split("/"), arguments.rounds))), flush=True)
        races.stage.strike()


class Races:
    """The situations that were made so far, and the races run in them."""

    def __init__(self, stage: Stage, batch: int) -> None:
        self.stage, self.batch = stage, batch
        self.start_at = stage.keep("start")
        self.made: dict[Needs, tuple[list[Place], Any]] = {}

    def run(self, first: str, second: str, rounds: int) -> Report:
        report = Report(f"{first}/{second}")
        while report.rounds < rounds:
            _Batch(self, (first, second), report).run(min(self.batch, rounds - report.rounds))
        return report

    def places(self, needs: Needs) -> list[Place]:
        """Accounts in a situation, as nobody has touched them."""
        name = " ".join(sorted(need.value for need in needs)) or "mid cycle"
        self.stage.close()
        if needs not in self.made:
            self.stage.put_back("start", self.start_at)
            places = build(self.stage, needs, self.batch + UNRACED)
            self.made[needs] = places, self.stage.keep(name)
        places, at = self.made[needs]
        self.stage.put_back(name, at)
        self.stage.errors.clear()
        return places


class _Batch:
    """So many rounds of one pair in one database."""

    def __init__(self, races: Races, names: tuple[str, str], report: Report) -> None:
        self.stage, self.names, self.report = races.stage, names, report
        needs = ACTIONS[names[0]].needs | ACTIONS[names[1]].needs
        self.places = iter(races.places(needs))
        self.unraced: dict[str, Place] = {}
        self.alone: list[Answer] = []
        self.statements: list[int] = []

    def run(self, rounds: int) -> None:
        self._do_unraced()
        raced = [self._race(next(self.places), self.report.rounds + n) for n in range(rounds)]
        self.report.rounds += rounds
        self.stage.work()
        with self.stage.context():
            self.report.failures += [str(wrong) for wrong in verify.run(db.session())]
            states = state.by_account(db.session())
        self.report.failures += self.stage.errors
        for race in raced:
            self._judge(race, states)

    def _do_unraced(self) -> None:
        """One after the other in both orders, and each alone."""
        for name, order in (
            ("first, then second", (0, 1)),
            ("second, then first", (1, 0)),
            ("only the first", (0,)),
            ("only the second", (1,)),
        ):
            place = self.unraced[name] = next(self.places)
            ready = self._ready(place)
            for number in order:
                _here.passed = 0
                answer = ready[number]()
                if len(order) == 1:
                    self.alone.append(answer)
                    self.statements.append(_here.passed)

        self._do_between()
        self._do_meanwhile()

    def _do_meanwhile(self) -> None:
        """What asks the gateway for money waits for its answer, and others don't wait for that."""
        for number, name in enumerate(MEANWHILE):
            place = next(self.places)
            ready = self._ready(place)
            others = [ready[1 - number]]

            def charge(gateway: SandboxGateway, asked: Charge, others: Any = others) -> Any:
                answer = CHARGE(gateway, asked)
                if others:
                    others.pop()()
                return answer

            with patch.object(SandboxGateway, "charge", charge):
                ready[number]()
            if not others:
                self.unraced[name] = place

    def _do_between(self) -> None:
        """What one of them does in halves may be begun when the other comes."""
        for number, name in enumerate(BETWEEN):
            place = next(self.places)
            ready = self._ready(place)
            halves, other = ready[number], ready[1 - number]
            if isinstance(halves, InHalves):
                self.unraced[name] = place
                halves.begin()
                other()
                halves.end()

    def _race(self, place: Place, number: int) -> Raced:
        """Let both go at once. In two of three rounds one of them stops at a statement for a
        moment, each time at another, so that the other gets ahead of it there."""
        who, nth = number % 3, number // 3 + 1
        stops = [0, 0]
        if who < 2:
            stops[who] = 1 + int(self.statements[who] * (nth * GOLDEN % 1))
        ready = self._ready(place)
        return Raced(place, f"{stops}", _at_once(ready, stops))

    def _ready(self, place: Place) -> list[LetGo]:
        return [
            ACTIONS[name].ready(self.stage, place, admin)
            for name, admin in zip(self.names, place.admins, strict=True)
        ]

    def _judge(self, race: Raced, states: dict[str, state.State]) -> None:
        found = states[race.place.name]
        where = f"{self.report.pair}, {race.place.name}, stopped at {race.how}"
        if any(answer.status >= 500 or answer.text == ERROR_PAGE for answer in race.answers):
            self.report.failures.append(f"{where}: {race.answers}")
        if self.names[0] == self.names[1] and _count(self.names[0], found) != 1:
            self.report.failures.append(f"{where}: not done just once")
        outcome = next(self._same(found, states), None)
        if outcome is None:
            self.report.failures.append(f"{where}: {race.answers}, {self._nearest(found, states)}")
            return
        self.report.outcomes[outcome] = self.report.outcomes.get(outcome, 0) + 1
        if outcome in EITHER_ORDER:
            return
        loser = 1 if outcome == "only the first" else 0
        if race.answers[loser] == self.alone[loser] and race.answers[loser].text:
            said = f"{self.names[loser]} was not done, and told {race.answers[loser]}"
            self.report.failures.append(f"{where}: {outcome}, {said}")
        refusals = self.report.refusals.setdefault(self.names[loser], [])
        if race.answers[loser].text not in refusals:
            refusals.append(race.answers[loser].text)

    def _same(self, found: state.State, states: dict[str, state.State]) -> Iterator[str]:
        for name, place in self.unraced.items():
            if states[place.name] == found:
                yield name

    def _nearest(self, found: state.State, states: dict[str, state.State]) -> str:
        """How it differs from what it is most like."""
        told = [
            (name, state.differences(states[place.name], found))
            for name, place in self.unraced.items()
        ]
        name, differences = min(told, key=lambda pair: len(pair[1]))
        return f"unlike anything unraced; but for these as “{name}”: {differences}"


def _count(action: str, found: state.State) -> int:
    table, says = ONCE[action]
    rows = [json.loads(row) for row in found[table].elements()]
    return sum(says.items() <= row.items() for row in rows)


def _take_the_locks_away() -> None:
    """To see that it is seen: accounts are read instead of locked, on either database."""
    accounts.lock = lambda session, account_id: session.get_one(Account, account_id)
    transactions.WRITES = "takes no lock"


class _Here(threading.local):
    """Of this thread: how many statements it sent, and at which it stops."""

    passed = 0
    stop_at = 0
    until: threading.Event | None = None


_here = _Here()


def _before_statement(*_arguments: Any) -> None:
    _here.passed += 1
    if _here.until is not None and _here.passed == _here.stop_at:
        _here.until.wait(PATIENCE_SECONDS)


def _at_once(ready: list[LetGo], stops: list[int]) -> tuple[Answer, Answer]:
    barrier = threading.Barrier(len(ready))
    ended = [threading.Event() for _ in ready]
    answers: list[Answer | None] = [None for _ in ready]

    def run(number: int) -> None:
        _here.passed, _here.stop_at, _here.until = 0, stops[number], ended[1 - number]
        barrier.wait(LONGEST_SECONDS)
        try:
            answers[number] = ready[number]()
        except Exception:
            answers[number] = Answer(500, traceback.format_exc()[-1500:])
        ended[number].set()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(ready))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONGEST_SECONDS)
    first, second = (answer or Answer(500, "it never ended") for answer in answers)
    return first, second


if __name__ == "__main__":
    main()
