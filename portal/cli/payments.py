"""`flask payments`: transfers awaited or to be made, and payments without an answer."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TypeVar

import click
from flask.cli import AppGroup
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from portal import clock
from portal.billing import accounts, refunds, settlements
from portal.billing.bounds import OutOfBounds
from portal.billing.gateways import MANUAL, Answer, Outcome
from portal.billing.gateways.manual import written_reference
from portal.billing.payments import FINAL
from portal.billing.rules import describe
from portal.cli.output import json_option, show_json, show_table
from portal.collecting import collection, repayments
from portal.extensions import db
from portal.models import Account, Invoice, Payment, PaymentState, PlanChange, Refund
from portal.transaction import transaction

Row = TypeVar("Row", Payment, Refund)

payments = AppGroup("payments", help="Bank transfers, and payments nobody knows the outcome of.")


@dataclass(frozen=True)
class Waiting:
    """One line of the list; `waits_for` says who has to do what."""

    key: str
    reference: str
    account: str
    amount: str
    what_for: str
    waits_for: str
    asked_for_at: datetime


@payments.command("list")
@json_option
def list_waiting(as_json: bool) -> None:
    """Show the bank transfers that are awaited or to be made, and payments without an answer."""
    session = db.session()
    rows = [asdict(row) for row in (*_payments(session), *_refunds(session))]
    if as_json:
        show_json(rows)
    elif rows:
        headings = ["Key", "Reference", "Account", ">Amount", "For", "Waits for", "Since"]
        show_table(headings, [tuple(row.values()) for row in rows])
    else:
        click.echo("No bank transfer is awaited, and every payment has its answer.")


@payments.command("record")
@click.argument("key")
@click.option("--reference", help="What the bank calls it.")
def record(key: str, reference: str | None) -> None:
    """Record that the bank transfer with KEY arrived, or was sent back, in full.

    KEY is its key or the reference on the bank statement.
    """
    answer = Answer(Outcome.SUCCEEDED, reference=reference)
    found = _transfer(db.session(), key)
    if isinstance(found, Payment):
        click.echo(_record_payment(found, answer))
    elif isinstance(found, Refund):
        click.echo(_record_refund(found, answer))
    else:
        raise click.ClickException(f"No bank transfer is awaited as “{key}”: see payments list.")


@payments.command("ask")
@click.argument("key")
def ask(key: str) -> None:
    """Ask the gateway again what became of the payment or refund with KEY."""
    payment = _by_key(db.session(), Payment, key)
    refund = _by_key(db.session(), Refund, key)
    if payment is not None:
        payment = collection.look_again(payment)
        click.echo(f"{describe.money(payment.money)}: {payment.state}.")
    elif refund is not None:
        refund = repayments.ask_again(refund)
        click.echo(f"{describe.money(refund.money)} back: {refund.state}.")
    else:
        raise click.ClickException(f"There is no payment “{key}”: see payments list.")


def _by_key(session: Session, table: type[Row], key: str) -> Row | None:
    statement = select(table).where(table.idempotency_key == key)
    return session.scalars(statement).one_or_none()


def _payments(session: Session) -> list[Waiting]:
    statement = (
        select(Payment)
        .where(
            or_(
                Payment.state == PaymentState.UNKNOWN,
                (Payment.gateway == MANUAL) & (Payment.state == PaymentState.PROCESSING),
            )
        )
        .order_by(Payment.id)
    )
    return [
        Waiting(
            key=payment.idempotency_key,
            reference=payment.gateway_reference or "",
            account=session.get_one(Account, payment.account_id).name,
            amount=describe.money(payment.money),
            what_for=_subject(session, payment),
            waits_for="the customer"
            if payment.gateway == MANUAL
            else f"{payment.gateway}'s answer",
            asked_for_at=payment.created_at,
        )
        for payment in session.scalars(statement)
    ]


def _refunds(session: Session) -> list[Waiting]:
    statement = (
        select(Refund)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(
            or_(
                Refund.state == PaymentState.UNKNOWN,
                (Payment.gateway == MANUAL) & (Refund.state == PaymentState.PROCESSING),
            )
        )
        .order_by(Refund.id)
    )
    return [
        Waiting(
            key=refund.idempotency_key,
            reference=refund.gateway_reference or "",
            account=session.get_one(Account, refund.account_id).name,
            amount=describe.money(refund.money),
            what_for=refund.credit_note.number_text,
            waits_for="you, to send it back"
            if refund.payment.gateway == MANUAL
            else f"{refund.payment.gateway}'s answer",
            asked_for_at=refund.created_at,
        )
        for refund in session.scalars(statement)
    ]


def _subject(session: Session, payment: Payment) -> str:
    if payment.invoice_id is not None:
        return session.get_one(Invoice, payment.invoice_id).number_text
    change = session.get_one(PlanChange, payment.plan_change_id)
    return f"the change to {change.to_price.plan_name}"


def _record_payment(found: Payment, answer: Answer) -> str:
    try:
        with transaction() as session:
            account = accounts.lock(session, found.account_id)
            payment = session.get_one(Payment, found.id, populate_existing=True)
            _refuse_settled(payment)
            settlements.apply(session, account, payment, answer, now=clock.now())
            return f"{describe.money(payment.money)} from {account.name}: {payment.state}."
    except OutOfBounds as refusal:
        raise click.ClickException(f"Nothing was recorded: {refusal.reason}.") from None


def _record_refund(found: Refund, answer: Answer) -> str:
    with transaction() as session:
        account = accounts.lock(session, found.account_id)
        refund = session.get_one(Refund, found.id, populate_existing=True)
        _refuse_settled(refund)
        refunds.settle(session, account, refund, answer, now=clock.now())
        return f"{describe.money(refund.money)} back to {account.name}: {refund.state}."


def _refuse_settled(row: Payment | Refund) -> None:
    if row.state not in FINAL:
        return
    ending = f" ({row.failure})" if row.failure else ""
    raise click.ClickException(f"This transfer was settled already: {row.state}{ending}.")


def _transfer(session: Session, written: str) -> Payment | Refund | None:
    """What a transfer is for, by the portal's key or by the reference written on it."""
    reference = written_reference(written)
    payment = session.scalars(
        select(Payment)
        .where(
            Payment.gateway == MANUAL,
            or_(Payment.idempotency_key == written, Payment.gateway_reference == reference),
        )
        .order_by(Payment.id.desc())
    ).first()
    if payment is not None:
        return payment
    return session.scalars(
        select(Refund)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(
            Payment.gateway == MANUAL,
            or_(Refund.idempotency_key == written, Refund.gateway_reference == reference),
        )
        .order_by(Refund.id.desc())
    ).first()
