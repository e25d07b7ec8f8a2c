"""Signing up: a person, an account, a way to pay and a first plan, in one step and only once.

The form carries an operation id, and the account's public id is worked out from it: the same
form sent twice, however late or at the same instant, opens one account.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit import Actor
from portal.billing import accounts, payments, people, plan_changes, seat_consents
from portal.billing.payment_methods import WayToPay as WayToPay
from portal.billing.rules.errors import UsedForSomethingElse
from portal.billing.rules.roles import Role
from portal.language import ENGLISH
from portal.models import Account, PlanChange, Price, User


class Overtaken(Exception):
    """The email became somebody's since it was looked up: prove the password, then ask again."""


@dataclass(frozen=True)
class Person:
    """Who signs up: somebody known who has proved it (`user`), or new, with a password's hash."""

    email: str
    name: str
    user: User | None
    password_hash: str
    ip: str | None


@dataclass(frozen=True)
class Application:
    """What the form asked for. `op_id` is its own, minted when it was shown.

    `tax_id` is checked, or empty; `add_ons` says how many of which add-on price go with the plan;
    invoices and emails are in `language` from then on.
    Without a way to pay, which is given on a page of its own then, no plan begins yet.
    """

    op_id: str
    person: Person
    company: str
    country: str
    time_zone: str
    price: Price
    way_to_pay: WayToPay | None
    tax_id: str = ""
    language: str = ENGLISH
    add_ons: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Opened:
    user: User
    account: Account
    plan_change: PlanChange | None


def open_account(session: Session, application: Application, *, now: datetime) -> Opened:
    """Open the account and begin its subscription; the payment is then to be carried out.

    The same application again gives what the first one opened. Raises UsedForSomethingElse when
    its operation id opened something else; Overtaken, or IntegrityError from the database, when
    the same is being done at this instant.
    """
    done = _opened_before(session, application)
    if done is not None:
        return done
    user = _user(session, application.person, now=now)
    actor = Actor("user", user.name, user.id, Role.ADMIN.value, application.person.ip)
    account = _account(session, application, now=now, actor=actor)
    people.add_member(session, account, user, Role.ADMIN, now=now, actor=actor)
    seat_consents.consent_at_sign_up(session, account, now=now, actor=actor)
    way = application.way_to_pay
    if way is None:
        return Opened(user, account, None)
    payments.set_method(
        session, account, gateway=way.gateway, reference=way.reference, label=way.label, now=now
    )
    change = plan_changes.subscribe(
        session,
        account,
        application.price,
        op_id=application.op_id,
        add_ons=application.add_ons,
        now=now,
        actor=actor,
    )
    return Opened(user, account, change)


def _opened_before(session: Session, application: Application) -> Opened | None:
    public_id = _public_id(application.op_id)
    account = session.scalars(select(Account).where(Account.public_id == public_id)).one_or_none()
    if account is None:
        return None
    change = session.scalars(
        select(PlanChange).where(
            PlanChange.account_id == account.id, PlanChange.op_id == application.op_id
        )
    ).one_or_none()
    user = application.person.user
    if user is None:
        raise Overtaken
    if people.membership_in(session, account.id, user.id) is None:
        raise UsedForSomethingElse
    if account.name != application.company:
        raise UsedForSomethingElse
    if change is not None and change.to_price_id != application.price.id:
        raise UsedForSomethingElse
    return Opened(user, account, change)


def _account(session: Session, application: Application, *, now: datetime, actor: Actor) -> Account:
    account = accounts.open_account(
        session,
        name=application.company,
        country=application.country,
        currency=application.price.currency,
        time_zone=application.time_zone,
        tax_id=application.tax_id,
        language=application.language,
        now=now,
        actor=actor,
    )
    account.public_id = _public_id(application.op_id)
    return account


def _user(session: Session, person: Person, *, now: datetime) -> User:
    if person.user is not None:
        return person.user
    if people.find_by_email(session, person.email) is not None:
        raise Overtaken
    return people.add_user(
        session,
        email=person.email,
        name=person.name,
        password_hash=person.password_hash,
        now=now,
    )


def _public_id(op_id: str) -> str:
    return hashlib.sha256(f"sign-up {op_id}".encode()).hexdigest()[:32]
