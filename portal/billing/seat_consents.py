"""What an account wants to happen when its seats run out, and under which words it said so.

The latest choice counts. Before the first one the vendor's catalog decides.
"""

import hashlib
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal import events
from portal.audit import Actor, record
from portal.billing import subscriptions, usage
from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import CapWhileOver, RuleBroken
from portal.billing.rules.policies import Policy
from portal.language import gettext as _
from portal.language import message
from portal.models import Account, SeatConsent, User, Vendor, WhenFull
from portal.transaction import after_commit, read_once

UPGRADED = message(
    "People can be added beyond the seats of the plan. If more seats are in use than it has, the"
    " account's Admins get three emails over five days. If it is still so five days after the"
    " first of them, the account moves to the next larger plan of its family: its full price,"
    " less the unused days of the former plan, is charged to the account's way to pay, and a new"
    " cycle begins. The emails name the date, the plan and the exact amount. Back within the"
    " seats before that date, nothing changes and nothing is charged. Within 30 days an Admin can"
    " take such an upgrade back, once the former plan is large enough again."
)
UNLIMITED_BY_POLICY = message(
    "People can be added beyond the seats of the plan. The plan is not changed for that, and"
    " nothing is charged for it, by itself."
)
CAPPED = message(
    "Nobody can be added beyond the seats of the plan: while all of them are taken, an invitation"
    " to a role with a seat can't be accepted, nobody who takes a seat can be added or"
    " reactivated, and no billing contact can be made Member or Admin. Whoever has a seat keeps"
    " it. The account is never moved to a larger plan, and never charged for one, by itself."
)


# Built once: it is asked for on every page that shows seats.
LATEST = (
    select(SeatConsent)
    .where(SeatConsent.account_id == bindparam("account_id"))
    .order_by(SeatConsent.id.desc())
    .limit(1)
)


class OtherWording(RuleBroken):
    """What a choice leads to reads otherwise now than when it was shown."""

    def __init__(self) -> None:
        super().__init__(_("What your choice leads to has changed. Read it again, then choose."))


def made(session: Session, account_id: int) -> list[tuple[SeatConsent, str | None]]:
    """All choices an account ever made, the latest first, and by whom."""
    statement = (
        select(SeatConsent, User.name)
        .outerjoin(User, User.id == SeatConsent.chosen_by_id)
        .where(SeatConsent.account_id == account_id)
        .order_by(SeatConsent.id.desc())
    )
    return [(consent, name) for consent, name in session.execute(statement)]


def choice(session: Session, account_id: int) -> WhenFull:
    """What happens when the seats of the account run out, as things stand."""

    def ask() -> WhenFull:
        latest = _latest(session, account_id)
        return latest.choice if latest else WhenFull.UPGRADE

    return read_once(session, ("when full", account_id), ask)


def is_capped(session: Session, account_id: int) -> bool:
    """Whether the account never goes beyond its seats."""
    return choice(session, account_id) is WhenFull.HARD_CAP


def wording(session: Session, choice: WhenFull) -> str:
    """What exactly a choice leads to, by the vendor's catalog as it is, in the language spoken
    now: a choice is kept with the words that were read."""
    return _(_what_follows(session, choice))


def in_short(session: Session, account_id: int) -> str:
    """What happens when the seats of the account run out, in a few words."""
    held = choice(session, account_id)
    if held is WhenFull.HARD_CAP:
        return _("nobody can be added beyond them")
    if _what_follows(session, held) == UPGRADED:
        return _("people can be added, and five days after a first email the plan moves up")
    return _("people can be added, and nothing is charged for that by itself")


def mark(wording: str) -> str:
    """What a form carries of the words it shows, to be held against those that are kept."""
    return hashlib.sha256(wording.encode()).hexdigest()[:16]


def why_not(session: Session, account_id: int, choice: WhenFull) -> CapWhileOver | None:
    """Why a choice can't be made as things stand; None where it can."""
    seats = usage.of(session, account_id)[Metric.SEATS]
    used, limit = seats.used, seats.limit_value
    if choice is not WhenFull.HARD_CAP or limit is None or used <= limit:
        return None
    return CapWhileOver(used, limit) if subscriptions.live(session, account_id) else None


def choose(
    session: Session,
    account: Account,
    choice: WhenFull,
    *,
    shown: str,
    now: datetime,
    actor: Actor,
) -> bool:
    """Keep a choice with the words that were shown (`shown`: their mark); account locked.

    False where the choice was made before, and nothing was done. Raises OtherWording, and
    CapWhileOver: who is over would keep for ever, at the price of fewer, the seats beyond.
    """
    words = wording(session, choice)
    if mark(words) != shown:
        raise OtherWording
    latest = _latest(session, account.id)
    if latest is not None and (latest.choice, latest.wording) == (choice, words):
        return False
    obstacle = why_not(session, account.id, choice)
    if obstacle is not None:
        raise obstacle
    before = latest.choice if latest else None
    _keep(session, account, choice, words, before, now=now, actor=actor)
    after_commit(session, lambda: events.publish(account.id, "usage"))
    return True


def consent_at_sign_up(session: Session, account: Account, *, now: datetime, actor: Actor) -> None:
    """Keep what the sign-up page said about seats, where it leads to charges by themselves."""
    if _what_follows(session, WhenFull.UPGRADE) == UPGRADED:
        _keep(session, account, WhenFull.UPGRADE, _(UPGRADED), None, now=now, actor=actor)


def _what_follows(session: Session, choice: WhenFull) -> str:
    if choice is WhenFull.HARD_CAP:
        return CAPPED
    policy = Vendor.of(session).policy(Metric.SEATS)
    return UPGRADED if policy is Policy.AUTO_UPGRADE else UNLIMITED_BY_POLICY


def _latest(session: Session, account_id: int) -> SeatConsent | None:
    return session.scalars(LATEST, {"account_id": account_id}).one_or_none()


def _keep(
    session: Session,
    account: Account,
    choice: WhenFull,
    words: str,
    before: WhenFull | None,
    *,
    now: datetime,
    actor: Actor,
) -> None:
    session.add(
        SeatConsent(
            account_id=account.id,
            choice=choice,
            wording=words,
            chosen_at=now,
            chosen_by_id=actor.user_id,
        )
    )
    session.flush()
    facts = {"metric": Metric.SEATS, "before": before, "after": choice, "wording": words}
    record(session, account, "seats.choice_changed", at=now, actor=actor, **facts)
