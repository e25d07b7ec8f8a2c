"""Issuing invoices: number, snapshot, lines, books and PDF, all in the transaction that charges.

An issued invoice never changes; only its status moves, from open to paid.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from portal import notices, outbox
from portal.audit import Actor, record
from portal.billing import ledger
from portal.billing.rules import describe
from portal.billing.rules.invoicing import InvoiceDraft, Line, number_text
from portal.billing.rules.period import Cycle
from portal.billing.rules.plan_change import LineKind
from portal.models import (
    Account,
    Invoice,
    InvoiceLine,
    InvoiceReason,
    InvoiceSeries,
    InvoiceStatus,
    Payment,
    Subscription,
    Vendor,
    Work,
)

SERIES = "INV"


@dataclass(frozen=True)
class Occasion:
    """Why an invoice is issued, the cycle it begins, and what proves it was right."""

    reason: InvoiceReason
    cycle: Cycle
    evidence: Mapping[str, Any] | None = None


def issue(
    session: Session,
    account: Account,
    subscription: Subscription,
    draft: InvoiceDraft,
    occasion: Occasion,
    *,
    now: datetime,
    actor: Actor,
) -> Invoice:
    """Turn a draft into an invoice with the next number; the account must be locked.

    Nothing due means it is paid at once. A second invoice that would begin the same cycle is
    refused by the database (IntegrityError).
    """
    invoice = _row(session, account, subscription, draft, occasion, now)
    session.add(invoice)
    session.flush()
    invoice.lines = _lines(session, subscription, invoice, draft)
    session.flush()
    ledger.invoice_issued(session, invoice)
    outbox.put(session, Work.INVOICE_PDF, invoice.id, account_id=account.id, at=now)
    record(
        session,
        account,
        "invoice.issued",
        at=now,
        actor=actor,
        number=invoice.number_text,
        reason=invoice.reason,
        total=describe.money(invoice.total),
        due=describe.money(invoice.due),
    )
    if draft.due.is_zero:
        _close(session, invoice, now)
    return invoice


def settle(session: Session, invoice: Invoice, payment: Payment, *, now: datetime) -> None:
    """The invoice's due amount was collected by `payment`."""
    payment.invoice_id = invoice.id
    session.flush()
    ledger.payment_received(session, payment, at=now)
    _close(session, invoice, now)


def plan_line_of(session: Session, subscription: Subscription) -> InvoiceLine:
    """The line that charged the running cycle: what the cycle is worth, whatever the list says."""
    statement = (
        select(InvoiceLine)
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .where(
            Invoice.account_id == subscription.account_id,
            Invoice.subscription_id == subscription.id,
            Invoice.period_start_at == subscription.cycle_start_at,
            InvoiceLine.kind == LineKind.PLAN,
        )
        .order_by(Invoice.id.desc())
        .limit(1)
    )
    return session.scalars(statement).one()


def open_invoice(session: Session, account_id: int) -> Invoice | None:
    """The oldest unpaid invoice, if there is one."""
    statement = (
        select(Invoice)
        .where(Invoice.account_id == account_id, Invoice.status == InvoiceStatus.OPEN)
        .order_by(Invoice.id)
        .limit(1)
    )
    return session.scalars(statement).one_or_none()


def _row(
    session: Session,
    account: Account,
    subscription: Subscription,
    draft: InvoiceDraft,
    occasion: Occasion,
    now: datetime,
) -> Invoice:
    """The invoice with the next number, without its lines; not yet added to the session."""
    series, number = _next_number(session, now)
    return Invoice(
        account_id=account.id,
        subscription_id=subscription.id,
        series=series,
        number=number,
        number_text=number_text(SERIES, now.year, number),
        reason=occasion.reason,
        status=InvoiceStatus.OPEN,
        currency=draft.currency,
        subtotal_minor=draft.subtotal.amount,
        tax_minor=draft.tax.amount,
        total_minor=draft.total.amount,
        balance_applied_minor=draft.balance_applied.amount,
        due_minor=draft.due.amount,
        surplus_minor=draft.surplus_credit.amount,
        period_start_at=occasion.cycle.start_at,
        period_end_at=occasion.cycle.end_at,
        issued_at=now,
        vendor=_vendor_snapshot(session),
        customer=_customer_snapshot(account),
        evidence=dict(occasion.evidence) if occasion.evidence else None,
    )


def _next_number(session: Session, now: datetime) -> tuple[str, int]:
    """The series of the year and its next number, locked until the transaction ends.

    A counter row instead of a sequence: a transaction that rolls back gives its number back.
    """
    key = f"{SERIES}-{now.year}"
    insert = postgresql_insert if session.get_bind().dialect.name == "postgresql" else sqlite_insert
    session.execute(insert(InvoiceSeries).values(key=key, last_number=0).on_conflict_do_nothing())
    statement = (
        update(InvoiceSeries)
        .where(InvoiceSeries.key == key)
        .values(last_number=InvoiceSeries.last_number + 1)
        .returning(InvoiceSeries.last_number)
    )
    return key, session.execute(statement).scalar_one()


def _lines(
    session: Session, subscription: Subscription, invoice: Invoice, draft: InvoiceDraft
) -> list[InvoiceLine]:
    return [
        InvoiceLine(
            account_id=invoice.account_id,
            invoice_id=invoice.id,
            position=position,
            kind=line.kind,
            description=line.description,
            explanation=line.explanation,
            amount_minor=line.amount.amount,
            currency=draft.currency,
            period_start_at=line.period_start_at,
            period_end_at=line.period_end_at,
            source_line_id=_credited_line(session, subscription, line),
        )
        for position, line in enumerate(draft.lines, start=1)
    ]


def _credited_line(session: Session, subscription: Subscription, line: Line) -> int | None:
    """What a credit gives back; unique in the database, so nothing is credited twice."""
    if line.kind is not LineKind.UNUSED_TIME:
        return None
    return plan_line_of(session, subscription).id


def _close(session: Session, invoice: Invoice, now: datetime) -> None:
    invoice.status = InvoiceStatus.PAID
    invoice.paid_at = now
    notices.invoice_issued(session, invoice, now=now)


def _vendor_snapshot(session: Session) -> dict[str, Any]:
    vendor = session.get_one(Vendor, 1)
    return {
        "name": vendor.name,
        "address": vendor.address,
        "country": vendor.country,
        "tax_id": vendor.tax_id,
        "email": vendor.email,
    }


def _customer_snapshot(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "address": account.address,
        "country": account.country,
        "time_zone": account.time_zone,
    }
