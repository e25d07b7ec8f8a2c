"""Carrying a payment to its outcome: claim it, ask the gateway, put the answer down.

The web request that starts a payment and the worker that finds it later do exactly this. The
gateway is called between two transactions. Whoever dies in the middle leaves a lease that runs
out, and the next one asks the gateway what became of the charge before sending it again.
"""

import os
import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock, outbox
from portal.billing import accounts, payments, settlements
from portal.billing.gateways import MANUAL, SANDBOX, Answer, Charge, Outcome, PaymentGateway
from portal.billing.gateways.manual import ManualGateway
from portal.billing.gateways.sandbox import SandboxGateway
from portal.extensions import db
from portal.models import OutboxItem, Payment, PaymentState, PlanChange, Work
from portal.transaction import assert_outside, transaction

# By the name that settings and payments give them.
GATEWAYS: dict[str, PaymentGateway] = {SANDBOX: SandboxGateway(), MANUAL: ManualGateway()}


def carry_change(plan_change_id: int) -> PlanChange:
    """Carry the payment of a plan change, if it has one to carry; returns the change as it is."""
    payment_id = db.session.scalar(
        select(Payment.id).where(Payment.plan_change_id == plan_change_id)
    )
    if payment_id is not None:
        carry(outbox.find(db.session(), Work.PAYMENT, payment_id).id)
    return db.session.get_one(PlanChange, plan_change_id)


def carry(item_id: int) -> bool:
    """Carry the payment of an outbox item; False when it is done or in other hands."""
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


def _claim(session: Session, item_id: int, owner: str) -> tuple[str, Charge, bool] | None:
    """The gateway's name, the charge, and whether it may have been sent before."""
    item = outbox.claim(session, item_id, owner=owner, now=clock.now(), wall=clock.wall_now())
    if item is None:
        return None
    payment = session.get_one(Payment, item.subject_id)
    sent_before = payment.state is not PaymentState.CREATED
    if not sent_before:
        payments.use_current_method(session, payment)
        payment.state = PaymentState.PROCESSING
    charge = Charge(payment.idempotency_key, payment.money, payment.method.reference)
    return payment.gateway, charge, sent_before


def _ask(gateway_name: str, charge: Charge, sent_before: bool) -> Answer:
    gateway = GATEWAYS[gateway_name]
    if sent_before:
        known = gateway.enquire(charge.idempotency_key)
        if known.outcome is not Outcome.NEVER_HEARD:
            return known
    return gateway.charge(charge)


def _put_down(session: Session, item_id: int, owner: str, answer: Answer) -> None:
    payment = session.get_one(Payment, session.get_one(OutboxItem, item_id).subject_id)
    account = accounts.lock(session, payment.account_id)
    item = outbox.held(session, item_id, owner=owner)
    if item is None:
        return
    now = clock.now()
    session.refresh(payment)
    settlements.apply(session, account, payment, answer, now=now)
    if answer.outcome is Outcome.UNKNOWN:
        outbox.put_off(item, "the gateway has not answered", at=now)
    else:
        outbox.settle(item, at=now)
