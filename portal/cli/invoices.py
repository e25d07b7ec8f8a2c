"""`flask invoices`: what was invoiced, correcting it, and its files."""

import getpass

import click
from flask.cli import AppGroup

from portal import clock
from portal.audit import operator
from portal.billing import accounts, credit_notes
from portal.billing.credit_notes import Draft, Wish
from portal.billing.gateways import MANUAL
from portal.billing.rules import crediting, describe
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.money import Money
from portal.cli import (
    invoice_corrections,
    invoice_export,
    invoice_facts,
    invoice_render,
    invoice_verify,
)
from portal.cli.accounts import one
from portal.cli.invoice_choice import chosen
from portal.cli.invoice_choice import reason as checked
from portal.cli.invoice_facts import Facts
from portal.cli.output import day, instant, json_option, show_facts, show_json, show_table
from portal.extensions import db
from portal.models import Account, Invoice, RefundTo
from portal.transaction import transaction

SHOWN = 50

invoices = AppGroup("invoices", help="What was invoiced, correcting it, and its files.")
invoices.add_command(invoice_corrections.void)
invoices.add_command(invoice_corrections.reissue)
invoices.add_command(invoice_export.export)
invoices.add_command(invoice_render.render)
invoices.add_command(invoice_verify.verify)


@invoices.command("list")
@click.option("--account", "account_name", help="Only those of this account (its id or its name).")
@click.option("--all", "show_all", is_flag=True, help=f"Show all, not just the latest {SHOWN}.")
@json_option
def list_invoices(account_name: str | None, show_all: bool, as_json: bool) -> None:
    """Show the invoices, newest first."""
    account = one(account_name) if account_name else None
    rows = invoice_facts.brief(db.session(), account)
    shown = rows if show_all else rows[:SHOWN]
    if as_json:
        show_json(shown)
    elif shown:
        headings = ["Number", "Account", "Issued", "Reason", ">Total", ">Owed", "Status"]
        show_table(headings, map(_line, shown))
        if len(shown) < len(rows):
            click.echo(f"The latest {len(shown)} of {len(rows)}; --all shows all.")
    else:
        click.echo("There are no invoices.")


@invoices.command("show")
@click.argument("number")
@json_option
def show(number: str, as_json: bool) -> None:
    """Show invoice NUMBER: its lines, what is left to credit of each, payments, credit notes."""
    facts = invoice_facts.full(db.session(), chosen(number))
    if as_json:
        show_json(facts)
        return
    _show_standing(facts)
    _show_lines(facts)
    _show_payments(facts)
    _show_credit_notes(facts)


@invoices.command("credit")
@click.argument("number")
@click.option("--line", "lines", type=int, multiple=True, help="Only this line; may be repeated.")
@click.option("--reason", required=True, help="Why; the customer reads it on the credit note.")
@click.option(
    "--to",
    type=click.Choice([to.value for to in RefundTo]),
    default=RefundTo.METHOD.value,
    show_default=True,
    help="Where what was paid goes: back to the payment method, or to the credit balance.",
)
@click.option("--yes", is_flag=True, help="Don't ask before issuing it.")
@json_option
def credit(
    number: str, lines: tuple[int, ...], reason: str, to: str, yes: bool, as_json: bool
) -> None:
    """Issue a credit note for invoice NUMBER: for what is left of all its lines, or of some."""
    wish = Wish(checked(reason), RefundTo(to), frozenset(lines) or None)
    invoice = chosen(number)
    try:
        shown = _draft(invoice, wish)
        if not yes:
            _show_draft(invoice, shown, to_stderr=as_json)
            # No lock and no snapshot is held while somebody thinks.
            db.session.rollback()
            click.confirm("Issue this credit note?", abort=True, err=as_json)
        facts = _issue(number, wish, shown)
    except RuleBroken as refusal:
        raise click.ClickException(str(refusal)) from None
    if as_json:
        show_json(facts)
    else:
        _show_issued(facts)


def _draft(invoice: Invoice, wish: Wish) -> Draft:
    account = db.session.get_one(Account, invoice.account_id)
    return credit_notes.draft(db.session(), account, invoice, wish)


def _issue(number: str, wish: Wish, shown: Draft) -> Facts:
    """Issue exactly what was shown; nothing when it has changed since."""
    account_id = chosen(number).account_id
    with transaction() as session:
        account, invoice = accounts.lock(session, account_id), chosen(number)
        if credit_notes.draft(session, account, invoice, wish) != shown:
            raise click.ClickException(
                "The amounts have changed since you looked, and nothing was issued. Look again."
            )
        note = credit_notes.issue(
            session,
            account,
            invoice,
            wish,
            now=clock.now(),
            actor=operator(getpass.getuser()),
        )
        return invoice_facts.note_facts(session, note)


def _line(facts: Facts) -> list[object]:
    return [
        facts["number"],
        facts["account"],
        day(facts["issued_at"]),
        facts["reason"].replace("_", " "),
        _money(facts, facts["total_minor"]),
        _money(facts, facts["owed_minor"]),
        facts["status"],
    ]


def _show_standing(facts: Facts) -> None:
    show_facts(
        {
            "Invoice": facts["number"],
            "Account": f"{facts['account']} ({facts['account_id']})",
            "Issued": facts["issued_at"],
            "Reason": facts["reason"].replace("_", " "),
            "Pays for": f"{day(facts['period_start_at'])} to {day(facts['period_end_at'])}",
            "Tax": _money(facts, facts["tax_minor"]),
            "Total": _money(facts, facts["total_minor"]),
            "From balance": _money(facts, facts["balance_applied_minor"]),
            "Kept": _money(facts, facts["surplus_minor"]),
            "Due": _money(facts, facts["due_minor"]),
            "Still owed": _money(facts, facts["owed_minor"]),
            "Status": facts["status"],
            "Replaces": facts["replaces"],
            "Replaced by": facts["replaced_by"],
            "Paid": facts["paid_at"],
            "PDF": facts["document"]["sha256"] if facts["document"] else "not made yet",
        }
    )


def _show_lines(facts: Facts) -> None:
    click.echo("\nLines")
    show_table(
        [">Line", "What", ">Amount", ">Tax", ">Left to credit", ">Tax of it"],
        [
            (
                line["line"],
                line["description"],
                _money(facts, line["amount_minor"]),
                _money(facts, line["tax_minor"]),
                _money(facts, line["left_minor"]),
                _money(facts, line["left_tax_minor"]),
            )
            for line in facts["lines"]
        ],
        indent=2,
    )


def _show_payments(facts: Facts) -> None:
    click.echo(f"\nPayments: {len(facts['payments']) or 'none'}")
    for payment in facts["payments"]:
        amount = _money(facts, payment["amount_minor"])
        at = instant(payment["settled_at"] or payment["created_at"])
        why = f": {payment['failure']}" if payment["failure"] else ""
        click.echo(f"  {amount} by {payment['method']}, {payment['state']} {at}{why}")


def _show_credit_notes(facts: Facts) -> None:
    click.echo(f"\nCredit notes: {len(facts['credit_notes']) or 'none'}")
    for note in facts["credit_notes"]:
        total = _money(facts, note["total_minor"])
        click.echo(f"  {note['number']}, {day(note['issued_at'])}, {total}: {note['reason']}")
        click.echo(f"    {_goes(note)}")


def _show_draft(invoice: Invoice, draft: Draft, *, to_stderr: bool) -> None:
    division = draft.division
    goes = crediting.destinations(
        division, invoice.number_text, draft.method or "", whose="the account's"
    )
    click.echo(f"A credit note for invoice {invoice.number_text} would give back:", err=to_stderr)
    for line in draft.lines:
        amount = describe.money(line.charged.left)
        click.echo(f"  {amount}  {line.description}: {line.explanation}", err=to_stderr)
    if not draft.tax.is_zero:
        click.echo(f"  {describe.money(draft.tax)}  tax", err=to_stderr)
    click.echo(f"In all {describe.money(draft.total)}: {goes}.", err=to_stderr)


def _show_issued(note: Facts) -> None:
    total = _money(note, note["total_minor"])
    click.echo(f"{note['number']} credits {total} of {note['invoice']}: {_goes(note)}.")
    refund = note["refund"]
    if refund and refund["gateway"] == MANUAL:
        click.echo(
            f"Transfer {_money(note, refund['amount_minor'])} to the customer, then record it with:"
            f" flask payments record {refund['key']}"
        )


def _goes(note: Facts) -> str:
    """Where the money of an issued note goes, and how far its refund is."""
    ways = [
        f"{_money(note, note['off_invoice_minor'])} off what is owed"
        if note["off_invoice_minor"]
        else "",
        _refund(note, note["refund"]) if note["refund"] else "",
        f"{_money(note, note['to_balance_minor'])} to the credit balance"
        if note["to_balance_minor"]
        else "",
    ]
    return describe.listing([way for way in ways if way])


def _refund(note: Facts, refund: Facts) -> str:
    amount = f"{_money(note, refund['amount_minor'])} back to {refund['method']}"
    why = f": {refund['failure']}" if refund["failure"] else ""
    return f"{amount} ({refund['state']}{why})"


def _money(facts: Facts, minor: int) -> str:
    return describe.money(Money(minor, facts["currency"]))
