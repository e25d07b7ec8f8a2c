"""The emails of an over-limit episode that announce its upgrade: written, and kept true.

What one says is set down with it: the count, the deadline, the plan and the exact amount. An email
that was held up says what holds when it goes out, and nothing at all once the episode is over.
Where somebody has it already, the others get it as it is: all read the same date and amount.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from portal import events
from portal.audit import SYSTEM, record
from portal.billing import episode_facts, episode_mail, price_list, projections, usage
from portal.billing.rules import describe, overage
from portal.billing.rules.counting import amount_of
from portal.billing.rules.money import Money
from portal.billing.rules.plan_change import Quote
from portal.billing.rules.roles import Role
from portal.mail import episode_notices, notices, spoken
from portal.models import (
    Account,
    Episode,
    EpisodeWarning,
    Notice,
    NoticeState,
    Price,
    Subscription,
)
from portal.transaction import after_commit


class OnHold(Exception):
    """An email that announces something waits while the operator holds its episode."""


def write(
    session: Session,
    account: Account,
    episode: Episode,
    number: int,
    deadline_at: datetime,
    *,
    now: datetime,
) -> None:
    """Write warning `number` to the Admins, telling `deadline_at`; the account must be locked."""
    warning = EpisodeWarning(account_id=account.id, number=number)
    quote = _set_down(session, account, episode, warning, deadline_at, now=now)
    episode.warnings.append(warning)
    session.flush()
    _send(session, account, episode, warning, quote, now=now)
    if number == 1 and warning.target_price_id is None:
        _tell_vendor(session, account, warning, now=now)


def write_anew(session: Session, account: Account, episode: Episode, *, now: datetime) -> None:
    """Write the last warning again, which no mail server took; the account must be locked."""
    warning = episode.warnings[-1]
    earlier = episode_facts.warned(episode)[: warning.number - 1]
    deadline_at = overage.deadline_to_tell(earlier, now, episode.extended_to)
    quote = _set_down(session, account, episode, warning, deadline_at, now=now)
    warning.refused_at = None
    _send(session, account, episode, warning, quote, now=now)


def tell_amount(
    session: Session, account: Account, episode: Episode, deadline_at: datetime, *, now: datetime
) -> None:
    """Say what the upgrade costs now, more than was told, and that it comes at `deadline_at`; the
    account must be locked."""
    told = episode.due_minor
    episode.times_retold += 1
    move(session, account, episode, deadline_at, None, now=now)
    told_before, due = (
        None if minor is None else describe.money(Money(minor, account.currency))
        for minor in (told, episode.due_minor)
    )
    record(
        session,
        account,
        "episode.retold",
        at=now,
        actor=SYSTEM,
        metric=episode.metric,
        deadline=deadline_at.isoformat(),
        due=due,
        told=told_before,
    )
    after_commit(session, lambda: events.publish(account.id, "usage"))


def move(
    session: Session,
    account: Account,
    episode: Episode,
    deadline_at: datetime,
    why: str | None,
    *,
    now: datetime,
) -> None:
    """No upgrade before `deadline_at`, though earlier was told; the account must be locked.

    `why` is the operator's reason, None where the amount rose. Whoever was told a date hears the
    new one, and what the upgrade costs then.
    """
    episode.extended_to, episode.extended_reason = deadline_at, why
    last = episode.warnings[-1] if episode.warnings else None
    if last is not None and last.accepted_at is None:
        rewrite_stale(session, account, last, now=now)
    if episode_mail.was_told(session, episode):
        episode_mail.withdraw_moves(session, episode, now=now)
        quote = _moved(session, account, episode)
        episode_notices.deadline_moved(session, episode, quote=quote, now=now)


def before_sending(session: Session, account: Account, notice: Notice, *, now: datetime) -> bool:
    """Make an email true that is about to be sent; the account must be locked.

    False when it announces what won't happen any more, or is to somebody who is no Admin any more:
    then it is withdrawn instead. Raises OnHold: it is to be asked for again after the release.
    """
    if notice.name not in episode_notices.ANNOUNCING or notice.episode_id is None:
        return True
    if notice.state is not NoticeState.WAITING:
        return notice.state is not NoticeState.WITHDRAWN
    episode = session.get_one(Episode, notice.episode_id)
    if not episode.is_open:
        _withdraw(notice, now)
        return False
    if episode.held_at is not None:
        raise OnHold
    if not _is_for_an_admin(session, account, notice):
        _withdraw(notice, now)
        _tell_who_is_left(session, account, episode, notice, now=now)
        return False
    if notice.warning_id is not None:
        warning = session.get_one(EpisodeWarning, notice.warning_id)
        rewrite_stale(session, account, warning, now=now)
    else:
        _rewrite_stale_move(session, account, episode, notice, now=now)
    return True


def rewrite_stale(
    session: Session, account: Account, warning: EpisodeWarning, *, now: datetime
) -> bool:
    """Write a warning anew whose mail was held up for so long that what it says may not hold.

    Nobody has got it yet, so what people read is the moved date. True when it was rewritten.
    """
    episode, told = warning.episode, warning.deadline_at
    earlier = episode_facts.warned(episode)[: warning.number - 1]
    deadline_at = max(told, overage.deadline_to_tell(earlier, now, episode.extended_to))
    is_stale = deadline_at > told or _is_old(warning.written_at, now)
    if warning.accepted_at or not is_stale or episode_mail.has_reached(session, warning):
        return False
    quote = _set_down(session, account, episode, warning, deadline_at, now=now)
    episode_notices.rewrite_warning(session, warning, quote=quote, now=now)
    return True


@spoken.to_vendor
def _tell_vendor(
    session: Session, account: Account, warning: EpisodeWarning, *, now: datetime
) -> None:
    limit = amount_of(warning.episode.metric, warning.limit_value)
    notices.vendor_told(
        session,
        account,
        subject=f"{account.name} is over its largest plan",
        text=f"{warning.used} of {limit} are in use, and there is no larger tier to move to.",
        now=now,
    )


def _withdraw(notice: Notice, now: datetime) -> None:
    notice.state, notice.settled_at = NoticeState.WITHDRAWN, now


def _is_for_an_admin(session: Session, account: Account, notice: Notice) -> bool:
    admins = notices.people(session, account, Role.ADMIN)
    return notice.user_id in {person.user_id for person in admins}


def _tell_who_is_left(
    session: Session, account: Account, episode: Episode, withdrawn: Notice, *, now: datetime
) -> None:
    """An email that none of those has or gets whom it was written to is written to the Admins of
    today."""
    if episode_mail.reaches_another(session, withdrawn):
        return
    if withdrawn.warning_id is not None:
        write_anew(session, account, episode, now=now)
    else:
        quote = _moved(session, account, episode)
        episode_notices.deadline_moved(session, episode, quote=quote, now=now)


def _rewrite_stale_move(
    session: Session, account: Account, episode: Episode, notice: Notice, *, now: datetime
) -> None:
    """The email of a moved deadline leaves a day from when it goes out, as the last warning."""
    told, least = episode.deadline_at, overage.full_hour_after(now + overage.FINAL_NOTICE)
    if told is None or not (told < least or _is_old(notice.created_at, now)):
        return
    if episode_mail.has_another(session, notice):
        return
    episode.extended_to = max(told, least)
    quote = _moved(session, account, episode)
    episode_notices.rewrite_move(session, episode, quote=quote, now=now)


def _is_old(written_at: datetime, now: datetime) -> bool:
    """Whether the count or the amount may be another one by now."""
    return now - written_at >= overage.LOOK_AGAIN


def _set_down(
    session: Session,
    account: Account,
    episode: Episode,
    warning: EpisodeWarning,
    deadline_at: datetime,
    *,
    now: datetime,
) -> Quote | None:
    """Set down what a warning says: the count, the deadline, the plan and the exact amount.

    Open pages tell the same, from the first on.
    """
    after_commit(session, lambda: events.publish(account.id, "usage"))
    row = usage.of(session, account.id)[episode.metric]
    subscription = session.get_one(Subscription, episode.subscription_id)
    target = price_list.upgrade_by_itself(session, subscription.price)
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


def _moved(session: Session, account: Account, episode: Episode) -> Quote | None:
    """The upgrade at the moved deadline, kept as what was told; None where there is no plan."""
    target_id = episode.warnings[-1].target_price_id
    if target_id is None or episode.deadline_at is None:
        return None
    subscription = session.get_one(Subscription, episode.subscription_id)
    price = session.get_one(Price, target_id)
    terms = projections.quote_at(session, account, subscription, price, episode.deadline_at)
    episode.extended_due_minor = terms.due_now.amount
    return terms


def _send(
    session: Session,
    account: Account,
    episode: Episode,
    warning: EpisodeWarning,
    quote: Quote | None,
    *,
    now: datetime,
) -> None:
    written = episode_notices.warning(session, warning, quote=quote, now=now)
    record(
        session,
        account,
        "episode.warned",
        at=now,
        actor=SYSTEM,
        number=warning.number,
        metric=episode.metric,
        used=warning.used,
        limit=warning.limit_value,
        deadline=warning.deadline_at.isoformat(),
        plan=warning.target_price.plan_name if warning.target_price else None,
        due=describe.kept_money(quote.due_now) if quote else None,
        recipients=[notice.recipient for notice in written],
    )
