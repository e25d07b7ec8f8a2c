"""The portal under the model: one app in a process, and for each schedule a fresh database.

What money has nothing to do with is left out: PDFs are a few bytes, nothing is written for good,
and the clock stops only at instants at which something can happen to the account.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import engine
from portal.billing import catalog, overages, subscriptions, verify
from portal.billing.rules import catalog as catalog_rules
from portal.billing.rules.counting import Metric
from portal.extensions import db
from portal.jobs import limit_checks, outbox_items, schedule
from portal.mail import mailer
from portal.models import OutboxItem, OutboxState, Work
from portal.papers import making
from portal.transaction import transaction
from tests.cast import FixedClock
from tests.model.mail import MailServer
from tests.model.shop import CATALOG

BESIDE_THE_MATTER = {"upkeep"}


class Databases(Protocol):
    """The databases of a test process, which copy one another."""

    def keep(self, name: str) -> None:
        """Keep the database as it is now."""

    def put_back(self, name: str) -> None:
        """Replace the database by what was kept."""


class World:
    """Where schedules happen, one after the other."""

    def __init__(self, app: Flask, clock: FixedClock, place: Databases) -> None:
        self.clock, self._place, self.mail = clock, place, MailServer(clock)
        with transaction() as session:
            catalog.apply(session, catalog_rules.parse(CATALOG), CATALOG, now=clock.now())
        self._close()
        place.keep("model")

    def begin(self, at: datetime) -> None:
        """A fresh database, in which nothing but the catalog exists, and this time."""
        self._close()
        self._place.put_back("model")
        self.clock.at = at
        self.mail.begin()

    def work(self) -> None:
        """The worker does all that is due now."""
        schedule.run_due()
        db.session.rollback()

    def be_done(self) -> None:
        """Nothing is due now."""
        left: list[tuple[str, int]] = []
        schedule.hand_out_due(lambda sweep, item: left.append((sweep, item)))
        assert not left, f"found due again and again: {left}"

    def travel(self, to: datetime, look: Callable[[], None]) -> None:
        """Time passes with the worker at work: it stops, and looks, wherever something is due."""
        while self.clock.at < to:
            self.clock.at = min(self._next_stop() or to, to)
            self.work()
            look()

    def wrong(self) -> list[verify.Finding]:
        """What the portal's own proof of its books finds."""
        db.session.rollback()
        return verify.run(db.session())

    def _next_stop(self) -> datetime | None:
        now, session = self.clock.now(), db.session()
        back_at, stops = self.mail.back_at(now), []
        for sweep in schedule.SWEEPS:
            if back_at and sweep.due is outbox_items.due:
                stops += [back_at, _next_but_mail(session, now)]
            elif sweep.due is not limit_checks.due or _may_open_an_episode(session):
                stops.append(sweep.next_at(session, now))
        session.rollback()
        return min((stop for stop in stops if stop), default=None)

    def _close(self) -> None:
        db.session.remove()
        db.engine.dispose()


def _next_but_mail(session: Session, now: datetime) -> datetime | None:
    """When work of the outbox is due that is no email: of those, each hour's vain attempt would
    be a stop."""
    statement = select(func.min(OutboxItem.next_at)).where(
        OutboxItem.state == OutboxState.WAITING,
        OutboxItem.next_at > now,
        OutboxItem.work != Work.NOTICE,
    )
    return session.execute(statement).scalar()


def _may_open_an_episode(session: Session) -> bool:
    return any(
        subscriptions.live(session, account_id)
        for account_id in overages.found_over(session, Metric.SEATS)
    )


def let_mail_fail(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    monkeypatch.setattr(mailer, "send", world.mail.send)


def leave_out_what_costs_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "render", lambda issued: making.Files(issued.number.encode()))
    kept = tuple(sweep for sweep in schedule.SWEEPS if sweep.name not in BESIDE_THE_MATTER)
    monkeypatch.setattr(schedule, "SWEEPS", kept)
    hasty = tuple(p.replace("synchronous=FULL", "synchronous=OFF") for p in engine.SQLITE_PRAGMAS)
    monkeypatch.setattr(engine, "SQLITE_PRAGMAS", hasty)
