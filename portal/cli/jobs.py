"""`flask jobs`: what falls due, and doing it."""

from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import clock, production
from portal.cli.output import json_option, show_json, show_table
from portal.config import ConfigError
from portal.extensions import db
from portal.jobs import schedule, scheduler
from portal.models import DailyRun, OutboxItem, OutboxState, Work

TROUBLED_SHOWN = 20

jobs = AppGroup("jobs", help="The work that falls due.")


@jobs.command("status")
@json_option
def status(as_json: bool) -> None:
    """Show what is due, what waits, what somebody is doing, and what was given up."""
    session = db.session()
    facts = {
        "now": clock.now(),
        "sweeps": _sweeps(session),
        "outbox": [_counts(session, work) for work in Work],
        "troubled": [_item(item) for item in _troubled(session)],
        "daily": _daily(session),
    }
    if as_json:
        show_json(facts)
    else:
        _show(facts)


@jobs.command("run-due")
def run_due() -> None:
    """Do all that is due, here and now."""
    done = schedule.run_due()
    click.echo("Nothing was due." if done == 0 else f"Done: {done}.")


@jobs.command("scheduler")
def run_scheduler() -> None:
    """Hand out what falls due, every second, until told to stop."""
    try:
        production.check()
    except ConfigError as refusal:
        raise click.ClickException(str(refusal)) from None
    scheduler.run()


def _sweeps(session: Session) -> list[dict[str, Any]]:
    now = clock.now()
    return [
        {
            "sweep": sweep.name,
            "due": len(list(sweep.due(session, now))),
            "next_at": sweep.next_at(session, now),
            "does": sweep.why,
        }
        for sweep in schedule.SWEEPS
    ]


def _counts(session: Session, work: Work) -> dict[str, Any]:
    waiting = OutboxItem.state == OutboxState.WAITING
    leased = OutboxItem.lease_until > clock.wall_now()
    now = clock.now()
    statement = select(
        func.count().filter(waiting, ~func.coalesce(leased, False), OutboxItem.next_at <= now),
        func.count().filter(waiting, ~func.coalesce(leased, False), OutboxItem.next_at > now),
        func.count().filter(waiting, leased),
        func.count().filter(OutboxItem.state == OutboxState.DONE),
        func.count().filter(OutboxItem.state == OutboxState.DEAD),
    ).where(OutboxItem.work == work)
    names = ("due", "later", "leased", "done", "dead")
    counts = session.execute(statement).one()
    return {"work": work.value} | dict(zip(names, counts, strict=True))


def _troubled(session: Session) -> list[OutboxItem]:
    """Work that was given up, and work whose last attempt failed."""
    statement = (
        select(OutboxItem)
        .where(OutboxItem.state != OutboxState.DONE, OutboxItem.last_error.is_not(None))
        .order_by(OutboxItem.state, OutboxItem.next_at)
        .limit(TROUBLED_SHOWN)
    )
    return list(session.scalars(statement))


def _item(item: OutboxItem) -> dict[str, Any]:
    return {
        "id": item.id,
        "work": item.work.value,
        "subject": item.subject_id,
        "state": item.state.value,
        "attempts": item.attempts,
        "next_at": item.next_at if item.state is OutboxState.WAITING else None,
        "last_error": item.last_error,
    }


def _daily(session: Session) -> list[dict[str, Any]]:
    statement = select(
        DailyRun.task, func.max(DailyRun.due_at), func.max(DailyRun.done_at)
    ).group_by(DailyRun.task)
    names = ("task", "due_at", "done_at")
    rows = session.execute(statement.order_by(DailyRun.task))
    return [dict(zip(names, row, strict=True)) for row in rows]


def _show(facts: dict[str, Any]) -> None:
    sweeps = [(row["sweep"], row["due"], row["next_at"], row["does"]) for row in facts["sweeps"]]
    show_table(["Sweep", ">Due now", "Next", "Does"], sweeps)
    click.echo()
    outbox = [tuple(row.values()) for row in facts["outbox"]]
    show_table(["Outbox", ">Due", ">Later", ">Leased", ">Done", ">Given up"], outbox)
    if facts["daily"]:
        click.echo()
        daily = [tuple(row.values()) for row in facts["daily"]]
        show_table(["Daily task", "Last run of", "Done"], daily)
    for item in facts["troubled"]:
        what = f"{item['work']} {item['subject']} (outbox item {item['id']})"
        ending = "given up" if item["state"] == OutboxState.DEAD else "tried again later"
        click.echo(f"\n{what}: {ending} after {item['attempts']} attempts\n  {item['last_error']}")
