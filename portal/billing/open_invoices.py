"""Paying what is owed by hand: now, or because there is a new way to pay.

The automatic attempt that waits is made at once instead, so there are never two for one invoice.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import outbox
from portal.audit import Actor, record
from portal.billing import payments
from portal.billing.gateways import MANUAL, Answer, Outcome
from portal.billing.payments import Stage
from portal.billing.rules import describe
from portal.billing.rules.dunning import LAST_RETRY
from portal.language import message
from portal.models import Account, Invoice, InvoiceStatus, Payment, PaymentState, Work

PAID_ANOTHER_WAY = message("Paid another way.")


def unpaid(session: Session, account_id: int) -> Sequence[Invoice]:
    """Every open invoice, oldest first."""
    statement = (
        select(Invoice)
        .where(Invoice.account_id == account_id, Invoice.status == InvoiceStatus.OPEN)
        .order_by(Invoice.id)
    )
    return session.scalars(statement).all()


def mark(session: Session, invoice: Invoice) -> str:
    """How it stands with the invoice: changes with every attempt to pay it and every credit."""
    statement = select(func.count(Payment.id)).where(
        Payment.account_id == invoice.account_id,
        Payment.invoice_id == invoice.id,
        Payment.state != PaymentState.CREATED,
    )
    tried = session.execute(statement).scalar_one()
    return f"{invoice.status}-{invoice.outstanding.amount}-{tried}"


def can_be_paid(session: Session, invoice: Invoice) -> bool:
    """Whether paying it by hand begins something: it is owed, and no payment is under way."""
    if invoice.status is not InvoiceStatus.OPEN:
        return False
    waiting = payments.in_flight(session, invoice)
    return waiting is None or _can_be_replaced(session, waiting)


def pay(
    session: Session, account: Account, invoice: Invoice, seen: str, *, now: datetime, actor: Actor
) -> Payment | None:
    """Collect what is owed on the invoice now; the account must be locked.

    `seen` is the mark the person acted on. Returns the payment to carry, or None where nothing is
    begun: the invoice stands otherwise than was seen, or a payment of it is under way. Raises
    NoPaymentMethod.
    """
    if seen != mark(session, invoice) or not can_be_paid(session, invoice):
        return None
    return _by_hand(session, account, invoice, now=now, actor=actor)


def try_new_method(
    session: Session, account: Account, *, now: datetime, actor: Actor
) -> list[Payment]:
    """Try what was declined with the new way to pay; the account must be locked.

    Returns the payments to carry: those of open invoices whose next attempt waits for its day.
    """
    declined = []
    for invoice in unpaid(session, account.id):
        waiting = payments.in_flight(session, invoice)
        if waiting is not None and waiting.retry and _can_be_replaced(session, waiting):
            declined.append(invoice)
    return [_by_hand(session, account, invoice, now=now, actor=actor) for invoice in declined]


def _can_be_replaced(session: Session, payment: Payment) -> bool:
    """One that was never sent, unless somebody pays by hand at this moment, or a transfer that
    nobody has to make who pays by card now."""
    stage = payments.stage(payment)
    if stage is Stage.TRANSFER:
        method = payments.method_of(session, payment.account_id)
        return method is not None and method.gateway != MANUAL
    return stage is Stage.SCHEDULED and not payment.on_session


def _by_hand(
    session: Session, account: Account, invoice: Invoice, *, now: datetime, actor: Actor
) -> Payment:
    record(
        session,
        account,
        "payment.by_hand",
        at=now,
        actor=actor,
        invoice=invoice.number_text,
        amount=describe.kept_money(invoice.outstanding),
    )
    waiting = payments.in_flight(session, invoice)
    if waiting is not None and waiting.state is PaymentState.CREATED:
        waiting.on_session = True
        payments.hasten(session, waiting, now=now)
        return waiting
    if waiting is not None:
        payments.note(waiting, Answer(Outcome.DECLINED, message=PAID_ANOTHER_WAY), now=now)
        outbox.settle(outbox.find(session, Work.PAYMENT, waiting.id), at=now)
        session.flush()
    return payments.start(
        session,
        account,
        invoice.outstanding,
        invoice=invoice,
        now=now,
        retry=waiting.retry if waiting else LAST_RETRY,
        on_session=True,
    )
