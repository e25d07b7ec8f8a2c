"""`flask invoices void` and `reissue`: undoing an unpaid invoice, and issuing one again."""

import getpass
from typing import Any

import click
from flask.cli import with_appcontext

from portal import clock
from portal.audit import operator
from portal.billing import accounts, credit_notes, reissues, voids
from portal.billing.credit_notes import Draft
from portal.billing.reissues import Offer, StaleDetails
from portal.billing.rules import crediting, describe
from portal.billing.rules.correcting import DETAILS
from portal.billing.rules.errors import RuleBroken
from portal.cli import invoice_facts
from portal.cli.invoice_choice import chosen, reason
from portal.cli.invoice_facts import Facts
from portal.cli.output import json_option, show_json, show_table
from portal.extensions import db
from portal.models import Account, Invoice
from portal.transaction import transaction

NAMES = {
    "name": "Company",
    "address": "Address",
    "country": "Country",
    "tax_id": "Tax id",
    "po_number": "PO number",
}
STALE = "It has changed since you looked, and nothing was issued. Look again."


@click.command("void")
@click.argument("number")
@click.option("--reason", "why", required=True, help="Why; the customer reads it.")
@click.option("--yes", is_flag=True, help="Don't ask before voiding it.")
@json_option
@with_appcontext
def void(number: str, why: str, yes: bool, as_json: bool) -> None:
    """Void the unpaid invoice NUMBER: nothing is owed on it, and nobody collects it any more.

    A credit note over all that is left of it says so; the invoice stays as it was issued. What it
    charged for goes on: to end the plan, cancel it.
    """
    why, invoice = reason(why), chosen(number)
    try:
        shown = voids.draft(db.session(), _account(invoice), invoice, why)
        if not yes:
            _show_void(invoice, shown, to_stderr=as_json)
            _ask(f"Void invoice {invoice.number_text}?", to_stderr=as_json)
        facts = _void(number, why, shown)
    except RuleBroken as refusal:
        raise click.ClickException(str(refusal)) from None
    if as_json:
        show_json(facts)
    else:
        click.echo(f"Invoice {facts['invoice']} is void, by {facts['number']}.")


@click.command("reissue")
@click.argument("number")
@click.option("--reason", "why", required=True, help="Why; the customer reads it.")
@click.option("--yes", is_flag=True, help="Don't ask before issuing it.")
@json_option
@with_appcontext
def reissue(number: str, why: str, yes: bool, as_json: bool) -> None:
    """Issue invoice NUMBER again, made out to the customer's billing details of today.

    A credit note takes all of the former one back. Lines, amounts and taxes are the same, and what
    was paid for the former one stands for the new one: no money moves.
    """
    why, invoice = reason(why), chosen(number)
    try:
        shown = _offer(invoice)
        if shown.why_not is not None:
            raise shown.why_not
        if not yes:
            _show_offer(shown, to_stderr=as_json)
            _ask(f"Issue invoice {shown.number} again?", to_stderr=as_json)
        facts = _reissue(number, why, shown)
    except RuleBroken as refusal:
        raise click.ClickException(str(refusal)) from None
    except StaleDetails:
        raise click.ClickException(STALE) from None
    if as_json:
        show_json(facts)
    else:
        note = facts["credit_note"]
        click.echo(f"Invoice {facts['number']} replaces {facts['replaces']}, which {note} credits.")


def _ask(question: str, *, to_stderr: bool) -> None:
    # No lock and no snapshot is held while somebody thinks.
    db.session.rollback()
    click.confirm(question, abort=True, err=to_stderr)


def _account(invoice: Invoice) -> Account:
    return db.session.get_one(Account, invoice.account_id)


def _offer(invoice: Invoice) -> Offer:
    now = clock.now()
    return reissues.offer(db.session(), _account(invoice), invoice, by_customer=False, now=now)


def _void(number: str, why: str, shown: Draft) -> Facts:
    """Void exactly what was shown; nothing when it has changed since."""
    account_id, actor = chosen(number).account_id, operator(getpass.getuser())
    with transaction() as session:
        account, invoice = accounts.lock(session, account_id), chosen(number)
        if voids.draft(session, account, invoice, why) != shown:
            raise click.ClickException(STALE)
        note = voids.void(session, account, invoice, why, now=clock.now(), actor=actor)
        return invoice_facts.note_facts(session, note)


def _reissue(number: str, why: str, shown: Offer) -> Facts:
    account_id, actor = chosen(number).account_id, operator(getpass.getuser())
    seen, now = shown.fingerprint(), clock.now()
    with transaction() as session:
        account, former = accounts.lock(session, account_id), chosen(number)
        row = reissues.reissue(session, account, former, why, seen=seen, now=now, actor=actor)
        (note,) = credit_notes.of_invoice(session, former)
        return invoice_facts.full(session, row) | {"credit_note": note.number_text}


def _show_void(invoice: Invoice, draft: Draft, *, to_stderr: bool) -> None:
    number, total = invoice.number_text, describe.money(draft.total)
    goes = crediting.destinations(draft.division, number, "", whose="the account's")
    click.echo(f"A credit note of {total} would void invoice {number}: {goes}.", err=to_stderr)


def _show_offer(offer: Offer, *, to_stderr: bool) -> None:
    show_table(
        ["", "On the invoice", "Today"],
        [
            (NAMES[field], _plain(offer.before.get(field)), _plain(offer.after.get(field)))
            for field in DETAILS
        ],
        to_stderr=to_stderr,
    )


def _plain(value: Any) -> str:
    return (", ".join(value) if isinstance(value, list) else value) or "none"
