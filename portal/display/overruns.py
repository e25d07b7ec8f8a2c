"""What is over its limit and what follows from that, as pages and the banner tell it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, selectinload

from portal.billing import (
    bounds,
    episode_facts,
    episodes,
    invoices,
    overages,
    payments,
    price_list,
    subscriptions,
    usage,
)
from portal.billing.rules import counting, episode_words, overage
from portal.billing.rules.counting import Metric
from portal.billing.rules.money import Money
from portal.billing.rules.overage import ParkReason
from portal.billing.rules.policies import Policy
from portal.display.account_history.kinds import sentence
from portal.live import Meter
from portal.mail.usage_places import MAKE_ROOM, Place
from portal.models import (
    Account,
    Episode,
    EpisodeState,
    Price,
    Usage,
)

# Built once: every page of an Admin asks for it.
OPEN = (
    select(Episode)
    .options(selectinload(Episode.warnings))
    .where(Episode.account_id == bindparam("account_id"), episodes.IS_OPEN)
    .order_by(Episode.id)
)


class WaitsFor(StrEnum):
    """What an upgrade waits for whose announced hour has come."""

    CONFIRMATION = "confirmation"
    EMAIL = "email"
    INVOICE = "invoice"
    NEXT_TRY = "next_try"
    VENDOR = "vendor"
    ITS_TURN = "its_turn"


@dataclass(frozen=True)
class Wait:
    """Why an upgrade is late: until when, or the number of the invoice that comes first."""

    what: WaitsFor
    until: datetime | None = None
    invoice: str | None = None


@dataclass(frozen=True)
class Overrun:
    """A metric over its limit that leads to an automatic upgrade, or that did until it stopped.

    Before the daily check finds it there is no episode: `check_at` says when it will, `target` is
    the plan it would lead to. Once there is one, `deadline_at`, `target` and `due` are what the
    latest email told (`email_waits` while no mail server has taken that), and `wait` says why the
    upgrade is late. `target` is None where there is no larger plan. The vendor's operator may hold
    it; one that stopped by itself is parked, with the key of why. Of one that `is_capped` nothing
    follows but that nobody can be added.
    """

    metric: Metric
    used: int
    limit: int
    check_at: datetime | None = None
    warnings: int = 0
    email_waits: bool = False
    deadline_at: datetime | None = None
    target: Price | None = None
    due: Money | None = None
    wait: Wait | None = None
    is_held: bool = False
    held_reason: str = ""
    is_parked: bool = False
    parked_reason: str | None = None
    is_capped: bool = False
    episode_id: str | None = None
    others: tuple[Metric, ...] = ()

    @property
    def standing(self) -> str:
        """As in "11 of 10 seats", "5.4 of 5 GB of documents"."""
        return counting.standing(self.metric, self.used, self.limit)

    @property
    def is_announced(self) -> bool:
        """Whether emails name an hour to come, a plan and an amount, and nothing holds them up."""
        return self._is_going_on and self._leads_somewhere and self.wait is None

    @property
    def is_late(self) -> bool:
        """Whether the announced hour has come without the upgrade."""
        return self._is_going_on and self.wait is not None

    @property
    def stopped_because(self) -> str:
        """Why nothing follows by itself any more; "" where something does."""
        return episode_words.parked_because(self.parked_reason)

    @property
    def is_not_paid(self) -> bool:
        return self.parked_reason == ParkReason.NOT_PAID

    @property
    def over_too(self) -> str:
        """That other metrics have the same upgrade ahead; "" where none has."""
        return episode_words.over_too(self.others)

    @property
    def make_room(self) -> Place:
        return MAKE_ROOM[self.metric]

    @property
    def _is_going_on(self) -> bool:
        return self.episode_id is not None and not self.is_held and not self.is_parked

    @property
    def _leads_somewhere(self) -> bool:
        return None not in (self.deadline_at, self.target, self.due)


def of_meters(
    session: Session, account_id: int, meters: Iterable[Meter], *, now: datetime
) -> list[Overrun]:
    """Each metric that is over its limit and leads to more than a word on its meter."""
    if not any(counting.over_by(meter.used, meter.limit) for meter in meters):
        return []
    account, opened = session.get_one(Account, account_id), _open(session, account_id)
    rows = usage.of(session, account_id)
    found = [
        _overrun(session, account, rows[metric], opened.get(metric), now)
        for metric in Metric
        if rows[metric].is_over
    ]
    return _together([overrun for overrun in found if overrun is not None])


def of_episodes(session: Session, account_id: int, *, now: datetime) -> list[Overrun]:
    """What the account's open episodes come to; none whose upgrade is being called off."""
    rows = usage.of(session, account_id)
    # Within its limits an account has no open episode.
    if not any(row.is_over for row in rows.values()):
        return []
    account, opened = session.get_one(Account, account_id), _open(session, account_id)
    found = [
        _told(session, account, rows[metric], episode, now)
        for metric, episode in opened.items()
        if rows[metric].is_over and not _is_called_off(session, episode, now)
    ]
    return _together(found)


def _open(session: Session, account_id: int) -> dict[Metric, Episode]:
    found = session.scalars(OPEN, {"account_id": account_id})
    return {episode.metric: episode for episode in found}


def _overrun(
    session: Session, account: Account, row: Usage, episode: Episode | None, now: datetime
) -> Overrun | None:
    if episode is not None and not _is_called_off(session, episode, now):
        return _told(session, account, row, episode, now)
    limit = row.limit_value or 0
    if episode_facts.policy(session, row.metric) is not Policy.AUTO_UPGRADE:
        return None
    if episode_facts.is_capped(session, account.id, row.metric):
        return Overrun(row.metric, row.used, limit, is_capped=True)
    subscription = subscriptions.live(session, account.id)
    if subscription is None or not overages.would_open(session, row):
        return None
    target = price_list.upgrade_by_itself(session, subscription.price)
    check_at = overage.next_check_at(now)
    return Overrun(row.metric, row.used, limit, check_at=check_at, target=target)


def _told(
    session: Session, account: Account, row: Usage, episode: Episode, now: datetime
) -> Overrun:
    told = episode.warnings[-1] if episode.warnings else None
    target = told.target_price if told else None
    due = None
    if target is not None and episode.due_minor is not None:
        due = Money(episode.due_minor, target.currency)
    return Overrun(
        row.metric,
        row.used,
        row.limit_value or 0,
        warnings=len(episode.warnings),
        email_waits=told is not None and told.accepted_at is None,
        deadline_at=episode.deadline_at,
        target=target,
        due=due,
        wait=_wait(session, account, episode, now) if target is not None else None,
        is_held=episode.held_at is not None,
        held_reason=sentence(episode.held_reason),
        is_parked=episode.state is EpisodeState.PARKED,
        parked_reason=episode.parked_reason,
        episode_id=episode.public_id,
    )


def _together(found: Sequence[Overrun]) -> list[Overrun]:
    """Each with the others that have the same upgrade ahead: it is made, and charged, once."""
    ahead = [each.metric for each in found if each.is_announced or each.is_late]
    return [
        replace(each, others=tuple(other for other in ahead if other is not each.metric))
        if each.metric in ahead
        else each
        for each in found
    ]


def _is_called_off(session: Session, episode: Episode, now: datetime) -> bool:
    """Whether its upgrade, under way already, was called off: only how that ends is open."""
    if episode.deadline_at is None or episode.deadline_at > now:
        return False
    change = episodes.upgrade_under_way(session, episode)
    payment = payments.of_change(session, change) if change else None
    return payment is not None and payment.call_off_at is not None


def _wait(session: Session, account: Account, episode: Episode, now: datetime) -> Wait | None:
    """Why the upgrade was not made at the hour that was told; None before it."""
    if episode.deadline_at is None or episode.deadline_at > now:
        return None
    if episodes.upgrade_under_way(session, episode) is not None:
        return Wait(WaitsFor.CONFIRMATION)
    if overage.upgrade_due_at(episode_facts.warned(episode), episode.extended_to) is None:
        return Wait(WaitsFor.EMAIL)
    unpaid = invoices.open_invoice(session, account.id)
    if unpaid is not None:
        return Wait(WaitsFor.INVOICE, invoice=unpaid.number_text)
    if account.parked_at is not None or bounds.running_stop(session) is not None:
        return Wait(WaitsFor.VENDOR)
    if episode_facts.failed_tries(session, episode):
        until = episode.next_step_at
        return Wait(WaitsFor.NEXT_TRY, until=until if until > now else None)
    return Wait(WaitsFor.ITS_TURN)
