"""Plan changes against what they led to: an invoice, a payment, or nothing."""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, and_, case, func, not_, or_, select
from sqlalchemy.orm import Session

from portal.billing import payments
from portal.billing.verification.wrong import Wrong, amount
from portal.models import (
    Invoice,
    InvoiceReason,
    InvoiceStatus,
    Payment,
    PaymentState,
    PlanChange,
    PlanChangeReason,
    PlanChangeState,
)


def changes_invoiced(session: Session) -> Iterator[Wrong]:
    """A change was applied exactly when it has its invoice, which begins when the change does.

    Of add-ons, the days that are left are charged, today included.
    """
    applied = PlanChange.state == PlanChangeState.APPLIED
    begins = case(
        (
            PlanChange.reason == PlanChangeReason.ADD_ONS,
            and_(
                Invoice.reason == InvoiceReason.ADD_ONS,
                Invoice.period_start_at <= PlanChange.effective_at,
                Invoice.period_end_at > PlanChange.effective_at,
            ),
        ),
        else_=Invoice.period_start_at == PlanChange.effective_at,
    )
    statement = (
        select(PlanChange.op_id, PlanChange.state, Invoice.number_text)
        .outerjoin(Invoice, Invoice.id == PlanChange.invoice_id)
        .where(or_(applied != Invoice.id.is_not(None), not_(begins)))
        .order_by(PlanChange.id)
    )
    for op_id, state, number in session.execute(statement):
        found = f"{state}, {number or 'no invoice'}"
        yield Wrong(f"plan change {op_id}", found, "an invoice of its own exactly when applied")


def invoices_changed(session: Session) -> Iterator[Wrong]:
    """An invoice of a plan change belongs to one that was applied, and is for what it said; of
    several editions the last does."""
    statement = (
        select(Invoice.number_text, Invoice.currency, Invoice.due_minor, PlanChange.due_minor)
        .outerjoin(
            PlanChange,
            and_(PlanChange.invoice_id == Invoice.id, PlanChange.state == PlanChangeState.APPLIED),
        )
        .where(
            Invoice.reason != InvoiceReason.RENEWAL,
            Invoice.status != InvoiceStatus.REPLACED,
            or_(PlanChange.id.is_(None), PlanChange.due_minor != Invoice.due_minor),
        )
        .order_by(Invoice.id)
    )
    for number, currency, due, confirmed in session.execute(statement):
        expected = "a plan change" if confirmed is None else amount(confirmed, currency)
        yield Wrong(f"plan change of invoice {number}", amount(due, currency), expected)


def changes_paid(session: Session) -> Iterator[Wrong]:
    """Pending waits for one payment, applied has the one it needed, and no other takes any."""
    state, costs = PlanChange.state, PlanChange.due_minor > 0
    in_flight, succeeded = (
        _payments(payments.FINAL, negated=True),
        _payments({PaymentState.SUCCEEDED}),
    )
    pending, applied = state == PlanChangeState.PENDING, state == PlanChangeState.APPLIED
    statement = (
        select(PlanChange.op_id, state, in_flight, succeeded)
        .where(
            or_(
                and_(pending, or_(in_flight != 1, succeeded != 0)),
                and_(applied, or_(in_flight != 0, and_(costs, succeeded != 1))),
                and_(applied, not_(costs), succeeded != 0),
                and_(not_(pending), not_(applied), or_(in_flight != 0, succeeded != 0)),
            )
        )
        .order_by(PlanChange.id)
    )
    for op_id, found, waiting, settled in session.execute(statement):
        counts = f"{found}: {waiting} payments under way, {settled} settled"
        yield Wrong(f"plan change {op_id}", counts, _PAID.get(found, "none of either"))


def _payments(
    states: frozenset[PaymentState] | set[PaymentState], *, negated: bool = False
) -> ColumnElement[int]:
    chosen = Payment.state.in_(states)
    statement = select(func.count(Payment.id)).where(
        Payment.account_id == PlanChange.account_id,
        Payment.plan_change_id == PlanChange.id,
        ~chosen if negated else chosen,
    )
    return statement.scalar_subquery()


_PAID = {
    PlanChangeState.PENDING: "one under way, none settled",
    PlanChangeState.APPLIED: "none under way, one settled where something was due",
}
