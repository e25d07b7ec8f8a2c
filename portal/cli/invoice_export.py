"""`flask invoices export`: a year of invoices and credit notes as files in a folder."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from portal.billing import invoice_lists
from portal.billing.invoice_lists import LAST_YEAR, Asked, Paper
from portal.billing.rules import describe
from portal.cli.accounts import one
from portal.cli.output import json_option, show_json
from portal.extensions import db
from portal.models import Account
from portal.papers import archive, filing
from portal.papers.archive import INDEX, Filed, NotMadeYet
from portal.papers.filing import ForeignFiles, Outcome

AT_ONCE = 200
NAMED = 5


@click.command("export")
@click.option("--account", "account_name", help="Those of this account (its id or its name).")
@click.option("--all", "wants_all", is_flag=True, help="Those of every account.")
@click.option(
    "--year",
    type=click.IntRange(1970, LAST_YEAR),
    required=True,
    help="The year of issue, where the account is.",
)
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The folder to write to; it is made where there is none.",
)
@json_option
@with_appcontext
def export(
    account_name: str | None, wants_all: bool, year: int, folder: Path, as_json: bool
) -> None:
    """Write the PDFs and XML of a year into a folder, with an index of them.

    Files that are there already are left alone, so that it can be stopped and run again; a folder
    with other files of the same names is refused. One whose PDF could not be made is left out, and
    the index says so. The exit status is 1 when one is missing.
    """
    if wants_all == bool(account_name):
        raise click.UsageError("Name an --account, or say --all.")
    papers, without_pdf = _gathered(account_name, year)
    outcome = _written(folder, papers) if papers else Outcome(0, 0, ())
    if as_json:
        show_json(_facts(folder, papers, without_pdf, outcome))
    else:
        _show(folder, papers, without_pdf, outcome)
    sys.exit(1 if without_pdf or archive.left_out(papers) or outcome.unreadable else 0)


def _gathered(account_name: str | None, year: int) -> tuple[list[Filed], list[str]]:
    """The papers of the year, oldest first, and the numbers of those that have no PDF so far."""
    papers: list[Filed] = []
    without_pdf: list[str] = []
    for account in [one(account_name)] if account_name else _accounts():
        for paper in _issued(account, year):
            try:
                papers += archive.filed(db.session(), [paper], account.time_zone)
            except NotMadeYet:
                without_pdf.append(paper.number_text)
    # No snapshot is held while files are written.
    db.session.rollback()
    return sorted(papers, key=lambda paper: paper.at), without_pdf


def _accounts() -> Iterator[Account]:
    ids = db.session.scalars(select(Account.id).order_by(Account.id)).all()
    return (db.session.get_one(Account, each) for each in ids)


def _issued(account: Account, year: int) -> Iterator[Paper]:
    session = db.session()
    numbers = invoice_lists.numbers(session, account, Asked(year=year))
    for start in range(0, len(numbers), AT_ONCE):
        yield from invoice_lists.of_numbers(session, account.id, numbers[start : start + AT_ONCE])


def _written(folder: Path, papers: list[Filed]) -> Outcome:
    try:
        return filing.write(folder, papers)
    except ForeignFiles as foreign:
        named = ", ".join(foreign.names[:NAMED])
        more = len(foreign.names) - NAMED
        others = f" and {describe.number(more)} more" if more > 0 else ""
        raise click.ClickException(
            f"{folder} has other files of the same names, and nothing was written: {named}{others}."
            " Choose an empty folder, or the one of the same export before."
        ) from None
    except OSError as problem:
        raise click.ClickException(
            f"The files could not all be written: {problem}. Run it again to go on."
        ) from problem


def _facts(
    folder: Path, papers: list[Filed], without_pdf: list[str], outcome: Outcome
) -> dict[str, object]:
    left_out = archive.left_out(papers)
    return {
        "folder": str(folder),
        "papers": len(papers) - len(left_out),
        "index": str(folder / INDEX) if papers else None,
        "files_written": outcome.written,
        "files_there_before": outcome.kept,
        "without_pdf": without_pdf,
        "left_out": list(left_out),
        "unreadable": [{"file": name, "why": why} for name, why in outcome.unreadable],
    }


def _show(folder: Path, papers: list[Filed], without_pdf: list[str], outcome: Outcome) -> None:
    if not papers and not without_pdf:
        click.echo("Nothing was issued in that year.")
        return
    left_out = archive.left_out(papers)
    count = describe.counted(
        len(papers) - len(left_out),
        "%(num)s invoice or credit note",
        "%(num)s invoices and credit notes",
    )
    written = describe.counted(outcome.written, "%(num)s file", "%(num)s files")
    click.echo(f"{count} in {folder}: {written} written, {describe.number(outcome.kept)} there.")
    for name, why in outcome.unreadable:
        click.echo(f"{name} could not be read: {why}", err=True)
    if left_out:
        click.echo(f"Left out, as the PDF could not be made: {', '.join(left_out)}.", err=True)
    if without_pdf:
        click.echo(f"No PDF so far, and not among them: {', '.join(without_pdf)}.", err=True)
