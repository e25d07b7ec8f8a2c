"""Over the limit: finding it, warning three times, upgrading, and stopping when it is mended.

`rules.overage` decides, by `episode_facts` read under the account's lock; this module asks, and
carries out the answer in the same transaction, so that nothing is done on stale facts.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import episode_notices, events, notices
from portal.audit import SYSTEM, Actor, record
from portal.billing import (
    bounds,
    climbs,
    episode_facts,
    episodes,
    plan_changes,
    price_list,
    projections,
    subscriptions,
    usage,
)
from portal.billing.rules import describe, overage
from portal.billing.rules.counting import Metric, amount_of
from portal.billing.rules.errors import FullWhileCancelled
from portal.billing.rules.overage import Close, CloseReason, Park, SendWarning, Upgrade, Wait
from portal.billing.rules.plan_change import Quote
from portal.billing.rules.policies import Policy
from portal.models import (
    Account,
    Episode,
    EpisodeState,
    EpisodeWarning,
    Subscription,
    Usage,
)
from portal.transaction import after_commit

PAYMENT_FAILED_AGAIN_AFTER = timedelta(days=1)


def count_changed(
    session: Session,
    account: Account,
    metric: Metric,
    change: int,
    *,
    now: datetime,
    actor: Actor,
) -> Usage:
    """Keep the count with what the transaction did to the rows; the account must be locked.

    Back within the limit ends an open episode here and now. Open pages hear of it after the
    commit. FullWhileCancelled where it would grow beyond a limit that only an upgrade lifts.
    """
    row = usage.add(session, account.id, metric, change, now=now)
    if change > 0 and row.is_over:
        _refuse_while_cancelled(session, account, metric)
    if not row.is_over:
        for episode in episodes.open_of(session, account.id, metric):
            episodes.resolve(session, account, episode, used=row.used, now=now, actor=actor)
    climbs.count_changed(session, account, row, change, now=now)
    after_commit(session, lambda: events.publish(account.id, "usage"))
    return row


def _refuse_while_cancelled(session: Session, account: Account, metric: Metric) -> None:
    """A cancelled plan isn't upgraded by itself: what would lead there has to stay within it."""
    subscription = subscriptions.live(session, account.id)
    if subscription is None or subscription.cancelled_at is None:
        return
    if episode_facts.policy(session, metric) is Policy.AUTO_UPGRADE:
        raise FullWhileCancelled(metric.value)


def found_over(session: Session, metric: Metric) -> list[int]:
    """Accounts over the limit of a metric that have no open episode for it."""
    statement = (
        select(Usage.account_id)
        .where(
            Usage.metric == metric,
            Usage.limit_value.is_not(None),
            Usage.used > Usage.limit_value,
            ~select(Episode.id)
            .where(
                Episode.account_id == Usage.account_id,
                Episode.metric == metric,
                Episode.state.in_(episodes.OPEN),
            )
            .exists(),
        )
        .order_by(Usage.account_id)
    )
    return list(session.scalars(statement))


def open_if_over(session: Session, account: Account, metric: Metric, *, now: datetime) -> bool:
    """What the daily check does with an account it found; the account must be locked.

    Checks again that it is over, opens the episode and writes its first warning.
    """
    row = usage.of(session, account.id)[metric]
    subscription = subscriptions.live(session, account.id)
    if subscription is None or subscription.cancelled_at or row.limit_value is None:
        return False
    policy = episode_facts.policy(session, metric)
    if not overage.opens(row.used, row.limit_value, policy, hard_cap=False):
        return False
    if episodes.open_of(session, account.id, metric):
        return False
    episode = Episode(
        account_id=account.id,
        subscription_id=subscription.id,
        metric=metric,
        state=EpisodeState.OPEN,
        price_id=subscription.price_id,
        used_at_opening=row.used,
        limit_at_opening=row.limit_value,
        opened_at=now,
        next_step_at=now,
        warnings=[],
    )
    session.add(episode)
    session.flush()
    facts = {"metric": metric, "used": row.used, "limit": row.limit_value}
    record(session, account, "episode.opened", at=now, actor=SYSTEM, **facts)
    step(session, account, episode, now=now)
    return True


def due_steps(session: Session, *, now: datetime, limit: int = 500) -> list[int]:
    """Ids of open episodes whose next step is due, oldest first."""
    statement = (
        select(Episode.id)
        .where(Episode.state == EpisodeState.OPEN, Episode.next_step_at <= now)
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
        case SendWarning(number, deadline_at):
            _warn(session, account, episode, number, deadline_at, now=now)
        case Upgrade():
            _upgrade(session, account, episode, now=now)
        case Close(reason):
            _close(session, account, episode, reason, now=now)
        case Park(reason):
            _park(session, account, episode, reason.value, now=now)


def upgrade_comes_first(
    session: Session, account: Account, subscription: Subscription, *, now: datetime
) -> bool:
    """Whether an upgrade that was due before the running cycle's end is still to be made.

    One that could not be paid and is tried again later lets the renewal go first.
    """
    for episode in episodes.open_of(session, account.id):
        due_at = overage.upgrade_due_at(episode_facts.warned(episode))
        is_now = episode.next_step_at <= now
        if is_now and due_at is not None and due_at <= min(now, subscription.cycle_end_at):
            facts = episode_facts.read(session, account, episode, now)
            if isinstance(overage.decide(facts, now), Upgrade):
                return True
    return False


def rewrite_stale_warning(
    session: Session, account: Account, warning: EpisodeWarning, *, now: datetime
) -> bool:
    """Write a warning anew whose mail was held up for so long that its dates no longer hold.

    Nobody has got it yet, so what people read is the moved date. True when it was rewritten.
    """
    earlier = episode_facts.warned(warning.episode)[: warning.number - 1]
    deadline_at = overage.deadline_to_tell(earlier, now)
    if warning.accepted_at or deadline_at <= warning.deadline_at:
        return False
    quote = _tell(session, account, warning.episode, warning, deadline_at, now=now)
    episode_notices.rewrite_warning(session, warning, quote=quote, now=now)
    return True


def _warn(
    session: Session,
    account: Account,
    episode: Episode,
    number: int,
    deadline_at: datetime,
    *,
    now: datetime,
) -> None:
    warning = EpisodeWarning(account_id=account.id, number=number)
    quote = _tell(session, account, episode, warning, deadline_at, now=now)
    episode.warnings.append(warning)
    session.flush()
    written = episode_notices.warning(session, warning, quote=quote, now=now)
    record(
        session,
        account,
        "episode.warned",
        at=now,
        actor=SYSTEM,
        number=number,
        metric=episode.metric,
        used=warning.used,
        limit=warning.limit_value,
        deadline=deadline_at.isoformat(),
        plan=warning.target_price.plan_name if warning.target_price else None,
        due=describe.money(quote.due_now) if quote else None,
        recipients=[notice.recipient for notice in written],
    )
    if number == 1 and warning.target_price_id is None:
        notices.vendor_told(
            session,
            account,
            subject=f"{account.name} is over its largest plan",
            text=f"{warning.used} of {amount_of(episode.metric, warning.limit_value)} are in use,"
            " and there is no larger tier to move to.",
            now=now,
        )
    episode.next_step_at = now + overage.LOOK_AGAIN


def _tell(
    session: Session,
    account: Account,
    episode: Episode,
    warning: EpisodeWarning,
    deadline_at: datetime,
    *,
    now: datetime,
) -> Quote | None:
    """Set down what a warning says: the count, the deadline, the plan and the exact amount."""
    row = usage.of(session, account.id)[episode.metric]
    subscription = session.get_one(Subscription, episode.subscription_id)
    target = price_list.next_tier(session, subscription.price)
    warning.used = row.used
    warning.limit_value = row.limit_value or 0
    warning.written_at = now
    warning.deadline_at = deadline_at
    warning.target_price = target
    warning.target_price_id = target.id if target else None
    warning.due_minor = None
    if target is None:
        return None
    terms = projections.quote_at(session, account, subscription, target, deadline_at)
    warning.due_minor = terms.due_now.amount
    return terms


def _upgrade(session: Session, account: Account, episode: Episode, *, now: datetime) -> None:
    """Begin the upgrade on the terms that were told, the told deadline being its instant."""
    episode.next_step_at = now + PAYMENT_FAILED_AGAIN_AFTER
    if account.parked_at is not None or bounds.running_stop(session) is not None:
        return
    if plan_changes.pending(session, account.id) is None:
        terms = episode_facts.announced_terms(session, account, episode)
        plan_changes.auto_upgrade(session, account, episode, terms, now=now)


def _close(
    session: Session, account: Account, episode: Episode, reason: CloseReason, *, now: datetime
) -> None:
    if reason is CloseReason.WITHIN_LIMIT:
        used = usage.of(session, account.id)[episode.metric].used
        episodes.resolve(session, account, episode, used=used, now=now, actor=SYSTEM)
        return
    state = EpisodeState.SUPERSEDED
    episodes.close(session, account, episode, state, reason.value, now=now, actor=SYSTEM)


def _park(
    session: Session, account: Account, episode: Episode, reason: str, *, now: datetime
) -> None:
    """Leave it to the vendor: no further step by itself, and nothing is charged."""
    episode.state = EpisodeState.PARKED
    episode.close_reason = reason
    record(session, account, "episode.parked", at=now, actor=SYSTEM, reason=reason)
    notices.vendor_told(
        session,
        account,
        subject=f"{account.name} needs you: over its limit",
        text=f"The over-limit episode of {account.name} is parked ({reason.replace('_', ' ')})."
        " Nothing is charged and nothing more is sent until you look at it.",
        now=now,
    )
