"""A command whose database isn't there says so in a sentence, whatever it was about to do."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from flask import current_app
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

SETTINGS = (
    "Commands take the same settings as the portal itself: PORTAL_DATA, its data folder, or"
    " DATABASE_URL."
)
UNDEFINED_TABLE = "42P01"


def explain(command: click.Command) -> None:
    """Have a command, or each of a group's, say which database it looked for and didn't find."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            explain(each)
    elif command.callback is not None:
        command.callback = _explaining(command.callback)


def _explaining(callback: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(callback)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return callback(*args, **kwargs)
        except DBAPIError as problem:
            if (why := _why(problem)) is None:
                raise
            raise click.ClickException(why) from None

    return run


def _why(problem: DBAPIError) -> str | None:
    """What to say; None where the database is the right one, and the command is to blame."""
    # Nothing was asked yet: there was nobody to ask.
    if problem.statement is None:
        reason = str(problem.orig).partition("\n")[0]
        return f"The database {_name()} can't be opened: {reason}. {SETTINGS}"
    if _lacks_table(problem):
        return (
            f"The database {_name()} is not the portal's, or of another version. {SETTINGS}"
            " After an update: flask db upgrade."
        )
    return None


def _lacks_table(problem: DBAPIError) -> bool:
    is_undefined = getattr(problem.orig, "sqlstate", None) == UNDEFINED_TABLE
    return is_undefined or str(problem.orig).startswith("no such table")


def _name() -> str:
    """Its file, or its address without the password."""
    url = make_url(current_app.config["PORTAL"].database_url)
    is_file = url.drivername.startswith("sqlite")
    return (is_file and url.database) or url.render_as_string(hide_password=True)
