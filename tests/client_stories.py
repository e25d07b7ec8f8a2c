"""Working on a client list the way a story tells it."""

from typing import Any

from sqlalchemy import select

from portal.audit import SYSTEM
from portal.billing import accounts, client_import, clients, statuses, usage
from portal.billing.client_changes import Done
from portal.billing.client_import import Beyond
from portal.billing.clients import Selection
from portal.billing.rules import client_file
from portal.billing.rules.client_details import ClientDetails
from portal.billing.rules.counting import Metric
from portal.extensions import db
from portal.models import Account, Client, ClientStatus, Operation, Usage
from portal.transaction import transaction
from tests.cast import FixedClock


class ClientList:
    """The client list of one account, worked on as a test tells it."""

    def __init__(self, account: Account, clock: FixedClock) -> None:
        self.account_id, self.clock = account.id, clock

    def add(self, name: str, status: str = "Client", accepted: int | None = None) -> str:
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            how = {"accepted": accepted, "now": self.clock.now(), "actor": SYSTEM}
            details = ClientDetails(name, f"{name.split()[0].lower()}@example.com")
            return clients.add(session, account, details, self.status(status), **how).public_id

    def do(self, command: Any, *chosen: str, accepted: int | None = None, **which: Any) -> Done:
        how = {} if command in (clients.suspend, clients.delete) else {"accepted": accepted}
        selection = Selection(tuple(chosen), **which)
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            return command(session, account, selection, now=self.clock.now(), actor=SYSTEM, **how)

    def set_status(self, status: str, *chosen: str, accepted: int | None = None) -> Done:
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            how = {"accepted": accepted, "now": self.clock.now(), "actor": SYSTEM}
            return clients.set_status(
                session, account, Selection(tuple(chosen)), self.status(status), **how
            )

    def status(self, name: str) -> ClientStatus:
        known = statuses.of(db.session(), self.account_id)
        return next(status for status in known if status.name == name)

    def add_status(self, name: str) -> ClientStatus:
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            return statuses.add(session, account, name, now=self.clock.now(), actor=SYSTEM)

    def limit_to(self, limit: int) -> None:
        with transaction() as session:
            session.get_one(Usage, (self.account_id, Metric.CLIENTS)).limit_value = limit

    def status_of(self, public_id: str) -> str:
        db.session.expire_all()
        statement = select(Client).where(Client.public_id == public_id)
        return db.session.scalars(statement).one().status.name

    def statuses_by_name(self) -> dict[str, str]:
        """What is kept as the status of each client."""
        db.session.expire_all()
        here = select(Client).where(Client.account_id == self.account_id)
        return {client.name: client.status.name for client in db.session.scalars(here)}

    def count(self) -> int:
        """The count that is kept; fails where a fresh count is another (count.exact)."""
        db.session.rollback()
        kept = usage.of(db.session(), self.account_id)[Metric.CLIENTS].used
        assert (
            kept == usage.recount(db.session(), [self.account_id])[self.account_id][Metric.CLIENTS]
        )
        return kept

    def remove_status(self, name: str, destination: str | None = None) -> int:
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            target = self.status(destination) if destination else None
            return statuses.delete(
                session, account, self.status(name), target, now=self.clock.now(), actor=SYSTEM
            )

    def bring_in(
        self,
        text: str,
        beyond: Beyond = Beyond.AS_WRITTEN,
        op_id: str = "one",
        accepted: int | None = None,
    ) -> Operation:
        file = client_file.read(text)
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            return client_import.carry_out(
                session,
                account,
                file,
                beyond,
                op_id=op_id,
                accepted=accepted,
                now=self.clock.now(),
                actor=SYSTEM,
            )

    def size(self) -> int:
        """How many clients there are, deleted ones left out."""
        clients_there = select(Client.id).where(
            Client.account_id == self.account_id, Client.deleted_at.is_(None)
        )
        return len(db.session.scalars(clients_there).all())
