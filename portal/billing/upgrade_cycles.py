"""What an automatic upgrade has been charged for: the cycle it began, and those it renewed for."""

from collections.abc import Sequence

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from portal.billing.former_plans import FormerPlan
from portal.models import (
    CreditNote,
    Invoice,
    InvoiceReason,
    InvoiceStatus,
    PlanChange,
    Subscription,
    TakenBack,
)

OVER = (InvoiceStatus.VOID, InvoiceStatus.REPLACED)


def renewals(session: Session, change: PlanChange) -> Sequence[Invoice]:
    """The invoices of the cycles that followed the upgrade's own, the first one first.

    An upgrade that was carried out late renews before its time to be taken back is over. Those
    of which credit notes have given back all, and former editions, are left out.
    """
    given_back = exists().where(
        CreditNote.account_id == Invoice.account_id,
        CreditNote.invoice_id == Invoice.id,
        CreditNote.total_minor == Invoice.total_minor,
    )
    statement = select(Invoice).where(
        Invoice.account_id == change.account_id,
        Invoice.subscription_id == change.subscription_id,
        Invoice.reason == InvoiceReason.RENEWAL,
        Invoice.first_id > _first_id(session, change),
        Invoice.period_start_at > change.effective_at,
        Invoice.total_minor > 0,
        Invoice.status.not_in(OVER),
        ~given_back,
    )
    return session.scalars(statement.order_by(Invoice.period_start_at)).all()


def is_running(subscription: Subscription | None, change: PlanChange) -> bool:
    """Whether exactly that runs which the upgrade began with, in its own cycle or a later one."""
    if subscription is None or subscription.id != change.subscription_id:
        return False
    beside = {row.add_on_price_id: row.quantity for row in subscription.add_ons}
    is_same = subscription.price_id == change.to_price_id and beside == dict(change.to_add_ons)
    return is_same and subscription.cycle_start_at >= change.effective_at


def in_the_way(renewed: Sequence[Invoice], former: FormerPlan | None) -> bool:
    """Whether a cycle that would be charged anew begins at the very instant of one that was: no
    cycle is charged twice."""
    if former is None:
        return False
    length, ended_at = former.cycle.end_at - former.cycle.start_at, former.cycle.end_at
    return any(not (row.period_start_at - ended_at) % length for row in renewed)


def notes(session: Session, change: PlanChange) -> Sequence[CreditNote]:
    """The credit notes by which an upgrade was taken back: the one of its own invoice, and those
    of its renewals. None where it wasn't."""
    own = session.scalars(
        select(CreditNote)
        .join(TakenBack, TakenBack.credit_note_id == CreditNote.id)
        .where(TakenBack.account_id == change.account_id, TakenBack.plan_change_id == change.id)
    ).one_or_none()
    if own is None:
        return ()
    statement = select(CreditNote).where(
        CreditNote.account_id == own.account_id,
        CreditNote.issued_at == own.issued_at,
        CreditNote.reason == own.reason,
        CreditNote.id >= own.id,
    )
    return session.scalars(statement.order_by(CreditNote.id)).all()


def _first_id(session: Session, change: PlanChange) -> int:
    """Of the upgrade's own invoice, whichever edition of it is the last."""
    return session.get_one(Invoice, change.invoice_id).first_id
