"""One change of many clients at once, with what it does to the counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from portal import audit
from portal.audit import Actor
from portal.billing import documents, overages
from portal.billing.rules.counting import Metric
from portal.models import Account, Client, ClientStatus

NAMED_IN_AUDIT = 50


@dataclass(frozen=True)
class Done:
    """What a command did: to how many clients, what that made of the count, and when."""

    clients: int
    count_change: int
    at: datetime


class Change:
    """The rows of one command, counted under the account's lock before they are changed.

    `clients` is how many they are, `counted` how many of them count, with the status that
    `status_id` says: the one they have, if nothing else is given.
    """

    def __init__(
        self,
        session: Session,
        account: Account,
        rows: list[ColumnElement[bool]],
        known: Sequence[ClientStatus],
        *,
        status_id: Any = Client.status_id,
        now: datetime,
        actor: Actor,
    ) -> None:
        self.session, self.account, self.rows = session, account, rows
        self.now, self.actor = now, actor
        counting = status_id.in_([status.id for status in known if status.is_counted])
        counts = select(func.count(), func.count().filter(counting)).select_from(Client)
        self.clients, self.counted = session.execute(counts.where(*rows)).one()

    def stored(self) -> int:
        """The bytes of the documents kept with the rows, whether they count or not."""
        return documents.size_of(self.session, self.account.id, self.rows)

    def carry_out(
        self,
        action: str,
        values: dict[str, Any],
        count_change: int,
        *,
        storage_change: int = 0,
        **facts: Any,
    ) -> Done:
        """Change all rows by one statement, and clients and storage with them."""
        if self.clients:
            named = self._names()
            statement = update(Client).where(*self.rows).values(**values, updated_at=self.now)
            self.session.execute(statement, execution_options={"synchronize_session": False})
            self.session.expire_all()
            self._count(Metric.CLIENTS, count_change)
            self._count(Metric.STORAGE, storage_change)
            if storage_change:
                facts["storage_change"] = storage_change
            facts = {**facts, **named, "clients": self.clients, "count_change": count_change}
            audit.record(self.session, self.account, action, at=self.now, actor=self.actor, **facts)
        return Done(self.clients, count_change, self.now)

    def _count(self, metric: Metric, change: int) -> None:
        if change:
            overages.count_changed(
                self.session, self.account, metric, change, now=self.now, actor=self.actor
            )

    def _names(self) -> dict[str, Any]:
        """The clients by name for the audit trail, as long as they are few."""
        if self.clients > NAMED_IN_AUDIT:
            return {}
        rows = self.session.execute(select(Client.public_id, Client.name).where(*self.rows))
        return {"named": [[public_id, name] for public_id, name in rows]}
