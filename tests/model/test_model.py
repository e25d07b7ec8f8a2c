"""The model test: random lives of an account, in which portal and oracle must never differ.

By default 300 lives of 30 steps, always the same ones: 240 on SQLite, the others on PostgreSQL,
where each needs a database made anew. `make soak` lives 10,000 and 1,000 of 50 steps, other ones
each time; those that failed are kept in .hypothesis and come first the next time.

MODEL_SCHEDULES and MODEL_STEPS set other sizes. With MODEL_SHRINK=0 a life that failed is shown
as it was, at once, and not made shorter first.
"""

import os

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.stateful import run_state_machine_as_test

from tests.cast import FixedClock
from tests.model.examples import Example
from tests.model.examples_over import EXAMPLES
from tests.model.machine import Lives
from tests.model.world import Databases, World, leave_out_what_costs_time, let_mail_fail

SCHEDULES, SOAK_SCHEDULES = {"sqlite": (240, 10_000), "postgresql": (60, 1_000)}[
    os.environ.get("PORTAL_TEST_DB", "sqlite")
]
STEPS, SOAK_STEPS = 30, 50
# Each part is a test of its own; the short ones begin from its number.
PARTS, SOAK_PARTS = 6, 50
PHASES = [Phase.reuse, Phase.generate, Phase.shrink]
if os.environ.get("MODEL_SHRINK") == "0":
    PHASES.remove(Phase.shrink)


@pytest.fixture
def world(
    app: Flask, clock: FixedClock, place: Databases, monkeypatch: pytest.MonkeyPatch
) -> World:
    leave_out_what_costs_time(monkeypatch)
    world = World(app, clock, place)
    let_mail_fail(monkeypatch, world)
    return world


@pytest.mark.parametrize("part", range(PARTS))
def test_the_portal_charges_what_the_rules_say(world: World, part: int) -> None:
    lives = seed(part)(type("Lives", (Lives,), {"world": world}))
    short = sized(SCHEDULES // PARTS, STEPS, PARTS)
    run_state_machine_as_test(lives, settings=settings(short, database=None))


@pytest.mark.soak
@pytest.mark.parametrize("_part", range(SOAK_PARTS))
def test_the_portal_charges_what_the_rules_say_for_long(world: World, _part: int) -> None:
    lives = type("Lives", (Lives,), {"world": world})
    long = sized(SOAK_SCHEDULES // SOAK_PARTS, SOAK_STEPS, SOAK_PARTS)
    kept = DirectoryBasedExampleDatabase(".hypothesis/model")
    run_state_machine_as_test(lives, settings=settings(long, database=kept))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.__name__)
def test_what_once_went_wrong(world: World, example: Example) -> None:
    lives = type("Lives", (Lives,), {"world": world})()
    example(lives)
    lives.teardown()


def sized(schedules: int, steps: int, parts: int) -> settings:
    """So many lives of so many steps, unless the environment says otherwise."""
    if "MODEL_SCHEDULES" in os.environ:
        schedules = int(os.environ["MODEL_SCHEDULES"]) // parts
    return settings(
        max_examples=max(1, schedules),
        stateful_step_count=int(os.environ.get("MODEL_STEPS", steps)),
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=PHASES,
        suppress_health_check=list(HealthCheck),
    )
