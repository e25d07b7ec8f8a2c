"""What people and the vendor do about an account's over-limit episodes, in the real portal."""

import itertools
from datetime import datetime

from sqlalchemy import select

from portal.audit import SYSTEM
from portal.billing import (
    accounts,
    episodes,
    interventions,
    seat_consents,
    subscriptions,
    takings_back,
)
from portal.billing import taking_back_offers as offers
from portal.billing.intentions import Confirmation
from portal.extensions import db
from portal.models import Account, Notice, PlanChange, PlanChangeReason, WhenFull
from portal.transaction import transaction
from tests.model import promises
from tests.model.driver import Driver
from tests.model.mail import Handed

_numbers = itertools.count(1)


def choose_when_full(driver: Driver, *, capped: bool) -> None:
    """What is to happen when seats run out, in the words that are shown."""
    choice = WhenFull.HARD_CAP if capped else WhenFull.UPGRADE
    with transaction() as session:
        account = accounts.lock(session, driver.account_id)
        shown = seat_consents.mark(seat_consents.wording(session, choice))
        now = driver.clock.now()
        seat_consents.choose(session, account, choice, shown=shown, now=now, actor=SYSTEM)


def take_back(driver: Driver, op_id: str) -> tuple[int, int, int]:
    """The page that takes an automatic upgrade back, and its form.

    Returns what it says comes back: taken off what is owed, refunded, to the balance. Raises what
    stands against it.
    """
    with transaction() as session:
        account, now = accounts.lock(session, driver.account_id), driver.clock.now()
        change = offers.upgrade(session, account, op_id)
        assert change
        seen = offers.offer(session, account, change, now=now)
        if seen.why_not is not None:
            raise seen.why_not
        assert seen.terms
        confirmed = Confirmation(
            f"taken-back-{next(_numbers)}", seen.terms.fingerprint(), seen.valid_until
        )
        takings_back.take_back(session, account, change, confirmed, now=now, actor=SYSTEM)
        division = seen.terms.division
    parts = (division.off_invoice, division.to_method, division.to_balance)
    return parts[0].amount, parts[1].amount, parts[2].amount


def release_episode(driver: Driver) -> None:
    """The vendor lets the open episode go on."""
    with transaction() as session:
        account = accounts.lock(session, driver.account_id)
        (episode,) = episodes.open_of(session, account.id)
        now, why = driver.clock.now(), "the address was put right"
        interventions.release(session, account, episode, why, now=now, actor=SYSTEM)


def auto_upgrades(driver: Driver) -> list[PlanChange]:
    statement = select(PlanChange).where(
        PlanChange.account_id == driver.account_id,
        PlanChange.reason == PlanChangeReason.AUTO_UPGRADE,
    )
    return list(db.session.scalars(statement.order_by(PlanChange.id)))


def warnings_among(handed: list[Handed]) -> list[Handed]:
    """Those of the letters that warn of an upgrade, or tell it again."""
    if not handed:
        return []
    statement = select(Notice.public_id).where(Notice.name.in_(("warning", "deadline_moved")))
    warning_ids = set(db.session.scalars(statement))
    db.session.rollback()
    return [one for one in handed if one.message_id.strip("<>").split("@")[0] in warning_ids]


def is_parked(driver: Driver) -> bool:
    """Whether nothing is charged by itself until the vendor has looked."""
    return db.session.get_one(Account, driver.account_id).parked_at is not None


def cycle_start(driver: Driver) -> datetime | None:
    running = subscriptions.live(db.session(), driver.account_id)
    return running.cycle_start_at if running else None


def broken_promises(driver: Driver, handed: list[Handed]) -> list[str]:
    found = promises.broken(db.session(), driver.account_id, handed)
    db.session.rollback()
    return found
