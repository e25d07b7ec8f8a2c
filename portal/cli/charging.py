"""`flask charging`: what was stopped before it was charged, and letting it go on."""

import getpass

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.audit import operator
from portal.billing import accounts as billing_accounts
from portal.billing import bounds
from portal.cli.accounts import one
from portal.cli.output import json_option, show_json, show_table
from portal.extensions import db
from portal.models import Account
from portal.transaction import transaction

charging = AppGroup("charging", help="Charges that were stopped for you to look at.")


@charging.command("status")
@json_option
def status(as_json: bool) -> None:
    """Show whether automatic charging stands still, and the accounts that are parked."""
    session = db.session()
    stop, parked = bounds.running_stop(session), _parked(session)
    facts = {
        "stopped_at": stop.stopped_at if stop else None,
        "reason": stop.reason if stop else None,
        "parked": parked,
    }
    if as_json:
        show_json(facts)
        return
    click.echo(f"Stopped: {stop.reason}." if stop else "Automatic charging runs.")
    if parked:
        show_table(["Account", "Id", "Since", "Why"], [tuple(row.values()) for row in parked])
    else:
        click.echo("No account is parked.")


@charging.command("resume")
def resume() -> None:
    """Let automatic charging of all accounts go on after it stopped."""
    with transaction() as session:
        resumed = bounds.resume(session, now=clock.now())
    click.echo("Automatic charging goes on." if resumed else "Automatic charging wasn't stopped.")


@charging.command("release")
@click.argument("account")
def release(account: str) -> None:
    """Let ACCOUNT (its id or its name) be charged again after it was parked."""
    account_id, actor = one(account).id, operator(getpass.getuser())
    with transaction() as session:
        locked = billing_accounts.lock(session, account_id)
        released = bounds.release(session, locked, now=clock.now(), actor=actor)
        name = locked.name
    click.echo(f"{name} is charged again." if released else f"{name} wasn't parked.")


def _parked(session: Session) -> list[dict[str, object]]:
    statement = select(Account).where(Account.parked_at.is_not(None)).order_by(Account.parked_at)
    return [
        {
            "account": account.name,
            "id": account.public_id,
            "parked_at": account.parked_at,
            "reason": account.parked_reason,
        }
        for account in session.scalars(statement)
    ]
