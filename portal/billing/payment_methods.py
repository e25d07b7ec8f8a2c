"""Changing how an account pays, on record; a card that is only tried is kept once it has paid."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit import SYSTEM, Actor, record
from portal.billing import payments
from portal.models import Account, Payment, PaymentMethod


@dataclass(frozen=True)
class WayToPay:
    """What a gateway calls a way to pay, and what people recognise it by."""

    gateway: str
    reference: str
    label: str


def change(
    session: Session, account: Account, way: WayToPay, *, now: datetime, actor: Actor
) -> PaymentMethod:
    """Pay this way from now on; the account must be locked. The way that is set stays as it is."""
    current = payments.method_of(session, account.id)
    if current and (current.gateway, current.reference) == (way.gateway, way.reference):
        return current
    record(
        session,
        account,
        "payment_method.changed",
        at=now,
        actor=actor,
        label=way.label,
        before=current.label if current else None,
    )
    return payments.set_method(
        session, account, gateway=way.gateway, reference=way.reference, label=way.label, now=now
    )


def adopt(
    session: Session, account: Account, way: WayToPay, *, now: datetime, actor: Actor
) -> bool:
    """Pay by what a gateway has just saved, unless the account has had it before: that news may
    come twice, and late. Returns whether it is what the account pays with now."""
    had = select(PaymentMethod.replaced_at).where(
        PaymentMethod.account_id == account.id,
        PaymentMethod.gateway == way.gateway,
        PaymentMethod.reference == way.reference,
    )
    before = session.scalars(had).all()
    if not before:
        change(session, account, way, now=now, actor=actor)
    return not before or None in before


def try_with(
    session: Session, account: Account, payment: Payment, way: WayToPay, *, now: datetime
) -> None:
    """Collect a payment that was not sent yet another way; kept for later ones once it has paid.

    What the account pays with stays what it is meanwhile. The account must be locked.
    """
    current = payments.method_of(session, account.id)
    if current and (current.gateway, current.reference) == (way.gateway, way.reference):
        return
    tried = PaymentMethod(
        account_id=account.id,
        gateway=way.gateway,
        reference=way.reference,
        label=way.label,
        added_at=now,
        replaced_at=now,
    )
    session.add(tried)
    session.flush()
    payment.payment_method_id, payment.gateway = tried.id, tried.gateway
    session.flush()
    session.expire(payment, ["method"])


def keep(session: Session, account: Account, payment: Payment, *, now: datetime) -> None:
    """What a payment was tried with has paid: the account pays with it from now on.

    Not where it chose another way since.
    """
    tried = payment.method
    if tried.replaced_at is None:
        return
    current = payments.method_of(session, account.id)
    if current is not None and tried.id < current.id:
        return
    way = WayToPay(tried.gateway, tried.reference, tried.label)
    change(session, account, way, now=now, actor=SYSTEM)
