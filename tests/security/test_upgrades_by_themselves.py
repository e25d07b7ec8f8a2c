"""What is charged without anybody's confirmation is an announced upgrade, and nothing else."""

import pytest
from sqlalchemy import select

from portal.billing import accounts, plan_changes, projections, subscriptions
from portal.billing.rules.period import Interval
from portal.extensions import db
from portal.models import Account, Episode, PlanChange, PlanChangeReason, Price
from portal.transaction import transaction
from tests.cast import Cast
from tests.scenarios.over import episode, upgrades


@pytest.fixture
def announced(cast: Cast) -> Account:
    """Acme, 11 of 10 seats: the upgrade to 20 users is told for 7 March."""
    cast.let_pass(minutes=1)
    cast.members(cast.acme, 9)
    cast.let_pass(days=5)
    return cast.acme


@pytest.mark.parametrize(
    ("family", "tier", "interval"),
    [
        ("standard", "5-users", Interval.MONTHLY),
        ("standard", "20-users", Interval.YEARLY),
        ("pro", "20-users", Interval.MONTHLY),
    ],
    ids=["smaller", "for a year", "another family"],
)
def test_over_upgrade_leads_to_a_larger_tier_of_the_same_kind_only(
    cast: Cast, announced: Account, family: str, tier: str, interval: Interval
) -> None:
    with pytest.raises(ValueError, match="can't lead from Standard, 10 users"):
        upgrade_to(cast, announced, cast.price(family, tier, interval))
    assert upgrades(announced) == []


def test_what_an_upgrade_is_named_by_says_nothing_of_how_many_there_are(
    cast: Cast, announced: Account
) -> None:
    cast.let_pass(days=1)
    auto = PlanChange.reason == PlanChangeReason.AUTO_UPGRADE
    made = db.session.scalars(select(PlanChange).where(auto)).one()
    assert made.op_id == f"episode-{episode(announced).public_id}-1"


def upgrade_to(cast: Cast, to_upgrade: Account, price: Price) -> None:
    episode_id, price_id, now = episode(to_upgrade).id, price.id, cast.clock.now()
    with transaction() as session:
        account = accounts.lock(session, to_upgrade.id)
        subscription = subscriptions.live(session, account.id)
        assert subscription is not None
        target = session.get_one(Price, price_id)
        terms = projections.quote_at(session, account, subscription, target, now)
        row = session.get_one(Episode, episode_id)
        plan_changes.auto_upgrade(session, account, row, terms, now=now)
