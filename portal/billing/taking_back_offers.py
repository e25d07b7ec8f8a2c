"""What taking an automatic upgrade back would lead to, or why it can't be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, exists, select
from sqlalchemy.orm import Session

from portal.billing import (
    credit_notes,
    former_plans,
    ledger,
    next_cycle,
    plan_changes,
    subscriptions,
    taxes,
    usage,
)
from portal.billing.credit_notes import Wish
from portal.billing.former_plans import FormerPlan
from portal.billing.rules import taking_back as rules
from portal.billing.rules.counting import Fit, fit
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.taking_back import Facts, Return, TooMuchInUse
from portal.models import (
    Account,
    CreditNote,
    CreditNoteLine,
    Invoice,
    PlanChange,
    PlanChangeReason,
    PlanChangeState,
    Subscription,
    TakenBack,
)


@dataclass(frozen=True)
class Offer:
    """What taking an automatic upgrade back leads to, or why it can't be.

    It can be done before `until`. Without `why_not` it is done as `terms` say, and they hold until
    `valid_until`; where only room is missing they say what would follow. `fitting` is how today's
    usage goes with `former`, the plan that ran before. `note` is the credit note of one that was
    taken back, `goes_first` an upgrade that has to be taken back before it.
    """

    change: PlanChange
    invoice: Invoice
    former: FormerPlan | None
    until: datetime
    why_not: RuleBroken | None
    fitting: Fit
    terms: Return | None
    valid_until: datetime
    note: CreditNote | None
    goes_first: PlanChange | None


@dataclass(frozen=True)
class Recent:
    """An automatic upgrade that can be taken back before `until`, if nothing stands against it."""

    op_id: str
    upgraded_at: datetime
    until: datetime


def upgrade(session: Session, account: Account, op_id: str) -> PlanChange | None:
    """The automatic upgrade of the account with that id, if one was made."""
    return session.scalars(_upgrades(account.id, PlanChange.op_id == op_id)).one_or_none()


def running(session: Session, subscription: Subscription, *, now: datetime) -> Recent | None:
    """The automatic upgrade that began the running cycle, while its time to be taken back runs."""
    statement = _upgrades(
        subscription.account_id,
        PlanChange.subscription_id == subscription.id,
        PlanChange.effective_at == subscription.cycle_start_at,
        PlanChange.effective_at > now - rules.TIME,
        PlanChange.to_price_id == subscription.price_id,
        PlanChange.replaced.is_not(None),
        ~_is_taken_back(),
    )
    change = session.scalars(statement.order_by(PlanChange.id.desc()).limit(1)).one_or_none()
    return _recent(change) if change else None


def of_invoice(session: Session, invoice: Invoice, *, now: datetime) -> Recent | None:
    """The automatic upgrade that an invoice is of, while its time to be taken back runs."""
    statement = _upgrades(
        invoice.account_id,
        PlanChange.invoice_id == invoice.id,
        PlanChange.effective_at > now - rules.TIME,
        PlanChange.replaced.is_not(None),
        ~_is_taken_back(),
    )
    change = session.scalars(statement).one_or_none()
    return _recent(change) if change else None


def offer(session: Session, account: Account, change: PlanChange, *, now: datetime) -> Offer:
    """What taking an automatic upgrade back would do at `now`. Writes nothing."""
    invoice = session.get_one(Invoice, change.invoice_id)
    former, note = former_plans.read(session, change), _note(session, change)
    later = _later(session, change)
    facts = _facts(session, account, change, invoice, former, later)
    reason: RuleBroken | None = rules.TakenBackAlready() if note else rules.why_not(facts, now)
    terms = None
    if former is not None and (reason is None or isinstance(reason, TooMuchInUse)):
        terms = _terms(session, account, change, invoice, former, now=now)
    return Offer(
        change=change,
        invoice=invoice,
        former=former,
        until=rules.until(change.effective_at),
        why_not=reason,
        fitting=facts.fitting,
        terms=terms,
        valid_until=rules.holds_until(facts, former.cycle, now) if former else now,
        note=note,
        goes_first=_goes_first(session, change, later),
    )


def wish(change: PlanChange) -> Wish:
    """What is credited: the whole invoice of the upgrade, and why."""
    return Wish(f"The automatic upgrade to {change.to_price.plan_name} was taken back.")


def _upgrades(account_id: int, *which: ColumnElement[bool]) -> Select[PlanChange]:
    return select(PlanChange).where(
        PlanChange.account_id == account_id,
        PlanChange.reason == PlanChangeReason.AUTO_UPGRADE,
        PlanChange.state == PlanChangeState.APPLIED,
        *which,
    )


def _recent(change: PlanChange) -> Recent:
    return Recent(change.op_id, change.effective_at, rules.until(change.effective_at))


def _is_taken_back() -> ColumnElement[bool]:
    return exists().where(
        TakenBack.account_id == PlanChange.account_id, TakenBack.plan_change_id == PlanChange.id
    )


def _note(session: Session, change: PlanChange) -> CreditNote | None:
    """The credit note by which an upgrade was taken back, if it was."""
    statement = (
        select(CreditNote)
        .join(TakenBack, TakenBack.credit_note_id == CreditNote.id)
        .where(TakenBack.account_id == change.account_id, TakenBack.plan_change_id == change.id)
    )
    return session.scalars(statement).one_or_none()


def _facts(
    session: Session,
    account: Account,
    change: PlanChange,
    invoice: Invoice,
    former: FormerPlan | None,
    later: Sequence[PlanChange],
) -> Facts:
    """What the rules decide by."""
    first = _goes_first(session, change, later)
    now = plan_changes.situation(session, account)
    rows = now.subscription.add_ons if now.subscription else []
    return Facts(
        upgraded_at=change.effective_at,
        plan=change.to_price.plan_name,
        former_plan=former.price.plan_name if former else None,
        charged=invoice.total,
        is_running=not later and _is_running(now.subscription, change),
        credited_by=_credited_by(session, invoice),
        hindrance=now.obstacle,
        scheduled=now.scheduled.to_price.plan_name if now.scheduled else None,
        add_ons_leaving=any(row.renewing < row.quantity for row in rows),
        fitting=_fitting(session, former, change),
        upgraded_since=first.to_price.plan_name if first else None,
    )


def _is_running(subscription: Subscription | None, change: PlanChange) -> bool:
    """Whether the cycle runs that the upgrade began."""
    if subscription is None or subscription.id != change.subscription_id:
        return False
    return subscription.cycle_start_at == change.effective_at


def _later(session: Session, change: PlanChange) -> Sequence[PlanChange]:
    """What was changed or bought since, and not taken back."""
    statement = select(PlanChange).where(
        PlanChange.account_id == change.account_id,
        PlanChange.id > change.id,
        PlanChange.state == PlanChangeState.APPLIED,
        ~_is_taken_back(),
    )
    return session.scalars(statement.order_by(PlanChange.id)).all()


def _goes_first(
    session: Session, change: PlanChange, later: Sequence[PlanChange]
) -> PlanChange | None:
    """The last of the upgrades that came after one, where taking them back leads back to it."""
    if any(each.reason is not PlanChangeReason.AUTO_UPGRADE for each in later):
        return None
    before = former_plans.read(session, later[0]) if later else None
    leads_back = before is not None and before.cycle.start_at == change.effective_at
    return later[-1] if leads_back else None


def _credited_by(session: Session, invoice: Invoice) -> str | None:
    """The number of a credit note over a line of the invoice, or over one it gives back."""
    lines = {line.id for line in invoice.lines}
    lines |= {line.source_line_id for line in invoice.lines if line.source_line_id is not None}
    statement = (
        select(CreditNote.number_text)
        .join(CreditNoteLine, CreditNoteLine.credit_note_id == CreditNote.id)
        .where(
            CreditNote.account_id == invoice.account_id, CreditNoteLine.invoice_line_id.in_(lines)
        )
        .order_by(CreditNote.id)
        .limit(1)
    )
    return session.scalars(statement).first()


def _fitting(session: Session, former: FormerPlan | None, change: PlanChange) -> Fit:
    """How today's usage goes with the former plan and its add-ons."""
    if former is None:
        return Fit(())
    subscription = former_plans.as_subscription(session, former, change)
    return fit(usage.counts(session, change.account_id), subscriptions.limits(subscription))


def _terms(
    session: Session,
    account: Account,
    change: PlanChange,
    invoice: Invoice,
    former: FormerPlan,
    *,
    now: datetime,
) -> Return:
    """What comes back, what runs then, and what is charged then: as a renewal will charge it."""
    note = credit_notes.draft(session, account, invoice, wish(change))
    subscription = former_plans.as_subscription(session, former, change)
    following = next_cycle.following(session, subscription, former.scheduled)
    if following is None:
        raise ValueError("a plan that was not cancelled has a next cycle")
    balance = ledger.credit_balance(session, account) + note.division.to_balance
    return Return(
        invoice=invoice.number_text,
        total=note.total,
        division=note.division,
        method=note.method,
        former=subscriptions.basket(session, subscription),
        cycle=former.cycle,
        scheduled=former.scheduled.to_price.plan_name if former.scheduled else None,
        charges=rules.charges(
            following.basket, former.cycle, balance, taxes.applying(session, account), now
        ),
    )
