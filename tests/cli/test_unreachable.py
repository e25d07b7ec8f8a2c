"""A command that finds no database says which one it looked for, in a sentence."""

from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from portal import create_app
from portal.cli import COMMANDS
from portal.config import Settings
from portal.extensions import db

SETTINGS = "Commands take the same settings as the portal itself: PORTAL_DATA, its data folder, or"


@pytest.mark.parametrize(
    "command", [("invoices", "list"), ("verify",), ("jobs", "status"), ("accounts", "show", "Acme")]
)
@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("nowhere/portal.sqlite3", "can't be opened: unable to open database file."),
        ("empty.sqlite3", "is not the portal's, or of another version."),
    ],
)
def test_a_database_that_is_not_there(
    settings: Settings, tmp_path: Path, command: tuple[str, ...], file: str, said: str
) -> None:
    app = create_app(replace(settings, database_url=f"sqlite:///{tmp_path / file}"))
    result = app.test_cli_runner().invoke(args=list(command))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(f"Error: The database {tmp_path / file} {said} {SETTINGS}")
    assert "DATABASE_URL." in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_server_that_is_away_is_named_without_its_password(settings: Settings) -> None:
    url = "postgresql+psycopg://portal:hidden@127.0.0.1:1/portal"
    app = create_app(replace(settings, database_url=url))
    result = app.test_cli_runner().invoke(args=["invoices", "list"])
    assert result.exit_code == 1
    assert "The database postgresql+psycopg://portal:***@127.0.0.1:1/portal can't" in result.stderr
    assert "hidden" not in result.output
    assert result.stderr.count("\n") == 1


def test_a_mistake_of_the_command_is_no_matter_of_settings(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "portal.cli.invoice_facts.brief",
        lambda *_arguments: db.session.execute(text("SELECT nothing FROM account")),
    )
    result = app.test_cli_runner().invoke(args=["invoices", "list"])
    assert "PORTAL_DATA" not in result.output
    assert "SELECT nothing" in str(result.exception)


def test_every_command_is_among_them(app: Flask) -> None:
    own = {name for name, command in app.cli.commands.items() if command in COMMANDS}
    assert own == set(app.cli.commands) - {"db"}
