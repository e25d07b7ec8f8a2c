"""A simulation keeps a lock that others wait for: not for longer than it is given."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal import clock
from portal.audit import SYSTEM
from portal.billing import accounts
from portal.cli import simulate as command
from portal.extensions import db
from portal.models import User
from portal.simulation import Question, Refused, foretell
from portal.transaction import transaction
from tests.blueprints.pages import words
from tests.cast import START, Cast
from tests.simulation.happenings import all_rows

Browser = Callable[[User | None], FlaskClient]
SAID = "Too much happens until then: choose an earlier day."
ASKED = {"users": "+9", "clients": "", "plan": "", "until": "2026-05-20"}


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Each look at the clock that nobody sets finds it two seconds later."""
    looks = [0.0]

    def seconds() -> float:
        looks.append(looks[-1] + 2)
        return looks[-1]

    monkeypatch.setattr(clock, "seconds", seconds)
    return looks


def test_time_simulate_ends_when_its_seconds_are_over_and_keeps_nothing(
    cast: Cast, slow: list[float]
) -> None:
    """Three seconds are one item: the second one is not begun."""
    cast.members(cast.acme, 9)
    before, account_id, until = all_rows(), cast.acme.id, START.replace(month=5)
    db.session.rollback()
    with pytest.raises(Refused, match="choose an earlier day") as refused:
        foretell(account_id, Question(), until, seconds=3, actor=SYSTEM)

    assert refused.value.field == "until"
    assert slow == [0, 2, 4, 6]
    assert all_rows() == before
    with transaction() as session:
        assert accounts.lock(session, account_id), "nobody waits any more"


def test_time_simulate_the_page_says_to_choose_an_earlier_day(
    cast: Cast, browser: Browser, slow: list[float]
) -> None:
    answer = browser(cast.alice).post("/account/what-if", data=ASKED)
    assert answer.status_code == 422
    assert SAID in words(answer.text)
    assert 'value="2026-05-20"' in answer.text
    assert slow[-1] <= 8


def test_time_simulate_the_command_has_more_time_than_the_page(
    app: Flask, cast: Cast, slow: list[float]
) -> None:
    cast.members(cast.acme, 9)
    db.session.rollback()
    asked = ["Acme", "--to", "2026-12-24"]
    done = app.test_cli_runner().invoke(command.simulate, asked)
    assert done.exit_code == 2
    assert SAID in done.output
    assert 8 < slow[-1] <= 36
