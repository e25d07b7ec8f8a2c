"""Where two meet: accounts on one plan, each with two Admins who are signed in.

What either of two actions needs to make sense is brought about: a cycle that is over, an
over-limit episode at its deadline, an invoice whose payment was declined.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from flask.testing import FlaskClient
from sqlalchemy import func, select

from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import Account, EpisodeWarning, User
from tests.cast import START, Cast, sign_in
from tests.faults.kills.stage import Stage
from tests.taking_back_stories import makes_room

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CYCLE_END = START + 30 * DAY
BEFORE = timedelta(seconds=1)
# Eleven of ten seats, with the two Admins.
TOO_MANY = 9


class Need(Enum):
    CYCLE_OVER = "cycle over"
    EPISODE_DUE = "episode due"
    UNPAID = "unpaid"
    UPGRADED = "upgraded"


Needs = frozenset[Need]
CYCLE_OVER, EPISODE_DUE, UNPAID = Need.CYCLE_OVER, Need.EPISODE_DUE, Need.UNPAID
UPGRADED = Need.UPGRADED


@dataclass(frozen=True)
class Admin:
    """Somebody at a browser of their own."""

    user_id: int
    client: FlaskClient


@dataclass(frozen=True)
class Place:
    """One account and its two Admins."""

    account_id: int
    name: str
    admins: tuple[Admin, Admin]


def build(stage: Stage, needs: Needs, count: int) -> list[Place]:
    """So many accounts in one situation; the clock then stands at the hour of the race."""
    card = "card_declines_later" if UNPAID in needs else "card_pays"
    with stage.context() as cast:
        places = [_place(stage, cast, f"Racers {number}", card) for number in range(1, count + 1)]
    BRING_ABOUT[needs](stage, [place.account_id for place in places])
    return places


def _place(stage: Stage, cast: Cast, name: str, card: str) -> Place:
    account = cast.account(name, "standard", "10-users", card=card)
    alice, bob = (cast.member(account, person, Role.ADMIN) for person in ("Alice", "Bob"))
    return Place(account.id, name, (_signed_in(stage, alice), _signed_in(stage, bob)))


def _signed_in(stage: Stage, user: User) -> Admin:
    client = FlaskClient(stage.app, stage.app.response_class)
    user_id = user.id
    sign_in(client, user)
    return Admin(user_id, client)


def _mid_cycle(stage: Stage, _accounts: list[int]) -> None:
    stage.work_until(START + 15 * DAY + HOUR)


def _cycle_over(stage: Stage, _accounts: list[int]) -> None:
    stage.work_until(CYCLE_END - BEFORE)
    stage.clock.at = CYCLE_END


def _episode_due(stage: Stage, accounts: list[int]) -> None:
    """Found over on day 10 and due 5 days later."""
    _grow(stage, accounts, START + 9 * DAY)
    stage.work_until(START + 14 * DAY)
    _work_until_deadline(stage)


def _unpaid(stage: Stage, _accounts: list[int]) -> None:
    """Declined on day 30, now it is day 31."""
    stage.work_until(CYCLE_END + DAY + HOUR)


def _cycle_over_and_unpaid(stage: Stage, accounts: list[int]) -> None:
    """Declined on day 30; then nobody worked until the next cycle was over."""
    _unpaid(stage, accounts)
    stage.clock.at = CYCLE_END + 30 * DAY


def _episode_due_and_unpaid(stage: Stage, accounts: list[int]) -> None:
    """Found over on day 27, declined on day 30, due on day 32."""
    _grow(stage, accounts, START + 26 * DAY)
    stage.work_until(CYCLE_END + DAY)
    _work_until_deadline(stage)


def _cycle_over_and_episode_due(stage: Stage, accounts: list[int]) -> None:
    """Due three hours before the cycle's end, at which the worker comes back."""
    _grow(stage, accounts, START + 24 * DAY)
    stage.work_until(CYCLE_END - DAY / 2)
    _work_until_deadline(stage)
    stage.clock.at = CYCLE_END


def _upgraded(stage: Stage, accounts: list[int]) -> None:
    """Found over on day 10 and upgraded 5 days later; ten people are left on day 16."""
    _grow(stage, accounts, START + 9 * DAY)
    stage.work_until(START + 16 * DAY)
    with stage.context() as cast:
        for account_id in accounts:
            makes_room(cast, db.session.get_one(Account, account_id), seats=10)


def _grow(stage: Stage, accounts: list[int], at: datetime) -> None:
    stage.work_until(at)
    with stage.context() as cast:
        for account_id in accounts:
            cast.members(db.session.get_one(Account, account_id), TOO_MANY)


def _work_until_deadline(stage: Stage) -> None:
    with stage.context():
        deadline_at = db.session.execute(select(func.max(EpisodeWarning.deadline_at))).scalar_one()
    stage.work_until(deadline_at - BEFORE)
    stage.clock.at = deadline_at


BRING_ABOUT: dict[Needs, Callable[[Stage, list[int]], None]] = {
    frozenset(): _mid_cycle,
    frozenset({CYCLE_OVER}): _cycle_over,
    frozenset({EPISODE_DUE}): _episode_due,
    frozenset({UNPAID}): _unpaid,
    frozenset({CYCLE_OVER, UNPAID}): _cycle_over_and_unpaid,
    frozenset({EPISODE_DUE, UNPAID}): _episode_due_and_unpaid,
    frozenset({CYCLE_OVER, EPISODE_DUE}): _cycle_over_and_episode_due,
    frozenset({UPGRADED}): _upgraded,
}
