"""time.simulate where the daily check takes its time: the hour that is told decides the amount.

Small is on Standard, 5 users since 2 March, 06:30, with five people; a sixth comes. The check
begins at 06:00 and comes to it two seconds later. Five days from then is 06:00:02, told as the next
full hour: on 8 March at 07:00 six days of the cycle have gone by, at 06:00 there were five.
"""

from datetime import UTC, datetime

import pytest

from portal.billing import foresight
from portal.billing.rules.counting import Metric
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import Account
from portal.simulation import Question
from tests.cast import Cast
from tests.scenarios.over import the_upgrade
from tests.simulation.happenings import simulate


@pytest.fixture
def small(cast: Cast) -> Account:
    cast.let_pass(hours=21, minutes=30)
    account = cast.account("Small", "standard", "5-users")
    cast.member(account, "Ann", Role.ADMIN)
    cast.members(account, 4)
    return account


def test_time_simulate_foretells_the_hour_and_the_cents_of_it(cast: Cast, small: Account) -> None:
    """$100.00 less 24 of 30 days of $50.00, on 8 March, 07:00."""
    story = simulate(small, cast, days=8, question=Question(users=1))
    before = foresight.foretell(
        db.session(), small, Metric.SEATS, 1, now=cast.clock.now(), reader=Role.ADMIN
    )
    cast.member(small, "Sue", Role.MEMBER)
    cast.let_pass(hours=23, minutes=29)
    cast.clock.at = datetime(2026, 3, 3, 6, 0, 2, tzinfo=UTC)
    cast.let_pass(days=6)

    came = the_upgrade(small)
    assert came.issued_at == datetime(2026, 3, 8, 7, tzinfo=UTC)
    assert came.due_minor == 60_00
    (told,) = [each for each in story.happenings if getattr(each, "invoice", None)]
    assert (told.at, told.invoice.due) == (came.issued_at, came.due)
    assert "on 8 Mar 2026 you move to Standard, 10 users and are charged $60.00" in str(before)
