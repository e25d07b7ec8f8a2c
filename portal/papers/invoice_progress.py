"""What has happened to an invoice since it was issued: payments, and what is charged next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import current_app
from sqlalchemy.orm import Session

from portal import outbox
from portal.billing import editions, forecast, ledger, open_invoices, payments, situations
from portal.billing.forecast import Cause, ComingCharge
from portal.billing.gateways.manual import TransferTerms, transfer_terms
from portal.billing.payments import FINAL, Stage
from portal.billing.rules.dunning import LAST_RETRY
from portal.billing.rules.money import Money
from portal.models import (
    Account,
    Invoice,
    InvoiceStatus,
    OutboxState,
    Payment,
    PaymentState,
    Subscription,
    SubscriptionStatus,
    Work,
)
from portal.papers.invoice_display import payments_of
from portal.papers.parts import Attempt, attempt, succeeded


@dataclass(frozen=True)
class NextCharge:
    """What the subscription is charged next, and when: `total` with tax, of which `from_balance`
    is taken from the credit balance and `due` is collected."""

    plan: str
    has_add_ons: bool
    total: Money
    from_balance: Money
    due: Money
    at: datetime
    every_days: int
    is_auto_upgrade: bool


@dataclass(frozen=True)
class Pending:
    """A payment that has no outcome yet, and what it waits for.

    `look_at` is when the portal goes on with it: tries, asks the gateway, reminds, calls it off;
    None where only a person can. With `is_last` the plan ends if that fails. `transfer` says how
    to make a bank transfer.
    """

    stage: Stage
    amount: Money
    method: str
    action_url: str | None
    look_at: datetime | None
    is_last: bool
    transfer: TransferTerms | None


@dataclass(frozen=True)
class Progress:
    """Where an invoice stands now; `declined` are the attempts that failed, oldest first.

    `mark` is what somebody who pays it by hand acts on. `next_charge` is what its subscription
    charges next, None where a later invoice has done so already or nothing more is charged.
    `replaced_by` is the number of the invoice that took its place, "" without one.
    """

    is_open: bool
    is_past_due: bool
    outstanding: Money
    credited: Money
    paid: Attempt | None
    declined: tuple[Attempt, ...]
    pending: Pending | None
    can_be_paid: bool
    mark: str
    next_charge: NextCharge | None
    ends_at: datetime | None
    has_ended: bool
    is_void: bool
    replaced_by: str


def progress(session: Session, invoice: Invoice, *, now: datetime) -> Progress:
    """Payments and what comes next, as of now."""
    tried = session.scalars(payments_of(invoice)).all()
    subscription = session.get_one(Subscription, invoice.subscription_id)
    return Progress(
        is_open=invoice.status is InvoiceStatus.OPEN,
        is_past_due=is_past_due(session, invoice),
        outstanding=invoice.outstanding,
        credited=invoice.money(invoice.credited_minor),
        paid=succeeded(tried),
        declined=tuple(attempt(p) for p in tried if p.state is PaymentState.DECLINED),
        pending=_pending(session, tried),
        can_be_paid=open_invoices.can_be_paid(session, invoice),
        mark=open_invoices.mark(session, invoice),
        next_charge=_next_charge(session, subscription, invoice, now=now),
        ends_at=subscription.cycle_end_at if subscription.cancelled_at else None,
        has_ended=subscription.ended_at is not None,
        is_void=invoice.status is InvoiceStatus.VOID,
        replaced_by=_replaced_by(session, invoice),
    )


def _replaced_by(session: Session, invoice: Invoice) -> str:
    if invoice.status is not InvoiceStatus.REPLACED:
        return ""
    later = editions.next_of(session, invoice)
    return later.number_text if later else ""


def is_past_due(session: Session, invoice: Invoice) -> bool:
    """Whether its payment has failed and not succeeded since."""
    if invoice.status is not InvoiceStatus.OPEN:
        return False
    subscription = session.get_one(Subscription, invoice.subscription_id)
    return subscription.status is not SubscriptionStatus.ACTIVE


def pending(session: Session, payment: Payment) -> Pending | None:
    """What a payment waits for; None when it has its outcome."""
    if payment.state in FINAL:
        return None
    item, stage = outbox.find(session, Work.PAYMENT, payment.id), payments.stage(payment)
    return Pending(
        stage=stage,
        amount=payment.money,
        method=payment.method.label,
        action_url=payment.action_url,
        look_at=item.next_at if item.state is OutboxState.WAITING else None,
        is_last=payment.retry == LAST_RETRY,
        transfer=_terms(payment) if stage is Stage.TRANSFER else None,
    )


def _pending(session: Session, tried: Sequence[Payment]) -> Pending | None:
    under_way = [payment for payment in tried if payment.state not in FINAL]
    return pending(session, under_way[-1]) if under_way else None


def _terms(payment: Payment) -> TransferTerms:
    settings = current_app.config["PORTAL"]
    asked_at = payment.created_at
    return transfer_terms(payment.idempotency_key, asked_at=asked_at, settings=settings)


def _next_charge(
    session: Session, subscription: Subscription, invoice: Invoice, *, now: datetime
) -> NextCharge | None:
    ends_at = subscription.cycle_end_at
    if subscription.ended_at is not None or ends_at != invoice.period_end_at:
        return None
    account = session.get_one(Account, invoice.account_id)
    coming = forecast.coming(
        session,
        account,
        subscription,
        balance=ledger.credit_balance(session, account),
        scheduled=situations.scheduled(session, account.id),
        now=now,
        until=ends_at,
    )
    if not coming:
        return None
    return _as_next(coming[0])


def _as_next(charge: ComingCharge) -> NextCharge:
    plan, draft = charge.basket.plan, charge.draft
    return NextCharge(
        plan=plan.name,
        has_add_ons=bool(charge.basket.add_ons),
        total=draft.total,
        from_balance=draft.balance_applied,
        due=draft.due,
        at=charge.at,
        every_days=plan.interval.days,
        is_auto_upgrade=charge.cause is Cause.AUTO_UPGRADE,
    )
