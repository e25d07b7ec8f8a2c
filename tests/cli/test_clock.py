"""`flask clock`: showing it, and moving it in the sandbox with what falls due on the way."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import Result
from flask import current_app

from portal import clock, clock_moves, queue
from portal.cli import clock as clock_commands
from portal.config import Mode, Settings
from portal.extensions import db
from portal.jobs import travel
from portal.models import DailyRun

Run = Callable[..., Result]


def test_the_clock_is_the_wall_until_it_is_moved(run_in_sandbox: Run) -> None:
    facts = json.loads(run_in_sandbox("clock", "show", "--json").output)

    ahead = datetime.fromisoformat(facts["now"]) - datetime.fromisoformat(facts["wall"])
    assert abs(ahead) < timedelta(seconds=1)
    assert facts["moving_to"] is None
    output = run_in_sandbox("clock", "show").output
    assert "Ahead of the wall by  nothing\n" in output
    assert "Moving to             nowhere\n" in output


@pytest.mark.parametrize(("by", "hours"), [("5d", 120), ("12h", 12), ("1d12h", 36), ("90m", 1.5)])
def test_advancing_without_a_worker_is_done_here(
    run_in_sandbox: Run, by: str, hours: float
) -> None:
    result = run_in_sandbox("clock", "advance", by)

    assert result.exit_code == 0, result.output
    assert result.output.startswith("It is ")
    assert _is_ahead_by(timedelta(hours=hours))


def test_what_falls_due_on_the_way_is_done(run_in_sandbox: Run) -> None:
    run_in_sandbox("clock", "advance", "3d")

    runs = db.session.query(DailyRun).filter_by(task="limit-check").count()
    assert runs in (3, 4)


def test_advancing_to_the_next_thing(run_in_sandbox: Run) -> None:
    run_in_sandbox("jobs", "run-due")
    facts = json.loads(run_in_sandbox("clock", "show", "--json").output)

    run_in_sandbox("clock", "advance", "--to-next")

    arrived = clock.now()
    assert arrived >= datetime.fromisoformat(facts["next_due_at"])
    assert arrived < datetime.fromisoformat(facts["next_due_at"]) + timedelta(minutes=1)


def test_setting_it_to_a_day(run_in_sandbox: Run) -> None:
    day = (clock.wall_now() + timedelta(days=2)).date()

    result = run_in_sandbox("clock", "set", day.isoformat())

    assert result.exit_code == 0, result.output
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert midnight <= clock.now() < midnight + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["advance", "soon"], "“soon” is no length of time: write 5d, 12h or 1d12h."),
        (["advance", "99999999999d"], "is too long"),
        (["advance"], "Say how far (5d, 12h), or --to-next."),
        (["advance", "1d", "--to-next"], "Say how far (5d, 12h), or --to-next."),
        (["advance", "0d"], "the clock only moves forward."),
        (["set", "tomorrow"], "“tomorrow” is no date: write 2026-12-24 or 2026-12-24T14:30."),
        (["set", "2001-01-01"], "the clock only moves forward."),
        (["set", "9999-12-31T23:59:59-14:00"], "is no date"),
    ],
)
def test_what_makes_no_sense_is_told(run_in_sandbox: Run, command: list[str], told: str) -> None:
    result = run_in_sandbox("clock", *command)

    assert result.exit_code != 0
    assert told in result.output
    assert "Traceback" not in result.output
    assert _is_ahead_by(timedelta())


def test_in_production_the_clock_does_not_move(run_in_sandbox: Run) -> None:
    current_app.config["PORTAL"] = Settings(mode=Mode.PRODUCTION)

    result = run_in_sandbox("clock", "advance", "1d")

    assert result.exit_code == 1
    assert "The clock moves in the sandbox only: this is production mode." in result.output


def test_a_worker_moves_it_and_the_way_is_shown(
    run_in_sandbox: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []

    def look_and_move(_seconds: float) -> None:
        """What a worker does while the command looks at the clock."""
        looked.append(clock.now())
        travel.go_on()

    monkeypatch.setattr(queue, "hand_out", lambda *_: True)
    monkeypatch.setattr(clock_commands.time, "sleep", look_and_move)

    result = run_in_sandbox("clock", "advance", "2d")

    assert result.exit_code == 0, result.output
    assert len(looked) == 1
    assert _is_ahead_by(timedelta(days=2))


def test_a_worker_that_is_not_there_is_missed(
    run_in_sandbox: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "hand_out", lambda *_: True)
    monkeypatch.setattr(clock_commands, "PATIENCE_SECONDS", 0.3)

    result = run_in_sandbox("clock", "advance", "2d")

    assert result.exit_code == 1
    assert "No worker moves the clock: is one running?" in result.output


def test_a_move_that_was_broken_off_is_ended_first(run_in_sandbox: Run) -> None:
    clock_moves.set_out(clock.now() + timedelta(hours=1))

    result = run_in_sandbox("clock", "advance", "2d")

    assert result.exit_code == 1
    assert "That was an earlier move; give yours again." in result.output
    assert _is_ahead_by(timedelta(hours=1))


def _is_ahead_by(span: timedelta) -> bool:
    """As good as: the command itself takes its time."""
    db.session.rollback()
    return abs(clock.now() - clock.wall_now() - span) < timedelta(minutes=1)
