"""What stories of accounts over their limits look at, and the operator's say in them."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select

from portal.audit import Actor
from portal.billing import accounts, interventions, seat_consents, subscriptions
from portal.extensions import db
from portal.models import (
    Account,
    Episode,
    EpisodeState,
    Invoice,
    InvoiceReason,
    Notice,
    NoticeState,
    User,
    WhenFull,
)
from portal.transaction import transaction
from tests.cast import Cast, FixedClock

OPERATOR = Actor("operator", "Olga")


def emails(account: Account, name: str) -> list[Notice]:
    statement = select(Notice).where(Notice.account_id == account.id, Notice.name == name)
    return list(db.session.scalars(statement.order_by(Notice.id)))


def episode(account: Account) -> Episode:
    statement = select(Episode).where(Episode.account_id == account.id)
    return db.session.scalars(statement.order_by(Episode.id.desc()).limit(1)).one()


def upgrades(account: Account) -> list[Invoice]:
    statement = select(Invoice).where(
        Invoice.account_id == account.id, Invoice.reason == InvoiceReason.AUTO_UPGRADE
    )
    return list(db.session.scalars(statement))


def the_upgrade(account: Account) -> Invoice:
    (invoice,) = upgrades(account)
    return invoice


def plan_amount(account: Account) -> int:
    subscription = subscriptions.live(db.session(), account.id)
    assert subscription is not None
    return subscription.price.amount_minor


def sent(account: Account, name: str) -> list[str]:
    """On which days (and at which hours) emails of a kind were accepted."""
    db.session.rollback()
    return [
        f"{notice.settled_at:%d %b %H:%M}"
        for notice in emails(account, name)
        if notice.state is NoticeState.ACCEPTED
    ]


def plan_name(account: Account) -> str:
    db.session.rollback()
    subscription = subscriptions.live(db.session(), account.id)
    assert subscription is not None
    return subscription.price.plan_name


def choose(
    account: Account, choice: WhenFull, user: User, clock: FixedClock, shown: str | None = None
) -> bool:
    """An Admin reads what a choice leads to, and makes it."""
    actor = Actor("user", user.name, user.id, "admin")
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        shown = shown or seat_consents.mark(seat_consents.wording(session, choice))
        return seat_consents.choose(
            session, locked, choice, shown=shown, now=clock.now(), actor=actor
        )


class Operator:
    """The vendor's person at the command line."""

    def __init__(self, account: Account, cast: Cast) -> None:
        self.account_id, self.clock = account.id, cast.clock

    def hold(self, reason: str = "They asked for time.") -> None:
        self._say(interventions.hold, reason)

    def release(self, reason: str = "They have had their time.") -> None:
        self._say(interventions.release, reason)

    def extend(self, until: datetime, reason: str = "They asked for time.") -> None:
        self._say(interventions.extend, until, reason)

    def _say(self, operation: Callable[..., object], *what: object) -> None:
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            statement = select(Episode).where(
                Episode.account_id == self.account_id,
                Episode.state.in_((EpisodeState.OPEN, EpisodeState.PARKED)),
            )
            episode = session.scalars(statement).one()
            operation(session, account, episode, *what, now=self.clock.now(), actor=OPERATOR)
