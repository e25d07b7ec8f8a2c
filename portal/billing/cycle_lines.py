"""What the running cycle is worth: the invoice lines that charged it, until they are given back."""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session, aliased

from portal.billing.rules.lines import LineKind
from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle
from portal.billing.rules.tax import Tax
from portal.billing.rules.terms import Charged
from portal.models import CreditNoteLine, Invoice, InvoiceLine, Subscription


def charged(session: Session, subscription: Subscription) -> tuple[Charged, ...]:
    """What charged the running cycle and was not given back: its worth, whatever the list says.

    A line counts again once a credit note took back what a later invoice had given back of it.
    """
    facts = {
        "account_id": subscription.account_id,
        "subscription_id": subscription.id,
        "start_at": subscription.cycle_start_at,
        "end_at": subscription.cycle_end_at,
    }
    return tuple(_charged(line, after) for line, after in session.execute(CHARGED, facts))


def _lines_in_force() -> Select[Any]:
    """Lines that charged a cycle and are in force, each with the last line that credited it."""
    credit = aliased(InvoiceLine)
    of_line = credit.source_line_id == InvoiceLine.id
    former_credit = select(func.max(credit.id)).where(of_line).scalar_subquery()
    in_force = and_(of_line, credit.amount_minor < 0, ~_is_noted(credit))
    return (
        select(InvoiceLine, former_credit)
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .where(
            Invoice.account_id == bindparam("account_id"),
            Invoice.subscription_id == bindparam("subscription_id"),
            InvoiceLine.kind.in_((LineKind.PLAN, LineKind.ADD_ON)),
            InvoiceLine.amount_minor > 0,
            InvoiceLine.period_start_at >= bindparam("start_at"),
            InvoiceLine.period_end_at == bindparam("end_at"),
            ~select(credit.id).where(in_force).exists(),
            ~_is_noted(InvoiceLine),
            or_(Invoice.original_id.is_(None), ~_was_credited()),
        )
        .order_by(InvoiceLine.id)
    )


def _was_credited() -> ColumnElement[bool]:
    """Whether something gives a line back by its place on a former edition of its invoice."""
    former, of_former = aliased(InvoiceLine), aliased(Invoice)
    credit = aliased(InvoiceLine)
    return (
        select(credit.id)
        .join(former, former.id == credit.source_line_id)
        .join(of_former, of_former.id == former.invoice_id)
        .where(
            of_former.account_id == Invoice.account_id,
            of_former.first_id == Invoice.first_id,
            of_former.id != Invoice.id,
            former.position == InvoiceLine.position,
            credit.amount_minor < 0,
            ~_is_noted(credit),
        )
        .exists()
    )


def _is_noted(line: type[InvoiceLine]) -> ColumnElement[bool]:
    """Whether a credit note has given an invoice line back, or taken it back."""
    return select(CreditNoteLine.id).where(CreditNoteLine.invoice_line_id == line.id).exists()


def _charged(line: InvoiceLine, after_line_id: int | None) -> Charged:
    if line.period_start_at is None or line.period_end_at is None:
        raise ValueError("a line that charges a cycle has a period")
    return Charged(
        line_id=line.id,
        name=line.description,
        amount=Money(line.amount_minor, line.currency),
        tax=Tax(line.tax_name, line.tax_basis_points),
        period=Cycle(line.period_start_at, line.period_end_at),
        after_line_id=after_line_id,
    )


# Built once: every quote asks for it, and building it takes longer than the database's answer.
CHARGED = _lines_in_force()
