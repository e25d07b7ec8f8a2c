"""What commands tell about over-limit episodes."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from portal.billing import episodes, usage
from portal.billing.rules import describe
from portal.billing.rules.counting import Metric
from portal.billing.rules.money import Money
from portal.models import Account, Episode, EpisodeState, Notice

Facts = dict[str, Any]


def every(session: Session, *, with_closed: bool) -> list[Facts]:
    """The open episodes of all accounts, the next to go on first; closed ones after them."""
    statement = select(Episode).options(selectinload(Episode.warnings))
    if not with_closed:
        statement = statement.where(episodes.IS_OPEN)
    order = (Episode.closed_at.is_not(None), Episode.next_step_at, Episode.id)
    found = session.scalars(statement.order_by(*order))
    return [_facts(session, session.get_one(Account, each.account_id), each) for each in found]


def of_account(session: Session, account: Account) -> list[Facts]:
    """All episodes of an account with their emails, the latest first."""
    statement = (
        select(Episode)
        .options(selectinload(Episode.warnings))
        .where(Episode.account_id == account.id)
        .order_by(Episode.id.desc())
    )
    return [
        _facts(session, account, episode) | {"emails": _emails(session, episode)}
        for episode in session.scalars(statement)
    ]


def line(facts: Facts) -> list[object]:
    """An episode as a row of a table."""
    due = facts["due_minor"]
    return [
        facts["account"],
        facts["id"],
        f"{count(facts)} {facts['metric']}",
        facts["state"],
        facts["warnings"],
        facts["deadline_at"],
        facts["moves_to"],
        "" if due is None else describe.money(Money(due, facts["currency"])),
    ]


def count(facts: Facts) -> str:
    """As in "11 of 10"."""
    figure = describe.storage if facts["metric"] == Metric.STORAGE else describe.number
    limit = facts["limit"]
    return f"{figure(facts['used'])} of {'unlimited' if limit is None else figure(limit)}"


def _facts(session: Session, account: Account, episode: Episode) -> Facts:
    row = usage.of(session, account.id)[episode.metric]
    target = episode.warnings[-1].target_price if episode.warnings else None
    return {
        "account": account.name,
        "id": account.public_id,
        "currency": account.currency,
        "metric": episode.metric.value,
        "state": _state(episode),
        "used": row.used if episode.is_open else episode.used_at_opening,
        "limit": row.limit_value if episode.is_open else episode.limit_at_opening,
        "opened_at": episode.opened_at,
        "closed_at": episode.closed_at,
        "reason": episode.close_reason or episode.parked_reason,
        "held_at": episode.held_at,
        "held_reason": episode.held_reason,
        "extended_to": episode.extended_to,
        "extended_reason": episode.extended_reason,
        "warnings": len(episode.warnings),
        "deadline_at": episode.deadline_at,
        "moves_to": target.plan_name if target else None,
        "due_minor": episode.due_minor,
        "next_step_at": episode.next_step_at if episode.is_going_on else None,
    }


def _state(episode: Episode) -> str:
    is_held = episode.state is EpisodeState.OPEN and episode.held_at is not None
    return "held" if is_held else episode.state.value


def _emails(session: Session, episode: Episode) -> list[Facts]:
    statement = select(Notice).where(Notice.episode_id == episode.id).order_by(Notice.id)
    return [
        {
            "name": notice.name.replace("_", " "),
            "recipient": notice.recipient,
            "written_at": notice.created_at,
            "state": notice.state.value,
            "settled_at": notice.settled_at,
            "server_answer": notice.server_answer,
        }
        for notice in session.scalars(statement)
    ]
