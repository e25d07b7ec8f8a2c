"""The next step of an open over-limit episode: warn, upgrade, close, or leave it to the vendor.

`rules.overage` decides, by `episode_facts` read under the account's lock; this module asks, and
carries out the answer in the same transaction, so that nothing is done on stale facts.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import events
from portal.audit import SYSTEM, record
from portal.billing import (
    bounds,
    episode_facts,
    episode_warnings,
    episodes,
    plan_changes,
    situations,
)
from portal.billing.rules import dunning, overage
from portal.billing.rules.overage import (
    Close,
    CloseReason,
    Park,
    ParkReason,
    Rest,
    Retell,
    SendWarning,
    Upgrade,
    Wait,
)
from portal.billing.rules.period import DAY
from portal.mail import notices
from portal.mail.episode_notices import Because
from portal.models import (
    Account,
    Episode,
    EpisodeState,
    Subscription,
)
from portal.transaction import after_commit

# Ends of an episode whose account is over its limit still.
LEFT_OVER = {
    CloseReason.NO_AUTO_UPGRADE: Because.NOT_UPGRADED,
    CloseReason.OFFER_CHANGED: Because.OFFER_CHANGED,
}

WHILE_SOMETHING_IS_PAID = timedelta(minutes=5)


def due_steps(session: Session, *, now: datetime, limit: int = 500) -> list[int]:
    """Ids of open episodes whose next step is due, oldest first; none that is held."""
    statement = (
        select(Episode.id)
        .where(
            Episode.state == EpisodeState.OPEN,
            Episode.held_at.is_(None),
            Episode.next_step_at <= now,
        )
        .order_by(Episode.next_step_at, Episode.id)
        .limit(limit)
    )
    return list(session.scalars(statement))


def step(session: Session, account: Account, episode: Episode, *, now: datetime) -> None:
    """Do the one next thing for an open episode, on facts read now; the account must be locked."""
    if not episode.is_open:
        return
    match overage.decide(episode_facts.read(session, account, episode, now), now):
        case Wait(until):
            episode.next_step_at = until
        case Rest():
            pass
        case SendWarning(number, deadline_at):
            episode_warnings.write(session, account, episode, number, deadline_at, now=now)
            episode.next_step_at = now + overage.LOOK_AGAIN
        case Retell(deadline_at):
            episode_warnings.tell_amount(session, account, episode, deadline_at, now=now)
            episode.next_step_at = deadline_at
        case Upgrade():
            _upgrade(session, account, episode, now=now)
        case Close(reason):
            _close(session, account, episode, reason, now=now)
        case Park(reason):
            _park(session, account, episode, reason, now=now)


def goes_on_after_failure(
    session: Session, account: Account, episode: Episode, why: str, *, now: datetime
) -> bool:
    """Whether an upgrade that was not paid, for the reason `why`, is still to be made.

    An episode that was settled while the payment was under way ends here, also where the account
    has gone over again since. The account must be locked.
    """
    if not episode.is_open:
        return False
    decision = overage.decide(episode_facts.read(session, account, episode, now), now)
    if isinstance(decision, Close):
        _close(session, account, episode, decision.reason, now=now)
    elif why == episodes.BACK_WITHIN:
        reason = CloseReason.WITHIN_LIMIT
        episodes.close(session, account, episode, reason, now=now, actor=SYSTEM)
    else:
        _try_again(session, account, episode, now=now)
    return episode.is_open


def upgrade_comes_first(
    session: Session, account: Account, subscription: Subscription, *, now: datetime
) -> bool:
    """Whether an upgrade that was due before the running cycle's end is still to be made.

    One that could not be paid and is tried again later lets the renewal go first.
    """
    for episode in episodes.open_of(session, account.id):
        warned = episode_facts.warned(episode)
        due_at = overage.upgrade_due_at(warned, episode.extended_to)
        is_now = episode.is_going_on and episode.next_step_at <= now
        if is_now and due_at is not None and due_at <= min(now, subscription.cycle_end_at):
            facts = episode_facts.read(session, account, episode, now)
            if isinstance(overage.decide(facts, now), Upgrade):
                return True
    return False


def _upgrade(session: Session, account: Account, episode: Episode, *, now: datetime) -> None:
    """Begin the upgrade on the terms that were told, the told deadline being its instant."""
    episode.next_step_at = now + DAY
    if account.parked_at is not None or bounds.running_stop(session) is not None:
        return
    if situations.pending(session, account.id) is not None:
        # Soon again, so that nobody puts an upgrade off by buying something else just then.
        episode.next_step_at = now + WHILE_SOMETHING_IS_PAID
        return
    next_at = _next_try_at(session, episode)
    if next_at is not None and next_at > now:
        # Of two metrics that are over at once, one has asked for the same money.
        episode.next_step_at = next_at
        return
    terms = episode_facts.announced_terms(session, account, episode)
    plan_changes.auto_upgrade(session, account, episode, terms, now=now)


def _try_again(session: Session, account: Account, episode: Episode, *, now: datetime) -> None:
    """An upgrade that was not paid is tried on the days of an invoice, then left to the vendor."""
    next_at = _next_try_at(session, episode)
    if next_at is None:
        _park(session, account, episode, ParkReason.NOT_PAID, now=now)
    else:
        episode.next_step_at = next_at


def _next_try_at(session: Session, episode: Episode) -> datetime | None:
    """When an upgrade that failed may be tried again; None where none did, or where it was tried
    often enough."""
    tried = episode_facts.failed_tries(session, episode)
    return dunning.retry_at(len(tried), tried[0], tried[-1]) if tried else None


def _close(
    session: Session, account: Account, episode: Episode, reason: CloseReason, *, now: datetime
) -> None:
    if reason is CloseReason.WITHIN_LIMIT:
        episodes.resolve(session, account, episode, now=now, actor=SYSTEM)
    elif reason in LEFT_OVER:
        because = LEFT_OVER[reason]
        if episode_facts.is_capped(session, account.id, episode.metric):
            because = Because.CAPPED
        episodes.leave_over(session, account, episode, because, now=now, actor=SYSTEM)
    else:
        episodes.close(session, account, episode, reason, now=now, actor=SYSTEM)


def _park(
    session: Session, account: Account, episode: Episode, reason: ParkReason, *, now: datetime
) -> None:
    """Leave it to the vendor: no further step by itself, and nothing is charged."""
    episode.state = EpisodeState.PARKED
    episode.parked_reason = reason.value
    facts = {"metric": episode.metric, "reason": reason.value}
    record(session, account, "episode.parked", at=now, actor=SYSTEM, **facts)
    after_commit(session, lambda: events.publish(account.id, "usage"))
    if reason is ParkReason.TOP_TIER and episode.warnings[0].target_price_id is None:
        # The vendor was told with the first warning.
        return
    why = reason.value.replace("_", " ")
    notices.vendor_told(
        session,
        account,
        subject=f"{account.name} needs you: over its limit",
        text=f"The over-limit episode of {account.name} is parked ({why})."
        " Nothing is charged and nothing more is sent until you look at it.\n\n"
        "When it can go on: flask episodes release, with a --reason.",
        now=now,
    )
