"""`flask episodes`: what an operator sees of accounts over their limits, and says about them."""

import json

import pytest
from sqlalchemy import select

from portal.extensions import db
from portal.models import Account, AuditEntry, Episode
from tests.cast import Cast
from tests.cli.conftest import Run

WHY = ("--reason", "They asked for time.")


@pytest.fixture
def over(cast: Cast) -> Account:
    """Acme has 11 of 10 seats, found on 2 March, 06:00; it is 3 March now."""
    cast.let_pass(minutes=1)
    cast.members(cast.acme, 9)
    cast.let_pass(days=2)
    return cast.acme


def the_episode() -> Episode:
    db.session.rollback()
    return db.session.scalars(select(Episode)).one()


def test_who_is_over_and_what_comes_next(over: Account, run: Run) -> None:
    said = run("episodes", "list").output
    for words in ("Acme", "11 of 10 seats", "open", "7 Mar 2026, 06:00", "Standard, 20 users"):
        assert words in said
    assert "$96.67" in said
    (row,) = json.loads(run("episodes", "list", "--json").output)
    assert (row["used"], row["limit"], row["warnings"], row["due_minor"]) == (11, 10, 1, 9667)
    assert row["deadline_at"] == "2026-03-07T06:00:00+00:00"


def test_nobody_over_is_said_so(cast: Cast, run: Run) -> None:
    assert run("episodes", "list").output == "No episode is open.\n"
    assert json.loads(run("episodes", "list", "--json").output) == []
    assert "never over a limit" in run("episodes", "show", "Acme").output


def test_closed_ones_are_listed_when_asked_for(cast: Cast, over: Account, run: Run) -> None:
    cast.leave(over, cast.bob)
    assert run("episodes", "list").output == "No episode is open.\n"
    assert "resolved" in run("episodes", "list", "--all").output


def test_all_there_is_about_one(over: Account, run: Run) -> None:
    said = run("episodes", "show", "Acme").output
    for words in ("11 of 10 seats", "warning", "accepted", "alice", "Next step"):
        assert words in said
    (facts,) = json.loads(run("episodes", "show", "Acme", "--json").output)
    assert [email["name"] for email in facts["emails"]] == ["warning"]


def test_held_put_off_and_released(cast: Cast, over: Account, run: Run) -> None:
    put_off = run("episodes", "extend", "Acme", "--to", "2026-03-12 05:30", *WHY)
    assert put_off.output == "Acme is not upgraded before 12 Mar 2026, 06:00:00 UTC.\n"
    assert run("episodes", "hold", "Acme", *WHY).exit_code == 0
    assert the_episode().held_reason == "They asked for time."
    assert "held" in run("episodes", "list").output
    assert "They asked for time." in run("episodes", "show", "Acme").output
    released = run("episodes", "release", "Acme", *WHY)
    assert released.output == "Acme goes on, not before 12 Mar 2026, 06:00:00 UTC.\n"
    assert the_episode().held_at is None
    actions = ("episode.extended", "episode.held", "episode.released")
    kept = db.session.scalars(select(AuditEntry).where(AuditEntry.action.in_(actions))).all()
    assert [entry.actor["kind"] for entry in kept] == ["operator"] * 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("hold", "Acme"), "Missing option '--reason'"),
        (("hold", "Nobody", *WHY), "There is no account “Nobody”"),
        (("hold", "Other", *WHY), "Other has no open episode"),
        (("hold", "Acme", "--metric", "clients", *WHY), "Acme has no open episode"),
        (("hold", "Acme", "--reason", " "), "Say why"),
        (("release", "Acme", *WHY), "neither held nor parked"),
        (("extend", "Acme", *WHY), "Missing option '--to'"),
        (("extend", "Acme", "--to", "soon", *WHY), "“soon” is no date"),
        (("extend", "Acme", "--to", "2026-03-06", *WHY), "only moved to later"),
        (("extend", "Acme", "--to", "2026-12-06", *WHY), "At most 90 days"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(
    over: Account, run: Run, arguments: tuple[str, ...], words: str
) -> None:
    answer = run("episodes", *arguments)
    assert answer.exit_code != 0
    assert words in answer.output
    assert the_episode().held_at is None
    assert the_episode().extended_to is None
