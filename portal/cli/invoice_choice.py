"""What commands about one invoice are given: its number, and why."""

import click

from portal.billing.rules import text
from portal.cli import invoice_facts
from portal.extensions import db
from portal.models import Invoice

REASON_LENGTH = 300


def chosen(number: str) -> Invoice:
    """The invoice of that number; whoever asks is told where there is none."""
    invoice = invoice_facts.find(db.session(), number)
    if invoice is None:
        raise click.ClickException(f"There is no invoice “{number}”: see flask invoices list.")
    return invoice


def reason(written: str) -> str:
    """A reason as it can be printed on a document, which needs one."""
    try:
        checked = text.line(written, most=REASON_LENGTH)
    except text.TextRefused as refusal:
        raise click.BadParameter(str(refusal), param_hint="--reason") from None
    if not checked:
        raise click.BadParameter("Say why: the customer reads it.", param_hint="--reason")
    return checked
