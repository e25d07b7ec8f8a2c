"""Changing how an account pays, on record; a card that never paid doesn't stay for its sake."""

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


def take_back(session: Session, account: Account, payment: Payment, *, now: datetime) -> None:
    """A plan change failed that brought its own way to pay: the one before it is back."""
    current, tried = payments.method_of(session, account.id), payment.method
    if current is None or current.id != tried.id or tried.added_at != payment.created_at:
        return
    former = _replaced_at(session, account, tried.added_at)
    if former is not None:
        way = WayToPay(former.gateway, former.reference, former.label)
        change(session, account, way, now=now, actor=SYSTEM)


def _replaced_at(session: Session, account: Account, at: datetime) -> PaymentMethod | None:
    statement = (
        select(PaymentMethod)
        .where(PaymentMethod.account_id == account.id, PaymentMethod.replaced_at == at)
        .order_by(PaymentMethod.id.desc())
        .limit(1)
    )
    return session.scalars(statement).one_or_none()
