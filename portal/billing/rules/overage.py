"""An account over its limit: three warnings, then the upgrade, and never one without the other.

    warning 1 ── ≥ 48 h ── warning 2 ── ≥ 48 h ── warning 3 ── ≥ 24 h ── upgrade
        └───────────────────────── ≥ 120 h ─────────────────────────────────┘

The gaps are measured from when the mail server accepted a warning, not from when it was written.
So a worker or a mail server that was down moves what follows to later, never closer together. The
vendor's operator may move the upgrade to later too, and hold an episode where it is. An upgrade
that has become dearer than was told last is told again, a day before it at the least.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from portal.billing.rules.policies import Policy

WARNINGS = 3
WARNING_GAP = timedelta(hours=48)
FINAL_NOTICE = timedelta(hours=24)
GRACE = timedelta(hours=120)

# So often is an amount that rose told again in one episode; then nobody may make it dearer. What
# was under way by then may do so once more: after that the vendor is to look at it.
MOST_RETOLD = 3

# What each warning promises: this long from the moment it is written, at the least.
NOTICE_GIVEN = {1: GRACE, 2: timedelta(hours=72), 3: FINAL_NOTICE}

# How soon to ask again where no instant is known: a mail on its way, an invoice to be paid.
LOOK_AGAIN = timedelta(hours=1)

# Hour of the day, UTC, at which the daily check looks at all accounts.
CHECK_HOUR = 6

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


class CloseReason(StrEnum):
    """Why an episode ended; the last three are what was done about it before `decide` was asked."""

    WITHIN_LIMIT = "within_limit"
    PLAN_CHANGED = "plan_changed"
    SUBSCRIPTION_ENDED = "subscription_ended"
    NO_AUTO_UPGRADE = "no_auto_upgrade"
    OFFER_CHANGED = "offer_changed"
    UPGRADED = "upgraded"
    ANSWERED_BY_ANOTHER = "answered_by_another"
    PLAN_CANCELLED = "plan_cancelled"


class ParkReason(StrEnum):
    MAIL_REFUSED = "mail_refused"
    NOBODY_TO_WARN = "nobody_to_warn"
    TOP_TIER = "top_tier"
    WARNED_TOO_CLOSELY = "warned_too_closely"
    NOT_PAID = "not_paid"
    AMOUNT_KEPT_RISING = "amount_kept_rising"


# While one is parked for these, nobody may take more of what is over: nothing would follow.
FULL_WHILE_PARKED = frozenset(ParkReason) - {ParkReason.TOP_TIER, ParkReason.WARNED_TOO_CLOSELY}


class Delivery(StrEnum):
    """What became of an email, over all Admins: refused is one that no server took."""

    UNDER_WAY = "under_way"
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True)
class Warned:
    """A warning that was written: the deadline it tells, and what became of it.

    `accepted_at` is when the last mail server took it, None while it is under way; `refused` says
    that no Admin can be reached with it.
    """

    number: int
    deadline_at: datetime
    accepted_at: datetime | None = None
    refused: bool = False


@dataclass(frozen=True)
class EpisodeFacts:
    """An open episode as it is now; all of it read in the transaction that acts on the answer.

    `plan_changed`: the plan is not the one the episode was opened on. `ended`: the subscription
    is over or was cancelled. `has_next_tier`: an auto-upgrade has somewhere to go.
    `offer_changed`: the upgrade would lead to another plan or price version than the last email
    said, or in a cycle that is over. `amount_rose`: to the same plan, but for more than the last
    email said; `times_retold`: how often that was told. `reachable`: an active Admin can be
    mailed. `past_due`: an invoice waits to be paid, and plan changes with it. `renewal_due`: the
    running cycle is over by the deadline and renews before that, which what was told counts on.
    `held`: the operator lets nothing happen for now; `extended_to`: no upgrade before that instant
    was promised; `move_told`: what became of the email that says so, accepted where none was
    needed.
    """

    warnings: tuple[Warned, ...]
    used: int
    limit: int | None
    policy: Policy
    hard_cap: bool = False
    plan_changed: bool = False
    ended: bool = False
    has_next_tier: bool = True
    offer_changed: bool = False
    amount_rose: bool = False
    times_retold: int = 0
    reachable: bool = True
    past_due: bool = False
    renewal_due: bool = False
    held: bool = False
    extended_to: datetime | None = None
    move_told: Delivery = Delivery.ACCEPTED

    def __post_init__(self) -> None:
        numbers = [warning.number for warning in self.warnings]
        if numbers != list(range(1, len(numbers) + 1)) or len(numbers) > WARNINGS:
            raise ValueError(f"warnings come as 1, 2, 3, not as {numbers}")
        if any(warning.accepted_at is None for warning in self.warnings[:-1]):
            raise ValueError("a warning follows one that was accepted")


@dataclass(frozen=True)
class Wait:
    """Nothing to do; ask again at `until`, or when something changes."""

    until: datetime


@dataclass(frozen=True)
class Rest:
    """The operator holds the episode: nothing to do, and nothing to ask, until it is released."""


@dataclass(frozen=True)
class SendWarning:
    """Write warning `number` now, telling `deadline_at`."""

    number: int
    deadline_at: datetime


@dataclass(frozen=True)
class Retell:
    """Tell the Admins now what the upgrade has come to cost, and that it comes at `deadline_at`."""

    deadline_at: datetime


@dataclass(frozen=True)
class Upgrade:
    """Upgrade to the next tier now."""


@dataclass(frozen=True)
class Close:
    """The episode is over. WITHIN_LIMIT is news that all is well, NO_AUTO_UPGRADE and OFFER_CHANGED
    that what was announced doesn't come."""

    reason: CloseReason


@dataclass(frozen=True)
class Park:
    """Nothing more happens by itself; the vendor is told. Ask again when something changes."""

    reason: ParkReason


Decision = Wait | Rest | SendWarning | Retell | Upgrade | Close | Park


def next_check_at(now: datetime) -> datetime:
    """When the next daily check runs."""
    today = now.replace(hour=CHECK_HOUR, minute=0, second=0, microsecond=0)
    return today if now <= today else today + _DAY


def opens(used: int, limit: int | None, policy: Policy, hard_cap: bool) -> bool:
    """Whether the daily check that finds this opens an episode. Equal to the limit is not over."""
    return _is_over(used, limit) and policy is Policy.AUTO_UPGRADE and not hard_cap


def decide(facts: EpisodeFacts, now: datetime) -> Decision:
    """The one next step of an open episode at `now`."""
    reason = _close_reason(facts)
    if reason is not None:
        return Close(reason)
    if facts.held:
        return Rest()
    last = facts.warnings[-1] if facts.warnings else None
    if last is not None and last.accepted_at is None:
        return Park(ParkReason.MAIL_REFUSED) if last.refused else Wait(now + LOOK_AGAIN)
    due_at = upgrade_due_at(facts.warnings, facts.extended_to)
    if due_at is None:
        return _next_warning(facts, now)
    return Wait(due_at) if now < due_at else _after_the_last(facts, now)


def deadline_to_tell(
    warnings: tuple[Warned, ...], now: datetime, extended_to: datetime | None = None
) -> datetime:
    """The deadline in the next warning, written at `now`: a full hour, never before one told."""
    earliest = full_hour_after(now + NOTICE_GIVEN[len(warnings) + 1])
    promised = [warning.deadline_at for warning in warnings]
    return max([earliest, *promised, *([extended_to] if extended_to else [])])


def upgrade_due_at(
    warnings: tuple[Warned, ...], extended_to: datetime | None = None
) -> datetime | None:
    """When the upgrade may be made; None until all three warnings are accepted.

    due = latest of every deadline told, the operator's, warning 1 + 120 h, warning 3 + 24 h, by
    acceptance
    """
    accepted = [w.accepted_at for w in warnings if w.accepted_at is not None]
    if len(accepted) < WARNINGS:
        return None
    told = [warning.deadline_at for warning in warnings]
    promised = [extended_to] if extended_to else []
    return max([*told, *promised, accepted[0] + GRACE, accepted[-1] + FINAL_NOTICE])


def what_forbids(facts: EpisodeFacts) -> ParkReason | None:
    """Why an upgrade that is due has to be left to the vendor; None where it doesn't."""
    if not facts.has_next_tier:
        return ParkReason.TOP_TIER
    if not facts.reachable:
        return ParkReason.NOBODY_TO_WARN
    return None if _are_apart(facts.warnings) else ParkReason.WARNED_TOO_CLOSELY


def full_hour_after(instant: datetime) -> datetime:
    """The instant itself where it is a full hour, else the next one."""
    full = instant.replace(minute=0, second=0, microsecond=0)
    return full if full == instant else full + _HOUR


def _close_reason(facts: EpisodeFacts) -> CloseReason | None:
    if facts.ended:
        return CloseReason.SUBSCRIPTION_ENDED
    if facts.plan_changed:
        return CloseReason.PLAN_CHANGED
    if not _is_over(facts.used, facts.limit):
        return CloseReason.WITHIN_LIMIT
    if facts.hard_cap or facts.policy is not Policy.AUTO_UPGRADE:
        return CloseReason.NO_AUTO_UPGRADE
    return None


def _next_warning(facts: EpisodeFacts, now: datetime) -> Decision:
    due_at = _next_warning_at(facts.warnings)
    if due_at is not None and now < due_at:
        return Wait(due_at)
    if not facts.reachable:
        return Park(ParkReason.NOBODY_TO_WARN)
    deadline_at = deadline_to_tell(facts.warnings, now, facts.extended_to)
    return SendWarning(len(facts.warnings) + 1, deadline_at)


def _next_warning_at(warnings: tuple[Warned, ...]) -> datetime | None:
    accepted_at = warnings[-1].accepted_at if warnings else None
    return None if accepted_at is None else accepted_at + WARNING_GAP


def _after_the_last(facts: EpisodeFacts, now: datetime) -> Decision:
    park = what_forbids(facts)
    if park is not None:
        return Park(park)
    if facts.offer_changed:
        # Nobody was warned of this one: a new episode says it three times again.
        return Close(CloseReason.OFFER_CHANGED)
    if facts.move_told is Delivery.REFUSED:
        return Park(ParkReason.MAIL_REFUSED)
    if facts.past_due or facts.renewal_due or facts.move_told is Delivery.UNDER_WAY:
        return Wait(now + LOOK_AGAIN)
    return _tell_again(facts, now) if facts.amount_rose else Upgrade()


def _tell_again(facts: EpisodeFacts, now: datetime) -> Decision:
    if facts.times_retold > MOST_RETOLD:
        return Park(ParkReason.AMOUNT_KEPT_RISING)
    return Retell(full_hour_after(now + FINAL_NOTICE))


def _are_apart(warnings: tuple[Warned, ...]) -> bool:
    # By the way warnings are sent this always holds; it is proved again before money moves.
    accepted = [warning.accepted_at for warning in warnings]
    return all(a and b and b - a >= WARNING_GAP for a, b in pairwise(accepted))


def _is_over(used: int, limit: int | None) -> bool:
    return limit is not None and used > limit
