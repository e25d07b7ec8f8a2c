"""An account over its seats, its automatic upgrade, and somebody who takes that back."""

import itertools

from sqlalchemy import select

from portal.audit import SYSTEM
from portal.billing import accounts, subscriptions, taking_back_offers, takings_back
from portal.billing.intentions import Confirmation
from portal.billing.rules.counting import Metric
from portal.billing.taking_back_offers import Offer
from portal.extensions import db
from portal.models import (
    Account,
    CreditNote,
    Membership,
    PlanChange,
    PlanChangeReason,
    PlanChangeState,
    Subscription,
    TakenBack,
    User,
)
from portal.transaction import transaction
from tests.cast import Cast

_numbers = itertools.count(1)


def goes_over(cast: Cast, account: Account, *, by: int = 1) -> list[User]:
    """So many more people join that seats are exceeded; returns those who did."""
    limit = subscriptions.limits(running(account))[Metric.SEATS]
    assert limit is not None
    return cast.members(account, limit - len(seated(account)) + by)


def upgraded(cast: Cast, account: Account) -> PlanChange:
    """Over at once and upgraded five days after the next daily check; returns the upgrade, with
    everybody still there."""
    before = len(upgrades(account))
    goes_over(cast, account)
    for _day in range(8):
        cast.let_pass(days=1)
        if len(upgrades(account)) > before:
            return upgrades(account)[-1]
    raise AssertionError("nothing was upgraded")


def makes_room(cast: Cast, account: Account, *, seats: int) -> None:
    """People leave until so many seats are taken, the newest first."""
    for row in seated(account)[seats:]:
        cast.leave(account, row.user)


def offer(cast: Cast, change: PlanChange) -> Offer:
    account = db.session.get_one(Account, change.account_id)
    return taking_back_offers.offer(db.session(), account, change, now=cast.clock.now())


def confirmation(seen: Offer) -> Confirmation:
    """What the form of an offer carries."""
    assert seen.terms is not None
    op_id = f"taken-back-{next(_numbers)}"
    return Confirmation(op_id, seen.terms.fingerprint(), seen.valid_until)


def confirm(cast: Cast, change: PlanChange, confirmed: Confirmation) -> TakenBack:
    """Send a confirmation of what was offered; may be refused."""
    change_id, account_id = change.id, change.account_id
    with transaction() as session:
        row_id = takings_back.take_back(
            session,
            accounts.lock(session, account_id),
            session.get_one(PlanChange, change_id),
            confirmed,
            now=cast.clock.now(),
            actor=SYSTEM,
        ).id
    return db.session.get_one(TakenBack, row_id)


def take_back(cast: Cast, change: PlanChange) -> CreditNote:
    """What a person does who reads what comes back and confirms it at once."""
    seen = offer(cast, change)
    assert seen.why_not is None, seen.why_not
    row = confirm(cast, change, confirmation(seen))
    note = db.session.get_one(CreditNote, row.credit_note_id)
    assert seen.terms is not None
    assert (note.total, note.division) == (seen.terms.total, seen.terms.division)
    return note


def running(account: Account) -> Subscription:
    subscription = subscriptions.live(db.session(), account.id)
    assert subscription is not None
    return subscription


def upgrades(account: Account) -> list[PlanChange]:
    """The automatic upgrades that were made, oldest first."""
    statement = select(PlanChange).where(
        PlanChange.account_id == account.id,
        PlanChange.reason == PlanChangeReason.AUTO_UPGRADE,
        PlanChange.state == PlanChangeState.APPLIED,
    )
    return list(db.session.scalars(statement.order_by(PlanChange.id)))


def seated(account: Account) -> list[Membership]:
    """Who takes a seat, in the order they came."""
    statement = select(Membership).where(
        Membership.account_id == account.id, Membership.deactivated_at.is_(None)
    )
    rows = db.session.scalars(statement.order_by(Membership.id))
    return [row for row in rows if row.role.takes_seat]
