"""The people and the acts that tests speak of.

Alice runs the account Acme, Bob works in it, Carol reads its invoices; Mallory runs another
account and must see nothing of it. All use the same password.
"""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TypeVar

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from portal import clock as wall
from portal import passwords, tokens
from portal.audit import SYSTEM
from portal.billing import (
    accounts,
    add_ons,
    cancellations,
    payments,
    people,
    plan_changes,
    price_list,
    subscriptions,
)
from portal.billing.gateways.sandbox import CARDS
from portal.billing.rules.period import Interval
from portal.billing.rules.roles import Role
from portal.collecting import collection
from portal.extensions import db
from portal.jobs import schedule
from portal.models import (
    Account,
    AddOnPrice,
    Family,
    Membership,
    PlanChange,
    PlanChangeState,
    Price,
    SignIn,
    SubscriptionAddOn,
    Tier,
    User,
)
from portal.transaction import transaction

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
PASSWORD = "correct horse battery staple"
Named = TypeVar("Named", Account, User)
_numbers = itertools.count(1)
_hash: list[str] = []


@dataclass
class FixedClock:
    """A clock that stands still until a test moves it."""

    at: datetime

    def now(self) -> datetime:
        return self.at

    def advance(self, **by: float) -> None:
        self.at += timedelta(**by)


class Cast:
    """Accounts on plans, with people in them, made by the portal's own operations."""

    def __init__(self, app: Flask, clock: FixedClock) -> None:
        self.app = app
        self.clock = clock

    @classmethod
    def enter(cls, app: Flask, clock: FixedClock) -> None:
        """Put the standing cast into a database that has none."""
        cast = cls(app, clock)
        acme = cast.account("Acme", "standard", "10-users")
        cast.member(acme, "Alice", Role.ADMIN)
        cast.member(acme, "Bob", Role.MEMBER)
        cast.member(acme, "Carol", Role.BILLING)
        cast.member(cast.account("Other", "standard", "5-users"), "Mallory", Role.ADMIN)

    @cached_property
    def acme(self) -> Account:
        return _named(Account, "Acme")

    @cached_property
    def other(self) -> Account:
        return _named(Account, "Other")

    @cached_property
    def alice(self) -> User:
        return _named(User, "Alice")

    @cached_property
    def bob(self) -> User:
        return _named(User, "Bob")

    @cached_property
    def carol(self) -> User:
        return _named(User, "Carol")

    @cached_property
    def mallory(self) -> User:
        return _named(User, "Mallory")

    def account(
        self,
        name: str,
        family: str | None,
        tier: str = "",
        *,
        interval: Interval = Interval.MONTHLY,
        card: str = "card_pays",
        currency: str = "USD",
    ) -> Account:
        """An account subscribed to a plan now, or without one (family None)."""
        with transaction() as session:
            account_id = accounts.open_account(
                session,
                name=name,
                country="US",
                currency=currency,
                time_zone="UTC",
                now=self.clock.now(),
                actor=SYSTEM,
            ).id
        account = db.session.get_one(Account, account_id)
        self.use_card(account, card)
        if family is not None:
            self.subscribe(account, self.price(family, tier, interval, currency))
        return account

    def use_card(self, account: Account, card: str) -> None:
        """Pay by another test card from now on."""
        self._use(account, "sandbox", card, CARDS[card].label)

    def use_transfers(self, account: Account) -> None:
        """Pay by bank transfer from now on."""
        self._use(account, "manual", "bank-transfer", "Bank transfer")

    def _use(self, account: Account, gateway: str, reference: str, label: str) -> None:
        with transaction() as session:
            payments.set_method(
                session,
                accounts.lock(session, account.id),
                gateway=gateway,
                reference=reference,
                label=label,
                now=self.clock.now(),
            )

    def subscribe(self, account: Account, price: Price) -> PlanChange:
        with transaction() as session:
            change_id = plan_changes.subscribe(
                session,
                accounts.lock(session, account.id),
                price,
                op_id=f"test-{next(_numbers)}",
                now=self.clock.now(),
                actor=SYSTEM,
            ).id
        return collection.carry_change(change_id)

    def change_plan(
        self, account: Account, price: Price, *, add_ons: dict[int, int] | None = None
    ) -> PlanChange:
        """What a person does who reads the quote and confirms it at once."""
        now = self.clock.now()
        quote = plan_changes.quote(db.session(), account, price, add_ons=add_ons, now=now)
        confirmation = plan_changes.Confirmation(
            f"test-{next(_numbers)}", quote.fingerprint(), quote.valid_until
        )
        with transaction() as session:
            locked = accounts.lock(session, account.id)
            change_id = plan_changes.confirm(
                session, locked, price, confirmation, add_ons=add_ons, now=now, actor=SYSTEM
            ).id
        change = collection.carry_change(change_id)
        assert change.state in (PlanChangeState.APPLIED, PlanChangeState.SCHEDULED)
        return change

    def buy(self, account: Account, **quantities: int) -> PlanChange:
        """Add-ons bought beside the running plan by who reads the price and confirms it at once;
        `seat=2`, `clients_100=1`."""
        now = self.clock.now()
        wanted = {self.add_on(account, key).id: count for key, count in quantities.items()}
        quote = add_ons.quote(db.session(), account, wanted, now=now)
        confirmation = plan_changes.Confirmation(
            f"test-{next(_numbers)}", quote.fingerprint(), quote.valid_until
        )
        with transaction() as session:
            locked = accounts.lock(session, account.id)
            change_id = add_ons.confirm(
                session, locked, wanted, confirmation, now=now, actor=SYSTEM
            ).id
        return collection.carry_change(change_id)

    def let_go(self, account: Account, key: str, *, renewing: int = 0) -> None:
        """Only `renewing` of an add-on go on after the cycle's end."""
        price_id = self.running_add_on(account, key).add_on_price_id
        with transaction() as session:
            locked = accounts.lock(session, account.id)
            add_ons.renew_only(
                session, locked, price_id, renewing, now=self.clock.now(), actor=SYSTEM
            )

    def cancel(self, account: Account) -> None:
        """The plan is to end with its cycle."""
        with transaction() as session:
            locked = accounts.lock(session, account.id)
            cancellations.cancel(session, locked, now=self.clock.now(), actor=SYSTEM)

    def add_on(self, account: Account, key: str) -> AddOnPrice:
        """What is sold of an add-on today beside the account's plan."""
        subscription = subscriptions.live(db.session(), account.id)
        assert subscription is not None
        sold = price_list.add_ons_for(db.session(), subscription.price)
        return next(row for row in sold if row.add_on.key == key.replace("_", "-"))

    def running_add_on(self, account: Account, key: str) -> SubscriptionAddOn:
        subscription = subscriptions.live(db.session(), account.id)
        assert subscription is not None
        rows = subscription.add_ons
        return next(row for row in rows if row.price.add_on.key == key.replace("_", "-"))

    def member(self, account: Account, name: str, role: Role) -> User:
        """A new person in an account."""
        if not _hash:
            _hash.append(passwords.hash_of(PASSWORD))
        with transaction() as session:
            user = people.add_user(
                session,
                email=f"{name.lower()}-{next(_numbers)}@example.com",
                name=name,
                password_hash=_hash[0],
                now=self.clock.now(),
            )
            people.add_member(session, account, user, role, now=self.clock.now(), actor=SYSTEM)
        return user

    def reprice(self, price: Price, amount_minor: int) -> None:
        """The vendor sells the plan at another price from now on."""
        with transaction() as session:
            current = session.get_one(Price, price.id)
            current.retired_at = self.clock.now()
            session.flush()
            session.add(
                Price(
                    tier_id=current.tier_id,
                    interval=current.interval,
                    currency=current.currency,
                    amount_minor=amount_minor,
                    version=current.version + 1,
                    offered_at=self.clock.now(),
                )
            )

    def reprice_add_on(self, price: AddOnPrice, amount_minor: int) -> None:
        """The vendor sells the add-on at another price from now on."""
        with transaction() as session:
            current = session.get_one(AddOnPrice, price.id)
            current.retired_at = self.clock.now()
            session.flush()
            session.add(
                AddOnPrice(
                    add_on_id=current.add_on_id,
                    interval=current.interval,
                    currency=current.currency,
                    amount_minor=amount_minor,
                    version=current.version + 1,
                    offered_at=self.clock.now(),
                )
            )

    def let_pass(self, **by: float) -> None:
        """Let time go by as the sandbox clock does: stopping wherever something falls due."""
        target = self.clock.at + timedelta(**by)
        while True:
            schedule.run_due()
            if self.clock.at >= target:
                return
            self.clock.at = min(schedule.next_at() or target, target)

    def leave(self, account: Account, user: User) -> None:
        """A user of the account is deactivated."""
        membership = people.membership_in(db.session(), account.id, user.id)
        assert membership is not None
        with transaction() as session:
            row = session.get_one(Membership, membership.id)
            people.deactivate(session, row, now=self.clock.now(), actor=SYSTEM)

    def members(self, account: Account, count: int) -> list[User]:
        return [self.member(account, f"Member{number}", Role.MEMBER) for number in range(count)]

    def price(
        self,
        family: str,
        tier: str,
        interval: Interval = Interval.MONTHLY,
        currency: str = "USD",
    ) -> Price:
        """The price of a plan that can be bought today."""
        statement = (
            select(Price)
            .join(Tier)
            .join(Family)
            .where(
                Family.key == family,
                Tier.key == tier,
                Price.interval == interval,
                Price.currency == currency,
                Price.retired_at.is_(None),
            )
        )
        return db.session.scalars(statement).one()


def _named(model: type[Named], name: str) -> Named:
    return db.session.scalars(select(model).where(model.name == name)).one()


def sign_in(client: FlaskClient, user: User) -> None:
    """Sign a browser in as the sign-in page would, in the person's only account."""
    token = f"token-of-{user.id}-{next(_numbers)}"
    memberships = [row for row in user.memberships if row.is_active]
    moment = wall.wall_now()
    with transaction() as session:
        session.add(
            SignIn(
                token_sha256=tokens.hash_of(token),
                user_id=user.id,
                account_id=memberships[0].account_id if len(memberships) == 1 else None,
                created_at=moment,
                last_seen_at=moment,
                ip="127.0.0.1",
                agent="test",
            )
        )
    with client.session_transaction() as cookie:
        cookie["_user_id"] = token
        cookie["_fresh"] = True
