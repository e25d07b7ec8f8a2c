"""What people of the example do, by the operations the pages use."""

import io
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import client_documents, clock
from portal.audit import Actor
from portal.billing import (
    accounts,
    client_import,
    clients,
    invitations,
    people,
    plan_changes,
    sign_ups,
    statuses,
    usage,
)
from portal.billing.client_import import Beyond
from portal.billing.clients import Selection
from portal.billing.gateways import SANDBOX
from portal.billing.gateways.sandbox import CARDS
from portal.billing.rules import client_file
from portal.billing.rules.counting import Metric
from portal.billing.rules.period import Interval
from portal.billing.rules.roles import Role
from portal.client_documents import DiskFull, Upload
from portal.collecting import collection
from portal.example import invented
from portal.extensions import db
from portal.mail import notices
from portal.models import Client, ClientStatus, Family, Membership, Price, Tier, User
from portal.transaction import transaction
from portal.web.links import outside_url

CARD = "card_pays"


@dataclass
class Company:
    """One account of the example, as its people see it; `first_client` is where its list begins."""

    name: str
    country: str
    currency: str
    time_zone: str
    password_hash: str
    first_client: int
    clients_made: int = 0
    documents_made: int = 0
    account_id: int = 0
    admin: Actor = field(default=Actor("system", "the example"))
    letters: dict[str, str] = field(default_factory=dict)

    def sign_up(self, person: str, email: str, plan: tuple[str, str]) -> None:
        application = sign_ups.Application(
            op_id=f"example-{email}",
            person=sign_ups.Person(email, person, None, self.password_hash, None),
            company=self.name,
            country=self.country,
            time_zone=self.time_zone,
            price=self._price(*plan, Interval.MONTHLY),
            way_to_pay=sign_ups.WayToPay(SANDBOX, CARD, CARDS[CARD].label),
        )
        with transaction() as session:
            opened = sign_ups.open_account(session, application, now=clock.now())
            opened.user.is_example = True
            self.account_id, change = opened.account.id, opened.plan_change
            self.admin = _actor(opened.user, Role.ADMIN)
        if change is not None:
            collection.carry_change(change.id)

    def invite(self, email: str, role: Role) -> None:
        now = clock.now()
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            invitation, token = invitations.invite(
                session, account, email=email, role=role, wall=now, now=now, actor=self.admin
            )
            link = outside_url("users.accept", token=token)
            notices.invited(session, invitation, link, now=now)
        self.letters[email] = token

    def join(self, person: str, email: str) -> None:
        """Accept the invitation; somebody who is known already stays who they are."""
        now = clock.now()
        with transaction() as session:
            invitation = invitations.find(session, self.letters.pop(email), wall=now)
            if invitation is None:
                raise LookupError(f"the invitation of {email} has run out")
            user = people.find_by_email(session, email) or people.add_user(
                session, email=email, name=person, password_hash=self.password_hash, now=now
            )
            user.is_example = True
            actor = _actor(user, invitation.role)
            invitations.accept(session, invitation, user, wall=now, now=now, actor=actor)

    def leave(self, email: str) -> None:
        with transaction() as session:
            accounts.lock(session, self.account_id)
            user = people.find_by_email(session, email)
            member = people.membership_in(session, self.account_id, user.id) if user else None
            if member is not None:
                people.deactivate(session, member, now=clock.now(), actor=self.admin)

    def add_status(self, name: str) -> None:
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            statuses.add(session, account, name, now=clock.now(), actor=self.admin)

    def bring_in(self, count: int, own_status: str | None = None) -> None:
        """Import a file of that many clients."""
        file = client_file.read(invented.file(self._next(count), count, own_status))
        with transaction() as session:
            client_import.carry_out(
                session,
                accounts.lock(session, self.account_id),
                file,
                Beyond.AS_WRITTEN,
                op_id=f"example-{self.account_id}-{self.clients_made}",
                accepted=None,
                now=clock.now(),
                actor=self.admin,
            )

    def add(self, count: int) -> None:
        """Add clients one by one."""
        for details in islice(invented.clients(self._next(count)), count):
            with transaction() as session:
                account = accounts.lock(session, self.account_id)
                known = statuses.of(session, account.id)
                status = statuses.built_in(known, statuses.CLIENT)
                actor = self._somebody(session)
                clients.add(session, account, details, status, now=clock.now(), actor=actor)

    def grow_to(self, count: int) -> None:
        """Add clients until at least that many are counted."""
        used = usage.of(db.session(), self.account_id)[Metric.CLIENTS].used
        self.add(max(count - used, 0))

    def suspend(self, count: int) -> None:
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            chosen = self._some(session, count, statuses.CLIENT)
            clients.suspend(
                session, account, chosen, now=clock.now(), actor=self._somebody(session)
            )

    def bring_back(self, count: int) -> None:
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            chosen = self._some(session, count, statuses.SUSPENDED)
            clients.bring_back(
                session, account, chosen, now=clock.now(), actor=self._somebody(session)
            )

    def delete(self, count: int) -> None:
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            chosen = self._some(session, count, statuses.CLIENT)
            clients.delete(session, account, chosen, now=clock.now(), actor=self._somebody(session))

    def keep(self, count: int) -> None:
        """Keep a document with each of so many clients, as long as the disk has room to spare."""
        session = db.session()
        chosen = self._some(session, count, statuses.CLIENT).public_ids
        statement = select(Client.id).where(Client.public_id.in_(chosen)).order_by(Client.id)
        client_ids, actor = session.scalars(statement).all(), self._somebody(session)
        for client_id in client_ids:
            self.documents_made += 1
            name, content = invented.document(self.documents_made)
            upload = Upload(name, io.BytesIO(content))
            with suppress(DiskFull):
                client_documents.keep(self.account_id, client_id, upload, actor=actor)

    def change_plan(self, family: str, tier: str, interval: Interval) -> None:
        """Read the quote, confirm it, pay."""
        now, price = clock.now(), self._price(family, tier, interval)
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            quote = plan_changes.quote(session, account, price, now=now)
            confirmation = plan_changes.Confirmation(
                f"example-{now:%Y%m%d%H%M%S}", quote.fingerprint(), quote.valid_until
            )
            change_id = plan_changes.confirm(
                session, account, price, confirmation, now=now, actor=self.admin
            ).id
        collection.carry_change(change_id)

    def _next(self, count: int) -> int:
        first = self.first_client + self.clients_made
        self.clients_made += count
        return first

    def _some(self, session: Session, count: int, status: str) -> Selection:
        """Clients of a status that nobody has touched for long, here and there in the list."""
        statement = (
            select(Client.public_id)
            .join(ClientStatus, ClientStatus.id == Client.status_id)
            .where(
                Client.account_id == self.account_id,
                Client.deleted_at.is_(None),
                ClientStatus.built_in == status,
            )
            .order_by(Client.updated_at, Client.id % 7, Client.id)
            .limit(count)
        )
        return Selection(public_ids=tuple(session.scalars(statement)))

    def _somebody(self, session: Session) -> Actor:
        """Whoever works in the list today: the Admin and the Members take turns."""
        statement = (
            select(Membership)
            .where(
                Membership.account_id == self.account_id,
                Membership.role != Role.BILLING,
                Membership.deactivated_at.is_(None),
            )
            .order_by(Membership.id)
        )
        members = session.scalars(statement).all()
        chosen = members[self.clients_made % len(members)]
        return _actor(chosen.user, chosen.role)

    def _price(self, family: str, tier: str, interval: Interval) -> Price:
        statement = (
            select(Price)
            .join(Tier, Tier.id == Price.tier_id)
            .join(Family, Family.id == Tier.family_id)
            .where(
                Family.key == family,
                Tier.key == tier,
                Price.interval == interval,
                Price.currency == self.currency,
                Price.retired_at.is_(None),
            )
        )
        return db.session.scalars(statement).one()


def _actor(user: User, role: Role) -> Actor:
    return Actor("user", user.name, user.id, role.value)
