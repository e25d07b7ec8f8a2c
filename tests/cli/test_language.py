"""`flask accounts language`: what the documents of an account are written in, on record."""

import getpass
from collections.abc import Callable

from click.testing import Result
from sqlalchemy import select

from portal.extensions import db
from portal.models import AuditEntry
from tests.cast import Cast

Run = Callable[..., Result]


def test_the_operator_chooses_the_language_of_the_next_documents(run: Run, cast: Cast) -> None:
    result = run("accounts", "language", "Acme", "pt")
    assert result.output == "The invoices and emails of Acme are in Português from now on.\n"
    again = run("accounts", "language", "Acme", "pt")
    assert again.output == "The invoices and emails of Acme are in Português already.\n"
    assert "Português" in run("accounts", "show", "Acme").output
    db.session.rollback()
    entry = db.session.scalars(
        select(AuditEntry).where(AuditEntry.action == "billing_details.changed")
    ).one()
    assert entry.details["changed"] == {"language": ["en", "pt"]}
    assert getpass.getuser() in str(entry.actor)


def test_a_language_that_documents_are_not_written_in(run: Run, cast: Cast) -> None:
    result = run("accounts", "language", "Acme", "it")
    assert result.exit_code == 2
    assert "'it' is not one of" in result.output
