"""Acme, under a name that tries its luck, goes over its seats."""

import pytest
from sqlalchemy import select

from portal.billing import accounts, overages
from portal.billing.rules.counting import Metric
from portal.extensions import db
from portal.models import Account, Episode
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.notices.post import ODD_NAME


@pytest.fixture
def acme(cast: Cast) -> Account:
    """The account on 10 seats, in Berlin."""
    with transaction() as session:
        account = session.get_one(Account, cast.acme.id)
        account.name, account.time_zone = ODD_NAME, "Europe/Berlin"
    return account


@pytest.fixture
def episode(acme: Account, cast: Cast, clock: FixedClock) -> Episode:
    """11 of 10 seats, found at 09:12 UTC on 1 March; the first warning is written."""
    cast.members(acme, 9)
    clock.advance(minutes=12)
    with transaction() as session:
        account = accounts.lock(session, acme.id)
        assert overages.open_if_over(session, account, Metric.SEATS, now=clock.now())
    return db.session.scalars(select(Episode).where(Episode.account_id == acme.id)).one()
