"""Carrying a refund to its outcome: claim it, ask the gateway, put the answer down.

As with payments, the gateway is called between two transactions, and whoever finds a refund that
may have been sent asks what became of it before sending it again, under the key it always had.
"""

import os
import secrets
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock, outbox
from portal.billing import accounts, refunds
from portal.billing.gateways import MANUAL, Answer, Outcome, Repayment
from portal.billing.payments import FINAL
from portal.billing.rules import dunning
from portal.billing.rules.period import DAY
from portal.collecting import gateways
from portal.extensions import db
from portal.mail import credit_notices
from portal.models import Account, OutboxItem, PaymentState, Refund, Work
from portal.transaction import assert_outside, transaction

NO_ANSWER = "the gateway has not answered"


@dataclass(frozen=True)
class Claim:
    """What is to be given back, and whether it may have been sent before."""

    gateway: str
    repayment: Repayment
    sent_before: bool


def carry(item_id: int) -> bool:
    """Carry the refund of an outbox item; False when it is done or in other hands."""
    owner = f"{os.getpid()}-{secrets.token_hex(8)}"
    with transaction() as session:
        claim = _claim(session, item_id, owner)
    if claim is None:
        return False
    assert_outside()
    answer = _ask(claim)
    with transaction() as session:
        _put_down(session, item_id, owner, answer)
    return True


def ask_again(refund: Refund) -> Refund:
    """Ask the gateway now what became of a refund that has no answer; returns it as it is then."""
    account_id, refund_id = refund.account_id, refund.id
    with transaction() as session:
        accounts.lock(session, account_id)
        item = outbox.find(session, Work.REFUND, refund_id)
        if session.get_one(Refund, refund_id).state is PaymentState.UNKNOWN:
            outbox.hasten(item, at=clock.now())
        item_id = item.id
    carry(item_id)
    return db.session.get_one(Refund, refund_id)


def _claim(session: Session, item_id: int, owner: str) -> Claim | None:
    _lock_account(session, item_id)
    now = clock.now()
    item = outbox.claim(session, item_id, owner=owner, now=now, wall=clock.wall_now())
    if item is None:
        return None
    refund = session.get_one(Refund, item.subject_id)
    if refund.state in FINAL:
        outbox.settle(item, at=now)
        return None
    sent_before = refund.state is not PaymentState.CREATED
    if not sent_before:
        refund.state = PaymentState.PROCESSING
    return Claim(refund.payment.gateway, _repayment(refund), sent_before)


def _lock_account(session: Session, item_id: int) -> Account:
    # The column only: a row that is read before the lock would be kept as it was then.
    statement = select(OutboxItem.account_id).where(OutboxItem.id == item_id)
    account_id = session.execute(statement).scalar_one()
    if account_id is None:
        raise ValueError("a refund is an account's")
    return accounts.lock(session, account_id)


def _repayment(refund: Refund) -> Repayment:
    return Repayment(
        idempotency_key=refund.idempotency_key,
        amount=refund.money,
        charge_key=refund.payment.idempotency_key,
        charge_reference=refund.payment.gateway_reference or "",
        created_at=refund.created_at,
        gateway_reference=refund.gateway_reference,
    )


def _ask(claim: Claim) -> Answer:
    gateway = gateways.named(claim.gateway)
    if claim.sent_before:
        known = gateway.enquire_refund(claim.repayment)
        if known.outcome is not Outcome.NEVER_HEARD:
            return known
    return gateway.refund(claim.repayment)


def _put_down(session: Session, item_id: int, owner: str, answer: Answer) -> None:
    account = _lock_account(session, item_id)
    item = outbox.held(session, item_id, owner=owner)
    if item is None:
        return
    now = clock.now()
    refund = session.get_one(Refund, item.subject_id, populate_existing=True)
    refunds.settle(session, account, refund, answer, now=now)
    if refund.payment.gateway == MANUAL:
        # What the vendor transfers by hand is recorded by hand: there is nobody to ask.
        outbox.settle(item, at=now)
    elif refund.state is PaymentState.UNKNOWN:
        _ask_later(session, account, refund, item)
    elif refund.state not in FINAL:
        item.attempts = 0
        outbox.look_again(item, at=now + DAY)


def _ask_later(session: Session, account: Account, refund: Refund, item: OutboxItem) -> None:
    """Ask again what became of it, and in the end leave it to a person."""
    now = clock.now()
    at = dunning.ask_at(item.attempts - 1, now)
    if at is not None:
        outbox.look_again(item, at=at, error=NO_ANSWER)
        return
    outbox.give_up(item, NO_ANSWER)
    credit_notices.refund_without_answer(session, account, refund, now=now)
