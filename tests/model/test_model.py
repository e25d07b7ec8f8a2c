"""The model test: random lives of an account, in which portal and oracle must never differ.

MODEL_SCHEDULES and MODEL_STEPS set how many lives of how many steps; by default 300 of 30. With
MODEL_SHRINK=0 a life that failed is shown as it was, at once, and not made shorter first.
"""

import os

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.cast import FixedClock
from tests.model.examples import EXAMPLES, Example
from tests.model.machine import Lives
from tests.model.world import Databases, World, leave_out_what_costs_time

SCHEDULES = int(os.environ.get("MODEL_SCHEDULES", "300"))
STEPS = int(os.environ.get("MODEL_STEPS", "30"))
SHRINK = (Phase.shrink,) * (os.environ.get("MODEL_SHRINK", "1") != "0")
# Parts run side by side, each from its own seed.
PARTS = 6


@pytest.fixture
def world(
    app: Flask, clock: FixedClock, place: Databases, monkeypatch: pytest.MonkeyPatch
) -> World:
    leave_out_what_costs_time(monkeypatch)
    return World(app, clock, place)


@pytest.mark.parametrize("part", range(PARTS))
def test_the_portal_charges_what_the_rules_say(world: World, part: int) -> None:
    lives = seed(part)(type("Lives", (Lives,), {"world": world}))
    run_state_machine_as_test(
        lives,
        settings=settings(
            max_examples=max(1, SCHEDULES // PARTS),
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=False,
            report_multiple_bugs=False,
            phases=(Phase.generate, *SHRINK),
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.__name__)
def test_what_once_went_wrong(world: World, example: Example) -> None:
    lives = type("Lives", (Lives,), {"world": world})()
    example(lives)
    lives.teardown()
