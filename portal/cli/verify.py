"""`flask verify`: is everything in the database as it must be?"""

import sys

import click
from flask.cli import with_appcontext

from portal.billing import verify as verification
from portal.billing.verify import CHECKS, Finding
from portal.cli.output import json_option, show_json
from portal.extensions import db


@click.command("verify")
@json_option
@with_appcontext
def verify(as_json: bool) -> None:
    """Recompute what must hold from the rows, and name every row that is wrong.

    The exit status is 1 when something is wrong.
    """
    if as_json:
        found = verification.run(db.session())
        checks = [check.name for check in CHECKS]
        show_json({"ok": not found, "checks": checks, "findings": found})
    else:
        found = _show_as_found()
    sys.exit(1 if found else 0)


def _show_as_found() -> list[Finding]:
    found = []
    for finding in verification.findings(db.session()):
        found.append(finding)
        click.echo(f"{finding.subject}\n  {finding.check}:")
        click.echo(f"    found     {finding.found}\n    expected  {finding.expected}")
    wrong = "1 thing is wrong" if len(found) == 1 else f"{len(found)} things are wrong"
    click.echo(f"{len(CHECKS)} checks: {wrong if found else 'everything is as it must be'}.")
    return found
