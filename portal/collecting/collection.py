"""Carrying a payment to its outcome: claim it, ask the gateway, put the answer down.

The web request that starts a payment and the worker that finds it later do exactly this. The
gateway is called between two transactions. Whoever dies in the middle leaves a lease that runs
out, and the next one asks the gateway what became of the charge before sending it again.
"""

import os
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from portal import clock, outbox
from portal.billing import (
    accounts,
    bounds,
    invoices,
    payments,
    plan_outcomes,
    settlements,
)
from portal.billing.bounds import OutOfBounds
from portal.billing.gateways import MANUAL, Answer, Charge, Outcome
from portal.billing.gateways.manual import transfer_terms
from portal.billing.payments import FINAL, Stage
from portal.billing.rules import dunning
from portal.collecting import gateways
from portal.config import Settings
from portal.extensions import db
from portal.language import message
from portal.mail import payment_notices
from portal.models import (
    Account,
    GatewayCustomer,
    Invoice,
    InvoiceStatus,
    OutboxItem,
    Payment,
    PaymentState,
    PlanChange,
    Work,
)
from portal.transaction import assert_outside, transaction

HOUR = timedelta(hours=1)
NO_ANSWER = "the gateway has not answered"
HELD_BACK = "automatic charging stands still"
NOTHING_OWED = message("Nothing is owed any more.")
WITH_WHAT_IT_PAYS_FOR = (
    joinedload(Payment.method),
    joinedload(Payment.plan_change).joinedload(PlanChange.to_price),
)
# Why a payment was called off that nobody called off.
NOT_AUTHENTICATED = message("The payment was not confirmed with the bank within an hour.")
NOT_ARRIVED = message("The transfer did not arrive in time.")


class Step(Enum):
    """What a payment needs of its gateway next."""

    SEND = auto()
    ENQUIRE = auto()
    CALL_OFF = auto()


@dataclass(frozen=True)
class Claim:
    account_id: int
    gateway: str
    charge: Charge
    step: Step


def carry_change(plan_change_id: int) -> PlanChange:
    """Carry the payment of a plan change, if it has one to carry; returns the change as it is."""
    payment_id = db.session.scalar(
        select(Payment.id).where(Payment.plan_change_id == plan_change_id)
    )
    if payment_id is not None:
        carry_payment(payment_id)
    return db.session.get_one(PlanChange, plan_change_id)


def carry_payment(payment_id: int) -> Payment:
    """Carry a payment, if there is something to do now; returns it as it is."""
    carry(outbox.find(db.session(), Work.PAYMENT, payment_id).id)
    return db.session.get_one(Payment, payment_id)


def look_again(payment: Payment) -> Payment:
    """Ask the gateway now what became of a payment that waits for the customer or an answer."""
    account_id, payment_id = payment.account_id, payment.id
    with transaction() as session:
        accounts.lock(session, account_id)
        waiting = session.get_one(Payment, payment_id)
        if payments.stage(waiting) in (Stage.AUTHENTICATION, Stage.UNKNOWN):
            payments.hasten(session, waiting, now=clock.now())
            # Asked for by the customer, as often as a page is loaded: the portal asks on by itself.
            item = outbox.find(session, Work.PAYMENT, payment_id)
            item.attempts = max(item.attempts - 1, 0)
    return carry_payment(payment_id)


def carry(item_id: int) -> bool:
    """Carry the payment of an outbox item; False when it is done, waits, or is in other hands."""
    owner = f"{os.getpid()}-{secrets.token_hex(8)}"
    with transaction() as session:
        claim = _claim(session, item_id, owner)
    if claim is None:
        return False
    assert_outside()
    answer = _ask(claim)
    try:
        with transaction() as session:
            _put_down(session, item_id, owner, claim, answer)
    except OutOfBounds as refusal:
        with transaction() as session:
            _leave_to_operator(session, item_id, owner, refusal)
    return True


def _claim(session: Session, item_id: int, owner: str) -> Claim | None:
    """Take hold of a payment and say what is to be asked; None where nothing is."""
    account = _lock_account(session, item_id)
    now = clock.now()
    item = outbox.claim(session, item_id, owner=owner, now=now, wall=clock.wall_now())
    if item is None:
        return None
    payment = session.get_one(Payment, item.subject_id)
    if payment.state in FINAL:
        outbox.settle(item, at=now)
        return None
    if payment.state is PaymentState.CREATED:
        if not _may_be_sent(session, account, payment, item, now):
            return None
        payments.bring_up_to_date(session, payment)
        if payment.gateway == MANUAL and payment.invoice_id is not None:
            # A transfer is made by what the invoice says: its files wait for no answer.
            invoices.answered(session, session.get_one(Invoice, payment.invoice_id), now=now)
        payment.state = PaymentState.PROCESSING
        step = Step.SEND
    else:
        is_called_off = payment.call_off_at is not None and payment.call_off_at <= now
        step = Step.CALL_OFF if is_called_off else Step.ENQUIRE
    return Claim(account.id, payment.gateway, _charge(session, account, payment), step)


def _lock_account(session: Session, item_id: int) -> Account:
    statement = select(OutboxItem.account_id).where(OutboxItem.id == item_id)
    account_id = session.execute(statement).scalar_one()
    if account_id is None:
        raise ValueError("a payment is an account's")
    return accounts.lock(session, account_id)


def _may_be_sent(
    session: Session, account: Account, payment: Payment, item: OutboxItem, now: datetime
) -> bool:
    """Whether it is wanted still, and charging by itself doesn't stand still."""
    if payment.call_off_at is not None:
        answer = Answer(Outcome.DECLINED, message=payment.failure)
        settlements.apply(session, account, payment, answer, item=item, now=now)
        return False
    invoice = session.get_one(Invoice, payment.invoice_id) if payment.invoice_id else None
    if invoice is not None and invoice.status is not InvoiceStatus.OPEN:
        answer = Answer(Outcome.DECLINED, message=NOTHING_OWED)
        settlements.apply(session, account, payment, answer, item=item, now=now)
        return False
    is_held = account.parked_at is not None or bounds.running_stop(session) is not None
    if is_held and not payment.on_session:
        outbox.look_again(item, at=now + HOUR, error=HELD_BACK)
        return False
    return True


def _charge(session: Session, account: Account, payment: Payment) -> Charge:
    customer = session.get(GatewayCustomer, (account.id, payment.gateway))
    back = f"{_settings().base_url}/in/{account.public_id}/payments/{payment.idempotency_key}"
    return Charge(
        idempotency_key=payment.idempotency_key,
        amount=payment.money,
        customer_reference=customer.reference if customer else "",
        method_reference=payment.method.reference,
        description=_description(session, payment),
        on_session=payment.on_session,
        return_url=back,
        created_at=payment.created_at,
        gateway_reference=payment.gateway_reference,
    )


def _description(session: Session, payment: Payment) -> str:
    if payment.plan_change_id is not None:
        change = session.get_one(PlanChange, payment.plan_change_id)
        return plan_outcomes.what(session, change)
    return f"Invoice {session.get_one(Invoice, payment.invoice_id).number_text}"


def _ask(claim: Claim) -> Answer:
    asked = gateways.named(claim.gateway)
    if claim.step is Step.CALL_OFF:
        return asked.call_off(claim.charge)
    if claim.step is Step.ENQUIRE:
        known = asked.enquire(claim.charge)
        if known.outcome is not Outcome.NEVER_HEARD:
            return known
    return asked.charge(claim.charge)


def _put_down(session: Session, item_id: int, owner: str, claim: Claim, answer: Answer) -> None:
    account = accounts.lock(session, claim.account_id)
    item = outbox.held(session, item_id, owner=owner)
    if item is None:
        return
    payment = session.get_one(
        Payment, item.subject_id, options=WITH_WHAT_IT_PAYS_FOR, populate_existing=True
    )
    if claim.step is Step.CALL_OFF and answer.outcome is Outcome.DECLINED:
        answer = replace(answer, message=payment.failure or _too_late(payment))
    now = clock.now()
    settlements.apply(session, account, payment, answer, item=item, now=now)
    if payment.state is PaymentState.UNKNOWN:
        _ask_later(session, account, payment, item, now)
    elif payment.state not in FINAL:
        item.attempts = 0
        at = settlements.next_look(session, account, payment, _due_at(payment), now=now)
        if at is None:
            outbox.settle(item, at=now)
        else:
            # One that could not be called off is not asked about without a pause.
            pause = dunning.ASK_AFTER[0] if claim.step is Step.CALL_OFF else timedelta(0)
            outbox.look_again(item, at=max(at, now + pause))


def _too_late(payment: Payment) -> str:
    return NOT_ARRIVED if payments.stage(payment) is Stage.TRANSFER else NOT_AUTHENTICATED


def _ask_later(
    session: Session, account: Account, payment: Payment, item: OutboxItem, now: datetime
) -> None:
    """Ask again what became of it, and in the end leave it to a person."""
    at = dunning.ask_at(item.attempts - 1, now)
    if at is not None:
        outbox.look_again(item, at=at, error=NO_ANSWER)
        return
    outbox.give_up(item, NO_ANSWER)
    payment_notices.no_answer(session, account, payment, now=now)


def _due_at(payment: Payment) -> datetime:
    terms = transfer_terms(
        payment.idempotency_key, asked_at=payment.created_at, settings=_settings()
    )
    return terms.due_at


def _leave_to_operator(session: Session, item_id: int, owner: str, refusal: OutOfBounds) -> None:
    """The money was collected, but what it was for can't be invoiced: a person has to look."""
    account = _lock_account(session, item_id)
    item = outbox.held(session, item_id, owner=owner)
    if item is None:
        return
    now = clock.now()
    if account.parked_at is None:
        bounds.park(session, account, refusal.reason, now=now)
    outbox.look_again(item, at=now + HOUR, error=refusal.reason)


def _settings() -> Settings:
    settings: Settings = current_app.config["PORTAL"]
    return settings
