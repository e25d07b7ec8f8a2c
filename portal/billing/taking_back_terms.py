"""What taking an automatic upgrade back comes to: what comes back, runs and is charged then."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from portal import language
from portal.billing import (
    credit_notes,
    former_plans,
    ledger,
    next_cycle,
    subscriptions,
    taxes,
)
from portal.billing.credit_notes import Wish
from portal.billing.former_plans import FormerPlan
from portal.billing.rules import crediting, renewals_due
from portal.billing.rules.crediting import Division
from portal.billing.rules.money import Money
from portal.billing.rules.renewals_due import Charge
from portal.billing.rules.taking_back import Return
from portal.language import gettext as _
from portal.models import Account, Invoice, PlanChange, Subscription


def terms(
    session: Session,
    account: Account,
    change: PlanChange,
    charged: Sequence[Invoice],
    former: FormerPlan,
    *,
    now: datetime,
) -> Return:
    """What comes back, what runs then, and what is charged then: as a renewal will charge it.

    What is charged at once is paid out of what comes back. Else somebody could have that back on
    their card, and never pay what they owe for the cycle they are in.
    """
    notes = [credit_notes.draft(session, account, each, wish(change, each)) for each in charged]
    paid = [note.division for note in notes]
    subscription = former_plans.as_subscription(session, former, change)
    following = _charges_after(session, account, subscription, former, paid, now)
    due = sum((each.draft.due for each in following[:-1]), charged[0].money(0))
    parts = crediting.keep(paid, due)
    methods = dict.fromkeys(
        note.method
        for note, part in zip(notes, parts, strict=True)
        if note.method is not None and not part.to_method.is_zero
    )
    return Return(
        invoice=charged[0].number_text,
        renewed=tuple(each.number_text for each in charged[1:]),
        total=sum((note.total for note in notes), charged[0].money(0)),
        parts=parts,
        kept=crediting.together(paid).to_method - crediting.together(parts).to_method,
        method=" and ".join(methods) or None,
        former=subscriptions.basket(session, subscription),
        cycle=former.cycle,
        scheduled=former.scheduled.to_price.plan_name if former.scheduled else None,
        charges=_charges_after(session, account, subscription, former, parts, now),
    )


def wish(change: PlanChange, invoice: Invoice, most_to_method: Money | None = None) -> Wish:
    """What is credited: the whole invoice of the upgrade, and of each renewal, and why."""
    plan = change.to_price.plan_name
    with language.speaking(invoice.language):
        reason = _("The automatic upgrade to %(plan)s was taken back.", plan=plan)
    return Wish(reason, most_to_method=most_to_method)


def _charges_after(
    session: Session,
    account: Account,
    subscription: Subscription,
    former: FormerPlan,
    parts: Sequence[Division],
    now: datetime,
) -> tuple[Charge, ...]:
    """What the former plan is charged for once the notes are issued: what is due, and the next."""
    following = next_cycle.following(session, subscription, former.scheduled)
    if following is None:
        raise ValueError("a plan that was not cancelled has a next cycle")
    balance = ledger.credit_balance(session, account) + crediting.together(parts).to_balance
    tax = taxes.applying(session, account)
    with language.speaking(account.language):
        return renewals_due.charges(following.basket, former.cycle, balance, tax, now)
