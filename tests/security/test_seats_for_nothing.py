"""Cancelling and keeping the plan again gives nobody more seats than the plan has."""

import pytest

from portal.audit import SYSTEM
from portal.billing import accounts, cancellations
from portal.billing.rules.errors import FullWhileCancelled, OverWhileCancelled
from portal.models import Account
from portal.transaction import transaction
from tests.cast import Cast, FixedClock


def test_a_cancelled_plan_takes_nobody_beyond_its_seats(cast: Cast) -> None:
    cast.members(cast.acme, 8)
    cast.cancel(cast.acme)

    with pytest.raises(FullWhileCancelled, match="all of its seats are in use"):
        cast.members(cast.acme, 1)


def test_a_cancellation_is_withdrawn_only_if_the_plan_is_large_enough(
    cast: Cast, clock: FixedClock
) -> None:
    people = cast.members(cast.acme, 10)
    cast.cancel(cast.acme)

    with pytest.raises(OverWhileCancelled, match="Remove 2 seats first"):
        withdraw(cast.acme, clock)
    for user in people[:2]:
        cast.leave(cast.acme, user)
    assert withdraw(cast.acme, clock)


def withdraw(account: Account, clock: FixedClock) -> bool:
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        return cancellations.withdraw(session, locked, now=clock.now(), actor=SYSTEM)
