"""`flask invoices verify`: are the stored files of invoices and credit notes what was issued?"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import click
from flask.cli import with_appcontext

from portal.billing.invoice_lists import Paper
from portal.billing.rules import describe
from portal.cli import invoice_facts
from portal.cli.output import json_option, show_json
from portal.extensions import db
from portal.models import OutboxState
from portal.papers import inspection
from portal.papers.inspection import Flaw, Recorded

AT_ONCE = 200


@dataclass
class Report:
    """How many papers were looked at, whose PDF is still on its way, and what is wrong."""

    checked: int = 0
    on_their_way: list[str] = field(default_factory=list)
    flaws: list[Flaw] = field(default_factory=list)


@click.command("verify")
@click.argument("numbers", nargs=-1)
@click.option("--all", "wants_all", is_flag=True, help="Every invoice and credit note there is.")
@json_option
@with_appcontext
def verify(numbers: tuple[str, ...], wants_all: bool, as_json: bool) -> None:
    """Read the stored files of invoices and credit notes, and name each that is wrong.

    A file must be there with the SHA-256 that was recorded, and the electronic invoice in the PDF
    and beside it must say what the row says. The exit status is 1 when something is wrong.
    """
    if wants_all == bool(numbers):
        raise click.UsageError("Name the numbers of invoices or credit notes, or say --all.")
    report = Report()
    for flaw in _found(_wanted(numbers), report):
        report.flaws.append(flaw)
        if not as_json:
            click.echo(
                f"{flaw.number}, {flaw.file}\n    found     {flaw.found}\n"
                f"    expected  {flaw.expected}"
            )
    if as_json:
        show_json({"ok": not report.flaws} | vars(report))
    else:
        _sum_up(report)
    sys.exit(1 if report.flaws else 0)


def _wanted(numbers: tuple[str, ...]) -> list[str]:
    """All numbers, or those typed; a ClickException names the first that there is none of."""
    if not numbers:
        return invoice_facts.all_numbers(db.session())
    wanted = list(dict.fromkeys(number.strip().upper() for number in numbers))
    known = {paper.number_text for paper in invoice_facts.papers(db.session(), wanted)}
    for number in wanted:
        if number not in known:
            raise click.ClickException(f"There is no invoice or credit note “{number}”.")
    return wanted


def _found(numbers: Sequence[str], report: Report) -> Iterator[Flaw]:
    for start in range(0, len(numbers), AT_ONCE):
        papers = invoice_facts.papers(db.session(), numbers[start : start + AT_ONCE])
        recorded = [inspection.recorded(paper) or _lacking(paper) for paper in papers]
        # No snapshot is held while a store far away is read.
        db.session.rollback()
        for each in recorded:
            report.checked += 1
            if isinstance(each, Recorded):
                yield from inspection.flaws(each)
            elif isinstance(each, Flaw):
                yield each
            else:
                report.on_their_way.append(each)


def _lacking(paper: Paper) -> Flaw | str:
    """A paper without a PDF: its number where one is coming, a flaw where none is."""
    item = invoice_facts.making(db.session(), paper)
    if item is not None and item.state is OutboxState.WAITING:
        return paper.number_text
    expected = f"one: flask invoices render {paper.number_text}"
    return Flaw(paper.number_text, inspection.PDF, "none, and none is coming", expected)


def _sum_up(report: Report) -> None:
    if report.on_their_way:
        click.echo(f"On their way: {', '.join(report.on_their_way)}")
    papers = describe.counted(
        report.checked, "%(num)s invoice or credit note", "%(num)s invoices and credit notes"
    )
    wrong = describe.counted(
        len(report.flaws), "%(num)s thing is wrong", "%(num)s things are wrong"
    )
    click.echo(f"{papers}: {wrong if report.flaws else 'every file is what was issued'}.")
