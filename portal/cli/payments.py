"""`flask payments`: bank transfers that are awaited, and recording one that arrived."""

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.billing import accounts, settlements
from portal.billing.gateways import MANUAL, Answer, Outcome
from portal.billing.payments import FINAL
from portal.billing.rules import describe
from portal.cli.output import json_option, show_json, show_table
from portal.extensions import db
from portal.models import Account, Invoice, Payment, PaymentState, PlanChange
from portal.transaction import transaction

payments = AppGroup("payments", help="Payments by bank transfer.")


@payments.command("list")
@json_option
def list_awaited(as_json: bool) -> None:
    """Show the bank transfers that are awaited, the oldest first."""
    rows = [_facts(db.session(), payment) for payment in _awaited(db.session())]
    if as_json:
        show_json(rows)
    elif rows:
        headings = ["Key", "Account", ">Amount", "For", "Asked for"]
        show_table(headings, [tuple(row.values()) for row in rows])
    else:
        click.echo("No bank transfer is awaited.")


@payments.command("record")
@click.argument("key")
@click.option("--reference", help="What the bank calls it.")
def record(key: str, reference: str | None) -> None:
    """Record that the bank transfer with KEY arrived, in full."""
    found = db.session.execute(
        select(Payment.id, Payment.account_id).where(
            Payment.idempotency_key == key, Payment.gateway == MANUAL
        )
    ).first()
    if found is None:
        raise click.ClickException(f"No bank transfer is awaited as “{key}”: see payments list.")
    payment_id, account_id = found
    with transaction() as session:
        account = accounts.lock(session, account_id)
        payment = session.get_one(Payment, payment_id, populate_existing=True)
        if payment.state in FINAL:
            raise click.ClickException(f"This transfer was settled already: {payment.state}.")
        answer = Answer(Outcome.SUCCEEDED, reference=reference)
        settlements.apply(session, account, payment, answer, now=clock.now())
        told = f"{describe.money(payment.money)} from {account.name}: {payment.state}."
    click.echo(told)


def _awaited(session: Session) -> list[Payment]:
    statement = (
        select(Payment)
        .where(Payment.gateway == MANUAL, Payment.state == PaymentState.PROCESSING)
        .order_by(Payment.id)
    )
    return list(session.scalars(statement))


def _facts(session: Session, payment: Payment) -> dict[str, object]:
    return {
        "key": payment.idempotency_key,
        "account": session.get_one(Account, payment.account_id).name,
        "amount": describe.money(payment.money),
        "for": _subject(session, payment),
        "asked_for_at": payment.created_at,
    }


def _subject(session: Session, payment: Payment) -> str:
    if payment.invoice_id is not None:
        return session.get_one(Invoice, payment.invoice_id).number_text
    change = session.get_one(PlanChange, payment.plan_change_id)
    return f"the change to {change.to_price.plan_name}"
