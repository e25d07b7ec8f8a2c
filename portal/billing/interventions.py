"""What the vendor's operator says about an over-limit episode: hold it, put it off, let it go on.

Each with a reason, which the account reads on its billing history. None makes anything come
earlier than was told, and none charges anything.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from portal import events
from portal.audit import Actor, record
from portal.billing import (
    episode_facts,
    episode_mail,
    episode_steps,
    episode_warnings,
    episodes,
)
from portal.billing.rules import describe, overage, text
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.money import Money
from portal.billing.rules.overage import Delivery, EpisodeFacts, ParkReason
from portal.mail import episode_notices
from portal.mail.episode_notices import Because
from portal.models import Account, Episode, EpisodeState
from portal.transaction import after_commit

REASON_LENGTH = 200
# Whoever needs longer than this is better served by another plan or a price of their own.
FURTHEST = timedelta(days=90)
STILL_PARKED = {
    ParkReason.TOP_TIER: "There is no larger tier to move to: nothing can follow by itself. Agree"
    " on something with the account, or offer a larger tier in the catalog.",
    ParkReason.NOBODY_TO_WARN: "There is still no active Admin to write to.",
    ParkReason.WARNED_TOO_CLOSELY: "Its warnings came too close together to upgrade on them. It"
    " stays parked; once the account is back within its limit, a later episode starts anew.",
}


class NotNow(RuleBroken):
    """What was asked of an episode makes no sense as it stands; `str()` says why."""


@dataclass(frozen=True)
class _Said:
    """What somebody says of an episode, and why."""

    session: Session
    account: Account
    episode: Episode
    why: str
    now: datetime
    actor: Actor

    def record(self, action: str, **facts: str | None) -> None:
        """Put it on the trail, and let open pages know."""
        about = {"metric": self.episode.metric, "reason": self.why, **facts}
        record(self.session, self.account, action, at=self.now, actor=self.actor, **about)
        account_id = self.account.id
        after_commit(self.session, lambda: events.publish(account_id, "usage"))


def hold(
    session: Session,
    account: Account,
    episode: Episode,
    reason: str,
    *,
    now: datetime,
    actor: Actor,
) -> None:
    """Let nothing follow until `release`; the account must be locked.

    Whom an upgrade was announced to is told that it waits; an email that announces it and was not
    sent yet isn't, until then. Back within the limit still ends the
    episode. Raises NotNow and TextRefused.
    """
    said = _Said(session, account, episode, _checked(reason), now, actor)
    _must_be_going_on(session, episode)
    episode.held_at, episode.held_reason = now, said.why
    if episode.is_announced and episode_mail.was_told(session, episode):
        episode_notices.called_off(session, episode, Because.HELD, now=now)
    said.record("episode.held")


def extend(
    session: Session,
    account: Account,
    episode: Episode,
    until: datetime,
    reason: str,
    *,
    now: datetime,
    actor: Actor,
) -> datetime:
    """No upgrade before `until`, made a full hour, which is returned; the account must be locked.

    The Admins are told the moved date, and what the upgrade costs then. Raises NotNow and
    TextRefused.
    """
    said = _Said(session, account, episode, _checked(reason), now, actor)
    deadline_at = overage.full_hour_after(until)
    _must_be_going_on(session, episode)
    _must_be_later(episode, deadline_at, now)
    _move(said, deadline_at)
    episode_steps.step(session, account, episode, now=now)
    return deadline_at


def release(
    session: Session,
    account: Account,
    episode: Episode,
    reason: str,
    *,
    now: datetime,
    actor: Actor,
) -> None:
    """Let an episode that is held or parked go on; the account must be locked.

    The time on hold doesn't count: a date that was told moves by as much, to a day from now at
    least, and the Admins are told. An email that no mail server took is written again, one that
    waited goes out. Raises NotNow and TextRefused.
    """
    said = _Said(session, account, episode, _checked(reason), now, actor)
    _must_be_open(session, episode)
    if episode.is_going_on:
        raise NotNow("This episode is neither held nor parked.")
    held_for = now - episode.held_at if episode.held_at else timedelta(0)
    episode.state, episode.parked_reason = EpisodeState.OPEN, None
    episode.held_at = episode.held_reason = None
    _prepare(said, held_for)
    episode_mail.hasten(session, episode, now=now)
    deadline_at = episode.deadline_at
    said.record("episode.released", deadline=deadline_at.isoformat() if deadline_at else None)
    episode_steps.step(session, account, episode, now=now)


def _prepare(said: _Said, held_for: timedelta) -> None:
    """See that nothing follows that nobody expects any more, or that would only stop again."""
    facts = episode_facts.read(said.session, said.account, said.episode, said.now)
    if not facts.reachable:
        raise NotNow(STILL_PARKED[ParkReason.NOBODY_TO_WARN])
    if facts.warnings and facts.warnings[-1].refused:
        episode_warnings.write_anew(said.session, said.account, said.episode, now=said.now)
    elif overage.upgrade_due_at(facts.warnings, facts.extended_to) is not None:
        _give_time(said, facts, held_for)


def _give_time(said: _Said, facts: EpisodeFacts, held_for: timedelta) -> None:
    """The warnings are all out: the upgrade comes later than was told by the time it was held, and
    a day from now at the earliest."""
    still = overage.what_forbids(facts)
    if still is not None:
        raise NotNow(STILL_PARKED[still])
    told = said.episode.deadline_at
    if told is None or facts.offer_changed:
        return
    least = overage.full_hour_after(max(told + held_for, said.now + overage.FINAL_NOTICE))
    if least > told or facts.move_told is Delivery.REFUSED:
        _move(said, least)


def _move(said: _Said, deadline_at: datetime) -> None:
    episode = said.episode
    episode_warnings.move(said.session, said.account, episode, deadline_at, said.why, now=said.now)
    due = episode.due_minor
    said.record(
        "episode.extended",
        deadline=deadline_at.isoformat(),
        due=None if due is None else describe.kept_money(Money(due, said.account.currency)),
    )


def _must_be_open(session: Session, episode: Episode) -> None:
    if not episode.is_open:
        raise NotNow("This episode is over.")
    if episodes.upgrade_under_way(session, episode) is not None:
        raise NotNow("Its upgrade is being paid for right now. Ask again once that is known.")


def _must_be_going_on(session: Session, episode: Episode) -> None:
    _must_be_open(session, episode)
    if episode.held_at is not None:
        raise NotNow("This episode is held already. Release it first.")
    if episode.state is EpisodeState.PARKED:
        raise NotNow("This episode is parked: nothing follows by itself. Release it first.")


def _must_be_later(episode: Episode, deadline_at: datetime, now: datetime) -> None:
    told = episode.deadline_at
    if told is not None and deadline_at <= told:
        raise NotNow(f"The upgrade is told for {_instant(told)}: a date is only moved to later.")
    if deadline_at < now + overage.FINAL_NOTICE:
        raise NotNow("Leave the account at least a day from now.")
    if deadline_at > now + FURTHEST:
        raise NotNow(f"At most {FURTHEST.days} days from now: hold the episode instead.")


def _checked(reason: str) -> str:
    why = text.line(reason, most=REASON_LENGTH)
    if not why:
        raise text.TextRefused("Say why, as the account is to read it.")
    return why


def _instant(at: datetime) -> str:
    return f"{at:%-d %b %Y, %H:%M} UTC"
