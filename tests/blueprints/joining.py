"""Who is in an account, how many seats that takes, and the way in for who was invited."""

import re

from sqlalchemy import select

from portal.billing import people, usage
from portal.billing.rules.counting import Metric
from portal.extensions import db
from portal.models import Account, Membership, Notice


def place(account: Account, user_id: int) -> Membership:
    """What a user is in an account, as it is now."""
    db.session.rollback()
    found = people.membership_in(db.session(), account.id, user_id)
    assert found is not None
    return found


def seats(account: Account) -> int:
    """How many are taken now."""
    db.session.rollback()
    return usage.of(db.session(), account.id)[Metric.SEATS].used


def invited_link() -> str:
    """The way in that the one invitation sent so far tells."""
    db.session.rollback()
    notice = db.session.scalars(select(Notice).where(Notice.name == "invited")).one()
    found = re.search(r"/invitations/[\w-]+", notice.body_text)
    assert found is not None
    return found[0]
