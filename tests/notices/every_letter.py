"""One account of each language lives through everything that is told by email, at the same hours.

Where something takes months, its teller is called with the rows that are there.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from portal.billing import accounts, overages
from portal.billing.rules.counting import Metric
from portal.billing.rules.roles import Role
from portal.collecting import collection
from portal.extensions import db
from portal.language import LANGUAGES
from portal.mail import enclosures
from portal.models import Account, Episode, Notice, PlanChange
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.notices.post import deliver_all, step
from tests.notices.tellers import tellers
from tests.taking_back_stories import makes_room, take_back, upgrades

NAME = "Lumen & Sons"


@dataclass(frozen=True)
class Letter:
    name: str
    subject: str
    text: str
    html: str
    calendar: str | None


def everything(cast: Cast, clock: FixedClock) -> dict[str, dict[str, Letter]]:
    """By language, and then by what is told: "warning 1", "payment failed, last time"."""
    accounts_of = {language: _open(cast, language) for language in LANGUAGES}
    _upgrade(cast, clock, list(accounts_of.values()))
    for account in accounts_of.values():
        makes_room(cast, account, seats=11)
        take_back(cast, upgrades(account)[-1])
    return {
        language: _written(account) | _told(cast, account, clock.now())
        for language, account in accounts_of.items()
    }


def _open(cast: Cast, language: str) -> Account:
    """On 10 seats and one more, with 12 in use."""
    account = cast.account(NAME, None)
    with transaction() as session:
        row = session.get_one(Account, account.id)
        row.language, row.time_zone = language, "Europe/Berlin"
    cast.member(account, "Ann", Role.ADMIN)
    cast.member(account, "Carl", Role.BILLING)
    cast.subscribe(account, cast.price("standard", "10-users"))
    cast.buy(account, seat=1)
    cast.members(account, 11)
    return account


def _upgrade(cast: Cast, clock: FixedClock, over: list[Account]) -> None:
    episodes = []
    for account in over:
        with transaction() as session:
            locked = accounts.lock(session, account.id)
            assert overages.open_if_over(session, locked, Metric.SEATS, now=clock.now())
        of_account = select(Episode).where(Episode.account_id == account.id)
        episodes.append(db.session.scalars(of_account).one())
    for _ in range(3):
        deliver_all(clock.now())
        clock.advance(days=2)
        for episode in episodes:
            step(episode, clock.now())
    asked_for = select(PlanChange.id).where(PlanChange.episode_id.is_not(None))
    for change_id in db.session.scalars(asked_for).all():
        collection.carry_change(change_id)


def _written(account: Account) -> dict[str, Letter]:
    """What the story itself has written so far, and what stands where the PDF is announced."""
    statement = select(Notice).where(Notice.account_id == account.id).order_by(Notice.id)
    found: dict[str, Letter] = {}
    for notice in db.session.scalars(statement).all():
        if notice.document_by is not None:
            enclosures.decide(notice.id, now=notice.document_by)
        key = f"{notice.name}, {sum(name.startswith(notice.name) for name in found) + 1}"
        found[key] = _letter(db.session.get_one(Notice, notice.id))
    return found


def _told(cast: Cast, account: Account, now: datetime) -> dict[str, Letter]:
    letters = {}
    for key, tell in tellers(cast, now):
        with transaction() as session:
            told = tell(session, session.get_one(Account, account.id))
            notice = told[0] if isinstance(told, list) else told
            session.refresh(notice)
            letters[key] = _letter(notice)
    return letters


def _letter(notice: Notice) -> Letter:
    texts = (notice.subject, notice.body_text, notice.body_html)
    return Letter(notice.name, *texts, notice.calendar)
