"""What of a sandbox must not be there when the portal runs for real."""

import click
from flask import Flask, current_app
from sqlalchemy import func, inspect, select
from sqlalchemy.orm import Session

from portal.billing.gateways import SANDBOX
from portal.billing.rules import describe
from portal.config import ConfigError
from portal.extensions import db
from portal.models import ClockState, PaymentMethod, User


def refusals(session: Session) -> list[str]:
    """Why the portal must not start in production on this database; empty when it may.

    A database without tables has nothing to object to: it is about to be migrated.
    """
    if not inspect(session.connection()).has_table(ClockState.__tablename__):
        return []
    return [*_example_sign_ins(session), *_moved_clock(session), *_test_cards(session)]


def check() -> None:
    """Raise ConfigError, naming each reason, where production mode must not start."""
    if not current_app.config["PORTAL"].is_sandbox and (problems := refusals(db.session())):
        raise ConfigError(problems)


def check_start(app: Flask) -> None:
    """The same, before `app` serves anybody; of `flask` commands only `run` does."""
    command = click.get_current_context(silent=True)
    if command is not None and command.info_name != "run":
        return
    with app.app_context():
        try:
            check()
        finally:
            # Processes that fork from this one must not share a connection.
            db.session.remove()
            db.engine.dispose()


def _example_sign_ins(session: Session) -> list[str]:
    count = session.scalar(select(func.count(User.id)).where(User.is_example))
    if not count:
        return []
    sign_ins = describe.counted(count, "%(num)s example sign-in", "%(num)s example sign-ins")
    return [
        f"The database has {sign_ins}, whose password everybody"
        " knows: start production on a database of its own."
    ]


def _moved_clock(session: Session) -> list[str]:
    if not session.scalar(select(ClockState.offset_us)):
        return []
    return [
        "The database's clock was moved in the sandbox: start production on a database of its own."
    ]


def _test_cards(session: Session) -> list[str]:
    """Whoever pays by one would go on being served for nothing."""
    count = session.scalar(
        select(func.count(PaymentMethod.id)).where(
            PaymentMethod.gateway == SANDBOX, PaymentMethod.replaced_at.is_(None)
        )
    )
    if not count:
        return []
    accounts = describe.counted(count, "%(num)s account", "%(num)s accounts")
    return [
        f"The database has {accounts} that would be charged by the"
        " sandbox, which moves no money: start production on a database of its own."
    ]
