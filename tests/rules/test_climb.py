"""over.in-advance: which email of a climb is due at which count."""

import pytest

from portal.billing.rules.climb import is_climbing, newly_reached
from portal.billing.rules.counting import Level

NEAR, FULL, OVER = Level.NEAR, Level.FULL, Level.OVER


@pytest.mark.parametrize(
    ("used", "told", "due"),
    [
        (239, [], None),
        (240, [], NEAR),
        (299, [], NEAR),
        (300, [], FULL),
        (301, [], OVER),
        (240, [NEAR], None),
        (300, [NEAR], FULL),
        (301, [NEAR], OVER),
        (301, [NEAR, FULL], OVER),
        (300, [OVER], None),  # what lies below was said with it
        (240, [FULL], None),
        (400, [OVER], None),
    ],
)
def test_the_highest_level_newly_reached(used: int, told: list[Level], due: Level | None) -> None:
    assert newly_reached(used, 300, told) is due


@pytest.mark.parametrize(
    ("used", "limit", "goes_on"),
    [
        (225, 300, True),
        (224, 300, False),
        (3, 4, True),
        (7, 10, False),
        (500, None, False),
        (0, 0, False),
        (1, 0, True),
    ],
)
def test_a_climb_ends_below_75_percent(used: int, limit: int | None, goes_on: bool) -> None:
    assert is_climbing(used, limit) is goes_on


def test_nothing_used_of_nothing_is_no_climb() -> None:
    assert newly_reached(0, 0, []) is None
    assert newly_reached(1, 0, []) is OVER
