"""Taking back an automatic upgrade: until when, why not, and what is charged afterwards."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from portal.billing.rules import crediting, describe
from portal.billing.rules.counting import Fit, Metric, Shortfall
from portal.billing.rules.crediting import Division
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.money import Money
from portal.billing.rules.period import DAY, Cycle
from portal.billing.rules.plan_change import QUOTE_HOLDS
from portal.billing.rules.renewals_due import Charge
from portal.billing.rules.terms import Basket
from portal.language import gettext as _

TIME = 30 * DAY


class Way(StrEnum):
    """How somebody gets on whose upgrade can't be taken back, or not yet."""

    # By something under My account: paying, withdrawing, keeping what was to go.
    ACCOUNT = "account"
    ADD_ONS = "add_ons"
    CHANGE_PLAN = "change_plan"
    LATER_UPGRADE = "later_upgrade"
    MAKE_ROOM = "make_room"
    VENDOR = "vendor"


class NotTakenBack(RuleBroken):
    """An automatic upgrade that can't be taken back; `way` is how to get on."""

    way = Way.CHANGE_PLAN


class TakenBackAlready(NotTakenBack):
    """It was taken back before."""

    way = Way.ACCOUNT

    def __init__(self) -> None:
        super().__init__(_("This upgrade was taken back already."))


class TooLate(NotTakenBack):
    """Its time is over."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "An automatic upgrade can be taken back for %(days)s days, and they are over. A"
                " smaller plan can be scheduled for the end of the cycle instead.",
                days=TIME // DAY,
            )
        )


class ChangedSince(NotTakenBack):
    """Something else runs now, or more than the upgrade began with."""

    def __init__(self, plan: str) -> None:
        super().__init__(
            _(
                "Since the upgrade to %(plan)s something else was changed, bought or renewed, so"
                " there is no way straight back. A smaller plan can be scheduled for the end of the"
                " cycle instead.",
                plan=plan,
            )
        )


class CreditedSince(NotTakenBack):
    """A credit note gave a part of it back already."""

    way = Way.VENDOR

    def __init__(self, note: str) -> None:
        super().__init__(
            _(
                "Credit note %(note)s gave a part of it back already, so the upgrade can't be taken"
                " back by itself any more. Write to us, and we put the rest right.",
                note=note,
            )
        )


class FormerPlanUnknown(NotTakenBack):
    """It is not known what ran before."""

    way = Way.VENDOR

    def __init__(self) -> None:
        super().__init__(
            _(
                "What ran before this upgrade was not kept, so it can't be taken back by itself."
                " Write to us, and we put it right."
            )
        )


class NothingCharged(NotTakenBack):
    """It gave more credit than it charged: there is nothing to give back."""

    way = Way.VENDOR

    def __init__(self) -> None:
        super().__init__(
            _(
                "This upgrade charged nothing: the credit for your former plan covered it. Write to"
                " us if you want the former plan back."
            )
        )


class UpgradedSince(NotTakenBack):
    """Automatic upgrades came after it, and nothing else: the last of them goes first."""

    way = Way.LATER_UPGRADE

    def __init__(self, plan: str) -> None:
        super().__init__(
            _(
                "Since then the account was upgraded to %(plan)s. Take that upgrade back first,"
                " then this one.",
                plan=plan,
            )
        )


class DowngradeWaits(NotTakenBack):
    """A downgrade was scheduled since."""

    way = Way.ACCOUNT

    def __init__(self, plan: str) -> None:
        super().__init__(
            _(
                "A downgrade to %(plan)s is scheduled. Withdraw it first, then take the upgrade"
                " back.",
                plan=plan,
            )
        )


class AddOnsLeaving(NotTakenBack):
    """Add-ons were let go since, for the end of the upgrade's cycle."""

    way = Way.ADD_ONS

    def __init__(self) -> None:
        super().__init__(
            _("Add-ons are to end with the cycle. Keep them first, then take the upgrade back.")
        )


class TooMuchInUse(NotTakenBack):
    """What is in use doesn't fit the former plan."""

    way = Way.MAKE_ROOM

    def __init__(self, plan: str, fitting: Fit) -> None:
        sentences = " ".join(room_needed(shortfall) for shortfall in fitting.shortfalls)
        held = _("%(plan)s doesn't hold what is in use.", plan=plan)
        super().__init__(f"{held} {sentences}")


@dataclass(frozen=True)
class Facts:
    """What it depends on whether an upgrade can be taken back.

    `plan` is what it moved to, `former_plan` what ran before, None where that was not kept.
    `credited_by` is a credit note over something of it, `hindrance` what hinders any change of
    plan, `scheduled` the plan of a downgrade that waits. `fitting` is how today's usage goes with
    what ran before, add-ons included. `upgraded_since` is the plan of the last upgrade that came
    after it, where nothing but upgrades did.
    """

    upgraded_at: datetime
    plan: str
    former_plan: str | None
    charged: Money
    is_running: bool
    credited_by: str | None
    hindrance: RuleBroken | None
    scheduled: str | None
    add_ons_leaving: bool
    fitting: Fit
    upgraded_since: str | None = None


@dataclass(frozen=True)
class Return:
    """What taking an upgrade back leads to.

    `total`, tax included, comes back as `division` says, what was paid to `method`: all of
    `invoice` and of those that `renewed` it, a part of `parts` for each. Then `former` runs again
    in `cycle`, the downgrade to `scheduled` waits again, and `charges` follow: what ended
    meanwhile, and the next renewal. What is charged at once is paid out of what was paid: `kept` of
    that becomes credit balance instead of going back.
    """

    invoice: str
    total: Money
    parts: tuple[Division, ...]
    kept: Money
    method: str | None
    former: Basket
    cycle: Cycle
    scheduled: str | None
    charges: tuple[Charge, ...]
    renewed: tuple[str, ...] = ()

    @property
    def division(self) -> Division:
        return crediting.together(self.parts)

    @property
    def charged_now(self) -> tuple[Charge, ...]:
        """The renewals that fell due while the upgrade ran."""
        return self.charges[:-1]

    @property
    def next_charge(self) -> Charge:
        return self.charges[-1]

    def fingerprint(self) -> str:
        """sha256, in hex, over every figure and date a person is shown."""
        seen = [
            [self.invoice, *self.renewed],
            [part.amounts for part in self.parts],
            [self.total.amount, self.total.currency, self.kept.amount, self.method],
            [self.former.plan.name, self.former.plan.interval],
            [(item.add_on.name, item.quantity) for item in self.former.add_ons],
            [self.cycle.start_at.isoformat(), self.cycle.end_at.isoformat(), self.scheduled],
            [charge.seen for charge in self.charges],
        ]
        return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def until(upgraded_at: datetime) -> datetime:
    """Up to when, not including, an upgrade carried out at `upgraded_at` can be taken back."""
    return upgraded_at + TIME


def why_not(facts: Facts, now: datetime) -> RuleBroken | None:
    """Why an upgrade that wasn't taken back can't be at `now`; None: it can.

    What can't be mended comes first.
    """
    if now >= until(facts.upgraded_at):
        return TooLate()
    if not facts.is_running and facts.upgraded_since is None:
        return ChangedSince(facts.plan)
    if facts.credited_by is not None:
        return CreditedSince(facts.credited_by)
    if facts.former_plan is None:
        return FormerPlanUnknown()
    if facts.charged.is_zero:
        return NothingCharged()
    return _not_yet(facts, facts.former_plan)


def holds_until(facts: Facts, cycle: Cycle, now: datetime) -> datetime:
    """Until when what is shown at `now` is what is done: a renewal that falls due changes it."""
    ends = [now.astimezone(UTC) + QUOTE_HOLDS, until(facts.upgraded_at)]
    if cycle.end_at > now:
        ends.append(cycle.end_at)
    return min(ends)


def room_needed(shortfall: Shortfall) -> str:
    """As in "13 of 10 seats: 3 too many. Remove 3 people first."."""
    what = shortfall.to_remove
    if shortfall.metric is Metric.SEATS:
        what = describe.counted(shortfall.too_many, "%(num)s person", "%(num)s people")
    return _("%(too_many)s. Remove %(what)s first.", too_many=shortfall.sentence, what=what)


def _not_yet(facts: Facts, former_plan: str) -> RuleBroken | None:
    """What has to be mended first."""
    if facts.upgraded_since is not None:
        return UpgradedSince(facts.upgraded_since)
    if facts.hindrance is not None:
        return facts.hindrance
    if facts.scheduled is not None:
        return DowngradeWaits(facts.scheduled)
    if facts.add_ons_leaving:
        return AddOnsLeaving()
    return None if facts.fitting.fits else TooMuchInUse(former_plan, facts.fitting)
