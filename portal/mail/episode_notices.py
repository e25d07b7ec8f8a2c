"""What people are told by email when an account is over its limit: warnings, and how it ended.

Each goes to the account's active Admins.
"""

from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from portal.billing.rules import describe, episode_words, taking_back
from portal.billing.rules.counting import Metric
from portal.billing.rules.episode_words import AMOUNT_CHANGED
from portal.billing.rules.plan_change import Quote
from portal.billing.rules.policies import Policy
from portal.billing.rules.roles import Role
from portal.language import gettext as _
from portal.mail import calendar_file, notice_facts, notices, spoken
from portal.mail.notices import Message
from portal.models import (
    Account,
    Episode,
    EpisodeState,
    EpisodeWarning,
    Invoice,
    Notice,
    NoticeState,
    Payment,
    PlanChange,
    Usage,
    Vendor,
)
from portal.printable import printable

WARNING, MOVED = "warning", "deadline_moved"
# What tells of an upgrade to come: worth sending only while it is.
ANNOUNCING = frozenset({WARNING, MOVED})


class Because(StrEnum):
    """Why an announced upgrade doesn't come: the account chose so, the vendor did, something else
    would be charged than was said, or the operator holds it for now."""

    CAPPED = "capped"
    NOT_UPGRADED = "not_upgraded"
    OFFER_CHANGED = "offer_changed"
    HELD = "held"


@spoken.to_account
def warning(
    session: Session, warning: EpisodeWarning, *, quote: Quote | None, now: datetime
) -> list[Notice]:
    """To each active Admin: over the limit, what follows, when, for how much, and the ways out.

    `quote` is the upgrade as it would be made at the deadline; None where there is no next tier.
    No notice at all means that nobody can be warned.
    """
    account = session.get_one(Account, warning.account_id)
    message = _warning(session, account, warning, quote, now)
    return notices.write(session, message, notices.people(session, account, Role.ADMIN), now=now)


@spoken.to_account
def rewrite_warning(
    session: Session, warning: EpisodeWarning, *, quote: Quote | None, now: datetime
) -> list[Notice]:
    """Put what the warning says now into those of its emails that nobody has got yet."""
    account = session.get_one(Account, warning.account_id)
    message = _warning(session, account, warning, quote, now)
    waiting = _waiting(session, Notice.warning_id == warning.id)
    notices.rewrite(session, message, waiting)
    return waiting


@spoken.to_account
def deadline_moved(
    session: Session, episode: Episode, *, quote: Quote | None, now: datetime
) -> list[Notice]:
    """To each active Admin: the upgrade comes later than was told, when, and for how much then.

    `quote` is None where there is no next tier.
    """
    account = session.get_one(Account, episode.account_id)
    message = _move(session, account, episode, quote, now, is_new=True)
    return notices.write(session, message, notices.people(session, account, Role.ADMIN), now=now)


@spoken.to_account
def rewrite_move(
    session: Session, episode: Episode, *, quote: Quote | None, now: datetime
) -> list[Notice]:
    """Put the date that holds now into those emails of a moved deadline that nobody has got."""
    account = session.get_one(Account, episode.account_id)
    waiting = _waiting(session, Notice.episode_id == episode.id, Notice.name == MOVED)
    message = _move(session, account, episode, quote, now, is_new=False)
    notices.rewrite(session, message, waiting)
    return waiting


@spoken.to_account
def all_clear(session: Session, episode: Episode, row: Usage, *, now: datetime) -> list[Notice]:
    """To each active Admin: within the limit again, by the count and limit of `row`; nothing will
    change."""
    account = session.get_one(Account, episode.account_id)
    facts = notice_facts.of_episode(episode)
    facts |= notice_facts.standing(row.metric, row.used, row.limit_value)
    message = Message("all_clear", account, facts, {"episode_id": episode.id})
    return notices.write(session, message, notices.people(session, account, Role.ADMIN), now=now)


@spoken.to_account
def called_off(
    session: Session, episode: Episode, because: Because, *, now: datetime
) -> list[Notice]:
    """To each active Admin: the upgrade that was announced doesn't come, or not for now, though
    the account is over its limit still; and why."""
    account = session.get_one(Account, episode.account_id)
    row = session.get_one(Usage, (account.id, episode.metric))
    facts = notice_facts.of_episode(episode) | {
        "because": because.value,
        "why": printable(episode.held_reason or "", notices.PARAGRAPH),
        **notice_facts.standing(episode.metric, row.used, row.limit_value),
    }
    message = Message("called_off", account, facts, {"episode_id": episode.id})
    return notices.write(session, message, notices.people(session, account, Role.ADMIN), now=now)


@spoken.to_account
def auto_upgraded(
    session: Session,
    episode: Episode,
    change: PlanChange,
    invoice: Invoice,
    payment: Payment | None,
    *,
    now: datetime,
) -> list[Notice]:
    """To each active Admin: upgraded, why, after which warnings, what was charged, and until when
    it can be taken back."""
    account = session.get_one(Account, episode.account_id)
    used = session.get_one(Usage, (account.id, episode.metric)).used
    target = episode.warnings[-1].target_price
    facts = notice_facts.of_episode(episode) | notice_facts.of_invoice(invoice, payment)
    facts |= notice_facts.standing(episode.metric, used, episode.limit_at_opening)
    facts["new_plan"] = target.plan_name if target else ""
    facts["taking_back_path"] = f"/account/plan-changes/{change.op_id}/taking-back"
    facts["can_be_taken_back_until"] = taking_back.until(change.made_at)
    columns = {"episode_id": episode.id, "invoice_id": invoice.id}
    message = Message("auto_upgraded", account, facts, columns, encloses=True)
    return notices.write(session, message, notices.people(session, account, Role.ADMIN), now=now)


def _warning(
    session: Session,
    account: Account,
    warning: EpisodeWarning,
    quote: Quote | None,
    now: datetime,
) -> Message:
    facts = notice_facts.of_warning(warning, quote, now=now, zone=account.time_zone)
    facts["over_too"] = _over_too(session, warning.episode)
    calendar = None
    if quote is not None:
        number = warning.number + _moves(session, warning.episode)
        calendar = _calendar(account, warning.episode, warning.deadline_at, number, quote, now)
    columns = {
        "warning_id": warning.id,
        "episode_id": warning.episode_id,
        "calendar": calendar,
    }
    return Message(WARNING, account, facts, columns)


def _move(
    session: Session,
    account: Account,
    episode: Episode,
    quote: Quote | None,
    now: datetime,
    *,
    is_new: bool,
) -> Message:
    deadline_at, last = episode.deadline_at or now, episode.warnings[-1]
    calendar = None
    if quote is not None:
        number = len(episode.warnings) + _moves(session, episode) + is_new
        calendar = _calendar(account, episode, deadline_at, number, quote, now)
    facts = {
        **notice_facts.of_deadline(episode, deadline_at, quote, now=now, zone=account.time_zone),
        **notice_facts.standing(episode.metric, last.used, last.limit_value),
        "over_too": _over_too(session, episode),
        "amount_rose": episode.extended_reason is None,
        "why": printable(episode.extended_reason or _(AMOUNT_CHANGED), notices.PARAGRAPH),
    }
    columns = {"episode_id": episode.id, "calendar": calendar}
    return Message(MOVED, account, facts, columns)


def _over_too(session: Session, episode: Episode) -> str:
    """That other metrics have the same upgrade ahead; "" where none has."""
    statement = select(Episode).where(
        Episode.account_id == episode.account_id,
        Episode.id != episode.id,
        Episode.state.in_((EpisodeState.OPEN, EpisodeState.PARKED)),
    )
    opened = {other.metric: other.is_going_on for other in session.scalars(statement)}
    others = [
        metric
        for metric in Metric
        if metric is not episode.metric
        and opened.get(metric, _is_found_next(session, episode.account_id, metric))
    ]
    return episode_words.over_too(others)


def _is_found_next(session: Session, account_id: int, metric: Metric) -> bool:
    """Whether the check that found another metric comes to this one after it. Seats come first."""
    policy = Vendor.of(session).policy(metric)
    is_after = metric is not Metric.SEATS and policy is Policy.AUTO_UPGRADE
    return is_after and session.get_one(Usage, (account_id, metric)).is_over


def _moves(session: Session, episode: Episode) -> int:
    """How often a moved deadline was told."""
    statement = select(func.count(func.distinct(Notice.created_at))).where(
        Notice.episode_id == episode.id, Notice.name == MOVED
    )
    return session.execute(statement).scalar_one()


def _waiting(session: Session, *which: ColumnElement[bool]) -> list[Notice]:
    statement = select(Notice).where(*which, Notice.state == NoticeState.WAITING)
    return list(session.scalars(statement.order_by(Notice.id)))


def _calendar(
    account: Account,
    episode: Episode,
    deadline_at: datetime,
    number: int,
    quote: Quote,
    now: datetime,
) -> str:
    """The deadline. The emails of an episode speak of one event, so that a later one moves it."""
    base_url: str = current_app.config["PORTAL"].base_url
    opened = f"{episode.opened_at:%Y%m%dT%H%M%SZ}"
    return calendar_file.deadline(
        uid=f"{account.public_id}-{episode.metric}-{opened}@{urlsplit(base_url).hostname}",
        sequence=number,
        at=deadline_at,
        written_at=now,
        title=_(
            "%(account)s moves to %(plan)s",
            account=printable(account.name, notices.NAME),
            plan=quote.target.name,
        ),
        text=_(
            "Unless the account is back within its limit before then, it moves to %(plan)s and is"
            " charged %(amount)s.",
            plan=quote.target.name,
            amount=describe.money(quote.due_now),
        ),
        url=f"{base_url}/in/{account.public_id}/account/change-plan",
    )
