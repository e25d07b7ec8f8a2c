"""Lines of invoices: how each amount is worked out, and what is given back of it."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    case,
    cast,
    exists,
    func,
    not_,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.orm import Session, aliased

from portal.billing.rules.lines import LineKind
from portal.billing.rules.tax import BASIS_POINTS
from portal.billing.verification.taken_back import is_in_force, is_taken_back
from portal.billing.verification.wrong import Wrong, amount
from portal.models import CreditNoteLine, Invoice, InvoiceLine, InvoiceReason, InvoiceStatus

# An instant is stored as microseconds.
DAY = 24 * 3600 * 10**6
CHARGES = (LineKind.PLAN, LineKind.ADD_ON)
CUTS_SHORT = (InvoiceReason.PLAN_CHANGE, InvoiceReason.AUTO_UPGRADE)


def line_arithmetic(session: Session) -> Iterator[Wrong]:
    """Amount = base × quantity × days ÷ days in the cycle, rounded once, half away from zero."""
    line = InvoiceLine
    worth = line.base_minor * line.quantity * line.days
    sign = case((line.kind == LineKind.UNUSED_TIME, -1), else_=1)
    span = _microseconds(line.period_end_at) - _microseconds(line.period_start_at)
    statement = _lines().where(
        or_(
            line.amount_minor != sign * _rounded(worth, line.days_in_cycle),
            line.base_minor < 0,
            line.quantity < 1,
            not_(line.days.between(0, line.days_in_cycle)),
            line.days_in_cycle < 1,
            func.coalesce(span, 0) != cast(line.days, BigInteger) * DAY,
        )
    )
    for row, number in session.execute(statement):
        base = amount(row.base_minor, row.currency)
        share = f"{row.days} of {row.days_in_cycle} days"
        found = f"{amount(row.amount_minor, row.currency)} for {_period(row)}"
        yield Wrong(f"{row.kind} on invoice {number}", found, f"{base} × {row.quantity}, {share}")


def line_taxes(session: Session) -> Iterator[Wrong]:
    """The tax of a line is its rate of its amount, rounded once, half away from zero."""
    line = InvoiceLine
    share = _rounded(func.abs(line.amount_minor) * line.tax_basis_points, BASIS_POINTS)
    statement = _lines().where(
        or_(
            line.tax_minor != case((line.amount_minor < 0, -share), else_=share),
            not_(line.tax_basis_points.between(0, BASIS_POINTS)),
        )
    )
    for row, number in session.execute(statement):
        found = amount(row.tax_minor, row.currency)
        expected = f"{row.tax_basis_points} ÷ {BASIS_POINTS} of"
        subject = f"tax of {row.kind} on invoice {number}"
        yield Wrong(subject, found, f"{expected} {amount(row.amount_minor, row.currency)}")


def plan_lines(session: Session) -> Iterator[Wrong]:
    """Each invoice charges one plan, for exactly its own cycle; one for add-ons charges none."""
    own = and_(InvoiceLine.invoice_id == Invoice.id, InvoiceLine.kind == LineKind.PLAN)
    count = select(func.count(InvoiceLine.id)).where(own).scalar_subquery()
    fits = and_(
        own,
        InvoiceLine.period_start_at == Invoice.period_start_at,
        InvoiceLine.period_end_at == Invoice.period_end_at,
        InvoiceLine.quantity == 1,
    )
    add_ons = Invoice.reason == InvoiceReason.ADD_ONS
    one = and_(count == 1, exists().where(fits))
    statement = (
        select(Invoice.number_text, Invoice.reason, count)
        .where(case((add_ons, count != 0), else_=not_(one)))
        .order_by(Invoice.id)
    )
    for number, reason, found in session.execute(statement):
        expected = "none" if reason is InvoiceReason.ADD_ONS else "one, for its cycle"
        yield Wrong(f"plan line of invoice {number}", f"{found} found", expected)


def credit_lines(session: Session) -> Iterator[Wrong]:
    """A credit names the line it gives back, once, carries its tax, and gives no more than it."""
    line, source, charged_on = InvoiceLine, aliased(InvoiceLine), aliased(Invoice)
    credit = aliased(InvoiceLine)
    times = (
        select(func.count(credit.id))
        .where(credit.source_line_id == source.id, is_in_force(credit))
        .correlate(source)
        .scalar_subquery()
    )
    is_credit = line.kind == LineKind.UNUSED_TIME
    statement = (
        select(line, Invoice.number_text, source, times)
        .join(Invoice, Invoice.id == line.invoice_id)
        .outerjoin(source, source.id == line.source_line_id)
        .outerjoin(charged_on, charged_on.id == source.invoice_id)
        .where(
            or_(
                is_credit != line.source_line_id.is_not(None),
                and_(is_credit, or_(source.id.is_(None), *_unlike(line, source))),
                and_(is_credit, charged_on.subscription_id != Invoice.subscription_id),
                and_(is_credit, charged_on.id >= Invoice.id),
                and_(is_credit, times > 1),
            )
        )
        .order_by(line.id)
    )
    for row, number, charge, used in session.execute(statement):
        yield Wrong(
            f"credit on invoice {number}",
            f"{_taxed(row)}, line credited {used or 0} times",
            f"at most {_taxed(charge) if charge else 'the line it gives back'}, once",
        )


def cycles_credited(session: Session) -> Iterator[Wrong]:
    """What a change of plan cuts short is given back: every line of the cycle, the same day.

    An upgrade that was taken back cut nothing short.
    """
    charge, charged_on = aliased(InvoiceLine), aliased(Invoice)
    credit, noted = aliased(InvoiceLine), aliased(CreditNoteLine)
    statement = (
        select(charge, charged_on.number_text, Invoice.number_text)
        .select_from(Invoice)
        .join(
            charged_on,
            and_(
                charged_on.account_id == Invoice.account_id,
                charged_on.subscription_id == Invoice.subscription_id,
                charged_on.id < Invoice.first_id,
            ),
        )
        .join(charge, charge.invoice_id == charged_on.id)
        .where(
            Invoice.reason.in_(CUTS_SHORT),
            Invoice.status != InvoiceStatus.REPLACED,
            ~is_taken_back(Invoice.id),
            charge.kind.in_(CHARGES),
            charge.amount_minor > 0,
            charge.period_start_at <= Invoice.period_start_at,
            charge.period_end_at > Invoice.period_start_at,
            ~exists().where(credit.source_line_id == charge.id, ~is_taken_back(credit.invoice_id)),
            ~exists().where(noted.invoice_line_id == charge.id),
            or_(charged_on.original_id.is_(None), ~_credited_before(charge, charged_on)),
        )
        .order_by(charge.id)
    )
    for row, number, later in session.execute(statement):
        found = f"{_taxed(row)} until {_period(row)}, and {later} gives nothing of it back"
        yield Wrong(f"{row.kind} on invoice {number}", found, "a credit for its unused days")


def _credited_before(charge: Any, charged_on: Any) -> ColumnElement[bool]:
    """Whether a line was given back by its place on a former edition of its invoice."""
    place, edition, credit = aliased(InvoiceLine), aliased(Invoice), aliased(InvoiceLine)
    return exists().where(
        edition.account_id == charged_on.account_id,
        edition.first_id == charged_on.first_id,
        place.invoice_id == edition.id,
        place.position == charge.position,
        credit.source_line_id == place.id,
        ~is_taken_back(credit.invoice_id),
    )


def _lines() -> Any:
    """Every line with the number of its invoice."""
    return (
        select(InvoiceLine, Invoice.number_text)
        .join(Invoice, Invoice.id == InvoiceLine.invoice_id)
        .order_by(InvoiceLine.id)
    )


def _rounded(numerator: ColumnElement[int], denominator: Any) -> ColumnElement[int]:
    """A quotient of integers that are not negative, rounded half up; ÷ 0 it is NULL."""
    doubled: ColumnElement[int] = 2 * numerator + denominator
    return doubled // func.nullif(2 * denominator, 0, type_=BigInteger)


def _microseconds(column: Any) -> ColumnElement[int]:
    return type_coerce(column, BigInteger)


def _unlike(line: Any, source: Any) -> tuple[ColumnElement[bool], ...]:
    """How a credit can differ from the line it gives back."""
    return (
        source.kind.not_in(CHARGES),
        line.amount_minor > 0,
        -line.amount_minor > source.amount_minor,
        line.base_minor != source.amount_minor,
        line.days_in_cycle != source.days,
        line.tax_name != source.tax_name,
        line.tax_basis_points != source.tax_basis_points,
        -line.tax_minor > source.tax_minor,
    )


def _taxed(line: InvoiceLine) -> str:
    """As in "−$25.00 (VAT 1900)"."""
    taxed = f" ({line.tax_name} {line.tax_basis_points})" if line.tax_basis_points else ""
    return amount(line.amount_minor, line.currency) + taxed


def _period(line: InvoiceLine) -> str:
    if line.period_start_at is None or line.period_end_at is None:
        return "no time"
    return f"{line.period_start_at.isoformat()} to {line.period_end_at.isoformat()}"
