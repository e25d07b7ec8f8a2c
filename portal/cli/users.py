"""`flask users`: people, from the outside."""

import getpass

import click
from email_validator import EmailNotValidError, validate_email
from flask.cli import AppGroup
from sqlalchemy.exc import IntegrityError

from portal import clock, passwords
from portal.audit import operator
from portal.billing import accounts, people
from portal.billing.rules import text
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.roles import Role
from portal.cli.accounts import one
from portal.extensions import db
from portal.models import Account
from portal.transaction import transaction
from portal.web.forms import NAME_LENGTH

users = AppGroup("users", help="People and their sign-ins.")


@users.command("add")
@click.argument("email")
@click.option("--name", help="The person's name, where they are new.")
@click.option("--account", "account_name", required=True, help="The account's id or name.")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
def add(email: str, name: str | None, account_name: str, role: str) -> None:
    """Make the person with EMAIL a user of an account. A new person's password is asked for."""
    account, address = one(account_name), _address(email)
    known = people.find_by_email(db.session(), address)
    checked = None if known else _name(name)
    password_hash = None if known else _ask_password(address, checked or "", account.name)
    try:
        told = _add(account, address, checked, password_hash, Role(role))
    except IntegrityError:
        raise click.ClickException(f"{address} is a user of {account.name} already.") from None
    except RuleBroken as refusal:
        raise click.ClickException(str(refusal)) from None
    click.echo(told)


def _add(
    account: Account, email: str, name: str | None, password_hash: str | None, role: Role
) -> str:
    """Add the person, and make them a user; returns what was done as a sentence."""
    account_id, now = account.id, clock.now()
    with transaction() as session:
        locked = accounts.lock(session, account_id)
        user = people.find_by_email(session, email)
        if user is None:
            user = people.add_user(
                session, email=email, name=name or "", password_hash=password_hash or "", now=now
            )
        actor = operator(getpass.getuser())
        people.add_member(session, locked, user, role, now=now, actor=actor)
        return f"{user.name} ({user.email}) is {role.label} of {locked.name}."


def _address(email: str) -> str:
    try:
        validate_email(email, check_deliverability=False)
    except EmailNotValidError as problem:
        raise click.BadParameter(str(problem), param_hint="EMAIL") from None
    return people.normal_email(email)


def _name(name: str | None) -> str:
    try:
        checked = text.line(name or "", most=NAME_LENGTH)
    except text.TextRefused as refusal:
        raise click.BadParameter(str(refusal), param_hint="--name") from None
    if not checked:
        raise click.UsageError("This person is new here: give their --name.")
    return checked


def _ask_password(email: str, name: str, company: str) -> str:
    password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    problem = passwords.refusal(password, (email, name, company))
    if problem:
        raise click.ClickException(problem)
    return passwords.hash_of(password)
