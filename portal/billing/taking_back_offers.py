"""What taking an automatic upgrade back would lead to, or why it can't be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, exists, select
from sqlalchemy.orm import Session, aliased

from portal.billing import (
    credited_lines,
    former_plans,
    situations,
    subscriptions,
    taking_back_terms,
    upgrade_cycles,
    usage,
)
from portal.billing.former_plans import FormerPlan
from portal.billing.rules import taking_back as rules
from portal.billing.rules.counting import Fit, fit
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.money import Money
from portal.billing.rules.taking_back import Facts, Return, TooMuchInUse
from portal.models import (
    Account,
    CreditNote,
    CreditNoteLine,
    CreditNotePurpose,
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
    usage goes with `former`, the plan that ran before. `renewed` are the invoices by which the
    upgrade was renewed since; `notes` are the credit notes of one that was taken back, its own
    first; `goes_first` is an upgrade that has to be taken back before it.
    """

    change: PlanChange
    invoice: Invoice
    former: FormerPlan | None
    until: datetime
    why_not: RuleBroken | None
    fitting: Fit
    terms: Return | None
    valid_until: datetime
    notes: Sequence[CreditNote]
    goes_first: PlanChange | None
    renewed: Sequence[Invoice]

    @property
    def note(self) -> CreditNote | None:
        """The credit note of the upgrade's own invoice, if it was taken back."""
        return self.notes[0] if self.notes else None

    @property
    def credited(self) -> Money:
        """What came back of one that was taken back."""
        return sum((note.total for note in self.notes), self.invoice.money(0))


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
    """The automatic upgrade by which the running plan runs, while its time to be taken back
    does."""
    facts = {
        "account_id": subscription.account_id,
        "subscription_id": subscription.id,
        "price_id": subscription.price_id,
        "since": now - rules.TIME,
    }
    change = session.scalars(RUNNING, facts).one_or_none()
    return _recent(change) if change else None


def of_invoice(session: Session, invoice: Invoice, *, now: datetime) -> Recent | None:
    """The automatic upgrade that an invoice is of, while its time to be taken back runs."""
    statement = _upgrades(
        invoice.account_id,
        PlanChange.invoice_id == invoice.id,
        PlanChange.settled_at > now - rules.TIME,
        PlanChange.replaced.is_not(None),
        ~_is_taken_back(PlanChange),
    )
    change = session.scalars(statement).one_or_none()
    return _recent(change) if change else None


def offer(session: Session, account: Account, change: PlanChange, *, now: datetime) -> Offer:
    """What taking an automatic upgrade back would do at `now`. Writes nothing."""
    invoice = session.get_one(Invoice, change.invoice_id)
    former, later = former_plans.read(session, change), _later(session, change)
    charged = [invoice, *upgrade_cycles.renewals(session, change)]
    notes = upgrade_cycles.notes(session, change)
    facts = _facts(session, account, change, charged, former, later)
    reason: RuleBroken | None = rules.TakenBackAlready() if notes else rules.why_not(facts, now)
    terms = None
    if former is not None and (reason is None or isinstance(reason, TooMuchInUse)):
        terms = taking_back_terms.terms(session, account, change, charged, former, now=now)
    return Offer(
        change=change,
        invoice=invoice,
        former=former,
        until=rules.until(change.made_at),
        why_not=reason,
        fitting=facts.fitting,
        terms=terms,
        valid_until=rules.holds_until(facts, former.cycle, now) if former else now,
        notes=notes,
        goes_first=_goes_first(session, change, later),
        renewed=charged[1:],
    )


def _running() -> Select[PlanChange]:
    later = aliased(PlanChange)
    is_followed = exists().where(
        later.account_id == PlanChange.account_id,
        later.id > PlanChange.id,
        later.state == PlanChangeState.APPLIED,
        later.reason != PlanChangeReason.ADD_ONS,
        ~_is_taken_back(later),
    )
    found = _upgrades(
        bindparam("account_id"),
        PlanChange.subscription_id == bindparam("subscription_id"),
        PlanChange.settled_at > bindparam("since"),
        PlanChange.to_price_id == bindparam("price_id"),
        PlanChange.replaced.is_not(None),
        ~_is_taken_back(PlanChange),
        ~is_followed,
    )
    return found.order_by(PlanChange.id.desc()).limit(1)


def _upgrades(
    account_id: int | BindParameter[int], *which: ColumnElement[bool]
) -> Select[PlanChange]:
    return select(PlanChange).where(
        PlanChange.account_id == account_id,
        PlanChange.reason == PlanChangeReason.AUTO_UPGRADE,
        PlanChange.state == PlanChangeState.APPLIED,
        *which,
    )


def _recent(change: PlanChange) -> Recent:
    return Recent(change.op_id, change.made_at, rules.until(change.made_at))


def _is_taken_back(change: type[PlanChange]) -> ColumnElement[bool]:
    return exists().where(
        TakenBack.account_id == change.account_id, TakenBack.plan_change_id == change.id
    )


def _facts(
    session: Session,
    account: Account,
    change: PlanChange,
    charged: Sequence[Invoice],
    former: FormerPlan | None,
    later: Sequence[PlanChange],
) -> Facts:
    """What the rules decide by."""
    first = _goes_first(session, change, later)
    now = situations.situation(session, account)
    is_straight = not later and not upgrade_cycles.in_the_way(charged[1:], former)
    rows = now.subscription.add_ons if now.subscription else []
    return Facts(
        upgraded_at=change.made_at,
        plan=change.to_price.plan_name,
        former_plan=former.price.plan_name if former else None,
        charged=charged[0].total,
        is_running=is_straight and upgrade_cycles.is_running(now.subscription, change),
        credited_by=_credited_by(session, charged),
        hindrance=now.obstacle,
        scheduled=now.scheduled.to_price.plan_name if now.scheduled else None,
        add_ons_leaving=any(row.renewing < row.quantity for row in rows),
        fitting=_fitting(session, former, change),
        upgraded_since=first.to_price.plan_name if first else None,
    )


def _later(session: Session, change: PlanChange) -> Sequence[PlanChange]:
    """What was changed or bought since, and not taken back."""
    statement = select(PlanChange).where(
        PlanChange.account_id == change.account_id,
        PlanChange.id > change.id,
        PlanChange.state == PlanChangeState.APPLIED,
        ~_is_taken_back(PlanChange),
    )
    return session.scalars(statement.order_by(PlanChange.id)).all()


def _goes_first(
    session: Session, change: PlanChange, later: Sequence[PlanChange]
) -> PlanChange | None:
    """The last of the upgrades that came after one, where taking them back leads back to it."""
    if any(each.reason is not PlanChangeReason.AUTO_UPGRADE for each in later):
        return None
    before = former_plans.read(session, later[0]) if later else None
    if before is None or before.price.id != change.to_price_id:
        return None
    return later[-1] if before.quantities == dict(change.to_add_ons) else None


def _credited_by(session: Session, charged: Sequence[Invoice]) -> str | None:
    """The number of a credit note over a line of these invoices, or over one they give back, in
    whichever edition; those that only made room for the next edition left out."""
    of_all = [line for invoice in charged for line in invoice.lines]
    lines = {line.id for line in of_all}
    lines |= {line.source_line_id for line in of_all if line.source_line_id is not None}
    editions = credited_lines.editions_of(session, charged[0].account_id, lines)
    lines |= {other for others in editions.values() for other in others}
    statement = (
        select(CreditNote.number_text)
        .join(CreditNoteLine, CreditNoteLine.credit_note_id == CreditNote.id)
        .where(
            CreditNote.account_id == charged[0].account_id,
            CreditNoteLine.invoice_line_id.in_(lines),
            CreditNote.purpose != CreditNotePurpose.REISSUE,
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


# Built once: it is asked for on every page of how the account stands.
RUNNING = _running()
