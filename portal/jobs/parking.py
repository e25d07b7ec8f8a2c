"""What is left when a charge was refused as out of bounds: the account waits for a person."""

from portal import clock
from portal.billing import accounts, bounds
from portal.transaction import transaction


def park(account_id: int, reason: str) -> None:
    with transaction() as session:
        account = accounts.lock(session, account_id)
        if account.parked_at is None:
            bounds.park(session, account, reason, now=clock.now())
