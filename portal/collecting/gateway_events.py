"""News from payment gateways: kept first, acted on later, by asking the gateway.

What news says of states and amounts is never believed, for it arrives late, twice and in any
order. It only says what to ask about: the payment or refund is looked up again soon, and a saved
card is looked for at the gateway. So the first asks, and whatever follows finds nothing new.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import clock, outbox, queue
from portal.audit import SYSTEM
from portal.billing import accounts, open_invoices, payment_methods, payments
from portal.billing.gateways import STRIPE, MethodPages
from portal.billing.gateways.stripe.answers import PAYMENT, REFUND
from portal.billing.gateways.stripe.events import News
from portal.billing.payment_methods import WayToPay
from portal.collecting import gateways
from portal.extensions import db
from portal.models import (
    GatewayCustomer,
    GatewayEvent,
    Payment,
    PaymentState,
    Refund,
    Work,
)
from portal.transaction import after_commit, assert_outside, transaction

# A card was saved: on the hosted page, or by a customer's other visit to Stripe.
SAVED = frozenset({"checkout.session.completed", "setup_intent.succeeded"})
# What was never sent, or has its outcome, is not asked about.
ASKED_ABOUT = frozenset({PaymentState.PROCESSING, PaymentState.UNKNOWN})


def keep(news: News) -> None:
    """Write the news down, to be acted on by the outbox; what is known already changes nothing."""
    try:
        with transaction() as session:
            if not _is_known(session, news):
                _write(session, news, at=clock.now())
    except IntegrityError:
        # Two came at once, and the other one was quicker.
        with transaction() as session:
            if not _is_known(session, news):
                raise


def act_on(event_id: int) -> str | None:
    """Do what an event makes necessary; says what to wait for where it isn't possible yet."""
    event = db.session.get_one(GatewayEvent, event_id)
    if event.kind in SAVED:
        problem = _look_for_card(event.payload.get("customer"))
    else:
        problem = _ask_soon(event.payload.get("metadata") or {})
    if problem is None:
        with transaction() as session:
            session.get_one(GatewayEvent, event_id).applied_at = clock.now()
    return problem


def _is_known(session: Session, news: News) -> bool:
    statement = select(GatewayEvent.id).where(
        GatewayEvent.gateway == STRIPE, GatewayEvent.event_id == news.event_id
    )
    return session.scalar(statement) is not None


def _write(session: Session, news: News, *, at: datetime) -> None:
    event = GatewayEvent(
        gateway=STRIPE,
        event_id=news.event_id,
        kind=news.kind,
        payload=dict(news.about),
        received_at=at,
    )
    session.add(event)
    session.flush()
    outbox.put(session, Work.GATEWAY_EVENT, event.id, account_id=None, at=at)


def _ask_soon(metadata: Mapping[str, Any]) -> str | None:
    """Bring forward what waits to be asked about: the payment or refund that carries our key."""
    with transaction() as session:
        payment = _payment(session, metadata.get(PAYMENT))
        refund = _refund(session, metadata.get(REFUND))
        if payment is not None:
            return _hasten(session, Work.PAYMENT, payment)
        if refund is not None:
            return _hasten(session, Work.REFUND, refund)
    return None


def _payment(session: Session, key: str | None) -> Payment | None:
    statement = select(Payment).where(Payment.idempotency_key == key, Payment.gateway == STRIPE)
    return session.scalars(statement).one_or_none()


def _refund(session: Session, key: str | None) -> Refund | None:
    return session.scalars(select(Refund).where(Refund.idempotency_key == key)).one_or_none()


def _hasten(session: Session, work: Work, subject: Payment | Refund) -> str | None:
    accounts.lock(session, subject.account_id)
    session.refresh(subject)
    if subject.state not in ASKED_ABOUT:
        return None
    item = outbox.find(session, work, subject.id)
    session.refresh(item, with_for_update=True)
    if item.lease_until is not None and item.lease_until > clock.wall_now():
        return f"the {work} is being asked about this moment"
    outbox.hasten(item, at=clock.now())
    item_id = item.id
    after_commit(session, lambda: queue.hand_out(outbox.SWEEP, item_id))
    return None


def _look_for_card(customer: str | None) -> str | None:
    """Pay by the card that was saved last, and try it on what is owed."""
    account_id = db.session.scalar(
        select(GatewayCustomer.account_id).where(
            GatewayCustomer.gateway == STRIPE, GatewayCustomer.reference == customer
        )
    )
    if customer is None or account_id is None:
        return None
    assert_outside()
    pages = gateways.named(STRIPE)
    card = pages.newest_method(customer) if isinstance(pages, MethodPages) else None
    if card is None:
        return "Stripe did not say which card was saved"
    way = WayToPay(STRIPE, card.reference, card.label)
    with transaction() as session:
        account, now = accounts.lock(session, account_id), clock.now()
        before = payments.method_of(session, account_id)
        payment_methods.adopt(session, account, way, now=now, actor=SYSTEM)
        if payments.method_of(session, account_id) is not before:
            open_invoices.try_new_method(session, account, now=now, actor=SYSTEM)
    return None
