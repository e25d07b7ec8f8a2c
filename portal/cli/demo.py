"""`flask demo`: the example vendor and its three accounts."""

import time

import click
from flask import current_app
from flask.cli import AppGroup

from portal.cli.output import json_option, show_json, show_table
from portal.example import loading
from portal.example.sign_ins import sign_ins
from portal.extensions import db

demo = AppGroup("demo", help="The example vendor, its accounts and their sign-ins.")


@demo.command("load")
@click.option("--if-empty", is_flag=True, help="Do nothing when there is an account.")
def load(if_empty: bool) -> None:
    """Make three accounts with months of history, by running the portal over that time."""
    if not current_app.config["PORTAL"].is_sandbox:
        raise click.ClickException("The example is for the sandbox: this is production mode.")
    if loading.is_empty(db.session()):
        _load()
    elif loading.was_broken_off(db.session()):
        _finish()
    elif not if_empty:
        raise click.ClickException("There are accounts already; the example begins with none.")


@demo.command("sign-ins")
@json_option
def show_sign_ins(as_json: bool) -> None:
    """Show whom one can sign in as."""
    rows = sign_ins(db.session())
    if as_json:
        show_json({"password": loading.PASSWORD, "sign_ins": rows})
    elif rows:
        click.echo(f"Sign in with the password: {loading.PASSWORD}\n")
        show_table(
            ["Account", "Role", "Name", "Email"],
            [(row.account, row.role, row.name, row.email) for row in rows],
        )
    else:
        click.echo("There are no example sign-ins here.")


def _load() -> None:
    started = time.monotonic()
    click.echo("The example is made: five months of three accounts, in about a minute.")
    loading.load(click.echo)
    click.echo(f"The example is ready ({time.monotonic() - started:.0f} s).")


def _finish() -> None:
    click.echo("An earlier start was broken off while the example was made. It ends there:")
    loading.finish(click.echo)
    click.echo("For the whole example, begin again with an empty data folder.")
