"""The whole decision of an episode's next step as one table: every stage in every circumstance.

S  send the next warning          W   look again in an hour     T   wait for its time
U  upgrade                        R   rest: held by the operator
A  tell again: the amount rose
Ce, Cp, Cw, Cn, Co   close: ended, plan changed, within the limit, no upgrade, other offer
Pm, Pn, Pt, Pc, Pa   park: mail refused, nobody to warn, top tier, warned too closely, amount rose
                     again and again
"""

from dataclasses import replace
from datetime import datetime
from itertools import combinations
from typing import Any

import pytest

from portal.billing.rules.overage import (
    LOOK_AGAIN,
    MOST_RETOLD,
    Close,
    CloseReason,
    Decision,
    Delivery,
    Park,
    ParkReason,
    Rest,
    Retell,
    SendWarning,
    Upgrade,
    Wait,
    Warned,
    decide,
)
from portal.billing.rules.policies import Policy
from tests.rules.episodes import FIRST, MINUTE, OPENED, SECOND, THIRD, at, facts

DEADLINE, PUT_OFF = at(5, 10), at(7, 12)
NEAR = replace(SECOND, accepted_at=at(2, 9, 20))


def under_way(number: int) -> Warned:
    return Warned(number, DEADLINE)


def refused(number: int) -> Warned:
    return Warned(number, DEADLINE, refused=True)


STAGES: dict[str, tuple[tuple[Warned, ...], datetime]] = {
    "opened": ((), OPENED),
    "1-under-way": ((under_way(1),), at(0, 10)),
    "1-refused": ((refused(1),), at(0, 10)),
    "1-accepted": ((FIRST,), at(1, 0)),
    "1-two-days-ago": ((FIRST,), at(2, 9, 21)),
    "2-under-way": ((FIRST, under_way(2)), at(2, 10)),
    "2-refused": ((FIRST, refused(2)), at(2, 10)),
    "2-accepted": ((FIRST, SECOND), at(3, 0)),
    "2-two-days-ago": ((FIRST, SECOND), at(4, 9, 22)),
    "3-under-way": ((FIRST, SECOND, under_way(3)), at(4, 10)),
    "3-refused": ((FIRST, SECOND, refused(3)), at(4, 10)),
    "3-accepted": ((FIRST, SECOND, THIRD), at(4, 12)),
    "due": ((FIRST, SECOND, THIRD), DEADLINE),
    "due-too-close": ((FIRST, NEAR, THIRD), DEADLINE),
}

CIRCUMSTANCES: dict[str, dict[str, Any]] = {
    "plain": {},
    "ended": {"ended": True},
    "changed": {"plan_changed": True},
    "within": {"used": 10},
    "no-limit": {"limit": None},
    "capped": {"hard_cap": True},
    "warns": {"policy": Policy.WARN},
    "held": {"held": True},
    "put-off": {"extended_to": PUT_OFF},
    "top": {"has_next_tier": False},
    "nobody": {"reachable": False},
    "offer": {"offer_changed": True},
    "dearer": {"amount_rose": True, "times_retold": MOST_RETOLD - 1},
    "dearer-still": {"amount_rose": True, "times_retold": MOST_RETOLD + 1},
    "unpaid": {"past_due": True},
    "unrenewed": {"renewal_due": True},
    "moving": {"move_told": Delivery.UNDER_WAY},
    "unmoved": {"move_told": Delivery.REFUSED},
}

TABLE = """
               plain ended changed within no-limit capped warns held put-off top nobody offer dearer dearer-still unpaid unrenewed moving unmoved
opened         S     Ce    Cp      Cw     Cw       Cn     Cn    R    S       S   Pn     S     S      S            S      S         S      S
1-under-way    W     Ce    Cp      Cw     Cw       Cn     Cn    R    W       W   W      W     W      W            W      W         W      W
1-refused      Pm    Ce    Cp      Cw     Cw       Cn     Cn    R    Pm      Pm  Pm     Pm    Pm     Pm           Pm     Pm        Pm     Pm
1-accepted     T     Ce    Cp      Cw     Cw       Cn     Cn    R    T       T   T      T     T      T            T      T         T      T
1-two-days-ago S     Ce    Cp      Cw     Cw       Cn     Cn    R    S       S   Pn     S     S      S            S      S         S      S
2-under-way    W     Ce    Cp      Cw     Cw       Cn     Cn    R    W       W   W      W     W      W            W      W         W      W
2-refused      Pm    Ce    Cp      Cw     Cw       Cn     Cn    R    Pm      Pm  Pm     Pm    Pm     Pm           Pm     Pm        Pm     Pm
2-accepted     T     Ce    Cp      Cw     Cw       Cn     Cn    R    T       T   T      T     T      T            T      T         T      T
2-two-days-ago S     Ce    Cp      Cw     Cw       Cn     Cn    R    S       S   Pn     S     S      S            S      S         S      S
3-under-way    W     Ce    Cp      Cw     Cw       Cn     Cn    R    W       W   W      W     W      W            W      W         W      W
3-refused      Pm    Ce    Cp      Cw     Cw       Cn     Cn    R    Pm      Pm  Pm     Pm    Pm     Pm           Pm     Pm        Pm     Pm
3-accepted     T     Ce    Cp      Cw     Cw       Cn     Cn    R    T       T   T      T     T      T            T      T         T      T
due            U     Ce    Cp      Cw     Cw       Cn     Cn    R    T       Pt  Pn     Co    A      Pa           W      W         W      Pm
due-too-close  Pc    Ce    Cp      Cw     Cw       Cn     Cn    R    T       Pt  Pn     Pc    Pc     Pc           Pc     Pc        Pc     Pc
"""  # noqa: E501

# Of two circumstances at once, what comes first here is what is done.
STRONGEST_FIRST = [
    "Ce",
    "Cp",
    "Cw",
    "Cn",
    "R",
    "T",
    "Pt",
    "Pn",
    "Pc",
    "Co",
    "Pm",
    "W",
    "Pa",
    "A",
    "S",
    "U",
]
CLOSES = {
    CloseReason.SUBSCRIPTION_ENDED: "Ce",
    CloseReason.PLAN_CHANGED: "Cp",
    CloseReason.WITHIN_LIMIT: "Cw",
    CloseReason.NO_AUTO_UPGRADE: "Cn",
    CloseReason.OFFER_CHANGED: "Co",
}
PARKS = {
    ParkReason.MAIL_REFUSED: "Pm",
    ParkReason.NOBODY_TO_WARN: "Pn",
    ParkReason.TOP_TIER: "Pt",
    ParkReason.WARNED_TOO_CLOSELY: "Pc",
    ParkReason.AMOUNT_KEPT_RISING: "Pa",
}


def read_table() -> dict[tuple[str, str], str]:
    heads, *rows = TABLE.strip().splitlines()
    return {
        (stage, circumstance): cell
        for stage, *cells in map(str.split, rows)
        for circumstance, cell in zip(heads.split(), cells, strict=True)
    }


CELLS = read_table()


def code(decision: Decision, now: datetime) -> str:
    match decision:
        case Close(reason):
            return CLOSES[reason]
        case Park(reason):
            return PARKS[reason]
        case Wait(until):
            return "W" if until == now + LOOK_AGAIN else "T"
        case SendWarning():
            return "S"
        case Retell():
            return "A"
        case Upgrade():
            return "U"
        case Rest():
            return "R"


def decided(stage: str, *circumstances: str) -> Decision:
    warnings, now = STAGES[stage]
    together: dict[str, Any] = {}
    for circumstance in circumstances:
        together |= CIRCUMSTANCES[circumstance]
    return decide(facts(*warnings, **together), now)


def test_the_table_has_every_cell_and_every_answer() -> None:
    assert set(CELLS) == {(stage, name) for stage in STAGES for name in CIRCUMSTANCES}
    assert set(CELLS.values()) == {*CLOSES.values(), *PARKS.values(), *"SWTURA"}
    assert set(STRONGEST_FIRST) == set(CELLS.values())


@pytest.mark.parametrize(("stage", "circumstance"), CELLS, ids="/".join)
def test_over_every_cell_of_the_decision(stage: str, circumstance: str) -> None:
    now = STAGES[stage][1]
    assert code(decided(stage, circumstance), now) == CELLS[stage, circumstance]


@pytest.mark.parametrize("stage", STAGES)
def test_over_of_two_circumstances_the_stronger_decides(stage: str) -> None:
    now = STAGES[stage][1]
    for one, other in combinations(CIRCUMSTANCES, 2):
        if CIRCUMSTANCES[one].keys() & CIRCUMSTANCES[other].keys():
            continue  # an email is either under way or refused
        cells = CELLS[stage, one], CELLS[stage, other]
        stronger = min(cells, key=STRONGEST_FIRST.index)
        assert code(decided(stage, one, other), now) == stronger, f"{one} and {other}"


@pytest.mark.parametrize(
    ("stage", "until"),
    [
        ("1-accepted", at(2, 9, 21)),
        ("2-accepted", at(4, 9, 22)),
        ("3-accepted", PUT_OFF),
        ("due", PUT_OFF),
    ],
)
def test_an_episode_that_was_put_off_waits_until_then(stage: str, until: datetime) -> None:
    assert decided(stage, "put-off") == Wait(until)


@pytest.mark.parametrize("stage", ["opened", "1-two-days-ago", "2-two-days-ago"])
def test_a_warning_tells_the_date_that_it_was_put_off_to(stage: str) -> None:
    number = len(STAGES[stage][0]) + 1
    assert decided(stage, "put-off") == SendWarning(number, PUT_OFF)
    assert decided(stage, "plain") == SendWarning(number, DEADLINE)


def test_put_off_by_less_than_was_told_changes_nothing() -> None:
    warnings, now = STAGES["due"]
    assert decide(facts(*warnings, extended_to=at(5, 9)), now) == Upgrade()


def test_an_amount_that_rose_is_told_with_a_whole_day_left() -> None:
    """over.never-unwarned: due on 27 November, 10:00; found a minute later, for the 28th, 11:00."""
    warnings, now = STAGES["due"]
    rose = facts(*warnings, amount_rose=True)
    assert decide(rose, now) == Retell(at(6, 10))
    assert decide(rose, now + MINUTE) == Retell(at(6, 11))


def test_an_amount_that_rose_before_the_deadline_waits_for_that() -> None:
    """Then it is told once, however often it rose meanwhile."""
    assert decided("3-accepted", "dearer") == Wait(DEADLINE)


def test_it_is_told_four_times_again_and_then_left_to_the_vendor() -> None:
    """After the third time nobody can make it dearer; what was being paid for by then may."""
    warnings, now = STAGES["due"]
    decisions = [
        decide(facts(*warnings, amount_rose=True, times_retold=told), now) for told in range(6)
    ]
    parked = Park(ParkReason.AMOUNT_KEPT_RISING)
    assert decisions == [*[Retell(at(6, 10))] * 4, parked, parked]
