"""Over-limit episodes: three warnings, 48 h, 48 h, 24 h and 120 h apart, or no upgrade."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from portal.billing.rules.overage import (
    FINAL_NOTICE,
    GRACE,
    LOOK_AGAIN,
    WARNING_GAP,
    Close,
    CloseReason,
    Decision,
    Park,
    ParkReason,
    SendWarning,
    Upgrade,
    Wait,
    Warned,
    deadline_to_tell,
    decide,
    opens,
    upgrade_due_at,
)
from portal.billing.rules.policies import Policy
from tests.rules.episodes import A_SECOND, FIRST, HOUR, OPENED, SECOND, THIRD, at, facts


def test_the_gaps_are_as_promised() -> None:
    assert (WARNING_GAP, FINAL_NOTICE, GRACE) == (48 * HOUR, 24 * HOUR, 120 * HOUR)
    assert LOOK_AGAIN == HOUR


@pytest.mark.parametrize(
    ("used", "limit", "policy", "hard_cap", "expected"),
    [
        pytest.param(11, 10, Policy.AUTO_UPGRADE, False, True, id="over.starts: 11 of 10"),
        pytest.param(
            10, 10, Policy.AUTO_UPGRADE, False, False, id="over.starts: equal is not over"
        ),
        pytest.param(11, None, Policy.AUTO_UPGRADE, False, False, id="unlimited"),
        pytest.param(11, 10, Policy.WARN, False, False, id="a metric that only warns"),
        pytest.param(11, 10, Policy.AUTO_UPGRADE, True, False, id="hard cap"),
    ],
)
def test_over_starts(
    used: int, limit: int | None, policy: Policy, hard_cap: bool, expected: bool
) -> None:
    assert opens(used, limit, policy, hard_cap) is expected


@pytest.mark.parametrize(
    ("warnings", "now", "expected"),
    [
        pytest.param((), OPENED, SendWarning(1, at(5, 10)), id="first, when the episode opens"),
        pytest.param((FIRST,), at(0, 9, 22), Wait(at(2, 9, 21)), id="then nothing for 48 h"),
        pytest.param(
            (FIRST,), at(2, 9, 21) - A_SECOND, Wait(at(2, 9, 21)), id="not a second earlier"
        ),
        pytest.param((FIRST,), at(2, 9, 21), SendWarning(2, at(5, 10)), id="second, after 48 h"),
        pytest.param((FIRST, SECOND), at(3, 9), Wait(at(4, 9, 22)), id="again 48 h"),
        pytest.param((FIRST, SECOND), at(4, 9, 22), SendWarning(3, at(5, 10)), id="third"),
        pytest.param((FIRST, SECOND, THIRD), at(4, 12), Wait(at(5, 10)), id="the last day"),
        pytest.param(
            (FIRST, SECOND, THIRD), at(5, 10) - A_SECOND, Wait(at(5, 10)), id="the last second"
        ),
        pytest.param((FIRST, SECOND, THIRD), at(5, 10), Upgrade(), id="over.upgrade"),
        pytest.param((FIRST, SECOND, THIRD), at(9, 0), Upgrade(), id="over.upgrade, days late"),
    ],
)
def test_over_emails_run_as_told(
    warnings: tuple[Warned, ...], now: datetime, expected: Decision
) -> None:
    assert decide(facts(*warnings), now) == expected


@pytest.mark.parametrize(
    ("warnings", "now", "deadline_at"),
    [
        pytest.param((), at(0, 9, 20), at(5, 10), id="five days, up to the full hour"),
        pytest.param((), at(0, 9), at(5, 9), id="a full hour stays"),
        pytest.param((), at(0, 9) + timedelta(microseconds=1), at(5, 10), id="and a moment more"),
        pytest.param((FIRST,), at(2, 9, 21), at(5, 10), id="second on time: the same deadline"),
        pytest.param((FIRST,), at(3, 4, 30), at(6, 5), id="second late: three days from it"),
        pytest.param((FIRST, SECOND), at(4, 9, 22), at(5, 10), id="third on time: the same"),
        pytest.param((FIRST, SECOND), at(4, 10, 30), at(5, 11), id="third late: a day from it"),
        pytest.param(
            (FIRST, replace(SECOND, deadline_at=at(7, 8))),
            at(4, 9, 22),
            at(7, 8),
            id="never before what was told",
        ),
    ],
)
def test_over_never_unwarned_moved_dates_are_told(
    warnings: tuple[Warned, ...], now: datetime, deadline_at: datetime
) -> None:
    assert deadline_to_tell(warnings, now) == deadline_at


@pytest.mark.parametrize(
    ("third_accepted_at", "due_at"),
    [
        pytest.param(at(4, 9, 23), at(5, 10), id="on time: the deadline told"),
        pytest.param(at(4, 10, 0), at(5, 10), id="accepted exactly a day before"),
        pytest.param(at(4, 10, 1), at(5, 10, 1), id="accepted later: a day from there"),
        pytest.param(at(8, 3, 17), at(9, 3, 17), id="accepted days later"),
    ],
)
def test_over_never_unwarned_the_last_notice_is_a_day(
    third_accepted_at: datetime, due_at: datetime
) -> None:
    warnings = (FIRST, SECOND, replace(THIRD, accepted_at=third_accepted_at))
    assert upgrade_due_at(warnings) == due_at
    assert decide(facts(*warnings), due_at - A_SECOND) == Wait(due_at)
    assert decide(facts(*warnings), due_at) == Upgrade()


def test_over_never_unwarned_five_days_from_the_first_accepted() -> None:
    first = replace(FIRST, accepted_at=at(0, 15))
    second = Warned(2, deadline_at=at(5, 10), accepted_at=at(2, 15))
    third = Warned(3, deadline_at=at(5, 10), accepted_at=at(4, 15) - 10 * HOUR)
    assert upgrade_due_at((first, second, third)) == at(5, 15)


def test_over_never_unwarned_a_later_deadline_told_is_kept() -> None:
    warnings = (FIRST, replace(SECOND, deadline_at=at(8, 0)), THIRD)
    assert decide(facts(*warnings), at(7, 23)) == Wait(at(8, 0))


@pytest.mark.parametrize("told", [(), (FIRST,), (FIRST, SECOND)], ids=["first", "second", "third"])
def test_over_never_unwarned_a_warning_under_way_is_waited_for(told: tuple[Warned, ...]) -> None:
    under_way = Warned(len(told) + 1, deadline_at=at(5, 10))
    now = at(20, 0)
    assert decide(facts(*told, under_way), now) == Wait(now + LOOK_AGAIN)
    assert upgrade_due_at((*told, under_way)) is None


@pytest.mark.parametrize("told", [(), (FIRST,), (FIRST, SECOND)], ids=["first", "second", "third"])
def test_over_never_unwarned_a_refused_warning_parks(told: tuple[Warned, ...]) -> None:
    refused = Warned(len(told) + 1, deadline_at=at(5, 10), refused=True)
    assert decide(facts(*told, refused), at(20, 0)) == Park(ParkReason.MAIL_REFUSED)


@pytest.mark.parametrize(
    ("warnings", "now"),
    [((), OPENED), ((FIRST,), at(2, 10)), ((FIRST, SECOND, THIRD), at(6, 0))],
    ids=["before the first", "before the second", "before the upgrade"],
)
def test_over_never_unwarned_with_nobody_to_warn_parks(
    warnings: tuple[Warned, ...], now: datetime
) -> None:
    assert decide(facts(*warnings, reachable=False), now) == Park(ParkReason.NOBODY_TO_WARN)


@pytest.mark.parametrize(
    "warnings",
    [
        (FIRST, replace(SECOND, accepted_at=at(2, 9, 20)), THIRD),
        (FIRST, SECOND, replace(THIRD, accepted_at=at(4, 9, 21))),
    ],
    ids=["second too close", "third too close"],
)
def test_over_never_unwarned_warnings_too_close_never_upgrade(
    warnings: tuple[Warned, ...],
) -> None:
    assert decide(facts(*warnings), at(30, 0)) == Park(ParkReason.WARNED_TOO_CLOSELY)


EVERY_STEP = [(), (FIRST,), (FIRST, SECOND), (FIRST, SECOND, THIRD), (Warned(1, at(5, 10)),)]


@pytest.mark.parametrize("warnings", EVERY_STEP, ids=lambda warnings: f"{len(warnings)} warnings")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"used": 10}, CloseReason.WITHIN_LIMIT, id="over.fixed-in-time"),
        pytest.param({"limit": None}, CloseReason.WITHIN_LIMIT, id="unlimited now"),
        pytest.param({"plan_changed": True}, CloseReason.PLAN_CHANGED, id="over.manual-wins"),
        pytest.param(
            {"plan_changed": True, "used": 1},
            CloseReason.PLAN_CHANGED,
            id="over.manual-wins, and within the new limit",
        ),
        pytest.param({"ended": True}, CloseReason.SUBSCRIPTION_ENDED, id="cancelled"),
        pytest.param({"hard_cap": True}, CloseReason.NO_AUTO_UPGRADE, id="hard cap chosen"),
        pytest.param({"policy": Policy.WARN}, CloseReason.NO_AUTO_UPGRADE, id="policy changed"),
    ],
)
@pytest.mark.parametrize("now", [OPENED, at(9, 0)], ids=["at once", "days later"])
def test_what_closes_an_episode_closes_it_at_every_step(
    warnings: tuple[Warned, ...], change: dict[str, object], reason: CloseReason, now: datetime
) -> None:
    assert decide(facts(*warnings, **change), now) == Close(reason)


def test_over_top_tier_warns_and_never_upgrades() -> None:
    assert decide(facts(has_next_tier=False), OPENED) == SendWarning(1, at(5, 10))
    second = decide(facts(FIRST, has_next_tier=False), at(2, 9, 21))
    assert second == SendWarning(2, at(5, 10))
    third = decide(facts(FIRST, SECOND, has_next_tier=False), at(4, 9, 22))
    assert third == SendWarning(3, at(5, 10))
    warned = facts(FIRST, SECOND, THIRD, has_next_tier=False)
    assert decide(warned, at(5, 9)) == Wait(at(5, 10))
    assert decide(warned, at(5, 10)) == Park(ParkReason.TOP_TIER)


def test_an_offer_nobody_was_warned_of_starts_anew() -> None:
    changed = facts(FIRST, SECOND, THIRD, offer_changed=True)
    assert decide(changed, at(5, 9)) == Wait(at(5, 10))
    assert decide(changed, at(5, 10)) == Close(CloseReason.OFFER_CHANGED)


def test_charge_no_plan_change_unpaid_holds_the_upgrade_back_and_not_the_warnings() -> None:
    assert decide(facts(past_due=True), OPENED) == SendWarning(1, at(5, 10))
    now = at(5, 10)
    assert decide(facts(FIRST, SECOND, THIRD, past_due=True), now) == Wait(now + LOOK_AGAIN)


@pytest.mark.parametrize(
    "warnings",
    [
        (SECOND,),
        (FIRST, THIRD),
        (FIRST, FIRST),
        (FIRST, SECOND, THIRD, replace(THIRD, number=4)),
        (replace(FIRST, accepted_at=None), SECOND),
    ],
)
def test_facts_that_cannot_be(warnings: tuple[Warned, ...]) -> None:
    with pytest.raises(ValueError, match="warning"):
        facts(*warnings)
