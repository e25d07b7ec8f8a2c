"""Hard cap, and two who want the last seat at the same instant: one gets it."""

import threading

from flask import Flask

from portal.audit import SYSTEM
from portal.billing import accounts, people, usage
from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import SeatsFull
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import User, WhenFull
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.scenarios.over import choose


def test_hard_cap_gives_the_last_seat_to_one_of_two(
    app: Flask, cast: Cast, clock: FixedClock
) -> None:
    """Nine of ten are taken; two of another account's people are added at once."""
    cast.members(cast.acme, 7)
    choose(cast.acme, WhenFull.HARD_CAP, cast.alice, clock)
    account_id, wanting = cast.acme.id, [user.id for user in cast.members(cast.other, 2)]
    db.session.remove()
    start, refused = threading.Barrier(2), list[str]()

    def join(user_id: int) -> None:
        with app.app_context():
            start.wait(10)
            try:
                with transaction() as session:
                    account = accounts.lock(session, account_id)
                    user = session.get_one(User, user_id)
                    people.add_member(
                        session, account, user, Role.MEMBER, now=clock.now(), actor=SYSTEM
                    )
            except SeatsFull as full:
                refused.append(str(full))
            db.session.remove()

    workers = [threading.Thread(target=join, args=(user_id,)) for user_id in wanting]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert len(refused) == 1
    assert usage.of(db.session(), account_id)[Metric.SEATS].used == 10
    assert usage.recount(db.session(), [account_id])[account_id][Metric.SEATS] == 10
