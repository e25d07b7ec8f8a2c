"""Production mode does not start on what a sandbox left in the database."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click import Command, Context
from click.testing import Result
from flask import Flask

from portal import clock as portal_clock
from portal import create_app, production
from portal.billing import accounts, payments
from portal.config import ConfigError, MailSettings, Mode, Settings
from portal.extensions import db
from portal.models import Account
from portal.transaction import transaction
from tests.cast import START, Cast

Run = Callable[..., Result]


@pytest.fixture
def for_production(settings: Settings) -> Settings:
    return replace(
        settings,
        mode=Mode.PRODUCTION,
        secret_key="0123456789abcdef" * 4,
        gateway="manual",
        base_url="https://billing.example.com",
        mail=MailSettings(server="mail.example.com"),
    )


def test_a_database_of_its_own_is_fine(cast: Cast, for_production: Settings) -> None:
    for account in (cast.acme, cast.other):
        _pay_by_transfer(account)
    assert production.refusals(db.session()) == []
    create_app(for_production)


def test_example_sign_ins_are_refused(cast: Cast, for_production: Settings) -> None:
    _mark_as_example(cast)

    with pytest.raises(ConfigError, match="has 1 example sign-in, whose password"):
        create_app(for_production)


def test_a_moved_clock_is_refused(cast: Cast, for_production: Settings) -> None:
    with transaction():
        portal_clock.state().offset_us = 1

    with pytest.raises(ConfigError, match="clock was moved in the sandbox"):
        create_app(for_production)


def test_a_card_of_the_sandbox_is_refused(cast: Cast, for_production: Settings) -> None:
    """Its account would go on being served for nothing."""
    _pay_by_transfer(cast.acme)

    with pytest.raises(ConfigError, match="has 1 account that would be charged by the sandbox"):
        create_app(for_production)


def test_the_sandbox_starts_all_the_same(cast: Cast, settings: Settings) -> None:
    _mark_as_example(cast)

    create_app(settings)


def test_a_database_without_tables_has_nothing_to_object_to(
    for_production: Settings, tmp_path: Path
) -> None:
    create_app(replace(for_production, database_url=f"sqlite:///{tmp_path / 'new.sqlite3'}"))


def test_the_scheduler_is_refused_in_one_line(run: Run, cast: Cast, app: Flask) -> None:
    _mark_as_example(cast)
    app.config["PORTAL"] = replace(app.config["PORTAL"], mode=Mode.PRODUCTION)

    result = run("jobs", "scheduler")

    assert result.exit_code == 1
    assert result.output.startswith("Error: The database has 1 example sign-in")


@pytest.mark.parametrize(("command", "serves"), [("run", True), ("verify", False)])
def test_the_development_server_is_refused_too(
    cast: Cast, for_production: Settings, command: str, serves: bool
) -> None:
    _mark_as_example(cast)

    with Context(Command(command), info_name=command):
        if not serves:
            create_app(for_production)
            return
        with pytest.raises(ConfigError, match="has 1 example sign-in"):
            create_app(for_production)


def _pay_by_transfer(account: Account) -> None:
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        way = {"gateway": "manual", "reference": "bank-transfer", "label": "Bank transfer"}
        payments.set_method(session, locked, **way, now=START)


def _mark_as_example(cast: Cast) -> None:
    with transaction() as session:
        session.refresh(cast.alice)
        cast.alice.is_example = True
