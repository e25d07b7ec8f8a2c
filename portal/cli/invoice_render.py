"""`flask invoices render`: a PDF that was given up, made once its cause is gone."""

import sys
from typing import Any

import click
from flask.cli import with_appcontext

from portal import clock, outbox
from portal.billing import accounts
from portal.billing.invoice_lists import Paper
from portal.billing.rules import describe
from portal.cli import invoice_facts
from portal.cli.invoice_facts import Facts
from portal.cli.output import instant, json_option, show_facts, show_json
from portal.extensions import db
from portal.file_store import StoreFailed
from portal.jobs import outbox_items
from portal.models import Invoice, OutboxItem, OutboxState
from portal.papers import inspection, making
from portal.papers.rendering import RenderingFailed
from portal.transaction import transaction

MADE, RECORDED, BEING_MADE, FAILED = "made", "recorded", "being_made", "failed"
BEGUN_ELSEWHERE = "a worker is making it at this moment"


@click.command("render")
@click.argument("number")
@json_option
@with_appcontext
def render(number: str, as_json: bool) -> None:
    """Make the PDF of invoice or credit note NUMBER, where it was given up or is still missing.

    One that was recorded is never made again. The exit status is 1 when there is none afterwards,
    or when the recorded one is not in the store as it was.
    """
    facts = _rendered(_find(number))
    if as_json:
        show_json(facts)
    else:
        _show(facts)
    sys.exit(1 if facts["outcome"] == FAILED or facts["wrong"] else 0)


def _find(number: str) -> Paper:
    paper = invoice_facts.paper(db.session(), number)
    if paper is None:
        raise click.ClickException(f"There is no invoice or credit note “{number}”.")
    return paper


def _rendered(paper: Paper) -> Facts:
    number, outcome, problem = paper.number_text, RECORDED, None
    if paper.document is None:
        problem = _make(paper)
        outcome = BEING_MADE if problem == BEGUN_ELSEWHERE else FAILED if problem else MADE
    found = _find(number)
    item = invoice_facts.making(db.session(), found)
    return {
        "number": number,
        "outcome": outcome,
        "problem": problem if outcome == FAILED else None,
        "tried_again_at": item.next_at if item and item.state is OutboxState.WAITING else None,
        "document": invoice_facts.document(found),
        "wrong": _wrong(found) if outcome == RECORDED else [],
    }


def _make(paper: Paper) -> str | None:
    """Make it here, as the worker would; gives what came in between, None when it is there."""
    number, is_invoice, paper_id = paper.number_text, isinstance(paper, Invoice), paper.id
    item_id, is_held = _revive(paper)
    if is_held:
        return BEGUN_ELSEWHERE
    if item_id is not None:
        outbox_items.perform(item_id)
        return _left_undone(number)
    make = making.make if is_invoice else making.make_credit_note
    try:
        make(paper_id)
    except (RenderingFailed, StoreFailed) as problem:
        return f"{type(problem).__name__}: {problem}"
    return None


def _revive(paper: Paper) -> tuple[int | None, bool]:
    """Have its work due now: gives the id, None where there is no such work left, and whether
    somebody is at it."""
    with transaction() as session:
        accounts.lock(session, paper.account_id)
        item = invoice_facts.making(session, paper)
        if item is None or item.state is OutboxState.DONE:
            return None, False
        if _is_held(item):
            return item.id, True
        outbox.hasten(item, at=clock.now())
        return item.id, False


def _left_undone(number: str) -> str | None:
    """Why there is still none, after its work was done or tried."""
    paper = _find(number)
    if paper.document is not None:
        return None
    item = invoice_facts.making(db.session(), paper)
    if item is None or _is_held(item):
        return BEGUN_ELSEWHERE
    return item.last_error or "nothing is known of why"


def _is_held(item: OutboxItem) -> bool:
    return item.lease_until is not None and item.lease_until > clock.wall_now()


def _wrong(paper: Paper) -> list[dict[str, Any]]:
    recorded = inspection.recorded(paper)
    # No snapshot is held while a store far away is read.
    db.session.rollback()
    return [vars(flaw) for flaw in inspection.flaws(recorded)] if recorded else []


def _show(facts: Facts) -> None:
    number, again = facts["number"], facts["tried_again_at"]
    match facts["outcome"]:
        case "made":
            click.echo(f"The PDF of {number} was made.")
        case "recorded":
            click.echo(f"{number} has its PDF, and is never given another.")
        case "being_made":
            click.echo(f"The PDF of {number}: {BEGUN_ELSEWHERE}.")
        case _:
            click.echo(f"The PDF of {number} could not be made: {facts['problem']}", err=True)
            if again:
                click.echo(f"It is tried again by itself on {instant(again)}.", err=True)
    if facts["document"]:
        _show_document(facts["document"])
    for flaw in facts["wrong"]:
        click.echo(
            f"{flaw['file']}: {flaw['found']} instead of {flaw['expected']}. Put the file back from"
            " a backup of the store.",
            err=True,
        )


def _show_document(document: Facts) -> None:
    shown = {
        "Made": document["made_at"],
        "PDF": f"{describe.number(document['size_bytes'])} bytes, SHA-256 {document['sha256']}",
    }
    if document["xml_sha256"]:
        size = describe.number(document["xml_size_bytes"])
        shown["XML"] = f"{size} bytes, SHA-256 {document['xml_sha256']}"
    show_facts(shown, indent=2)
