"""What ran before an automatic upgrade: kept with it, and read when the upgrade is taken back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.billing.rules.period import Cycle
from portal.models import (
    AddOnPrice,
    PlanChange,
    Price,
    Subscription,
    SubscriptionAddOn,
    SubscriptionStatus,
)


@dataclass(frozen=True)
class FormerPlan:
    """A plan in its cycle, as it was before an upgrade.

    `add_ons` says of which add-on price how many there were, and how many of those renewed;
    `scheduled` is the downgrade that waited and was withdrawn.
    """

    price: Price
    cycle: Cycle
    add_ons: dict[int, tuple[int, int]]
    scheduled: PlanChange | None

    @property
    def quantities(self) -> dict[int, int]:
        """How many of which add-on price there were."""
        return {price_id: quantity for price_id, (quantity, _) in self.add_ons.items()}


def kept(subscription: Subscription, withdrawn: PlanChange | None) -> dict[str, Any]:
    """What runs now, as JSON values; `withdrawn` is the downgrade that the upgrade withdraws."""
    return {
        "price_id": subscription.price_id,
        "cycle_start_at": subscription.cycle_start_at.isoformat(),
        "cycle_end_at": subscription.cycle_end_at.isoformat(),
        "add_ons": [
            [row.add_on_price_id, row.quantity, row.renewing] for row in subscription.add_ons
        ],
        "scheduled_id": withdrawn.id if withdrawn else None,
    }


def read(session: Session, change: PlanChange) -> FormerPlan | None:
    """What ran before an upgrade; None where that was not kept."""
    if change.replaced is None:
        return None
    facts, scheduled_id = change.replaced, change.replaced["scheduled_id"]
    start_at, end_at = facts["cycle_start_at"], facts["cycle_end_at"]
    return FormerPlan(
        price=session.get_one(Price, facts["price_id"]),
        cycle=Cycle(datetime.fromisoformat(start_at), datetime.fromisoformat(end_at)),
        add_ons={price_id: (quantity, left) for price_id, quantity, left in facts["add_ons"]},
        scheduled=session.get_one(PlanChange, scheduled_id) if scheduled_id else None,
    )


def as_subscription(session: Session, former: FormerPlan, change: PlanChange) -> Subscription:
    """The former plan as a subscription to reckon with; never to be added to the session."""
    return Subscription(
        account_id=change.account_id,
        status=SubscriptionStatus.ACTIVE,
        price=former.price,
        cycle_start_at=former.cycle.start_at,
        cycle_end_at=former.cycle.end_at,
        add_ons=[
            SubscriptionAddOn(
                account_id=change.account_id,
                add_on_price_id=price_id,
                price=session.get_one(AddOnPrice, price_id),
                quantity=quantity,
                renewing=renewing,
            )
            for price_id, (quantity, renewing) in former.add_ons.items()
        ],
    )
