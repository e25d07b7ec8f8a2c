"""Refunds: of what a payment collected, once, and never lost on their way."""

from collections.abc import Iterator

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from portal.billing import payments
from portal.billing.gateways import MANUAL, SANDBOX
from portal.billing.verification.outbox_rows import subjects
from portal.billing.verification.wrong import Wrong, amount
from portal.models import (
    CreditNote,
    OutboxState,
    Payment,
    PaymentState,
    Refund,
    SandboxRefund,
    Work,
)

IN_FLIGHT = Refund.state.not_in(payments.FINAL)


def refunds_of_payments(session: Session) -> Iterator[Wrong]:
    """No more goes back than a payment collected."""
    returned = func.sum(case((Refund.state != PaymentState.DECLINED, Refund.amount_minor), else_=0))
    statement = (
        select(Payment, returned)
        .join(Refund, Refund.payment_id == Payment.id)
        .group_by(Payment.id)
        .having(or_(returned > Payment.amount_minor, Payment.state != PaymentState.SUCCEEDED))
        .order_by(Payment.id)
    )
    for payment, found in session.execute(statement):
        subject = f"refunds of {payment.idempotency_key}"
        collected = f"{amount(payment.amount_minor, payment.currency)}, {payment.state}"
        yield Wrong(subject, amount(found, payment.currency), f"at most what came in: {collected}")


def refunds_of_notes(session: Session) -> Iterator[Wrong]:
    """What a credit note sends back is one refund, of a payment of its invoice."""
    statement = (
        select(CreditNote, func.coalesce(Refund.amount_minor, 0))
        .outerjoin(Refund, Refund.credit_note_id == CreditNote.id)
        .outerjoin(Payment, Payment.id == Refund.payment_id)
        .where(
            or_(
                CreditNote.to_method_minor != func.coalesce(Refund.amount_minor, 0),
                Payment.invoice_id != CreditNote.invoice_id,
                and_(Refund.id.is_not(None), Payment.invoice_id.is_(None)),
            )
        )
        .order_by(CreditNote.id)
    )
    for note, found in session.execute(statement):
        subject = f"refund of credit note {note.number_text}"
        expected = f"{amount(note.to_method_minor, note.currency)} of its invoice's payment"
        yield Wrong(subject, amount(found, note.currency), expected)


def refunds_carried(session: Session) -> Iterator[Wrong]:
    """A refund under way has work waiting for it, unless a person transfers it, or nobody knows
    what became of it and the vendor was told; a final one says when."""
    left_to_vendor = and_(
        Refund.state == PaymentState.UNKNOWN,
        Refund.id.in_(subjects(Work.REFUND, OutboxState.DEAD)),
    )
    carried = or_(Refund.id.in_(subjects(Work.REFUND)), left_to_vendor)
    by_hand = and_(Payment.gateway == MANUAL, Refund.state == PaymentState.PROCESSING)
    statement = (
        select(Refund.idempotency_key, Refund.state, Refund.settled_at)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(
            or_(
                and_(IN_FLIGHT, ~by_hand, ~carried),
                Refund.settled_at.is_not(None) == IN_FLIGHT,
            )
        )
        .order_by(Refund.id)
    )
    for key, state, settled_at in session.execute(statement):
        found = f"{state}, {'settled' if settled_at else 'not settled'}"
        yield Wrong(key, found, "work that carries it on, or a date when it is final")


def sandbox_refunds(session: Session) -> Iterator[Wrong]:
    """What the sandbox gateway gave back is what its refunds say."""
    given = func.coalesce(SandboxRefund.amount_minor, 0)
    expected = case((Refund.state == PaymentState.SUCCEEDED, Refund.amount_minor), else_=0)
    statement = (
        select(Refund, given)
        .join(Payment, Payment.id == Refund.payment_id)
        .outerjoin(SandboxRefund, SandboxRefund.idempotency_key == Refund.idempotency_key)
        .where(Payment.gateway == SANDBOX, ~IN_FLIGHT, given != expected)
        .order_by(Refund.id)
    )
    for refund, found in session.execute(statement):
        yield Wrong(
            refund.idempotency_key,
            f"{refund.state}, {amount(refund.amount_minor, refund.currency)}",
            f"{amount(found, refund.currency)} given back",
        )
