"""Refunds: money on its way back to where a payment came from, until that is certain.

    created ─→ processing ─→ succeeded | declined
                   └→ unknown ─→ succeeded | declined     (by asking the gateway)

Succeeded and declined are final. What can't go back is not lost: it becomes credit balance.
"""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import outbox
from portal.audit import SYSTEM, record
from portal.billing import ledger
from portal.billing.gateways import Answer
from portal.billing.payments import FINAL, STATE_AFTER
from portal.billing.rules import describe
from portal.billing.rules.money import Money
from portal.language import message
from portal.mail import credit_notices
from portal.models import Account, CreditNote, Payment, PaymentState, Refund, Work

DECLINED = message("The refund was declined.")
FAILURE_LENGTH, REFERENCE_LENGTH = 200, 120
# Who has waited longer than this for money to be sent off is told when it is.
NEWS_AFTER = timedelta(days=1)


def returnable(session: Session, payment: Payment) -> Money:
    """What the payment collected, less what went back or is on its way."""
    statement = select(func.coalesce(func.sum(Refund.amount_minor), 0)).where(
        Refund.account_id == payment.account_id,
        Refund.payment_id == payment.id,
        Refund.state != PaymentState.DECLINED,
    )
    returned = int(session.execute(statement).scalar_one())
    return Money(payment.amount_minor - returned, payment.currency)


def write(session: Session, note: CreditNote, payment: Payment, *, now: datetime) -> Refund:
    """Write that a part of `note` goes back to where `payment` came from; the outbox sends it."""
    refund = Refund(
        account_id=note.account_id,
        credit_note_id=note.id,
        payment_id=payment.id,
        amount_minor=note.to_method_minor,
        currency=note.currency,
        state=PaymentState.CREATED,
        idempotency_key=f"refund-{secrets.token_hex(16)}",
        created_at=now,
    )
    session.add(refund)
    session.flush()
    outbox.put(session, Work.REFUND, refund.id, account_id=note.account_id, at=now)
    return refund


def settle(
    session: Session, account: Account, refund: Refund, answer: Answer, *, now: datetime
) -> None:
    """Put down the gateway's answer and do what follows from it; the account must be locked.

    A refund that has its outcome keeps it, whatever arrives later and how often.
    """
    if refund.state in FINAL:
        return
    refund.state = STATE_AFTER[answer.outcome]
    refund.gateway_reference = (answer.reference or "")[:REFERENCE_LENGTH] or (
        refund.gateway_reference
    )
    if refund.state not in FINAL:
        return
    refund.settled_at = now
    outbox.settle(outbox.find(session, Work.REFUND, refund.id), at=now)
    if refund.state is PaymentState.SUCCEEDED:
        _sent_back(session, account, refund, now=now)
    else:
        refund.failure = (answer.message or DECLINED)[:FAILURE_LENGTH]
        _kept_as_balance(session, account, refund, now=now)
    record(
        session,
        account,
        f"refund.{refund.state}",
        at=now,
        actor=SYSTEM,
        credit_note=refund.credit_note.number_text,
        amount=describe.kept_money(refund.money),
        method=refund.payment.method.label,
        reason=refund.failure,
        reference=refund.gateway_reference,
    )


def of_note(session: Session, note: CreditNote) -> Refund | None:
    """The refund that a credit note led to, if there is one."""
    statement = select(Refund).where(
        Refund.account_id == note.account_id, Refund.credit_note_id == note.id
    )
    return session.scalars(statement).one_or_none()


def _sent_back(session: Session, account: Account, refund: Refund, *, now: datetime) -> None:
    session.flush()
    ledger.refunded(session, refund, at=now)
    if now - refund.created_at > NEWS_AFTER:
        credit_notices.refund_sent(session, account, refund, now=now)


def _kept_as_balance(session: Session, account: Account, refund: Refund, *, now: datetime) -> None:
    """It could not go back: it is the customer's all the same, and people should know."""
    session.flush()
    ledger.refund_to_balance(session, refund, at=now)
    credit_notices.refund_declined(session, account, refund, now=now)
