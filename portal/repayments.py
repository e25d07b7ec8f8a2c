"""Carrying a refund to its outcome: claim it, ask the gateway, put the answer down.

As with payments, the gateway is called between two transactions, and whoever finds a refund that
may have been sent asks what became of it before sending it again, under the key it always had.
"""

import os
import secrets
from datetime import timedelta

from sqlalchemy.orm import Session

from portal import clock, collection, outbox
from portal.billing import accounts, refunds
from portal.billing.gateways import MANUAL, Answer, Outcome, Repayment
from portal.billing.payments import FINAL
from portal.models import OutboxItem, PaymentState, Refund
from portal.transaction import assert_outside, transaction

NO_ANSWER = "the gateway has given no final answer"
# How long after each attempt a gateway is asked again, the last one over and over.
ASK_AGAIN_AFTER = (timedelta(minutes=5), timedelta(hours=1), timedelta(days=1))


def carry(item_id: int) -> bool:
    """Carry the refund of an outbox item; False when it is done or in other hands."""
    owner = f"{os.getpid()}-{secrets.token_hex(8)}"
    with transaction() as session:
        claimed = _claim(session, item_id, owner)
    if claimed is None:
        return False
    assert_outside()
    answer = _ask(*claimed)
    with transaction() as session:
        _put_down(session, item_id, owner, answer)
    return True


def _claim(session: Session, item_id: int, owner: str) -> tuple[str, Repayment, bool] | None:
    """The gateway's name, what to give back, and whether it may have been sent before."""
    item = outbox.claim(session, item_id, owner=owner, now=clock.now(), wall=clock.wall_now())
    if item is None:
        return None
    refund = session.get_one(Refund, item.subject_id)
    if refund.state in FINAL:
        outbox.settle(item, at=clock.now())
        return None
    sent_before = refund.state is not PaymentState.CREATED
    refund.state = refund.state if sent_before else PaymentState.PROCESSING
    repayment = Repayment(
        idempotency_key=refund.idempotency_key,
        amount=refund.money,
        charge_key=refund.payment.idempotency_key,
        charge_reference=refund.payment.gateway_reference or "",
        created_at=refund.created_at,
        gateway_reference=refund.gateway_reference,
    )
    return refund.payment.gateway, repayment, sent_before


def _ask(gateway_name: str, repayment: Repayment, sent_before: bool) -> Answer:
    gateway = collection.GATEWAYS[gateway_name]
    if sent_before:
        known = gateway.enquire_refund(repayment)
        if known.outcome is not Outcome.NEVER_HEARD:
            return known
    return gateway.refund(repayment)


def _put_down(session: Session, item_id: int, owner: str, answer: Answer) -> None:
    refund = session.get_one(Refund, session.get_one(OutboxItem, item_id).subject_id)
    account = accounts.lock(session, refund.account_id)
    item = outbox.held(session, item_id, owner=owner)
    if item is None:
        return
    now = clock.now()
    session.refresh(refund)
    refunds.settle(session, account, refund, answer, now=now)
    # What the vendor transfers by hand is recorded by hand: there is nobody to ask.
    if refund.state in FINAL or refund.payment.gateway == MANUAL:
        outbox.settle(item, at=now)
        return
    if item.attempts >= outbox.ATTEMPTS[item.work]:
        outbox.give_up(item, NO_ANSWER)
        return
    later = now + ASK_AGAIN_AFTER[min(item.attempts, len(ASK_AGAIN_AFTER)) - 1]
    outbox.look_again(item, at=later, error=NO_ANSWER)
