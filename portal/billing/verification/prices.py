"""What was charged is what was sold: each line's price, now and at each renewal."""

from collections.abc import Iterator

from sqlalchemy import Select, and_, case, exists, func, literal, or_, select, union_all
from sqlalchemy.orm import Session, aliased

from portal.billing.rules.lines import LineKind
from portal.billing.rules.period import Interval
from portal.billing.subscriptions import IS_LIVE
from portal.billing.verification.taken_back import is_taken_back
from portal.billing.verification.wrong import Wrong, account_name, amount
from portal.models import (
    Account,
    AddOnPrice,
    Invoice,
    InvoiceLine,
    InvoiceReason,
    InvoiceStatus,
    PlanChange,
    Price,
    Subscription,
    SubscriptionAddOn,
)

# Of an invoice that was issued again the last edition stands for all.
COUNTS = Invoice.status != InvoiceStatus.REPLACED


def charged_prices(session: Session) -> Iterator[Wrong]:
    """What a change was charged is still what its price version says."""
    statement = (
        select(Price.id, Price.currency, Price.amount_minor, InvoiceLine.base_minor)
        .join(PlanChange, PlanChange.to_price_id == Price.id)
        .join(InvoiceLine, InvoiceLine.invoice_id == PlanChange.invoice_id)
        .where(InvoiceLine.kind == LineKind.PLAN, InvoiceLine.base_minor != Price.amount_minor)
        .order_by(Price.id)
        .distinct()
    )
    for price_id, currency, found, charged in session.execute(statement):
        yield Wrong(f"price {price_id}", amount(found, currency), amount(charged, currency))


def renewed_prices(session: Session) -> Iterator[Wrong]:
    """A renewal charges what the cycle before it did, unless the plan was changed."""
    before = func.lag(InvoiceLine.base_minor).over(
        partition_by=Invoice.subscription_id, order_by=Invoice.first_id
    )
    days = func.lag(InvoiceLine.days_in_cycle).over(
        partition_by=Invoice.subscription_id, order_by=Invoice.first_id
    )
    plans = (
        select(
            Invoice.id.label("invoice_id"),
            InvoiceLine.base_minor.label("base"),
            InvoiceLine.days_in_cycle.label("days_in_cycle"),
            before.label("base_before"),
            days.label("days_before"),
        )
        .join(InvoiceLine, InvoiceLine.invoice_id == Invoice.id)
        .where(InvoiceLine.kind == LineKind.PLAN, COUNTS, ~is_taken_back(Invoice.id))
        .subquery()
    )
    statement = (
        select(Invoice, plans.c.base, plans.c.base_before)
        .join(plans, plans.c.invoice_id == Invoice.id)
        .outerjoin(PlanChange, PlanChange.invoice_id == Invoice.id)
        .where(
            Invoice.reason == InvoiceReason.RENEWAL,
            PlanChange.id.is_(None),
            or_(plans.c.base != plans.c.base_before, plans.c.days_in_cycle != plans.c.days_before),
        )
        .order_by(Invoice.id)
    )
    for invoice, base, expected in session.execute(statement):
        said = amount(expected, invoice.currency)
        subject = f"price on renewal {invoice.number_text}"
        yield Wrong(subject, amount(base, invoice.currency), f"{said}, as in the cycle before")


def add_on_prices(session: Session) -> Iterator[Wrong]:
    """A line of an add-on charges the price version that was sold, for its interval."""
    line = InvoiceLine
    length = case(
        (AddOnPrice.interval == Interval.MONTHLY, Interval.MONTHLY.days), else_=Interval.YEARLY.days
    )
    unlike = (
        line.add_on_price_id.is_(None),
        line.base_minor != AddOnPrice.amount_minor,
        line.currency != AddOnPrice.currency,
        line.days_in_cycle != length,
        line.period_start_at != Invoice.period_start_at,
        line.period_end_at != Invoice.period_end_at,
    )
    is_add_on = line.kind == LineKind.ADD_ON
    statement = (
        select(line, Invoice.number_text, AddOnPrice.amount_minor)
        .join(Invoice, Invoice.id == line.invoice_id)
        .outerjoin(AddOnPrice, AddOnPrice.id == line.add_on_price_id)
        .where(case((is_add_on, or_(*unlike)), else_=line.add_on_price_id.is_not(None)))
        .order_by(line.id)
    )
    for row, number, sold in session.execute(statement):
        found = f"{amount(row.base_minor, row.currency)} for {row.days} of {row.days_in_cycle} days"
        expected = "no add-on" if sold is None else f"{amount(sold, row.currency)} for its invoice"
        yield Wrong(f"add-on on invoice {number}", found, expected)


def running_plans(session: Session) -> Iterator[Wrong]:
    """The plan that runs is the one its cycle was charged for."""
    charged = exists().where(
        Invoice.account_id == Subscription.account_id,
        Invoice.subscription_id == Subscription.id,
        InvoiceLine.invoice_id == Invoice.id,
        InvoiceLine.kind == LineKind.PLAN,
        InvoiceLine.period_start_at == Subscription.cycle_start_at,
        InvoiceLine.period_end_at == Subscription.cycle_end_at,
        InvoiceLine.base_minor == Price.amount_minor,
        COUNTS,
        ~is_taken_back(Invoice.id),
    )
    statement = (
        select(Account, Price.id)
        .join(Subscription, Subscription.account_id == Account.id)
        .join(Price, Price.id == Subscription.price_id)
        .where(IS_LIVE, ~charged)
        .order_by(Account.id)
    )
    for account, price_id in session.execute(statement):
        subject = f"running plan of {account_name(account.name, account.public_id)}"
        yield Wrong(subject, f"price {price_id}", "the price its cycle was charged at")


def running_add_ons(session: Session) -> Iterator[Wrong]:
    """As many add-ons run as were charged for the cycle and not given back by a change of plan."""
    both = union_all(_add_ons_charged(), _add_ons_running()).subquery()
    runs, paid = func.sum(both.c.running), func.sum(both.c.charged)
    statement = (
        select(Account, both.c.price_id, runs, paid)
        .join(Subscription, Subscription.id == both.c.subscription_id)
        .join(Account, Account.id == Subscription.account_id)
        .group_by(Account.id, both.c.price_id)
        .having(runs != paid)
        .order_by(Account.id, both.c.price_id)
    )
    for account, price_id, found, expected in session.execute(statement):
        name = account_name(account.name, account.public_id)
        yield Wrong(f"add-ons of {name} at price {price_id}", str(found), f"{expected}, as charged")


def _add_ons_charged() -> Select[int, int | None, int, int]:
    """What live subscriptions were charged for the running cycle, line by line."""
    credit = aliased(InvoiceLine)
    own = and_(
        Invoice.account_id == Subscription.account_id,
        Invoice.subscription_id == Subscription.id,
    )
    return (
        select(
            Subscription.id.label("subscription_id"),
            InvoiceLine.add_on_price_id.label("price_id"),
            literal(0).label("running"),
            InvoiceLine.quantity.label("charged"),
        )
        .join(Invoice, own)
        .join(InvoiceLine, InvoiceLine.invoice_id == Invoice.id)
        .where(
            IS_LIVE,
            InvoiceLine.kind == LineKind.ADD_ON,
            InvoiceLine.period_start_at >= Subscription.cycle_start_at,
            InvoiceLine.period_end_at == Subscription.cycle_end_at,
            COUNTS,
            ~is_taken_back(Invoice.id),
            ~exists().where(
                credit.source_line_id == InvoiceLine.id, ~is_taken_back(credit.invoice_id)
            ),
        )
    )


def _add_ons_running() -> Select[int, int, int, int]:
    """What runs beside live plans, in the same shape."""
    row = SubscriptionAddOn
    return (
        select(row.subscription_id, row.add_on_price_id, row.quantity, literal(0))
        .join(Subscription, Subscription.id == row.subscription_id)
        .where(IS_LIVE)
    )
