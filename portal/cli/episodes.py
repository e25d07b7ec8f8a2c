"""`flask episodes`: who is over a limit, what they were told, and the operator's say in it."""

import getpass
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from portal import clock
from portal.audit import Actor, operator
from portal.billing import accounts as billing_accounts
from portal.billing import episodes as billing_episodes
from portal.billing import interventions
from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import RuleBroken
from portal.cli import episode_facts
from portal.cli.accounts import one
from portal.cli.clock import instant_of
from portal.cli.output import instant, json_option, show_facts, show_json, show_table
from portal.extensions import db
from portal.models import Account, Episode
from portal.transaction import transaction

Act = Callable[[Session, Account, Episode, datetime, Actor], str]

episodes = AppGroup("episodes", help="Accounts over a limit, and the upgrades announced to them.")

reason_option = click.option(
    "--reason", required=True, help="Why. The account reads it on its billing history."
)
metric_option = click.option(
    "--metric",
    type=click.Choice([metric.value for metric in Metric]),
    help="Which one, where the account is over two limits at once.",
)


@episodes.command("list")
@click.option("--all", "with_closed", is_flag=True, help="Those that are over, too.")
@json_option
def list_episodes(with_closed: bool, as_json: bool) -> None:
    """Show the open episodes: who is over what, what was told, and what comes next."""
    rows = episode_facts.every(db.session(), with_closed=with_closed)
    if as_json:
        show_json(rows)
    elif rows:
        headings = ["Account", "Id", "Count", "State", ">Emails", "Upgrade on", "To", ">For"]
        show_table(headings, map(episode_facts.line, rows))
    else:
        click.echo("No episode is open.")


@episodes.command("show")
@click.argument("account")
@json_option
def show(account: str, as_json: bool) -> None:
    """Show all episodes of ACCOUNT (its id or its name), with what each email told."""
    found = episode_facts.of_account(db.session(), one(account))
    if as_json:
        show_json(found)
        return
    if not found:
        click.echo("This account was never over a limit.")
    for facts in found:
        _show(facts)


@episodes.command("hold")
@click.argument("account")
@metric_option
@reason_option
def hold(account: str, metric: str | None, reason: str) -> None:
    """Let nothing follow from the episode of ACCOUNT, until it is released."""

    def act(session: Session, locked: Account, episode: Episode, now: datetime, by: Actor) -> str:
        interventions.hold(session, locked, episode, reason, now=now, actor=by)
        return f"{locked.name} is held: no email and no upgrade until you release it."

    _carry_out(account, metric, act)


@episodes.command("extend")
@click.argument("account")
@click.option("--to", "until", required=True, help='"2026-12-24" or "2026-12-24 14:30", in UTC.')
@metric_option
@reason_option
def extend(account: str, until: str, metric: str | None, reason: str) -> None:
    """Put the announced upgrade of ACCOUNT off. Its Admins get an email with the moved date."""
    until_at = instant_of(until)

    def act(session: Session, locked: Account, episode: Episode, now: datetime, by: Actor) -> str:
        moved_to = interventions.extend(
            session, locked, episode, until_at, reason, now=now, actor=by
        )
        return f"{locked.name} is not upgraded before {instant(moved_to)}."

    _carry_out(account, metric, act)


@episodes.command("release")
@click.argument("account")
@metric_option
@reason_option
def release(account: str, metric: str | None, reason: str) -> None:
    """Let an episode of ACCOUNT go on that is held or parked."""

    def act(session: Session, locked: Account, episode: Episode, now: datetime, by: Actor) -> str:
        interventions.release(session, locked, episode, reason, now=now, actor=by)
        if not episode.is_open:
            return f"{locked.name} has nothing to go on with: its episode is over."
        deadline = f", not before {instant(episode.deadline_at)}" if episode.deadline_at else ""
        return f"{locked.name} goes on{deadline}."

    _carry_out(account, metric, act)


def _carry_out(written: str, metric: str | None, act: Act) -> None:
    """Do something to the open episode of an account; a refusal is told in its own words."""
    account_id, by = one(written).id, operator(getpass.getuser())
    try:
        with transaction() as session:
            locked = billing_accounts.lock(session, account_id)
            episode = _open_one(session, locked, metric)
            said = act(session, locked, episode, clock.now(), by)
    except RuleBroken as refusal:
        raise click.ClickException(str(refusal)) from None
    click.echo(said)


def _open_one(session: Session, account: Account, metric: str | None) -> Episode:
    found = billing_episodes.open_of(session, account.id, Metric(metric) if metric else None)
    if not found:
        raise click.ClickException(f"{account.name} has no open episode: see flask episodes list.")
    if len(found) > 1:
        metrics = " and ".join(episode.metric.value for episode in found)
        raise click.ClickException(f"{account.name} is over two limits; give --metric: {metrics}.")
    return found[0]


def _show(facts: dict[str, Any]) -> None:
    shown = {
        "Over": f"{episode_facts.count(facts)} {facts['metric']}",
        "Opened": instant(facts["opened_at"]),
        "State": facts["state"],
        "Closed": instant(facts["closed_at"]),
        "Why": facts["reason"],
        "Held": instant(facts["held_at"]),
        "Because": facts["held_reason"],
        "Put off to": instant(facts["extended_to"]),
        "For": facts["extended_reason"],
        "Upgrade on": instant(facts["deadline_at"]),
        "Next step": instant(facts["next_step_at"]),
    }
    show_facts({name: value for name, value in shown.items() if value})
    if facts["emails"]:
        headings = ["Email", "To", "Written", "State", "Answered", "The mail server's answer"]
        show_table(headings, [tuple(row.values()) for row in facts["emails"]], indent=2)
    click.echo("")
