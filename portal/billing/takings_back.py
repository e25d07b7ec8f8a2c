"""Taking back an automatic upgrade, as it was offered.

Afterwards the account is as if the upgrade had not been made: a credit note over its whole invoice
gives back what it cost and takes back its credits (and so does one over each invoice by which it
was renewed), the former plan runs in its former cycle, and what that cycle was charged is worth its
unused days again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import events, queue
from portal.audit import Actor, record
from portal.billing import (
    credit_notes,
    episodes,
    plan_outcomes,
    refunds,
    renewals,
    taking_back_offers,
    taking_back_terms,
)
from portal.billing.credit_notes import Wish
from portal.billing.former_plans import FormerPlan
from portal.billing.intentions import Confirmation
from portal.billing.rules import describe
from portal.billing.rules import taking_back as rules
from portal.billing.rules.errors import UsedForSomethingElse
from portal.billing.rules.roles import Role
from portal.billing.rules.taking_back import Return
from portal.billing.taking_back_offers import Offer
from portal.language import gettext as _
from portal.mail import credit_notices
from portal.mail.credit_notices import Given
from portal.models import (
    Account,
    CreditNote,
    Invoice,
    PlanChange,
    PlanChangeState,
    Refund,
    Subscription,
    TakenBack,
)
from portal.transaction import after_commit

# Over how long it is counted how often an account took upgrades back.
COUNTED_OVER = timedelta(days=365)


class StaleOffer(Exception):
    """What was confirmed no longer holds; nothing was done. `offer` is what holds now."""

    def __init__(self, offer: Offer) -> None:
        super().__init__(_("The figures have changed since you looked."))
        self.offer = offer


def take_back(
    session: Session,
    account: Account,
    change: PlanChange,
    confirmation: Confirmation,
    *,
    now: datetime,
    actor: Actor,
) -> TakenBack:
    """Do what was confirmed, once; the account must be locked.

    The same confirmation again gives what the first one did. Raises StaleOffer when the figures
    moved or time ran out, RuleBroken when the upgrade can't be taken back. A renewal that fell due
    meanwhile is charged by the sweep of the renewals, at once. The vendor hears of each.
    """
    done = _done(session, account, confirmation)
    if done is not None:
        if done.plan_change_id != change.id:
            raise UsedForSomethingElse
        return done
    fresh = taking_back_offers.offer(session, account, change, now=now)
    if fresh.why_not is not None:
        raise fresh.why_not
    if fresh.former is None or fresh.terms is None:
        raise rules.FormerPlanUnknown
    if now > confirmation.valid_until or fresh.terms.fingerprint() != confirmation.quote_sha256:
        raise StaleOffer(fresh)
    charged = (fresh.invoice, *fresh.renewed)
    notes = [
        _credit(session, account, invoice, wish, now=now, actor=actor)
        for invoice, wish in zip(charged, _wishes(change, charged, fresh.terms), strict=True)
    ]
    row = _row(change, notes[0][0], confirmation, now=now, actor=actor)
    session.add(row)
    session.flush()
    _put_back(session, account, change, fresh.former, now=now, actor=actor)
    _record(session, account, change, row, fresh, now=now, actor=actor)
    _tell(session, notes, change, fresh.terms, now=now)
    _wake(session, account, fresh.terms)
    return row


def _done(session: Session, account: Account, confirmation: Confirmation) -> TakenBack | None:
    statement = select(TakenBack).where(
        TakenBack.account_id == account.id, TakenBack.op_id == confirmation.op_id
    )
    return session.scalars(statement).one_or_none()


def _wishes(change: PlanChange, charged: Sequence[Invoice], terms: Return) -> list[Wish]:
    """Of each invoice no more goes back than was offered: the rest pays what is charged at once."""
    return [
        taking_back_terms.wish(change, invoice, part.to_method)
        for invoice, part in zip(charged, terms.parts, strict=True)
    ]


def _credit(
    session: Session,
    account: Account,
    invoice: Invoice,
    wish: Wish,
    *,
    now: datetime,
    actor: Actor,
) -> tuple[CreditNote, Refund | None]:
    """All of an invoice is credited; the Admins hear of it together with the rest."""
    note = credit_notes.issue(
        session, account, invoice, wish, told_otherwise={Role.ADMIN}, now=now, actor=actor
    )
    return note, refunds.of_note(session, note)


def _row(
    change: PlanChange,
    note: CreditNote,
    confirmation: Confirmation,
    *,
    now: datetime,
    actor: Actor,
) -> TakenBack:
    return TakenBack(
        account_id=change.account_id,
        plan_change_id=change.id,
        credit_note_id=note.id,
        op_id=confirmation.op_id,
        taken_back_at=now,
        taken_back_by_id=actor.user_id,
    )


def _put_back(
    session: Session,
    account: Account,
    change: PlanChange,
    former: FormerPlan,
    *,
    now: datetime,
    actor: Actor,
) -> None:
    """The former plan runs again, with its add-ons, and the downgrade that waited waits again."""
    subscription = session.get_one(Subscription, change.subscription_id)
    plan_outcomes.begin_cycle(
        session, subscription, former.price, former.quantities, former.cycle, now=now
    )
    for row in subscription.add_ons:
        _, row.renewing = former.add_ons[row.add_on_price_id]
    if former.scheduled is not None:
        former.scheduled.state = PlanChangeState.SCHEDULED
        former.scheduled.settled_at = None
    session.flush()
    episodes.plan_changed(session, account, by_episode_id=None, now=now, actor=actor)


def _record(
    session: Session,
    account: Account,
    change: PlanChange,
    row: TakenBack,
    offer: Offer,
    *,
    now: datetime,
    actor: Actor,
) -> None:
    former, terms = offer.former, offer.terms
    if former is None or terms is None:
        raise ValueError("what was done was offered with its terms")
    record(
        session,
        account,
        "plan.upgrade_taken_back",
        at=now,
        actor=actor,
        before=change.to_price.plan_name,
        after=former.price.plan_name,
        cycle_ends=former.cycle.end_at.isoformat(),
        scheduled=former.scheduled.to_price.plan_name if former.scheduled else None,
        credit_note=session.get_one(CreditNote, row.credit_note_id).number_text,
        back=describe.kept_money(terms.total),
    )


def _tell(
    session: Session, notes: Given, change: PlanChange, terms: Return, *, now: datetime
) -> None:
    """The Admins, and the vendor, who hears too how many the account took back within a year."""
    credit_notices.upgrade_taken_back(session, notes, change, terms, now=now)
    statement = select(func.count(TakenBack.id)).where(
        TakenBack.account_id == change.account_id, TakenBack.taken_back_at > now - COUNTED_OVER
    )
    times = session.execute(statement).scalar_one()
    credit_notices.vendor_of_taking_back(session, notes, change, terms, times, now=now)


def _wake(session: Session, account: Account, terms: Return) -> None:
    """Open pages hear of it, and a worker of the renewal that is due."""
    after_commit(session, lambda: events.publish(account.id, "usage"))
    if terms.charged_now:
        after_commit(session, lambda: queue.hand_out(renewals.SWEEP, account.id))
